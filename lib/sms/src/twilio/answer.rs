//! What Twilio's answers to `POST Messages` mean. Pure. Nothing of its words is repeated, only codes.

use jiff::Timestamp;
use postel_core::ports::SmsOutcome;
use serde::Deserialize;

use super::codes::code;
use crate::class::Class;
use crate::http::{Answer, retry_after};

/// A message as it was taken.
#[derive(Deserialize)]
struct Taken {
    sid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_code: Option<u32>,
}

/// An error.
#[derive(Deserialize)]
struct Failed {
    code: u32,
}

/// The outcome. A success that cannot be read is [`SmsOutcome::Ambiguous`]: it was surely taken by somebody, but
/// nothing shows that it was Twilio, and a look-up tells.
pub(super) fn outcome(answer: &Answer, now: Timestamp) -> SmsOutcome {
    let body = answer.body.as_deref().unwrap_or_default();
    if answer.is_success() {
        return match serde_json::from_slice::<Taken>(body) {
            Ok(taken) if is_sid(&taken.sid) => of_taken(taken),
            Ok(_) | Err(_) => Class::Ambiguous.outcome(
                format!("HTTP {}, but the answer cannot be read", answer.status),
                None,
            ),
        };
    }
    let after = answer.retry_after.as_deref();
    let after = after.and_then(|written| retry_after(written, now));
    let failed = serde_json::from_slice::<Failed>(body).ok();
    match (failed.as_ref().and_then(|f| code(f.code)), failed) {
        // Nobody but Twilio's front says 5xx and a code; what it did before that is not known.
        (Some((number, class, words)), _) if answer.status < 500 => {
            class.outcome(format!("{number} {words}"), after)
        }
        (_, Some(failed)) => Class::of_status(answer.status)
            .outcome(format!("{} (HTTP {})", failed.code, answer.status), after),
        (_, None) => match Class::of_status(answer.status) {
            // Twilio gives a code with each refusal: this one is somebody else's, and says nothing of the text.
            Class::Rejected if answer.body.is_some() => Class::AccountHold.outcome(
                format!(
                    "HTTP {}, but not by Twilio: a proxy, or a wrong url",
                    answer.status
                ),
                None,
            ),
            class => class.outcome(format!("HTTP {}", answer.status), after),
        },
    }
}

/// A message that failed at once was not sent, and is not to be sent again.
fn of_taken(taken: Taken) -> SmsOutcome {
    if taken.status.as_deref() != Some("failed") {
        return SmsOutcome::Sent {
            provider_ref: Some(taken.sid),
        };
    }
    match taken.error_code.and_then(code) {
        Some((number, class, words)) => {
            let class = match class {
                Class::OptedOut => Class::OptedOut,
                _ => Class::Rejected,
            };
            class.outcome(format!("{number} {words}"), None)
        }
        None => Class::Rejected.outcome("the message failed at once".to_owned(), None),
    }
}

/// `SM` or `MM` and 32 hexadecimal digits; other prefixes may come, other characters not.
pub(super) fn is_sid(sid: &str) -> bool {
    (3..=64).contains(&sid.len()) && sid.bytes().all(|b| b.is_ascii_alphanumeric())
}
