//! Accounts, users and the audit log in memory.

use async_trait::async_trait;

use super::{MemoryStore, State};
use crate::address::EmailAddress;
use crate::model::{Account, AccountId, AuditEntry, Sender, User, UserStatus};
use crate::ports::{Directory, StoreError};

impl State {
    /// The account whose listing is the sender's default.
    fn default_of(&self, sender: &Sender) -> Option<AccountId> {
        self.users
            .values()
            .find(|u| u.sender == *sender && u.default)
            .map(|u| u.account.clone())
    }

    /// Turns the default mark of a listing on or off, as a change of its own.
    fn mark(&mut self, sender: &Sender, account: AccountId, default: bool) {
        if let Some(user) = self.users.get_mut(&(sender.clone(), account)) {
            user.default = default;
            user.version += 1;
        }
    }
}

#[async_trait]
impl Directory for MemoryStore {
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.state()?.accounts.get(id).cloned())
    }

    async fn accounts(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        let state = self.state()?;
        let later = state.accounts.values();
        let later = later.filter(|a| after.is_none_or(|after| a.id > *after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn save_account(
        &self,
        account: &Account,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let mut state = self.state()?;
        if state.accounts.get(&account.id).map_or(0, |a| a.version) != account.version {
            return Err(StoreError::Conflict);
        }
        let mut account = account.clone();
        account.version += 1;
        state.accounts.insert(account.id.clone(), account);
        state.audit.extend_from_slice(audit);
        Ok(())
    }

    async fn listings(&self, from: &EmailAddress) -> Result<Vec<(User, Account)>, StoreError> {
        let state = self.state()?;
        let mut found = Vec::new();
        for sender in [
            Sender::Address(from.clone()),
            Sender::Domain(from.domain().clone()),
        ] {
            let mut users: Vec<_> = state
                .users
                .values()
                .filter(|u| u.sender == sender)
                .collect();
            users.sort_by_key(|u| !u.default);
            found.extend(
                users
                    .into_iter()
                    .filter_map(|u| Some((u.clone(), state.accounts.get(&u.account)?.clone()))),
            );
        }
        Ok(found)
    }

    async fn users(&self, account: &AccountId) -> Result<Vec<User>, StoreError> {
        let state = self.state()?;
        let mut users: Vec<_> = state
            .users
            .values()
            .filter(|u| u.account == *account)
            .cloned()
            .collect();
        users.sort_by_key(|u| u.sender.to_string());
        Ok(users)
    }

    async fn user(&self, account: &AccountId, sender: &Sender) -> Result<Option<User>, StoreError> {
        Ok(self
            .state()?
            .users
            .get(&(sender.clone(), account.clone()))
            .cloned())
    }

    async fn save_user(&self, user: &User, audit: &[AuditEntry]) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let key = (user.sender.clone(), user.account.clone());
        if state.users.get(&key).map_or(0, |u| u.version) != user.version {
            return Err(StoreError::Conflict);
        }
        let other = state
            .default_of(&user.sender)
            .filter(|account| *account != user.account);
        let mut user = user.clone();
        user.version += 1;
        user.default |= other.is_none();
        if let (true, Some(other)) = (user.default, other) {
            state.mark(&user.sender, other, false);
        }
        state.users.insert(key, user);
        state.audit.extend_from_slice(audit);
        Ok(())
    }

    async fn delete_user(
        &self,
        account: &AccountId,
        sender: &Sender,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let Some(gone) = state.users.remove(&(sender.clone(), account.clone())) else {
            return Ok(());
        };
        if gone.default {
            let heir = state
                .users
                .values()
                .filter(|u| u.sender == *sender)
                .min_by_key(|u| (u.added_at, u.account.clone()))
                .map(|u| u.account.clone());
            if let Some(heir) = heir {
                state.mark(sender, heir, true);
            }
        }
        state.audit.extend_from_slice(audit);
        Ok(())
    }

    async fn invited(&self, token_hash: &str) -> Result<Option<User>, StoreError> {
        let invited =
            |u: &&User| matches!(&u.status, UserStatus::Pending(i) if i.token_hash == token_hash);
        Ok(self.state()?.users.values().find(invited).cloned())
    }

    async fn audit(
        &self,
        account: &AccountId,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let state = self.state()?;
        let mut entries: Vec<_> = state
            .audit
            .iter()
            .filter(|e| e.account == *account)
            .cloned()
            .collect();
        entries.reverse();
        entries.sort_by_key(|e| std::cmp::Reverse(e.at));
        entries.truncate(limit);
        Ok(entries)
    }
}
