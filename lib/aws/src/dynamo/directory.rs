//! Accounts, users and the audit log.
//!
//! All listings of one sender stand in one partition under a guard, a number that every change of them counts
//! up in its transaction: so there is always exactly one default, whoever changes what at once.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;
use postel_core::address::EmailAddress;
use postel_core::model::{Account, AccountId, AuditEntry, Sender, User, UserStatus};
use postel_core::ports::{Directory, StoreError};

use super::DynamoStore;
use super::call::{Expression, Query};
use super::item::{
    Item, Key, get_content, get_number, get_text, number, set, set_content, sortable, text,
};
use super::transact::{TRIES, Transacted, pause};

fn account_key(id: &AccountId) -> Key {
    Key::alone(format!("account#{id}"))
}

fn user_key(sender: &Sender, account: &AccountId) -> Key {
    Key::new(format!("sender#{sender}"), format!("user#{account}"))
}

/// The pointer from an account to its user.
fn member_key(sender: &Sender, account: &AccountId) -> Key {
    Key::new(format!("account#{account}"), format!("user#{sender}"))
}

fn guard_key(sender: &Sender) -> Key {
    Key::new(format!("sender#{sender}"), "guard")
}

fn invitation_key(hash: &str) -> Key {
    Key::alone(format!("invitation#{hash}"))
}

fn invitation(user: &User) -> Option<&str> {
    match &user.status {
        UserStatus::Pending(invitation) => Some(&invitation.token_hash),
        UserStatus::Accepted { .. } => None,
    }
}

/// The listings of one sender as they were read.
struct Listed {
    /// How often they were changed; `None`: never, or all are gone.
    guard: Option<u64>,
    users: Vec<User>,
}

impl Listed {
    fn of(&self, account: &AccountId) -> Option<&User> {
        self.users.iter().find(|user| user.account == *account)
    }

    /// The default listing, unless it is this account's.
    fn other_default(&self, account: &AccountId) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.default && user.account != *account)
    }
}

impl DynamoStore {
    async fn listed(&self, sender: &Sender) -> Result<Listed, StoreError> {
        let mut listed = Listed {
            guard: None,
            users: Vec::new(),
        };
        let pk = guard_key(sender).pk;
        for item in self.query(Query::partition(&pk)).await? {
            if get_text(&item, "sk")? == "guard" {
                listed.guard = get_number(&item, "changes")?;
            } else {
                listed.users.push(get_content(&item)?);
            }
        }
        Ok(listed)
    }

    /// Counts the guard up where nobody changed the listings since; with the last user it goes.
    fn guarded(
        &self,
        sender: &Sender,
        seen: Option<u64>,
        last: bool,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = guard_key(sender);
        let unchanged = match seen {
            Some(seen) => Expression::new("changes = :seen", [(":seen", number(seen))]),
            None => Expression::absent(),
        };
        if last {
            return self.to_delete(&key, Some(unchanged));
        }
        let mut guard = key.item();
        set(
            &mut guard,
            "changes",
            number(seen.unwrap_or_default().saturating_add(1)),
        );
        self.to_put(guard, Some(unchanged))
    }

    fn put_user(&self, user: &User) -> Result<TransactWriteItem, StoreError> {
        let mut item = user_key(&user.sender, &user.account).item();
        set_content(&mut item, user)?;
        self.to_put(item, None)
    }

    /// The listing with its default mark turned, as a change of its own.
    fn put_marked(&self, user: &User, default: bool) -> Result<TransactWriteItem, StoreError> {
        self.put_user(&User {
            default,
            version: user.version.saturating_add(1),
            ..user.clone()
        })
    }

    fn put_audit(&self, audit: &[AuditEntry]) -> Result<Vec<TransactWriteItem>, StoreError> {
        let stamp = self.stamp();
        let entries = audit.iter().enumerate();
        entries
            .map(|(place, entry)| {
                let when = sortable(entry.at);
                let sk = format!("{when}#{stamp}#{place:03}");
                let mut item = Key::new(format!("audit#{}", entry.account), sk).item();
                set_content(&mut item, entry)?;
                self.to_put(item, None)
            })
            .collect()
    }

