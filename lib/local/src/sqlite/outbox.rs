//! Mails of our own, and the simulated phone. A mail's bytes stand beside its document, not in it.

use async_trait::async_trait;
use jiff::Timestamp;
use postel_core::model::{HandsetText, OutgoingMail};
use postel_core::ports::{Handset, Outbox, StoreError};
use rusqlite::{Connection, Params, params};

use super::SqliteStore;
use super::document::{doc, many, nanos, readable, rows, run};
use super::error::Fault;

/// The document: the mail without its bytes.
fn head(mail: &OutgoingMail) -> Result<String, StoreError> {
    doc(&OutgoingMail {
        raw: Vec::new(),
        ..mail.clone()
    })
}

/// The mails of a query for `doc, raw`.
fn mails(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<OutgoingMail>, Fault> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let doc: String = row.get(0)?;
        found.push(OutgoingMail {
            raw: row.get(1)?,
            ..serde_json::from_str(&doc)?
        });
    }
    Ok(found)
}

fn take_due(
    db: &Connection,
    now: i64,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<OutgoingMail>, Fault> {
    let sql = "SELECT id, doc FROM outbox WHERE due <= ?1 ORDER BY due, seq";
    let mut taken: Vec<OutgoingMail> = readable(db, sql, [now], limit)?;
    // Lent: not due again before `until`.
    for mail in &mut taken {
        mail.due = Some(until);
        let mut raw = db.prepare_cached("SELECT raw FROM outbox WHERE id = ?1")?;
        let sql = "UPDATE outbox SET due = ?2, doc = ?3 WHERE id = ?1";
        run(db, sql, params![mail.id, nanos(until), head(mail)?])?;
        mail.raw = raw.query_row([&mail.id], |r| r.get(0))?;
    }
    Ok(taken)
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn post(&self, mail: &OutgoingMail) -> Result<(), StoreError> {
        let (mail, head) = (mail.clone(), head(mail)?);
        self.write(move |db| {
            run(
                db,
                "INSERT INTO outbox (id, due, expires_at, raw, doc) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                params![mail.id, mail.due.map(nanos), nanos(mail.expires_at), mail.raw, head],
            )?;
            Ok(())
        })
        .await
    }

    async fn take_due(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutgoingMail>, StoreError> {
        self.write(move |db| take_due(db, nanos(now), until, limit))
            .await
    }

    async fn settle(&self, mail: &OutgoingMail) -> Result<(), StoreError> {
        let (mail, head) = (mail.clone(), head(mail)?);
        self.write(move |db| {
            run(
                db,
                "INSERT INTO outbox (id, due, expires_at, raw, doc) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (id) DO UPDATE SET due = ?2, expires_at = ?3, raw = ?4, doc = ?5",
                params![
                    mail.id,
                    mail.due.map(nanos),
                    nanos(mail.expires_at),
                    mail.raw,
                    head
                ],
            )?;
            Ok(())
        })
        .await
    }

    async fn outbox(&self, limit: usize) -> Result<Vec<OutgoingMail>, StoreError> {
        self.read(move |db| {
            mails(
                db,
                "SELECT doc, raw FROM outbox ORDER BY seq DESC LIMIT ?1",
                [rows(limit)],
            )
        })
        .await
    }
}

#[async_trait]
impl Handset for SqliteStore {
    async fn arrive(&self, text: &HandsetText) -> Result<(), StoreError> {
        let (at, doc) = (nanos(text.at), doc(text)?);
        self.write(move |db| {
            run(
                db,
                "INSERT INTO handset (at, doc) VALUES (?1, ?2)",
                params![at, doc],
            )?;
            Ok(())
        })
        .await
    }

    async fn texts(&self, limit: usize) -> Result<Vec<HandsetText>, StoreError> {
        self.read(move |db| {
            many(
                db,
                "SELECT doc FROM handset ORDER BY at DESC, seq DESC LIMIT ?1",
                [rows(limit)],
            )
        })
        .await
    }
}
