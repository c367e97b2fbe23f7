//! Rows, limits and opt-outs: the hot path. Documents are written by the caller, so that the one
//! writing thread does nothing but SQL.

use std::borrow::Cow;
use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use postel_core::address::EmailAddress;
use postel_core::ledger::{Reservation, Row, RowId};
use postel_core::model::{AccountId, MailId};
use postel_core::number::PhoneNumber;
use postel_core::ports::{Claim, Ledger, OptOut, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::value::RawValue;

use super::SqliteStore;
use super::document::{doc, many, nanos, one, readable, run};
use super::error::Fault;

const ROW: &str = "SELECT doc FROM ledger WHERE id = ?1";

/// What the table holds of a row beside its document.
struct Columns {
    id: String,
    mail: String,
    account: String,
    user: String,
    number: String,
    state: &'static str,
    due: Option<i64>,
    expires_at: i64,
    doc: String,
}

impl Columns {
    fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.0.clone(),
            mail: row.mail.0.clone(),
            account: row.account.to_string(),
            user: row.user.to_string(),
            number: row.to.as_e164().to_owned(),
            state: row.state.as_str(),
            due: row.due.map(nanos),
            expires_at: nanos(row.expires_at),
            doc: doc(row)?,
        })
    }
}

fn claim(db: &Connection, c: &Columns, reservations: &[Reservation]) -> Result<Claim, Fault> {
    let new = run(
        db,
        "INSERT INTO ledger (id, mail, account, user, number, state, due, expires_at, doc) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
        params![
            c.id,
            c.mail,
            c.account,
            c.user,
            c.number,
            c.state,
            c.due,
            c.expires_at,
            c.doc
        ],
    )?;
    if new == 0 {
        let there: Option<Row> = one(db, ROW, [&c.id])?;
        let there =
            there.ok_or_else(|| StoreError::Corrupt("a row is there and is not".to_owned()))?;
        return Ok(Claim::Already(Box::new(there)));
    }
    for (taken, reservation) in reservations.iter().enumerate() {
        if !take(db, reservation)? {
            for earlier in reservations.iter().take(taken) {
                give_back(db, &earlier.counter, earlier.amount.into())?;
            }
            run(db, "DELETE FROM ledger WHERE id = ?1", [&c.id])?;
            return Ok(Claim::Over(reservation.limit));
        }
    }
    Ok(Claim::New)
}

/// Whether there was room.
fn take(db: &Connection, r: &Reservation) -> Result<bool, Fault> {
    let values = params![r.counter, r.amount, nanos(r.expires_at), r.ceiling];
    // Nearly always the counter is there and lives long enough: changed where it lies, and no index with it.
    let there = "UPDATE counter SET amount = amount + ?2 WHERE name = ?1 AND amount + ?2 <= ?4 AND expires_at >= ?3";
    if run(db, there, values)? == 1 {
        return Ok(true);
    }
    // Without a counter yet, nothing but the amount itself can be too much.
    Ok(r.amount <= r.ceiling
        && run(
            db,
            "INSERT INTO counter (name, amount, expires_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET amount = amount + ?2, expires_at = max(expires_at, ?3) \
             WHERE amount + ?2 <= ?4",
            values,
        )? == 1)
}

fn give_back(db: &Connection, counter: &str, amount: u64) -> Result<(), Fault> {
    let amount = i64::try_from(amount).unwrap_or(i64::MAX);
    let sql = "UPDATE counter SET amount = max(0, amount - ?2) WHERE name = ?1";
    run(db, sql, params![counter, amount])?;
    Ok(())
}

/// How much of each counter these hold.
fn held(reservations: &[Reservation]) -> BTreeMap<&str, u64> {
    let mut held = BTreeMap::new();
    for r in reservations {
        *held.entry(r.counter.as_str()).or_default() += u64::from(r.amount);
    }
    held
}

/// Takes from a row the reference it holds, where it was the first to bring it.
pub(super) fn give_up(
    db: &Connection,
    id: &str,
    (provider, reference): (&str, &str),
) -> Result<(), Fault> {
    let sql = "DELETE FROM reference WHERE provider = ?1 AND reference = ?2 AND row = ?3";
    run(db, sql, [provider, reference, id])?;
    Ok(())
}

/// The first row that brings a reference keeps it.
fn bring(db: &Connection, id: &str, (provider, reference): (&str, &str)) -> Result<(), Fault> {
    let sql = "INSERT INTO reference (provider, reference, row) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    run(db, sql, [provider, reference, id])?;
    Ok(())
}

/// What a change must know of the row that is there: the rest of the document is passed over.
#[derive(serde::Deserialize)]
struct Stored<'a> {
    version: u64,
    #[serde(borrow)]
    provider: Option<Cow<'a, str>>,
    #[serde(borrow)]
    provider_ref: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reservations: &'a RawValue,
}

impl Stored<'_> {
    /// As [`Row::reference`].
    fn reference(&self) -> Option<(&str, &str)> {
        self.provider.as_deref().zip(self.provider_ref.as_deref())
    }

    /// What it holds of the limits, unless the next row holds just the same, as it nearly always does.
    fn reservations_unless_kept(&self, next: &Row) -> Result<Vec<Reservation>, Fault> {
        if serde_json::to_string(&next.reservations)? == self.reservations.get() {
            return Ok(Vec::new());
        }
        Ok(serde_json::from_str(self.reservations.get())?)
    }
}

/// What must be undone of what the stored row holds.
struct Former {
    /// Whether the next row has another reference than it.
    changed: bool,
    reference: Option<(String, String)>,
    reservations: Vec<Reservation>,
}

