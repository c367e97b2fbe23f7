//! The one place of the function that reads the machine's clock and its randomness.

use jiff::Timestamp;
use postel_core::model::MailId;
use postel_core::ports::{Clock, Ids};

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Ids and secrets from the system's secure random source.
#[derive(Clone, Copy, Debug)]
pub struct SystemIds;

/// Fills the bytes, or ends the process: an id that can be guessed is worse than no service.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without randomness no invitation is safe, so nothing may go on"
    )]
    getrandom::fill(&mut bytes).expect("the system's random source fails");
    bytes
}

impl Ids for SystemIds {
    fn mail_id(&self, now: Timestamp) -> MailId {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random()).into_uuid();
        MailId(id.to_string())
    }

    fn secret(&self) -> [u8; 32] {
        random()
    }
}
