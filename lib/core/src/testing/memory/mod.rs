//! The in-memory twin of [`crate::ports::Store`]: maps under one lock, which is never held across an await.
//!
//! Simple on purpose: whoever wants to know what a store must do reads it here. Must not be fast.

mod directory;
mod ledger;
mod mails;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::ledger::{Row, RowId};
use crate::model::{
    Account, AccountId, AuditEntry, HandsetText, MailId, MailRecord, MessageKey, OutgoingMail,
    Sender, User,
};
use crate::number::PhoneNumber;
use crate::ports::{OptOut, StoreError};

/// A store that forgets everything with the process.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trouble: Trouble,
    accounts: BTreeMap<AccountId, Account>,
    users: BTreeMap<(Sender, AccountId), User>,
    audit: Vec<AuditEntry>,
    rows: BTreeMap<RowId, Row>,
    /// Which row first brought a provider's reference.
    references: BTreeMap<(String, String), RowId>,
    counters: BTreeMap<String, Counter>,
    opt_outs: BTreeMap<(AccountId, PhoneNumber), OptOut>,
    mails: BTreeMap<MailId, MailRecord>,
    first_seen: BTreeMap<MessageKey, Timestamp>,
    outbox: Vec<OutgoingMail>,
    handset: Vec<HandsetText>,
}

/// Which calls fail.
#[derive(Default)]
enum Trouble {
    #[default]
    None,
    /// All, after so many that work.
    After(usize),
    /// One, after so many that work.
    Once(usize),
}

impl Trouble {
    /// Counts a call; says whether it fails.
    fn strikes(&mut self) -> bool {
        match self {
            Self::None => false,
            Self::After(left) | Self::Once(left) if *left > 0 => {
                *left -= 1;
                false
            }
            Self::After(_) => true,
            Self::Once(_) => {
                *self = Self::None;
                true
            }
        }
    }
}

#[derive(Clone)]
struct Counter {
    amount: u32,
    expires_at: Timestamp,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every call fail with [`StoreError::Unavailable`] from now on, or work again.
    pub fn set_broken(&self, broken: bool) {
        self.set(if broken {
            Trouble::After(0)
        } else {
            Trouble::None
        });
    }

    /// As if the process died: so many calls work, all after them fail until [`MemoryStore::set_broken`] mends it.
    pub fn break_after(&self, calls: usize) {
        self.set(Trouble::After(calls));
    }

    /// So many calls work, the one after them fails, the rest work.
    pub fn fail_once_after(&self, calls: usize) {
        self.set(Trouble::Once(calls));
    }

    fn set(&self, trouble: Trouble) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .trouble = trouble;
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.trouble.strikes() {
            return Err(StoreError::Unavailable("broken on purpose".to_owned()));
        }
        Ok(state)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryStore")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ports::{Ledger as _, Store};

    async fn make() -> (Arc<dyn Store>, ()) {
        (Arc::new(MemoryStore::new()), ())
    }

    crate::store_conformance!(make);

    #[tokio::test]
    async fn a_broken_store_says_so_until_it_is_mended() {
        let store = MemoryStore::new();
        store.set_broken(true);
        let error = store.counters(&[]).await.unwrap_err();
        assert!(error.is_temporary());
        store.set_broken(false);
        assert_eq!(store.counters(&[]).await, Ok(vec![]));
    }
}
