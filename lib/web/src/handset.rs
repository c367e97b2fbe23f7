//! The simulated phone's page: texts as they arrive, newest first, with what a network would bill.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use postel_core::model::{HandsetText, Language};
use postel_core::number::{PhoneNumber, display_for};
use postel_core::text::{Encoding, measure};
use serde::Serialize;

use crate::language::Reader;
use crate::notice::store_failed;
use crate::page::{Words, render};
use crate::{WebState, example, guard};
use postel_core::when;

/// How many of the newest texts are shown.
const SHOWN: usize = 100;

#[derive(Template)]
#[template(path = "handset.html")]
struct HandsetPage {
    w: Words,
    days: Vec<Day>,
    count: usize,
    example: String,
    smtp: Option<String>,
}

/// The texts of one day, newest first.
struct Day {
    name: String,
    texts: Vec<Text>,
}

/// One text as the page shows it.
struct Text {
    at: Timestamp,
    time: String,
    from: String,
    to: String,
    text: String,
    parts: u32,
    encoding: Encoding,
    units: u32,
}

/// What `GET /handset.json` answers.
#[derive(Serialize)]
struct Listing {
    /// What stands after the `@`.
    gateway: String,
    /// The newest texts, newest first.
    texts: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    at: Timestamp,
    from: String,
    to: PhoneNumber,
    text: String,
    parts: u32,
    encoding: Encoding,
    /// Septets (GSM-7) or UTF-16 code units (UCS-2).
    units: u32,
    /// The ledger's row.
    reference: String,
}

/// `GET /handset`.
pub(crate) async fn page(State(state): State<WebState>, Reader(language): Reader) -> Response {
    let texts = match state.store.texts(SHOWN).await {
        Ok(texts) => texts,
        Err(error) => return store_failed(&error).page(language),
    };
    let page = HandsetPage {
        w: Words(language),
        count: texts.len(),
        days: by_day(&state, texts, language),
        example: example::of_handset(&state.gateway),
        smtp: state.smtp.clone(),
    };
    let mut response = render(StatusCode::OK, &page);
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(guard::WITH_SCRIPT),
    );
    response
}

/// `GET /handset.json`.
pub(crate) async fn json(State(state): State<WebState>, Reader(language): Reader) -> Response {
    match state.store.texts(SHOWN).await {
        Ok(texts) => Json(Listing {
            gateway: state.gateway.as_str().to_owned(),
            texts: texts.into_iter().map(listed).collect(),
        })
        .into_response(),
        Err(error) => store_failed(&error).page(language),
    }
}

fn listed(text: HandsetText) -> Listed {
    Listed {
        units: measure(&text.text).units,
        at: text.at,
        from: text.from,
        to: text.to,
        text: text.text,
        parts: text.parts,
        encoding: text.encoding,
        reference: text.reference,
    }
}

/// Gathers texts under the days on which they arrived, in the order given.
fn by_day(state: &WebState, texts: Vec<HandsetText>, language: Language) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for text in texts {
        let name = when::day(text.at, &state.time_zone, language);
        let shown = Text {
            time: when::time(text.at, &state.time_zone),
            from: originator(&text.from),
            to: display_for(&text.to, None),
            units: measure(&text.text).units,
            at: text.at,
            text: text.text,
            parts: text.parts,
            encoding: text.encoding,
        };
        match days.last_mut() {
            Some(day) if day.name == name => day.texts.push(shown),
            _ => days.push(Day {
                name,
                texts: vec![shown],
            }),
        }
    }
    days
}

/// A number in the reader's way, a name as it is.
fn originator(from: &str) -> String {
    match from.parse::<PhoneNumber>() {
        Ok(number) => display_for(&number, None),
        Err(_) => from.to_owned(),
    }
}

/// The page empty, with one text and with two, everything hostile, for the test that renders all pages.
#[cfg(test)]
pub(crate) fn samples(w: Words, words: &str) -> [String; 3] {
    let text = || Text {
        at: Timestamp::UNIX_EPOCH,
        time: words.to_owned(),
        from: words.to_owned(),
        to: words.to_owned(),
        text: words.to_owned(),
        parts: 1,
        encoding: Encoding::Gsm7,
        units: 1,
    };
    [0, 1, 2].map(|count| {
        let day = || Day {
            name: words.to_owned(),
            texts: vec![text()],
        };
        let page = HandsetPage {
            w,
            days: (0..count).map(|_| day()).collect(),
            count,
            example: words.to_owned(),
            smtp: Some(words.to_owned()),
        };
        page.render().unwrap()
    })
}
