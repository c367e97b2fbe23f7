//! Changing what an account is: every change is checked, and written to the audit log with it.
//!
//! The command line, the invitation page and later the API all come through here.

mod shared;
mod users;

pub use shared::shared_by;
pub use users::Added;

use std::sync::Arc;

use crate::address::Domain;
use crate::model::{Account, AccountId, AuditEntry, Sender, VirtualNumber};
use crate::notice::Notices;
use crate::number::PhoneNumber;
use crate::ports::{AccountPages, Clock, Ids, Store, StoreError};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is no such account.
    #[error("there is no account {0}; `postel account add {0}` makes one")]
    NoAccount(AccountId),
    /// There is one already.
    #[error("there is an account {0} already")]
    AccountExists(AccountId),
    /// There is no such user.
    #[error("{0} is not a user of this account; `postel user list` shows who is")]
    NoUser(Sender),
    /// There is one already.
    #[error("{0} is a user of this account already")]
    UserExists(Sender),
    /// A public mail provider's domain cannot be listed as a whole.
    #[error("anybody can have a mailbox at {0}: list single addresses of it instead")]
    PublicDomain(Domain),
    /// The number belongs to an account already.
    #[error("{0} belongs to {1}; `postel number delete {1} {0}` frees it")]
    NumberTaken(PhoneNumber, AccountId),
    /// The TXT record that proves a domain is not there.
    #[error("no TXT record at {name} holds {value}; publish it, wait for DNS, and verify again")]
    NoProof {
        /// Where it is looked for.
        name: String,
        /// What it must hold.
        value: String,
    },
    /// The link is used up, replaced, expired, or never was one.
    #[error("this invitation is used up or has expired; ask for a new one")]
    NoInvitation,
    /// A value that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes accounts and users.
pub struct Settings {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    notices: Notices,
    /// Where the pages are, without a slash at the end.
    public_url: String,
    /// The domains whose addresses are telephone numbers.
    gateway_domains: Vec<Domain>,
}

/// What is said of a signature's first line that cannot be one.
const SIGNATURE_WANTED: &str =
    "the signature is one line of 1 to 200 characters: the first of your signature";

/// Whether mails can have such a line.
fn is_signature_line(written: &str) -> bool {
    !written.trim().is_empty() && written.len() <= 200 && !written.contains(['\n', '\r'])
}

/// Everything about an account's values that cannot be, in the words of the settings.
#[must_use]
pub fn faults(account: &Account) -> Vec<String> {
    let p = &account.preferences;
    let checks = [
        (
            !(1..=20).contains(&p.max_parts),
            "the longest message is 1 to 20 parts",
        ),
        (
            !(1..=72).contains(&p.validity_hours),
            "the validity is 1 to 72 hours",
        ),
        (
            jiff::tz::TimeZone::get(&p.time_zone).is_err(),
            "the time zone is an IANA name such as Europe/Paris",
        ),
        (
            p.signature
                .as_deref()
                .is_some_and(|s| !is_signature_line(s)),
            SIGNATURE_WANTED,
        ),
        (
            !(1..=3650).contains(&account.retention.days),
            "the retention is 1 to 3650 days",
        ),
        (
            !(1..=500).contains(&account.limits.recipients_per_mail),
            "recipients of one mail are 1 to 500",
        ),
    ];
    checks
        .iter()
        .filter(|(bad, _)| *bad)
        .map(|(_, words)| (*words).to_owned())
        .collect()
}

impl Settings {
    /// Puts the parts together. `public_url` is where the pages are.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        notices: Notices,
        public_url: &str,
    ) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self {
            store,
            clock,
            ids,
            notices,
            public_url,
            gateway_domains: Vec::new(),
        }
    }

    /// Names the gateway's own domains, whose addresses and whole nobody may list as a user.
    #[must_use]
    pub fn with_gateway_domains(mut self, domains: &[Domain]) -> Self {
        self.gateway_domains = domains.to_vec();
        self
    }

    /// Makes an account.
    ///
    /// # Errors
    /// Where there is one of that name.
    pub async fn add_account(&self, account: Account, actor: &str) -> Result<(), SettingsError> {
        refuse_faults(&account)?;
        let audit = self.entry(&account.id, actor, "account.add", None, json(&account));
        match self
            .store
            .save_account(
                &Account {
                    version: 0,
                    ..account.clone()
                },
                &[audit],
            )
            .await
        {
            Err(StoreError::Conflict) => Err(SettingsError::AccountExists(account.id)),
            other => Ok(other?),
        }
    }

    /// The account.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn account(&self, id: &AccountId) -> Result<Account, SettingsError> {
        self.store
            .account(id)
            .await?
            .ok_or_else(|| SettingsError::NoAccount(id.clone()))
    }

    /// Changes an account: `change` is applied to the newest version, again where somebody else was faster.
    ///
    /// # Errors
    /// Where a value cannot be, or there is no such account.
    pub async fn change(
        &self,
        id: &AccountId,
        actor: &str,
        what: &str,
        change: impl Fn(&mut Account) -> Result<(), SettingsError> + Send + Sync,
    ) -> Result<Account, SettingsError> {
        for _ in 0..8 {
            let before = self.account(id).await?;
            let mut after = before.clone();
            change(&mut after)?;
            refuse_faults(&after)?;
            if after == before {
                return Ok(before);
            }
            let audit = self.entry(id, actor, what, json(&before), json(&after));
            match self.store.save_account(&after, &[audit]).await {
                Err(StoreError::Conflict) => {}
                other => return other.map(|()| after).map_err(Into::into),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Gives a virtual number to an account. A number belongs to one account (DESIGN 3).
    ///
    /// # Errors
    /// Where it belongs to one already.
    pub async fn add_number(
        &self,
        id: &AccountId,
        number: &VirtualNumber,
        actor: &str,
    ) -> Result<(), SettingsError> {
        let holds = |account: &Account| account.numbers.iter().any(|n| n.number == number.number);
        let mut pages = AccountPages::new(self.store.as_ref());
        while let Some(accounts) = pages.next().await? {
            if let Some(owner) = accounts.into_iter().find(holds) {
                return Err(SettingsError::NumberTaken(number.number.clone(), owner.id));
            }
        }
        self.change(id, actor, "number.add", |account| {
            account.numbers.push(number.clone());
            Ok(())
        })
        .await
        .map(drop)
    }

    fn entry(
        &self,
        account: &AccountId,
        actor: &str,
        what: &str,
        before: Option<String>,
        after: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            account: account.clone(),
            at: self.clock.now(),
            actor: actor.to_owned(),
            what: what.to_owned(),
            before,
            after,
        }
    }
}

fn refuse_faults(account: &Account) -> Result<(), SettingsError> {
    let faults = faults(account);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(SettingsError::Invalid(faults.join("; ")))
    }
}

fn json<T: serde::Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}