/// The stored row, where it is of this version.
fn former(db: &Connection, c: &Columns, version: u64, next: &Row) -> Result<Option<Former>, Fault> {
    let mut statement = db.prepare_cached(ROW)?;
    let mut rows = statement.query([&c.id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let doc = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    let stored: Stored<'_> = serde_json::from_str(doc)?;
    if stored.version != version {
        return Ok(None);
    }
    let changed = stored.reference() != next.reference();
    let reference = stored.reference().filter(|_| changed);
    Ok(Some(Former {
        changed,
        reference: reference.map(|(p, r)| (p.to_owned(), r.to_owned())),
        reservations: stored.reservations_unless_kept(next)?,
    }))
}

/// `version` is the one the caller read; the row and its document in the columns are already the next.
fn update(db: &Connection, c: &Columns, version: u64, next: &Row) -> Result<bool, Fault> {
    let Some(former) = former(db, c, version, next)? else {
        return Ok(false);
    };
    if let Some((provider, reference)) = &former.reference {
        give_up(db, &c.id, (provider, reference))?;
    }
    if let Some(reference) = next.reference().filter(|_| former.changed) {
        bring(db, &c.id, reference)?;
    }
    // The other columns are what the row is of: they never change, and their indexes need not be touched.
    run(
        db,
        "UPDATE ledger SET state = ?2, due = ?3, expires_at = ?4, doc = ?5 WHERE id = ?1",
        params![c.id, c.state, c.due, c.expires_at, c.doc],
    )?;
    let keeps = held(&next.reservations);
    for (counter, amount) in held(&former.reservations) {
        let back = amount.saturating_sub(keeps.get(counter).copied().unwrap_or_default());
        if back > 0 {
            give_back(db, counter, back)?;
        }
    }
    Ok(true)
}

/// [`update`] on this connection: `next` is the row as it is to be, `version` the stored one.
pub(super) fn replace(db: &Connection, version: u64, next: &Row) -> Result<bool, Fault> {
    update(db, &Columns::of(next)?, version, next)
}

#[async_trait]
impl Ledger for SqliteStore {
    async fn claim(&self, row: &Row) -> Result<Claim, StoreError> {
        let (columns, reservations) = (Columns::of(row)?, row.reservations.clone());
        self.write_checked(move |db| claim(db, &columns, &reservations))
            .await
    }

    async fn update(&self, row: &Row) -> Result<bool, StoreError> {
        let version = row.version;
        let Some(next) = version.checked_add(1) else {
            return Ok(false);
        };
        let mut row = row.clone();
        row.version = next;
        let columns = Columns::of(&row)?;
        self.write_checked(move |db| update(db, &columns, version, &row))
            .await
    }

    async fn row(&self, id: &RowId) -> Result<Option<Row>, StoreError> {
        let id = id.0.clone();
        self.look_up(move |db| one(db, ROW, [id])).await
    }

    async fn row_by_ref(
        &self,
        provider: &str,
        provider_ref: &str,
    ) -> Result<Option<RowId>, StoreError> {
        let key = [provider.to_owned(), provider_ref.to_owned()];
        self.read(move |db| {
            let sql = "SELECT row FROM reference WHERE provider = ?1 AND reference = ?2";
            let found = db
                .prepare_cached(sql)?
                .query_row(key, |r| r.get(0))
                .optional()?;
            Ok(found.map(RowId))
        })
        .await
    }

    async fn rows_of(&self, mail: &MailId) -> Result<Vec<Row>, StoreError> {
        let mail = mail.0.clone();
        self.read(move |db| {
            many(
                db,
                "SELECT doc FROM ledger WHERE mail = ?1 ORDER BY number",
                [mail],
            )
        })
        .await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.read(move |db| {
            let sql = "SELECT id, doc FROM ledger WHERE due <= ?1 ORDER BY due, id";
            readable(db, sql, [nanos(now)], limit)
        })
        .await
    }

    async fn waiting_of(
        &self,
        account: &AccountId,
        user: &EmailAddress,
    ) -> Result<Vec<Row>, StoreError> {
        let key = [account.to_string(), user.to_string()];
        self.read(move |db| {
            let sql =
                "SELECT doc FROM ledger WHERE account = ?1 AND user = ?2 AND state = 'waiting'";
            many(db, sql, key)
        })
        .await
    }

    async fn counters(&self, names: &[String]) -> Result<Vec<u32>, StoreError> {
        let names = names.to_vec();
        self.look_up(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT coalesce((SELECT amount FROM counter WHERE name = ?1), 0)",
            )?;
            names
                .iter()
                .map(|name| Ok(statement.query_row([name], |r| r.get(0))?))
                .collect()
        })
        .await
    }

    async fn opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
    ) -> Result<Option<OptOut>, StoreError> {
        let key = [account.to_string(), number.as_e164().to_owned()];
        self.look_up(move |db| {
            one(
                db,
                "SELECT doc FROM opt_out WHERE account = ?1 AND number = ?2",
                key,
            )
        })
        .await
    }

    async fn set_opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
        opt_out: Option<&OptOut>,
    ) -> Result<(), StoreError> {
        let (account, number) = (account.to_string(), number.as_e164().to_owned());
        let doc = opt_out.map(doc).transpose()?;
        self.write(move |db| {
            match doc {
                Some(doc) => run(
                    db,
                    "INSERT INTO opt_out (account, number, doc) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET doc = ?3",
                    [account, number, doc],
                )?,
                None => run(db, "DELETE FROM opt_out WHERE account = ?1 AND number = ?2", [account, number])?,
            };
            Ok(())
        })
        .await
    }
}
