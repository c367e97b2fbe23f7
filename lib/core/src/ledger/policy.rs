//! The failure policy: what follows each of a provider's answers (DESIGN 4.5). The only file that says so.
//!
//! Pure. Whatever may have been taken is never sent again; whatever surely was not is tried
//! until its validity ends.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use super::State;
use crate::ports::SmsOutcome;

/// After this a row in `sending` counts as stale: its process died between claim and record.
/// Longer than any provider call may take.
pub const SENDING_IS_STALE_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// First wait after a text was surely not taken; doubled each time.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// Longest wait.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// Longest wait that a provider is believed to need: a text must not be let expire on its word.
const LONGEST_ASKED: SignedDuration = SignedDuration::from_hours(1);
/// How long a row waits whose provider holds the account.
pub const HOLD_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// How often one row may find out whether a provider still holds the account.
pub const PROBE_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// How far a provider's clock may be from ours.
const SKEW: SignedDuration = SignedDuration::from_mins(1);
/// How long after it was handed over a text may have been taken: a call ends within a minute, the skew is added.
const TAKEN_FOR: SignedDuration = SignedDuration::from_mins(2);
/// How long after an ambiguous answer the text is looked up. Whatever the provider took in [`taken_within`] was handed over
/// three minutes later at most by our clock, and has its answer after four: so no text that is on its way is
/// taken for this one, and the provider's list has caught up.
pub const LOOK_UP_AFTER: SignedDuration = SignedDuration::from_mins(4);
/// How long a look-up is tried at a provider that does not answer.
const LOOK_UP_FOR: SignedDuration = SignedDuration::from_hours(6);

/// What follows an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The row's state.
    pub state: State,
    /// When it is looked at again.
    pub due: Option<Timestamp>,
    /// Whether what it holds of the limits is given back: only where surely nothing was sent.
    pub give_back: bool,
    /// Whether another provider may be asked at once.
    pub failover: bool,
    /// Whether the number is suppressed for the account.
    pub suppress: bool,
    /// Whether the operator is alarmed.
    pub alarm: bool,
    /// For the row's trail.
    pub note: String,
}

impl Next {
    fn end(state: State, note: String) -> Self {
        Self {
            state,
            due: None,
            give_back: false,
            failover: false,
            suppress: false,
            alarm: false,
            note,
        }
    }

    fn wait(due: Timestamp, note: String) -> Self {
        Self {
            due: Some(due),
            ..Self::end(State::Waiting, note)
        }
    }
}

/// What follows `outcome` of the `attempts`-th attempt, by a provider that can be asked later (`looks_up`) or not.
#[must_use]
pub fn after(
    outcome: &SmsOutcome,
    attempts: u32,
    looks_up: bool,
    now: Timestamp,
    valid_until: Timestamp,
) -> Next {
    // A row is looked at no later than the end of its validity, so that it expires on time.
    let at = |wait: SignedDuration| {
        now.checked_add(wait)
            .map_or(valid_until, |t| t.min(valid_until))
    };
    match outcome {
        SmsOutcome::Sent { .. } => Next::end(State::Sent, "taken by the provider".to_owned()),
        SmsOutcome::Rejected { detail } => Next {
            give_back: true,
            ..Next::end(State::Failed, format!("rejected: {detail}"))
        },
        SmsOutcome::OptedOut { detail } => Next {
            give_back: true,
            suppress: true,
            ..Next::end(State::Failed, format!("the recipient opted out: {detail}"))
        },
        SmsOutcome::AccountHold { detail } => Next {
            alarm: true,
            // This one finds out whether it still does; those that come due meanwhile wait longer.
            ..Next::wait(
                at(PROBE_EVERY),
                format!("the provider holds the account: {detail}"),
            )
        },
        SmsOutcome::Throttled { after, detail } => {
            let asked = SignedDuration::from_secs(i64::from(after.unwrap_or(0)));
            let asked = asked.min(LONGEST_ASKED);
            Next {
                failover: true,
                ..Next::wait(
                    at(asked.max(back_off(attempts))),
                    format!("throttled: {detail}"),
                )
            }
        }
        SmsOutcome::NotSent { detail } => Next {
            failover: true,
            ..Next::wait(at(back_off(attempts)), format!("not sent: {detail}"))
        },
        SmsOutcome::Ambiguous { detail } if looks_up => Next {
            due: now.checked_add(LOOK_UP_AFTER).ok(),
            ..Next::end(
                State::Sending,
                format!("outcome unknown, to be looked up: {detail}"),
            )
        },
        SmsOutcome::Ambiguous { detail } => Next {
            alarm: true,
            ..Next::end(
                State::Unknown,
                format!("outcome unknown, not sent again: {detail}"),
            )
        },
    }
}

