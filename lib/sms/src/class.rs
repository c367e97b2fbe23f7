//! The classes of DESIGN 4.5 as tables hold them, and what a bare HTTP status means where a provider says no
//! more. Pure. What follows a class is core's to say.

use postel_core::ports::SmsOutcome;

/// What a code or status means for a text that was not taken with success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Refused for good.
    Rejected,
    /// The recipient opted out.
    OptedOut,
    /// Credentials, credit, the account itself.
    AccountHold,
    /// Surely not taken; later.
    Throttled,
    /// It may have been taken.
    Ambiguous,
}

impl Class {
    /// The safe reading of a status that no table knows better: what says that the request was not processed
    /// is believed, all else may have been taken.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401..=403 => Self::AccountHold,
            // 421 and 425: not there or not yet, says RFC 9110 15.5.20 and RFC 8470 5.2, so nothing was done.
            421 | 425 | 429 => Self::Throttled,
            // The server gave up waiting for the request, or so it says; a proxy says it too.
            408 => Self::Ambiguous,
            400..=499 => Self::Rejected,
            // 501: the method is not known there, so nothing was done.
            501 => Self::Rejected,
            // 1xx and 3xx answer no text. A redirect is not followed; a proxy may have sent it after the fact.
            _ => Self::Ambiguous,
        }
    }

    /// The port's answer. `after`: seconds, where the provider named any.
    pub(crate) fn outcome(self, detail: String, after: Option<u32>) -> SmsOutcome {
        match self {
            Self::Rejected => SmsOutcome::Rejected { detail },
            Self::OptedOut => SmsOutcome::OptedOut { detail },
            Self::AccountHold => SmsOutcome::AccountHold { detail },
            Self::Throttled => SmsOutcome::Throttled { after, detail },
            Self::Ambiguous => SmsOutcome::Ambiguous { detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_class() {
        for status in 100..=999_u16 {
            let expected = match status {
                401..=403 => Class::AccountHold,
                421 | 425 | 429 => Class::Throttled,
                408 => Class::Ambiguous,
                400..=499 | 501 => Class::Rejected,
                _ => Class::Ambiguous,
            };
            assert_eq!(Class::of_status(status), expected, "{status}");
        }
    }
}
