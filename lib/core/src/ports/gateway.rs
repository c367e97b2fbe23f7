//! The ports that act: evidence, texts, mails, time, ids.

use std::ops::Range;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::address::EmailAddress;
use crate::evidence::{Connection, Evidence};
use crate::ledger::{Originator, RowId};
use crate::model::OutgoingMail;
use crate::number::PhoneNumber;
use crate::text::Encoding;

/// Finds out who sent a mail.
#[async_trait]
pub trait SenderEvidence: Send + Sync {
    /// SPF of the envelope sender, every DKIM signature, DMARC of the `From` domain.
    ///
    /// Never fails and always ends within its own time limit: what could not be found out stands
    /// in the values as `temperror`.
    async fn evidence(
        &self,
        connection: &Connection,
        from: &EmailAddress,
        raw: &[u8],
        now: Timestamp,
    ) -> Evidence;
}

/// One text on its way to a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// Our id: given to the provider as reference where it takes one.
    pub reference: RowId,
    /// To whom.
    pub to: PhoneNumber,
    /// Who the recipient sees.
    pub originator: Originator,
    /// The text exactly as it is to arrive.
    pub text: String,
    /// The encoding it was counted in.
    pub encoding: Encoding,
    /// Parts it was counted to.
    pub parts: u32,
    /// After this the network need not try any more.
    pub valid_until: Timestamp,
}

impl std::fmt::Debug for Sms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sms({})", self.reference)
    }
}

/// A provider's answer, in the six classes of DESIGN 4.5 and success. `detail` is for the trail
/// and the log: the provider's code and words, never a number or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmsOutcome {
    /// Taken.
    Sent {
        /// The provider's id, where it gave one.
        provider_ref: Option<String>,
    },
    /// Refused for good.
    Rejected {
        /// The provider's code and words.
        detail: String,
    },
    /// The recipient opted out at the provider.
    OptedOut {
        /// The provider's code and words.
        detail: String,
    },
    /// Credentials, credit or a spend limit: nothing goes until somebody acts.
    AccountHold {
        /// The provider's code and words.
        detail: String,
    },
    /// Surely not taken, too fast.
    Throttled {
        /// Seconds the provider asks us to wait.
        after: Option<u32>,
        /// The provider's code and words.
        detail: String,
    },
    /// Surely not taken: no connection, TLS, DNS.
    NotSent {
        /// What failed.
        detail: String,
    },
    /// It may have been taken.
    Ambiguous {
        /// What happened.
        detail: String,
    },
}

impl SmsOutcome {
    /// The class of DESIGN 4.5 in one word, for logs and figures.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Rejected { .. } => "rejected",
            Self::OptedOut { .. } => "opted-out",
            Self::AccountHold { .. } => "account-hold",
            Self::Throttled { .. } => "throttled",
            Self::NotSent { .. } => "not-sent",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }
}

/// What a provider says of a text that may have been taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// The provider's ids of texts just like it (recipient, sender, words) that were taken since it was handed over,
    /// oldest first. Which of them is whose, the ledger knows. None at all is no proof that it was not taken.
    Seen(Vec<String>),
    /// The provider does not answer now: ask again later.
    NotNow {
        /// What failed, in words without personal data.
        detail: String,
    },
    /// The provider cannot be asked.
    Unsupported,
}

/// What a provider takes at most, and can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderLimits {
    /// Parts of one text.
    pub max_parts: u32,
    /// Longest validity in hours.
    pub max_validity_hours: u32,
    /// Whether a text needs a number or name of ours to come from.
    pub needs_originator: bool,
    /// Whether it can be asked what became of a text: [`SmsProvider::look_up`].
    pub looks_up: bool,
}

/// Sends texts. Adding a provider is one folder and this trait.
#[async_trait]
pub trait SmsProvider: Send + Sync {
    /// The name in rows, configuration and paths: lower case.
    fn name(&self) -> &'static str;

    /// What it takes at most.
    fn limits(&self) -> ProviderLimits;

    /// Hands one text over, once: never retries by itself, and always ends within a minute.
    /// When in doubt whether it was taken, the answer is [`SmsOutcome::Ambiguous`].
    async fn send(&self, sms: &Sms) -> SmsOutcome;

    /// Asks whether a text was taken in this span of the provider's time, whose end is
    /// [`crate::ledger::policy::taken_within`]'s: a text that was taken later is another, even if its words are the same.
    /// Ends within a minute; safe to call again.
    async fn look_up(&self, _sms: &Sms, _taken: Range<Timestamp>) -> LookUp {
        LookUp::Unsupported
    }
}

/// Why a mail of ours did not leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailOutError {
    /// Refused for good; trying again does not help.
    #[error("refused: {0}")]
    Permanent(String),
    /// Not now; try again later.
    #[error("not now: {0}")]
    Temporary(String),
}

/// Sends mails of our own (invitations, receipts), with the null envelope sender where the home allows it.
#[async_trait]
pub trait MailOut: Send + Sync {
    /// Hands one mail over.
    ///
    /// # Errors
    /// [`MailOutError`] says whether to try again. A mail may arrive twice, never not at all.
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailOutError>;
}

/// What time it is. Read at the edges; everything behind takes a [`Timestamp`].
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// New ids and secrets.
pub trait Ids: Send + Sync {
    /// A UUID version 7 for this time: sorts by it.
    fn mail_id(&self, now: Timestamp) -> crate::model::MailId;

    /// 32 bytes from the system's secure random source.
    fn secret(&self) -> [u8; 32];
}
