//! The port that remembers.
//!
//! Five subjects, one trait each; [`Store`] is all of them. Everything is durable when a call
//! returns. Every backend passes the one suite in `crate::testing::conformance`.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::address::EmailAddress;
use crate::ledger::{LimitKind, Row, RowId};
use crate::model::{
    Account, AccountId, AuditEntry, HandsetText, MailId, MailRecord, MessageKey, OutgoingMail,
    Sender, User,
};
use crate::number::PhoneNumber;

/// Why a store could not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed it since it was read: read again and redo the change.
    #[error("it was changed meanwhile; read it again")]
    Conflict,
    /// The store cannot be reached or is overloaded: try again later.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// What is stored cannot be understood: trying again does not help.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether the same call may go through later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Accounts, users and the audit log. A change and its audit entry are stored together or not at all.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The account, or `None` where there is no such.
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError>;

    /// Accounts by name, those after this one, at most so many: fewer only where there are no more.
    async fn accounts(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError>;

    /// Stores the account where its version is still the stored one (0: where there is none), counting it up.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it is not.
    async fn save_account(&self, account: &Account, audit: &[AuditEntry])
    -> Result<(), StoreError>;

    /// Every listing that covers the address: of the address itself and of its domain (not of a
    /// parent domain), with the account. The address's own come first, the default first among them.
    async fn listings(&self, from: &EmailAddress) -> Result<Vec<(User, Account)>, StoreError>;

    /// The users of an account, by address.
    async fn users(&self, account: &AccountId) -> Result<Vec<User>, StoreError>;

    /// One user.
    async fn user(&self, account: &AccountId, sender: &Sender) -> Result<Option<User>, StoreError>;

    /// Stores the user as [`Directory::save_account`] does. The first listing of a sender is its
    /// default whatever the value says; saving another with `default` set takes it from the former.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the version is not the stored one.
    async fn save_user(&self, user: &User, audit: &[AuditEntry]) -> Result<(), StoreError>;

    /// Deletes the user; where it was the sender's default, the oldest other listing becomes it.
    /// Deleting who is not there does nothing. Waiting texts are stopped by the caller.
    async fn delete_user(
        &self,
        account: &AccountId,
        sender: &Sender,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError>;

    /// The pending user whose invitation has this token hash.
    async fn invited(&self, token_hash: &str) -> Result<Option<User>, StoreError>;

    /// The newest entries of the audit log, newest first.
    async fn audit(&self, account: &AccountId, limit: usize)
    -> Result<Vec<AuditEntry>, StoreError>;
}

/// All accounts by name, a page at a time: of a hundred thousand, never more than a few are in memory.
pub struct AccountPages<'a> {
    directory: &'a dyn Directory,
    after: Option<AccountId>,
}

impl<'a> AccountPages<'a> {
    const PAGE: usize = 200;

    /// From the first on.
    #[must_use]
    pub fn new(directory: &'a dyn Directory) -> Self {
        Self {
            directory,
            after: None,
        }
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// The store's.
    pub async fn next(&mut self) -> Result<Option<Vec<Account>>, StoreError> {
        let page = self
            .directory
            .accounts(self.after.as_ref(), Self::PAGE)
            .await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some(last.id.clone());
        Ok(Some(page))
    }
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The row is new and its reservations are taken.
    New,
    /// There was one: as it is now. Nothing was taken.
    Already(Box<Row>),
    /// This limit has no room; nothing was stored.
    Over(LimitKind),
}

/// Where an opt-out came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptOutSource {
    /// The phone texted STOP.
    Text,
    /// The provider said so.
    Provider,
    /// An admin.
    Admin,
}

/// A number that must not be texted by an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptOut {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub source: OptOutSource,
}