/// When a text that was handed over at `since` was taken, if it was: by the provider's clock.
#[must_use]
pub fn taken_within(since: Timestamp) -> Range<Timestamp> {
    let begin = since.checked_sub(SKEW).unwrap_or(since);
    begin..since.checked_add(TAKEN_FOR).unwrap_or(since)
}

/// When a look-up that got no answer is tried again; `None`: it is given up, and the row is `unknown`.
#[must_use]
pub fn look_up_again(since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let gone = now.duration_since(since);
    let wait = gone.clamp(SignedDuration::from_mins(1), LONGEST_WAIT);
    (gone < LOOK_UP_FOR)
        .then(|| now.checked_add(wait).ok())
        .flatten()
}

/// Whether the answer shows that the provider does not hold the account.
#[must_use]
pub fn releases(outcome: &SmsOutcome) -> bool {
    match outcome {
        SmsOutcome::Sent { .. } | SmsOutcome::Rejected { .. } | SmsOutcome::OptedOut { .. } => true,
        SmsOutcome::AccountHold { .. }
        | SmsOutcome::Throttled { .. }
        | SmsOutcome::NotSent { .. }
        | SmsOutcome::Ambiguous { .. } => false,
    }
}

/// 5 s, 10 s, 20 s … 15 min.
fn back_off(attempts: u32) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(16);
    FIRST_WAIT
        .checked_mul(1_i32 << doublings)
        .map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn detail() -> String {
        "x".to_owned()
    }

    /// The table of DESIGN 4.5, row by row.
    #[test]
    fn each_class_has_its_consequence() {
        type Case = (SmsOutcome, State, bool, bool, bool, bool, bool);
        #[rustfmt::skip]
        let table: [Case; 7] = [
            // outcome                                                        state           waits  back   fail-  supp-  alarm
            (SmsOutcome::Sent { provider_ref: None },                         State::Sent,    false, false, false, false, false),
            (SmsOutcome::Rejected { detail: detail() },                       State::Failed,  false, true,  false, false, false),
            (SmsOutcome::OptedOut { detail: detail() },                       State::Failed,  false, true,  false, true,  false),
            (SmsOutcome::AccountHold { detail: detail() },                    State::Waiting, true,  false, false, false, true),
            (SmsOutcome::Throttled { after: None, detail: detail() },         State::Waiting, true,  false, true,  false, false),
            (SmsOutcome::NotSent { detail: detail() },                        State::Waiting, true,  false, true,  false, false),
            (SmsOutcome::Ambiguous { detail: detail() },                      State::Unknown, false, false, false, false, true),
        ];
        for (outcome, state, waits, give_back, failover, suppress, alarm) in table {
            let next = after(&outcome, 1, false, at(0), at(86_400));
            let found = (
                next.state,
                next.due.is_some(),
                next.give_back,
                next.failover,
                next.suppress,
                next.alarm,
            );
            assert_eq!(
                found,
                (state, waits, give_back, failover, suppress, alarm),
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour_and_never_pass_the_validity() {
        let wait = |attempts, valid| {
            let next = after(
                &SmsOutcome::NotSent { detail: detail() },
                attempts,
                true,
                at(0),
                at(valid),
            );
            next.due.unwrap().as_second() - at(0).as_second()
        };
        assert_eq!(
            [1, 2, 3, 4, 9, 40, u32::MAX].map(|n| wait(n, 86_400)),
            [5, 10, 20, 40, 900, 900, 900]
        );
        assert_eq!(wait(40, 60), 60);
    }

    #[test]
    fn a_throttle_is_waited_for_as_long_as_asked() {
        let next = after(
            &SmsOutcome::Throttled {
                after: Some(120),
                detail: detail(),
            },
            1,
            true,
            at(0),
            at(86_400),
        );
        assert_eq!(next.due, Some(at(120)));
    }

    #[test]
    fn what_can_be_looked_up_is_neither_ended_nor_sent_again() {
        let outcome = SmsOutcome::Ambiguous { detail: detail() };
        let next = after(&outcome, 1, true, at(0), at(60));
        assert_eq!(
            (next.state, next.due),
            (State::Sending, Some(at(240))),
            "even beyond its validity"
        );
        assert!(!next.failover && !next.give_back && !next.alarm);
    }

    #[test]
    fn a_look_up_is_tried_for_six_hours() {
        let again =
            |now| look_up_again(at(0), at(now)).map(|t| t.as_second() - at(now).as_second());
        assert_eq!(
            [120, 300, 3_600, 21_599].map(again),
            [Some(120), Some(300), Some(900), Some(900)]
        );
        assert_eq!(again(21_600), None);
        assert_eq!(again(-100), Some(60), "a clock that went back");
    }
}