    /// What changes with a saved user, given the listings as they were read.
    fn saving(
        &self,
        user: &User,
        listed: &Listed,
        audit: &[AuditEntry],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let stored = listed.of(&user.account);
        let other = listed.other_default(&user.account);
        let mut saved = user.clone();
        saved.version = saved.version.saturating_add(1);
        saved.default |= other.is_none();
        let mut changes = vec![
            self.guarded(&user.sender, listed.guard, false)?,
            self.put_user(&saved)?,
        ];
        if let (true, Some(other)) = (saved.default, other) {
            changes.push(self.put_marked(other, false)?);
        }
        if stored.is_none() {
            changes.push(self.to_put(member_key(&user.sender, &user.account).item(), None)?);
        }
        let (before, after) = (stored.and_then(invitation), invitation(user));
        if let Some(gone) = before.filter(|hash| Some(*hash) != after) {
            changes.push(self.to_delete(&invitation_key(gone), None)?);
        }
        if let Some(hash) = after {
            let mut item = invitation_key(hash).item();
            set(&mut item, "account", text(user.account.as_str()));
            set(&mut item, "sender", text(user.sender.to_string()));
            changes.push(self.to_put(item, None)?);
        }
        changes.extend(self.put_audit(audit)?);
        Ok(changes)
    }

    /// What changes with a deleted user.
    fn deleting(
        &self,
        gone: &User,
        listed: &Listed,
        audit: &[AuditEntry],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let others = listed
            .users
            .iter()
            .filter(|user| user.account != gone.account);
        let heir = others.min_by_key(|user| (user.added_at, user.account.clone()));
        let mut changes = vec![
            self.guarded(&gone.sender, listed.guard, heir.is_none())?,
            self.to_delete(&user_key(&gone.sender, &gone.account), None)?,
            self.to_delete(&member_key(&gone.sender, &gone.account), None)?,
        ];
        if let (true, Some(heir)) = (gone.default, heir) {
            changes.push(self.put_marked(heir, true)?);
        }
        if let Some(hash) = invitation(gone) {
            changes.push(self.to_delete(&invitation_key(hash), None)?);
        }
        changes.extend(self.put_audit(audit)?);
        Ok(changes)
    }

    /// Items by key, in the order of the keys; absent ones are left out.
    pub(super) async fn in_order(&self, keys: Vec<Key>) -> Result<Vec<Item>, StoreError> {
        let mut found = self.get_all(keys.clone()).await?;
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }
}

