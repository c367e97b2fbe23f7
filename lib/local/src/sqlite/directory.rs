//! Accounts, users and the audit log.

use std::sync::Arc;

use async_trait::async_trait;
use postel_core::address::EmailAddress;
use postel_core::model::{Account, AccountId, AuditEntry, Sender, User, UserStatus};
use postel_core::ports::{Directory, StoreError};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::document::{doc, many, nanos, one, rows, run};
use super::error::Fault;

const USER: &str = "SELECT doc FROM user WHERE sender = ?1 AND account = ?2";
const DEFAULT: &str = "SELECT doc FROM user WHERE sender = ?1 AND is_default = 1";

fn put_user(db: &Connection, user: &User) -> Result<(), Fault> {
    let token_hash = match &user.status {
        UserStatus::Pending(invitation) => Some(invitation.token_hash.as_str()),
        UserStatus::Accepted { .. } => None,
    };
    run(
        db,
        "INSERT INTO user (sender, account, is_default, token_hash, doc) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO UPDATE SET is_default = ?3, token_hash = ?4, doc = ?5",
        params![
            user.sender.to_string(),
            user.account.as_str(),
            user.default,
            token_hash,
            doc(user)?
        ],
    )?;
    Ok(())
}

/// Turns the default mark of a listing on or off, as a change of its own.
fn mark(db: &Connection, mut user: User, default: bool) -> Result<(), Fault> {
    user.default = default;
    user.version += 1;
    put_user(db, &user)
}

fn put_audit(db: &Connection, entries: &[AuditEntry]) -> Result<(), Fault> {
    for entry in entries {
        run(
            db,
            "INSERT INTO audit (account, at, doc) VALUES (?1, ?2, ?3)",
            params![entry.account.as_str(), nanos(entry.at), doc(entry)?],
        )?;
    }
    Ok(())
}

fn save_user(db: &Connection, mut user: User) -> Result<(), Fault> {
    let sender = user.sender.to_string();
    let stored: Option<User> = one(db, USER, params![sender, user.account.as_str()])?;
    if stored.map_or(0, |u| u.version) != user.version {
        return Err(StoreError::Conflict.into());
    }
    let other = one::<User>(db, DEFAULT, [&sender])?.filter(|other| other.account != user.account);
    user.version += 1;
    user.default |= other.is_none();
    if let (true, Some(other)) = (user.default, other) {
        mark(db, other, false)?;
    }
    put_user(db, &user)
}

/// Whether there was such a user.
fn delete_user(db: &Connection, account: &AccountId, sender: &Sender) -> Result<bool, Fault> {
    let key = sender.to_string();
    let Some(gone) = one::<User>(db, USER, params![key, account.as_str()])? else {
        return Ok(false);
    };
    run(
        db,
        "DELETE FROM user WHERE sender = ?1 AND account = ?2",
        params![key, account.as_str()],
    )?;
    if gone.default {
        let others: Vec<User> = many(
            db,
            "SELECT doc FROM user WHERE sender = ?1 ORDER BY account",
            [&key],
        )?;
        if let Some(heir) = others.into_iter().min_by_key(|u| u.added_at) {
            mark(db, heir, true)?;
        }
    }
    Ok(true)
}

#[async_trait]
impl Directory for SqliteStore {
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let id = id.to_string();
        self.look_up(move |db| one(db, "SELECT doc FROM account WHERE id = ?1", [id]))
            .await
    }

    async fn accounts(
        &self,
        after: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, StoreError> {
        // No account has the empty name.
        let after = after.map(ToString::to_string).unwrap_or_default();
        self.read(move |db| {
            let sql = "SELECT doc FROM account WHERE id > ?1 ORDER BY id LIMIT ?2";
            many(db, sql, params![after, rows(limit)])
        })
        .await
    }

    async fn save_account(
        &self,
        account: &Account,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let (mut account, audit) = (account.clone(), audit.to_vec());
        self.write(move |db| {
            let id = account.id.to_string();
            let stored: Option<Account> = one(db, "SELECT doc FROM account WHERE id = ?1", [&id])?;
            if stored.map_or(0, |a| a.version) != account.version {
                return Err(StoreError::Conflict.into());
            }
            account.version += 1;
            run(
                db,
                "INSERT INTO account (id, doc) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET doc = ?2",
                params![id, doc(&account)?],
            )?;
            put_audit(db, &audit)?;
            Ok(())
        })
        .await
    }

    async fn listings(&self, from: &EmailAddress) -> Result<Vec<(User, Account)>, StoreError> {
        let address = Sender::Address(from.clone()).to_string();
        let domain = Sender::Domain(from.domain().clone()).to_string();
        let known = Arc::clone(&self.known);
        self.look_up(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT user.doc, account.doc FROM user JOIN account ON account.id = user.account \
                 WHERE sender IN (?1, ?2)",
            )?;
            let mut rows = statement.query([address, domain])?;
            let mut found: Vec<(User, Account)> = Vec::new();
            while let Some(row) = rows.next()? {
                let text = |column| -> Result<&str, Fault> {
                    Ok(row
                        .get_ref(column)?
                        .as_str()
                        .map_err(rusqlite::Error::from)?)
                };
                found.push((known.0.value(text(0)?)?, known.1.value(text(1)?)?));
            }
            // Here, because there is nearly always one, and SQLite would sort it all the same.
            found.sort_by(|(a, of_a), (b, of_b)| {
                let by_domain = |user: &User| matches!(user.sender, Sender::Domain(_));
                (by_domain(a), !a.default)
                    .cmp(&(by_domain(b), !b.default))
                    .then_with(|| of_a.id.as_str().cmp(of_b.id.as_str()))
            });
            Ok(found)
        })
        .await
    }

    async fn users(&self, account: &AccountId) -> Result<Vec<User>, StoreError> {
        let account = account.to_string();
        self.read(move |db| {
            many(
                db,
                "SELECT doc FROM user WHERE account = ?1 ORDER BY sender",
                [account],
            )
        })
        .await
    }

    async fn user(&self, account: &AccountId, sender: &Sender) -> Result<Option<User>, StoreError> {
        let key = [sender.to_string(), account.to_string()];
        self.look_up(move |db| one(db, USER, key)).await
    }

    async fn save_user(&self, user: &User, audit: &[AuditEntry]) -> Result<(), StoreError> {
        let (user, audit) = (user.clone(), audit.to_vec());
        self.write(move |db| {
            save_user(db, user)?;
            put_audit(db, &audit)?;
            Ok(())
        })
        .await
    }

    async fn delete_user(
        &self,
        account: &AccountId,
        sender: &Sender,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let (account, sender, audit) = (account.clone(), sender.clone(), audit.to_vec());
        self.write(move |db| {
            if delete_user(db, &account, &sender)? {
                put_audit(db, &audit)?;
            }
            Ok(())
        })
        .await
    }

    async fn invited(&self, token_hash: &str) -> Result<Option<User>, StoreError> {
        let token_hash = token_hash.to_owned();
        self.read(move |db| {
            one(
                db,
                "SELECT doc FROM user WHERE token_hash = ?1",
                [token_hash],
            )
        })
        .await
    }

    async fn audit(
        &self,
        account: &AccountId,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let account = account.to_string();
        self.read(move |db| {
            let sql =
                "SELECT doc FROM audit WHERE account = ?1 ORDER BY at DESC, seq DESC LIMIT ?2";
            many(db, sql, params![account, rows(limit)])
        })
        .await
    }
}
