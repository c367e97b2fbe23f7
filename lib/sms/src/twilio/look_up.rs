//! Whether Twilio took a text: its list of messages to the same number, read from the newest back.
//!
//! Every filter but the recipient is ours: Twilio's `DateSent` leaves out what is queued still, and a messaging
//! service's messages have no sender until they leave. The look-up reads at most [`MOST_PAGES`].

use std::ops::Range;

use jiff::Timestamp;
use postel_core::ledger::Originator;
use postel_core::ports::{LookUp, Sms};
use serde::Deserialize;

use super::answer::is_sid;
use crate::http::Http;

/// Messages on one page: with their words they stay below the longest answer that is read.
const PAGE: usize = 50;
/// Pages read of one number's messages.
const MOST_PAGES: usize = 10;

/// A page of the list.
#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
    #[serde(default)]
    next_page_uri: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    sid: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    direction: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
}

/// Reads the list under `messages` (the resource's path).
pub(super) async fn look_up(
    http: &Http,
    messages: &str,
    sms: &Sms,
    taken: &Range<Timestamp>,
) -> LookUp {
    let list = format!("{messages}?");
    let mut path = form_urlencoded::Serializer::for_suffix(list.clone(), list.len())
        .append_pair("To", sms.to.as_e164())
        .append_pair("PageSize", &PAGE.to_string())
        .finish();
    let mut seen = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = match http.get(&path).await {
            Ok(answer) if answer.is_success() => answer.body,
            Ok(answer) => return not_now(format!("HTTP {}", answer.status)),
            Err(trouble) => return not_now(trouble.words().to_owned()),
        };
        let page = page.and_then(|body| serde_json::from_slice::<Page>(&body).ok());
        let Some(page) = page else {
            return not_now("the list cannot be read".to_owned());
        };
        let dated = page.messages.iter().map(|m| (m, m.created()));
        let older = dated
            .clone()
            .any(|(_, at)| at.is_some_and(|at| at < taken.start));
        let ours = dated.filter(|(m, at)| at.is_some_and(|at| taken.contains(&at)) && m.is(sms));
        seen.extend(ours.map(|(m, at)| (at, m.sid.clone())));
        match page.next_page_uri {
            // Whatever host stands before it: only a path of the same list is followed.
            Some(next) if !older && next.starts_with(&list) => path = next,
            _ => break,
        }
    }
    seen.sort();
    LookUp::Seen(seen.into_iter().map(|(_, sid)| sid).collect())
}

fn not_now(detail: String) -> LookUp {
    LookUp::NotNow { detail }
}

impl Message {
    /// When it was taken: RFC 2822.
    fn created(&self) -> Option<Timestamp> {
        let written = self.date_created.as_deref()?;
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(written)
            .ok()
    }

    /// Whether it looks exactly like this text.
    fn is(&self, sms: &Sms) -> bool {
        let from = match &sms.originator {
            Originator::Number(number) => number.as_e164(),
            Originator::Name(name) => name.as_str(),
            Originator::Shared => "",
        };
        let sender = self.from.as_deref().unwrap_or_default();
        is_sid(&self.sid)
            && self.direction.as_deref() != Some("inbound")
            && self.to.as_deref() == Some(sms.to.as_e164())
            && (sender.is_empty() || sender == from)
            && self.body.as_deref() == Some(sms.text.as_str())
    }
}
