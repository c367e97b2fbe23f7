//! A mail as it is remembered, and the small records beside it.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AccountId;
use crate::address::EmailAddress;
use crate::decision::Code;
use crate::evidence::{Evidence, Login};
use crate::number::PhoneNumber;

/// One received mail, in the order of arrival (UUID version 7). Shown to people, taken by `postel trail`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailId(pub String);

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What makes two mails the same mail (DESIGN 4.5): SHA-256 of account, `From`, `Message-ID`, `Date` and body hash, hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageKey(pub String);

/// What was cut from a mail's body, and why.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutPart {
    /// `quote`, `signature`, `footer`, … ([`postel_mail::cut::CutKind`]).
    pub kind: String,
    /// Exactly what was cut.
    pub text: String,
}

impl fmt::Debug for CutPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CutPart({})", self.kind)
    }
}

/// What was decided for one recipient of a mail.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientOutcome {
    /// The envelope recipient as written.
    pub address: String,
    /// The number it means, where it means one.
    pub number: Option<PhoneNumber>,
    /// The account it is for.
    pub account: Option<AccountId>,
    /// What was decided.
    pub code: Code,
    /// Why, in one sentence for a person.
    pub why: String,
}

impl fmt::Debug for RecipientOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientOutcome({})", self.code.as_str())
    }
}

/// A mail and what became of it before any text was sent: the head of its trail.
///
/// Of strangers' mail only metadata is kept: no text, no cut parts.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MailRecord {
    /// Its id.
    pub id: MailId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The `From` address, where there is exactly one.
    pub from: Option<EmailAddress>,
    /// The accounts that list the sender, where any does: empty for strangers.
    pub accounts: Vec<AccountId>,
    /// `Message-ID`, without brackets.
    pub message_id: Option<String>,
    /// Decoded subject.
    pub subject: Option<String>,
    /// Client address.
    pub client_ip: Option<IpAddr>,
    /// The operator's relay it came through, where it did.
    #[serde(default)]
    pub relay: Option<IpAddr>,
    /// The user that the client logged in as.
    #[serde(default)]
    pub login: Option<Login>,
    /// HELO as said.
    pub helo: String,
    /// Envelope sender; `None` is the null sender.
    pub envelope_sender: Option<EmailAddress>,
    /// What was found out, where it was asked.
    pub evidence: Option<Evidence>,
    /// What was decided, recipient by recipient.
    pub recipients: Vec<RecipientOutcome>,
    /// What was cut from the body.
    pub cut: Vec<CutPart>,
    /// When this record is to be forgotten.
    pub expires_at: Timestamp,
}

impl fmt::Debug for MailRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailRecord")
            .field("id", &self.id)
            .field("recipients", &self.recipients)
            .finish_non_exhaustive()
    }
}

/// One change of a setting: who, when, what, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The account.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
    /// Who: `cli`, `invitation`, an admin.
    pub actor: String,
    /// What: `preferences.signature`, `user.add`, …
    pub what: String,
    /// The value before, as JSON text.
    pub before: Option<String>,
    /// The value after, as JSON text.
    pub after: Option<String>,
}

/// A mail of our own on its way to somebody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingMail {
    /// Chosen by what causes it, so that the same cause never mails twice.
    pub id: String,
    /// To whom.
    pub to: EmailAddress,
    /// The whole mail, CRLF line ends.
    pub raw: Vec<u8>,
    /// When it is next to be tried; `None` once it is done with.
    pub due: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
    /// After this it is given up.
    pub expires_at: Timestamp,
    /// What became of the last try, for people.
    pub note: Option<String>,
}

impl fmt::Debug for OutgoingMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingMail")
            .field("id", &self.id)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

/// A text on the simulated phone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandsetText {
    /// When it arrived.
    pub at: Timestamp,
    /// The simulated phone's number.
    pub to: PhoneNumber,
    /// The originator shown.
    pub from: String,
    /// The text.
    pub text: String,
    /// `GSM-7` or `UCS-2`.
    pub encoding: crate::text::Encoding,
    /// Parts as a network would bill them.
    pub parts: u32,
    /// The ledger row it was sent for.
    pub reference: String,
}

impl fmt::Debug for HandsetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandsetText({} parts)", self.parts)
    }
}
