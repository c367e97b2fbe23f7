//! Whether a provider would take texts, asked without sending any.

use async_trait::async_trait;
use postel_core::ports::SmsProvider;

use crate::class::Class;
use crate::http::{Answer, Trouble};

/// What a provider says of our standing with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The credentials work. The words say what was seen, such as the credit left.
    Works(String),
    /// They do not, or the account is not in order: what was said, and what to mend.
    Refused(String),
    /// Not to be found out now.
    CannotTell(String),
}

/// A provider that can be asked about our standing.
#[async_trait]
pub trait Probe: SmsProvider {
    /// Asks. Sends nothing, costs nothing, may be asked again, ends within a minute.
    async fn standing(&self) -> Standing;
}

/// The body of a good answer; else what follows from it. `mend` names the settings to look at.
pub(crate) fn body_or_standing(
    answer: Result<Answer, Trouble>,
    mend: &str,
) -> Result<Vec<u8>, Standing> {
    let answer = answer.map_err(|trouble| Standing::CannotTell(trouble.words().to_owned()))?;
    if answer.is_success() {
        let unread = || Standing::CannotTell("the answer could not be read".to_owned());
        return answer.body.ok_or_else(unread);
    }
    let status = answer.status;
    Err(match Class::of_status(status) {
        Class::AccountHold => Standing::Refused(format!("HTTP {status}: look at {mend}")),
        Class::Rejected => Standing::Refused(format!("HTTP {status}: look at url and {mend}")),
        Class::OptedOut | Class::Throttled | Class::Ambiguous => {
            Standing::CannotTell(format!("HTTP {status}; try again later"))
        }
    })
}