/// Rows, limits, opt-outs.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Makes the row, its version as given, and takes its reservations, all or nothing, where there is no row of this id
    /// and every counter stays within its ceiling. Concurrent claims of one id: exactly one is `New`.
    async fn claim(&self, row: &Row) -> Result<Claim, StoreError>;

    /// Replaces the row where the stored version is `row.version`, counting it up; `false` where it
    /// is not (somebody else was faster: read again). Reservations that the stored row holds and the
    /// new value does not are given back in the same step, never below zero. Whose row it is (mail, account, user, number)
    /// never changes.
    async fn update(&self, row: &Row) -> Result<bool, StoreError>;

    /// One row.
    async fn row(&self, id: &RowId) -> Result<Option<Row>, StoreError>;

    /// The row that this provider's reference belongs to. An [`Ledger::update`] that brings a row a reference it did not
    /// hold makes it findable. The first row that brings one keeps it: another row is stored with it all the same, but
    /// this still names the first. Given up when an update takes it from the row, forgotten with the row. References
    /// compare exactly. What a claim holds is not looked at: a new row has not been at a provider.
    async fn row_by_ref(
        &self,
        provider: &str,
        provider_ref: &str,
    ) -> Result<Option<RowId>, StoreError>;

    /// The rows of a mail, by number.
    async fn rows_of(&self, mail: &MailId) -> Result<Vec<Row>, StoreError>;

    /// Up to `limit` rows whose due time has come, longest due first. May be stale: `update` decides.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Rows of an account's user that are `waiting`.
    async fn waiting_of(
        &self,
        account: &AccountId,
        user: &EmailAddress,
    ) -> Result<Vec<Row>, StoreError>;

    /// What these counters hold now; 0 for unknown ones.
    async fn counters(&self, names: &[String]) -> Result<Vec<u32>, StoreError>;

    /// Whether the account may not text the number.
    async fn opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
    ) -> Result<Option<OptOut>, StoreError>;

    /// Sets or lifts an opt-out.
    async fn set_opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
        opt_out: Option<&OptOut>,
    ) -> Result<(), StoreError>;
}

/// Mails received and what was decided.
#[async_trait]
pub trait Mails: Send + Sync {
    /// Stores or replaces the record.
    async fn put_mail(&self, record: &MailRecord) -> Result<(), StoreError>;

    /// One record.
    async fn mail(&self, id: &MailId) -> Result<Option<MailRecord>, StoreError>;

    /// The newest records, newest first; of one account, or of all.
    async fn recent_mails(
        &self,
        account: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<MailRecord>, StoreError>;

    /// When this message was first seen without a decision: `now` the first time, then always that time
    /// (kept at least a day).
    async fn first_seen(&self, key: &MessageKey, now: Timestamp) -> Result<Timestamp, StoreError>;

    /// Forgets what has passed its `expires_at`: mails, final rows, counters. At most `limit` of each; says how many in all.
    /// Not counted: first sightings after two days, settled mails of our own 30 days after their `expires_at`, texts on
    /// the handset after [`HANDSET_KEPT`].
    async fn forget(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

/// Mails of our own that must leave.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Stores the mail; where there is one of this id, nothing changes.
    async fn post(&self, mail: &OutgoingMail) -> Result<(), StoreError>;

    /// Up to `limit` mails whose due time has come. Each is lent until `until`: nobody else is given it before.
    async fn take_due(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutgoingMail>, StoreError>;

    /// Replaces the mail of this id.
    async fn settle(&self, mail: &OutgoingMail) -> Result<(), StoreError>;

    /// The newest mails, for people.
    async fn outbox(&self, limit: usize) -> Result<Vec<OutgoingMail>, StoreError>;
}

/// How long the simulated phone shows a text: it names numbers and holds words, as real mails do.
pub const HANDSET_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The simulated phone's memory.
#[async_trait]
pub trait Handset: Send + Sync {
    /// A text arrives. Twice the same is stored twice: as on a phone.
    async fn arrive(&self, text: &HandsetText) -> Result<(), StoreError>;

    /// The newest texts, newest first.
    async fn texts(&self, limit: usize) -> Result<Vec<HandsetText>, StoreError>;
}

/// Everything a home remembers.
pub trait Store: Directory + Ledger + Mails + Outbox + Handset {}
impl<T: Directory + Ledger + Mails + Outbox + Handset> Store for T {}
