//! Which language a reader is shown: what the browser asks for (RFC 9110 12.5.4), else ours.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use postel_core::model::Language;

use crate::WebState;

/// More languages than this a browser does not ask for.
const MOST_ASKED: usize = 32;

/// The language of whoever asks.
pub(crate) struct Reader(pub(crate) Language);

impl FromRequestParts<WebState> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Infallible> {
        let asked = parts
            .headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(asked_for);
        Ok(Self(asked.unwrap_or(state.language)))
    }
}

/// The language of ours with the highest weight, the first named of equals.
fn asked_for(header: &str) -> Option<Language> {
    let mut best: Option<(u16, Language)> = None;
    for range in header.split(',').take(MOST_ASKED) {
        let mut fields = range.split(';');
        let tag = fields.next().unwrap_or_default().trim();
        let primary = tag.split('-').next().unwrap_or_default();
        let Ok(language) = primary.to_ascii_lowercase().parse::<Language>() else {
            continue;
        };
        let weight = fields
            .find_map(|field| field.trim().strip_prefix("q="))
            .map_or(Some(1000), thousandths)
            .unwrap_or(0);
        if weight > best.map_or(0, |(w, _)| w) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// `0.8` as 800; nothing where it is no weight.
fn thousandths(written: &str) -> Option<u16> {
    let (whole, fraction) = written.split_once('.').unwrap_or((written, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_chooses() {
        use Language::{En, Fr};
        for (header, language) in [
            ("fr-FR,fr;q=0.9,en;q=0.8", Some(Fr)),
            ("en-GB", Some(En)),
            ("EN", Some(En)),
            ("de, fr;q=0.4, en;q=0.5", Some(En)),
            ("en;q=0.5,fr;q=0.5", Some(En)),
            ("en;q=0, fr;q=0.1", Some(Fr)),
            ("en; q=0.301, fr; q=0.300", Some(En)),
            ("de-DE", None),
            ("", None),
            (";;;,,,=;q=", None),
            ("fr;q=nonsense", None),
            ("fr;q=1.001", None),
            ("frankish", None),
        ] {
            assert_eq!(asked_for(header), language, "{header}");
        }
    }

    #[test]
    fn an_endless_header_is_not_read_to_its_end() {
        let header = format!("{}fr", "x,".repeat(100_000));
        assert_eq!(asked_for(&header), None);
    }
}