#[async_trait]
impl Directory for DynamoStore {
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let item = self.get(&account_key(id)).await?;
        item.map(|item| get_content(&item)).transpose()
    }

    async fn accounts(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        // No account has the empty name, and no key may be empty.
        let after = after.map_or("\0", AccountId::as_str);
        let values = [(":pk", text("accounts")), (":after", text(after))];
        let later = Query {
            keys: Expression::new("pk = :pk AND sk > :after", values),
            limit: Some(limit),
            ..Query::partition("accounts")
        };
        let mut keys = Vec::new();
        for pointer in self.query(later).await? {
            keys.push(Key::alone(format!("account#{}", get_text(&pointer, "sk")?)));
        }
        self.in_order(keys).await?.iter().map(get_content).collect()
    }

    async fn save_account(
        &self,
        account: &Account,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let condition = if account.version == 0 {
            Expression::absent()
        } else {
            Expression::new("version = :seen", [(":seen", number(account.version))])
        };
        let mut saved = account.clone();
        saved.version = saved.version.saturating_add(1);
        let mut item = account_key(&account.id).item();
        set(&mut item, "version", number(saved.version));
        set_content(&mut item, &saved)?;
        let mut changes = vec![self.to_put(item, Some(condition))?];
        if account.version == 0 {
            changes.push(self.to_put(Key::new("accounts", account.id.as_str()).item(), None)?);
        }
        changes.extend(self.put_audit(audit)?);
        for tries in 1..=TRIES {
            match self.transact(changes.clone()).await? {
                Transacted::Done => return Ok(()),
                Transacted::Refused => return Err(StoreError::Conflict),
                Transacted::Busy => pause(tries, &self.stamp()).await,
            }
        }
        Err(busy())
    }

    async fn listings(&self, from: &EmailAddress) -> Result<Vec<(User, Account)>, StoreError> {
        let (own, domain) = (
            Sender::Address(from.clone()),
            Sender::Domain(from.domain().clone()),
        );
        let (own, domain) = tokio::try_join!(self.listed(&own), self.listed(&domain))?;
        let mut users = Vec::new();
        for mut listed in [own, domain] {
            listed.users.sort_by_key(|user| !user.default);
            users.extend(listed.users);
        }
        let keys = users
            .iter()
            .map(|user| account_key(&user.account))
            .collect();
        let accounts: HashMap<Key, Item> = self.get_all(keys).await?;
        let mut found = Vec::new();
        for user in users {
            if let Some(item) = accounts.get(&account_key(&user.account)) {
                found.push((user, get_content(item)?));
            }
        }
        Ok(found)
    }

    async fn users(&self, account: &AccountId) -> Result<Vec<User>, StoreError> {
        let pk = account_key(account).pk;
        let mut keys = Vec::new();
        for pointer in self.query(Query::beginning(&pk, "user#")).await? {
            let sk = get_text(&pointer, "sk")?;
            let sender = sk.strip_prefix("user#").unwrap_or_default();
            keys.push(Key::new(
                format!("sender#{sender}"),
                format!("user#{account}"),
            ));
        }
        self.in_order(keys).await?.iter().map(get_content).collect()
    }

    async fn user(&self, account: &AccountId, sender: &Sender) -> Result<Option<User>, StoreError> {
        let item = self.get(&user_key(sender, account)).await?;
        item.map(|item| get_content(&item)).transpose()
    }

    async fn save_user(&self, user: &User, audit: &[AuditEntry]) -> Result<(), StoreError> {
        for tries in 1..=TRIES {
            let listed = self.listed(&user.sender).await?;
            if listed.of(&user.account).map_or(0, |stored| stored.version) != user.version {
                return Err(StoreError::Conflict);
            }
            let changes = self.saving(user, &listed, audit)?;
            if matches!(self.transact(changes).await?, Transacted::Done) {
                return Ok(());
            }
            pause(tries, &self.stamp()).await;
        }
        Err(busy())
    }

    async fn delete_user(
        &self,
        account: &AccountId,
        sender: &Sender,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError> {
        for tries in 1..=TRIES {
            let listed = self.listed(sender).await?;
            let Some(gone) = listed.of(account) else {
                return Ok(());
            };
            let changes = self.deleting(gone, &listed, audit)?;
            if matches!(self.transact(changes).await?, Transacted::Done) {
                return Ok(());
            }
            pause(tries, &self.stamp()).await;
        }
        Err(busy())
    }

    async fn invited(&self, token_hash: &str) -> Result<Option<User>, StoreError> {
        let Some(pointer) = self.get(&invitation_key(token_hash)).await? else {
            return Ok(None);
        };
        let sender = get_text(&pointer, "sender")?;
        let account = get_text(&pointer, "account")?;
        let key = Key::new(format!("sender#{sender}"), format!("user#{account}"));
        let user: Option<User> = match self.get(&key).await? {
            Some(item) => Some(get_content(&item)?),
            None => None,
        };
        Ok(user.filter(|user| invitation(user) == Some(token_hash)))
    }

    async fn audit(
        &self,
        account: &AccountId,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let entries = self
            .query(Query::newest(&format!("audit#{account}"), limit))
            .await?;
        entries.iter().map(get_content).collect()
    }
}

/// Others kept changing it.
pub(super) fn busy() -> StoreError {
    StoreError::Unavailable("too many change the same at once".to_owned())
}
