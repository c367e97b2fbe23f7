//! The things Postel keeps: accounts, users, mails, rows of the ledger.
//!
//! Plain values that serialise; every rule about them stands elsewhere.

mod account;
mod message;
mod user;

pub use account::{
    AcceptedMail, Account, AccountId, AccountIdError, BodySubject, Language, Limits, Network,
    NetworkError, Preferences, Receipts, Receiving, Retention, SendAs, SenderName, SenderNameError,
    VirtualNumber,
};
pub use message::{
    AuditEntry, CutPart, HandsetText, MailId, MailRecord, MessageKey, OutgoingMail,
    RecipientOutcome,
};
pub use user::{Automated, Invitation, Password, Sender, SenderError, User, UserStatus};
