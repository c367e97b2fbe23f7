//! The ledger: one row for each (message, recipient), which is also the queue of what must wait
//! (DESIGN 4.5).
//!
//! `waiting(due) → sending → sent → delivered | undelivered`, or `refused`, `failed`, `expired`,
//! `unknown`. What follows a provider's answer stands in [`policy`] and nowhere else.

pub mod limits;
pub mod policy;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::address::EmailAddress;
use crate::model::{AccountId, Language, MailId, MessageKey, SenderName};
use crate::number::PhoneNumber;
use crate::text::Encoding;

/// Names a row: SHA-256 of message key and number, hexadecimal. The same message to the same
/// number always has the same id; that is what makes a text be sent once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowId(pub String);

impl RowId {
    /// The id of the row for one recipient of one message.
    #[must_use]
    pub fn new(message: &MessageKey, to: &PhoneNumber) -> Self {
        let mut hash = Sha256::new();
        hash.update(message.0.as_bytes());
        hash.update([0]);
        hash.update(to.as_e164().as_bytes());
        Self(crate::hex(&hash.finalize()))
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To be sent when due.
    Waiting,
    /// Handed to a provider, no answer yet. Its due time is when it counts as stale.
    Sending,
    /// Taken by the provider.
    Sent,
    /// On the phone.
    Delivered,
    /// The network gave up.
    Undelivered,
    /// Not sent by a decision made after acceptance: a limit, an opt-out, a user deleted.
    Refused,
    /// The provider refused it for good.
    Failed,
    /// It could not be sent within its validity.
    Expired,
    /// It may or may not have been sent; never resent.
    Unknown,
}

impl State {
    /// Whether nothing more is done by us. Receipts may still turn `sent` and `unknown` into something better.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Sending)
    }

    /// The word people and stores see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

/// Who the recipient sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Originator {
    /// A virtual number: can be answered.
    Number(PhoneNumber),
    /// A sender name: cannot.
    Name(SenderName),
    /// The provider's own choice: only where a provider needs none (the handset).
    Shared,
}

/// A part of a limit, taken before a text is sent and given back where it is surely not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Which counter: made by [`limits`], opaque to stores.
    pub counter: String,
    /// Which limit that is.
    pub limit: LimitKind,
    /// How much is taken.
    pub amount: u32,
    /// What the counter may never exceed.
    pub ceiling: u32,
    /// When the counter may be forgotten.
    pub expires_at: Timestamp,
}

/// The limits of DESIGN 3 that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// Parts per user and hour.
    UserHour,
    /// Parts per number and hour.
    NumberHour,
    /// Parts per account and day.
    AccountDay,
    /// Parts per account and month.
    AccountMonth,
    /// Texts per account and day under *any server* (20).
    AnyServerDay,
    /// The operator's own ceiling per day, over all accounts.
    OperatorDay,
}

impl LimitKind {
    /// The word in figures and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserHour => "user-hour",
            Self::NumberHour => "number-hour",
            Self::AccountDay => "account-day",
            Self::AccountMonth => "account-month",
            Self::AnyServerDay => "any-server-day",
            Self::OperatorDay => "operator-day",
        }
    }
}

/// What happened to a row, for its trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The state after it.
    pub state: State,
    /// What happened, in a few words without personal data.
    pub note: String,
}

/// One text to one number.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its id.
    pub id: RowId,
    /// Counts the changes, for compare-and-set.
    pub version: u64,
    /// The mail it came from.
    pub mail: MailId,
    /// Whose it is.
    pub account: AccountId,
    /// Who sent the mail, and is told what became of it.
    pub user: EmailAddress,
    /// To whom.
    pub to: PhoneNumber,
    /// The text exactly as sent.
    pub text: String,
    /// Its encoding.
    pub encoding: Encoding,
    /// Its parts: what is billed.
    pub parts: u32,
    /// Whether it was cut to fit.
    pub truncated: bool,
    /// Who the recipient sees.
    pub originator: Originator,
    /// Language in which the user is told.
    pub language: Language,
    /// When it was accepted: validity counts from here.
    pub accepted_at: Timestamp,
    /// After this it is not sent any more.
    pub valid_until: Timestamp,
    /// Where it is.
    pub state: State,
    /// When something is to be done about it; `None`: nothing.
    pub due: Option<Timestamp>,
    /// How often a provider was asked.
    pub attempts: u32,
    /// The provider that took it, or was asked last.
    pub provider: Option<String>,
    /// The provider's id for it.
    pub provider_ref: Option<String>,
    /// What it holds of the limits; empty once given back.
    pub reservations: Vec<Reservation>,
    /// All that happened to it.
    pub events: Vec<Event>,
    /// When its text is to be forgotten.
    pub text_expires_at: Timestamp,
    /// When all of it is to be forgotten: at least 15 days after acceptance, so that a redelivery is known for one.
    pub expires_at: Timestamp,
}

impl Row {
    /// Moves the row to a state, with the reason in its trail (at most 64 events are kept: the first and the newest).
    /// A row that ends with nothing due is due when its text is to be forgotten, where that is before the row is.
    pub fn enter(
        &mut self,
        state: State,
        due: Option<Timestamp>,
        at: Timestamp,
        note: impl Into<String>,
    ) {
        self.state = state;
        self.due = due.or_else(|| self.forget_text_at());
        if self.events.len() >= 64 {
            self.events.remove(1);
        }
        self.events.push(Event {
            at,
            state,
            note: note.into(),
        });
    }

    /// The provider and its reference, where both are known.
    #[must_use]
    pub fn reference(&self) -> Option<(&str, &str)> {
        self.provider.as_deref().zip(self.provider_ref.as_deref())
    }

    /// When it was last handed over: the first of the events in `sending` that are its newest.
    #[must_use]
    pub fn sending_since(&self) -> Option<Timestamp> {
        let newest = self.events.iter().rev();
        let sending = newest.take_while(|event| event.state == State::Sending);
        sending.last().map(|event| event.at)
    }

    /// When an ended row's text is to be forgotten; `None` where it goes with the row, or is gone.
    #[must_use]
    pub fn forget_text_at(&self) -> Option<Timestamp> {
        let sooner = self.text_expires_at < self.expires_at && !self.text.is_empty();
        (self.state.is_final() && sooner).then_some(self.text_expires_at)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("state", &self.state)
            .field("due", &self.due)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
