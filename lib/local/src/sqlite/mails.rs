//! Received mails, and forgetting.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use postel_core::model::{AccountId, MailId, MailRecord, MessageKey};
use postel_core::ports::{HANDSET_KEPT, Mails, StoreError};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::document::{doc, many, nanos, one, rows, run};
use super::error::Fault;
use super::ledger::give_up;

/// How long it is remembered when a message was first seen.
const FIRST_SEEN_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// How long a mail of ours that is done with is kept after its `expires_at`, so that its cause does not mail again.
const SETTLED_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

fn put_mail(db: &Connection, record: &MailRecord, doc: &str) -> Result<(), Fault> {
    let received_at = nanos(record.received_at);
    let values = params![record.id.0, received_at, nanos(record.expires_at), doc];
    let sql = "INSERT INTO mail (id, received_at, expires_at, doc) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    if run(db, sql, values)? == 0 {
        let sql = "UPDATE mail SET received_at = ?2, expires_at = ?3, doc = ?4 WHERE id = ?1";
        run(db, sql, values)?;
        let sql = "DELETE FROM mail_account WHERE mail = ?1";
        run(db, sql, [&record.id.0])?;
    }
    for account in &record.accounts {
        run(
            db,
            "INSERT INTO mail_account (account, received_at, mail) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![account.as_str(), received_at, record.id.0],
        )?;
    }
    Ok(())
}

/// What of a row's document leads to it.
#[derive(serde::Deserialize)]
struct Held {
    provider: Option<String>,
    provider_ref: Option<String>,
}

/// Ended rows, with the references they brought.
fn forget_rows(db: &Connection, now: Timestamp, limit: usize) -> Result<usize, Fault> {
    let mut statement = db.prepare_cached(
        "DELETE FROM ledger WHERE rowid IN (SELECT rowid FROM ledger \
         WHERE state NOT IN ('waiting', 'sending') AND expires_at <= ?1 LIMIT ?2) RETURNING id, doc",
    )?;
    let gone: Vec<(String, String)> = statement
        .query_map(params![nanos(now), rows(limit)], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    for (id, doc) in &gone {
        // A document that cannot be read leads nowhere, so nothing leads to its row that anybody asks for.
        if let Ok(Held {
            provider: Some(provider),
            provider_ref: Some(reference),
        }) = serde_json::from_str(doc)
        {
            give_up(db, id, (&provider, &reference))?;
        }
    }
    Ok(gone.len())
}

fn forget(db: &Connection, now: Timestamp, limit: usize) -> Result<usize, Fault> {
    let before = |kept: SignedDuration| nanos(now.checked_sub(kept).unwrap_or(Timestamp::MIN));
    let forget = |sql: &str, until: i64| run(db, sql, params![until, rows(limit)]);
    let mut count = forget(
        "DELETE FROM mail WHERE rowid IN (SELECT rowid FROM mail WHERE expires_at <= ?1 LIMIT ?2)",
        nanos(now),
    )?;
    count += forget_rows(db, now, limit)?;
    count += forget(
        "DELETE FROM counter WHERE name IN (SELECT name FROM counter WHERE expires_at <= ?1 LIMIT ?2)",
        nanos(now),
    )?;
    forget(
        "DELETE FROM first_seen WHERE message IN (SELECT message FROM first_seen WHERE at <= ?1 LIMIT ?2)",
        before(FIRST_SEEN_KEPT),
    )?;
    forget(
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE due IS NULL AND expires_at <= ?1 LIMIT ?2)",
        before(SETTLED_KEPT),
    )?;
    forget(
        "DELETE FROM handset WHERE seq IN (SELECT seq FROM handset WHERE at <= ?1 LIMIT ?2)",
        before(HANDSET_KEPT),
    )?;
    Ok(count)
}

#[async_trait]
impl Mails for SqliteStore {
    async fn put_mail(&self, record: &MailRecord) -> Result<(), StoreError> {
        let (record, doc) = (record.clone(), doc(record)?);
        self.write_checked(move |db| put_mail(db, &record, &doc))
            .await
    }

    async fn mail(&self, id: &MailId) -> Result<Option<MailRecord>, StoreError> {
        let id = id.0.clone();
        self.read(move |db| one(db, "SELECT doc FROM mail WHERE id = ?1", [id]))
            .await
    }

    async fn recent_mails(
        &self,
        account: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<MailRecord>, StoreError> {
        let account = account.map(ToString::to_string);
        self.read(move |db| match account {
            Some(account) => many(
                db,
                "SELECT doc FROM mail_account JOIN mail ON mail.id = mail_account.mail WHERE account = ?1 \
                 ORDER BY mail_account.received_at DESC, mail_account.mail DESC LIMIT ?2",
                params![account, rows(limit)],
            ),
            None => many(db, "SELECT doc FROM mail ORDER BY received_at DESC, id DESC LIMIT ?1", [rows(limit)]),
        })
        .await
    }

    async fn first_seen(&self, key: &MessageKey, now: Timestamp) -> Result<Timestamp, StoreError> {
        let key = key.0.clone();
        self.write(move |db| {
            run(
                db,
                "INSERT INTO first_seen (message, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![key, nanos(now)],
            )?;
            let mut statement =
                db.prepare_cached("SELECT at FROM first_seen WHERE message = ?1")?;
            let at: i64 = statement.query_row([key], |r| r.get(0))?;
            let at = Timestamp::from_nanosecond(i128::from(at));
            Ok(at.map_err(|_| StoreError::Corrupt("a time out of range".to_owned()))?)
        })
        .await
    }

    async fn forget(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.write(move |db| forget(db, now, limit)).await
    }
}
