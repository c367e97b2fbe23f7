//! What acts or remembers, as traits: the contract each home fulfils.
//!
//! No vendor type stands in a signature. Every store passes the suite in [`crate::testing`].

mod gateway;
mod store;

pub use gateway::{
    Clock, Ids, LookUp, MailOut, MailOutError, ProviderLimits, SenderEvidence, Sms, SmsOutcome,
    SmsProvider,
};
pub use store::{
    AccountPages, Claim, Directory, HANDSET_KEPT, Handset, Ledger, Mails, OptOut, OptOutSource,
    Outbox, Store, StoreError,
};
