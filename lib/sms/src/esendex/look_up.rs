//! Whether Esendex took a text: its list of sent messages, read from the newest back.
//!
//! The list has a summary of each text, which may be cut: where the summary could be the beginning of ours,
//! the whole text is read besides. At most [`MOST_PAGES`] and [`MOST_BODIES`] are read, so in a flood of texts
//! one may not be found, which is no proof of anything.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use postel_core::ledger::Originator;
use postel_core::ports::{LookUp, Sms};

use super::answer::guid;
use super::xml::{self, Element};
use crate::http::Http;

/// Messages asked for at once.
const PAGE: usize = 100;
/// Pages read of the account's messages.
const MOST_PAGES: usize = 20;
/// Whole texts read.
const MOST_BODIES: usize = 50;

/// Reads the list.
pub(super) async fn look_up(
    http: &Http,
    account_reference: &str,
    sms: &Sms,
    taken: &Range<Timestamp>,
) -> LookUp {
    match seen(http, account_reference, sms, taken).await {
        Ok(mut seen) => {
            seen.sort();
            LookUp::Seen(seen.into_iter().map(|(_, id)| id).collect())
        }
        Err(detail) => LookUp::NotNow { detail },
    }
}

/// Messages like ours with the time at which they were submitted; or what failed.
async fn seen(
    http: &Http,
    account_reference: &str,
    sms: &Sms,
    taken: &Range<Timestamp>,
) -> Result<Vec<(Timestamp, String)>, String> {
    let (mut seen, mut bodies) = (Vec::new(), 0);
    for page in 0..MOST_PAGES {
        let list = "/v1.0/messageheaders?".to_owned();
        let at = list.len();
        let path = form_urlencoded::Serializer::for_suffix(list, at)
            .append_pair("startindex", &(page * PAGE).to_string())
            .append_pair("count", &PAGE.to_string())
            .append_pair("accountreference", account_reference)
            .finish();
        let root = read(http, &path, "messageheaders").await?;
        let (mut count, mut older) = (0, false);
        for header in root.all("messageheader") {
            count += 1;
            let submitted = time(header.text("submittedat"));
            older = submitted.is_some_and(|at| at < taken.start);
            let Some(at) = submitted.filter(|at| taken.contains(at)) else {
                continue;
            };
            let Some(id) = header.id.as_deref().and_then(guid) else {
                continue;
            };
            if !is_between_the_same(header, sms) {
                continue;
            }
            let alike = match likeness(header.text("summary"), &sms.text) {
                Likeness::Same => true,
                Likeness::Other => false,
                Likeness::Beginning if bodies >= MOST_BODIES => false,
                Likeness::Beginning => {
                    bodies += 1;
                    let path = format!("/v1.0/messageheaders/{id}/body");
                    let body = read(http, &path, "messagebody").await?;
                    squeezed(body.text("bodytext")) == squeezed(&sms.text)
                }
            };
            if alike {
                seen.push((at, id));
            }
        }
        // The newest come first: what follows an older one is older still.
        if older || count < PAGE {
            break;
        }
    }
    Ok(seen)
}

/// A document whose root has this name, or why there is none.
async fn read(http: &Http, path: &str, root: &str) -> Result<Element, String> {
    let answer = http.get(path).await.map_err(|t| t.words().to_owned())?;
    if !answer.is_success() {
        return Err(format!("HTTP {}", answer.status));
    }
    let read = answer.body.and_then(|body| xml::read(&body).ok());
    read.filter(|element| element.name == root)
        .ok_or_else(|| "the list cannot be read".to_owned())
}

/// Whether a message went from our sender to our recipient.
fn is_between_the_same(header: &Element, sms: &Sms) -> bool {
    let from = match &sms.originator {
        Originator::Number(number) => number.digits(),
        Originator::Name(name) => name.as_str(),
        Originator::Shared => return false,
    };
    let is = |side: &str, wanted: &str| {
        header.child(side).is_some_and(|element| {
            element
                .texts()
                .any(|text| text.trim_start_matches('+') == wanted)
        })
    };
    header.text("direction") != "Inbound" && is("to", sms.to.digits()) && is("from", from)
}

/// How a summary compares with a text.
#[derive(Debug, PartialEq, Eq)]
enum Likeness {
    Same,
    Beginning,
    Other,
}

fn likeness(summary: &str, text: &str) -> Likeness {
    let (summary, text) = (squeezed(summary), squeezed(text));
    if summary == text {
        return Likeness::Same;
    }
    let beginning = summary.trim_end_matches(['.', '…']).trim_end();
    if text.starts_with(beginning) {
        Likeness::Beginning
    } else {
        Likeness::Other
    }
}

/// Blanks and line ends as one blank: a summary is one line.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A time of Esendex, which is UTC where it does not say.
fn time(written: &str) -> Option<Timestamp> {
    written.parse().ok().or_else(|| {
        let civil: DateTime = written.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_may_be_cut() {
        for (summary, expected) in [
            ("One two three", Likeness::Same),
            (" One  two three", Likeness::Same),
            ("One two", Likeness::Beginning),
            ("One tw...", Likeness::Beginning),
            ("One tw…", Likeness::Beginning),
            ("", Likeness::Beginning),
            ("One four", Likeness::Other),
            ("One two three four", Likeness::Other),
        ] {
            assert_eq!(likeness(summary, "One two\nthree"), expected, "{summary}");
        }
    }

    #[test]
    fn times_without_a_zone_are_utc() {
        let expected: Option<Timestamp> = "2014-07-31T21:42:46Z".parse().ok();
        assert_eq!(time("2014-07-31T21:42:46"), expected);
        assert_eq!(time("2014-07-31T23:42:46+02:00"), expected);
        assert_eq!(time(""), None);
    }
}
