//! What Esendex's answers mean. Pure. Nothing of its words is repeated: an error's body is plain text that may
//! hold a number.

use jiff::Timestamp;
use postel_core::ports::SmsOutcome;

use super::xml;
use crate::class::Class;
use crate::http::{Answer, retry_after};
use crate::probe::Standing;

/// The statuses that Esendex's own clients know, in our own words. It gives no codes.
#[rustfmt::skip]
const STATUSES: &[(u16, Class, &str)] = &[
    (400, Class::Rejected,    "Esendex finds the request wrong"),
    (401, Class::AccountHold, "the user or its API password is wrong"),
    (402, Class::AccountHold, "no credit is left"),
    (403, Class::AccountHold, "the user may not send for this account"),
    (404, Class::Rejected,    "there is no such interface at url"),
    (405, Class::Rejected,    "there is no such interface at url"),
    (408, Class::Ambiguous,   "Esendex gave up waiting"),
    (429, Class::Throttled,   "too many requests"),
    (500, Class::Ambiguous,   "Esendex failed"),
    (501, Class::Rejected,    "Esendex does not do this"),
    (503, Class::Ambiguous,   "Esendex is overloaded"),
];

/// The outcome. A success that cannot be read is [`SmsOutcome::Ambiguous`]: a look-up tells.
pub(super) fn outcome(answer: &Answer, now: Timestamp) -> SmsOutcome {
    let status = answer.status;
    if answer.is_success() {
        return match answer.body.as_deref().and_then(taken) {
            Some(id) => SmsOutcome::Sent {
                provider_ref: Some(id),
            },
            None => Class::Ambiguous.outcome(
                format!("HTTP {status}, but the answer cannot be read"),
                None,
            ),
        };
    }
    let after = answer.retry_after.as_deref();
    let after = after.and_then(|written| retry_after(written, now));
    match STATUSES.iter().find(|(known, ..)| *known == status) {
        Some((_, class, words)) => class.outcome(format!("HTTP {status}: {words}"), after),
        None => Class::of_status(status).outcome(format!("HTTP {status}"), after),
    }
}

/// The id of the one message of the batch.
fn taken(body: &[u8]) -> Option<String> {
    let root = xml::read(body).ok()?;
    let mut headers = root.all("messageheader");
    let id = headers.next()?.id.as_deref()?;
    (root.name == "messageheaders" && headers.next().is_none())
        .then(|| guid(id))
        .flatten()
}

/// A GUID in lower case: answers write it in capitals, notifications do not.
pub(super) fn guid(written: &str) -> Option<String> {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    let lengths: Vec<usize> = written.split('-').map(str::len).collect();
    (lengths == [8, 4, 4, 4, 12] && written.split('-').all(digits))
        .then(|| written.to_ascii_lowercase())
}

/// What the list of accounts says of ours.
pub(super) fn standing(body: &[u8], account_reference: &str) -> Standing {
    let Some(root) = xml::read(body).ok().filter(|r| r.name == "accounts") else {
        return Standing::Refused("the answer is not Esendex’s: look at url".to_owned());
    };
    let ours = root.all("account").find(|account| {
        account
            .text("reference")
            .eq_ignore_ascii_case(account_reference)
    });
    match ours.map(|account| account.text("messagesremaining").parse::<i64>()) {
        None => Standing::Refused(
            "the user works, but may not use this account: look at account_reference".to_owned(),
        ),
        Some(Ok(left)) if left <= 0 => {
            Standing::Refused("no credit is left: buy some at Esendex for the account".to_owned())
        }
        Some(Ok(left)) => Standing::Works(format!("messages left: {left}")),
        Some(Err(_)) => Standing::Works("the account is there".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_status_has_its_class() {
        for (class, statuses) in [
            (Class::Rejected, &[400, 404, 405, 501][..]),
            (Class::AccountHold, &[401, 402, 403]),
            (Class::Throttled, &[429]),
            (Class::Ambiguous, &[408, 500, 503]),
        ] {
            for status in statuses {
                let known = STATUSES.iter().find(|(s, ..)| s == status);
                assert_eq!(known.map(|k| k.1), Some(class), "{status}");
                assert_eq!(Class::of_status(*status), class, "{status}");
            }
        }
    }

    #[test]
    fn an_id_is_a_guid() {
        let upper = "1183C73D-2E62-4F60-B610-30F160BDFBD5";
        assert_eq!(guid(upper), Some(upper.to_ascii_lowercase()));
        for bad in [
            "",
            "1183C73D",
            "1183C73D-2E62-4F60-B610-30F160BDFBDX",
            "1183C73D2E624F60B61030F160BDFBD5",
        ] {
            assert_eq!(guid(bad), None, "{bad}");
        }
    }
}
