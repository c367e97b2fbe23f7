//! Values as JSON documents, times as numbers: what all tables have in common.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use postel_core::ports::StoreError;
use rusqlite::{Connection, Params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Fault;

/// The document of a value.
pub(super) fn doc<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| Fault::from(e).0)
}

/// The value of the first column of the one row, where there is one.
pub(super) fn one<T: DeserializeOwned>(
    db: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Option<T>, Fault> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        // Read where it lies, without a copy of the whole document.
        Some(row) => Ok(Some(serde_json::from_str(
            row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
        )?)),
        None => Ok(None),
    }
}

/// The values of the first column of all rows.
pub(super) fn many<T: DeserializeOwned>(
    db: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, Fault> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(serde_json::from_str(
            row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
        )?);
    }
    Ok(found)
}

/// The first `limit` values of all rows of a query for `id, doc`, as a queue wants them: one that cannot be understood
/// is logged and passed over, so that it does not block those behind it.
pub(super) fn readable<T: DeserializeOwned>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    limit: usize,
) -> Result<Vec<T>, Fault> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let doc = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        match serde_json::from_str(doc) {
            Ok(value) => found.push(value),
            Err(error) => {
                let (id, Fault(error)) = (row.get::<_, String>(0)?, error.into());
                tracing::error!(row = %id, %error, "alarm: passed over; restore it from a backup, or delete it");
            }
        }
    }
    Ok(found)
}

/// So many at most.
const KNOWN: usize = 256;

/// Values of documents that are read again and again and seldom change: parsing one takes longer than finding it. The
/// document that is stored now is always what counts.
pub(super) struct Known<T>(Mutex<HashMap<String, T>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + DeserializeOwned> Known<T> {
    /// The value of this document.
    pub(super) fn value(&self, doc: &str) -> Result<T, Fault> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(doc) {
            return Ok(value.clone());
        }
        let value: T = serde_json::from_str(doc)?;
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(doc.to_owned(), value.clone());
        Ok(value)
    }
}

/// Runs a statement; how many rows it changed.
pub(super) fn run(db: &Connection, sql: &str, params: impl Params) -> Result<usize, Fault> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// Nanoseconds since 1970; beyond 64 bits (years before 1677 and after 2262) the nearest that fits.
pub(super) fn nanos(at: Timestamp) -> i64 {
    let end = if at < Timestamp::UNIX_EPOCH {
        i64::MIN
    } else {
        i64::MAX
    };
    i64::try_from(at.as_nanosecond()).unwrap_or(end)
}

/// A limit as SQL takes it.
pub(super) fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_order_to_both_ends() {
        let times = [
            Timestamp::MIN,
            Timestamp::UNIX_EPOCH,
            Timestamp::from_nanosecond(1).unwrap(),
            Timestamp::MAX,
        ];
        assert_eq!(times.map(nanos), [i64::MIN, 0, 1, i64::MAX]);
    }

    #[test]
    fn a_broken_document_is_told_without_its_content() {
        let db = Connection::open_in_memory().unwrap();
        let Err(Fault(error)) = one::<u32>(&db, "SELECT '\"ann@example.com\"'", []) else {
            unreachable!()
        };
        assert!(matches!(error, StoreError::Corrupt(_)));
        assert!(!error.to_string().contains("ann"), "{error}");
    }
}
