//! What stands in the ledger and the outbox at this moment, for figures: read every few seconds, so each query is
//! one short walk of an index. Must not know who reads it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postel_core::ports::StoreError;
use rusqlite::Connection;

use super::SqliteStore;
use super::document::nanos;
use super::error::Fault;

/// How long a text of unknown outcome is news.
const UNKNOWN_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Figures of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Texts that wait.
    pub waiting: u64,
    /// Age of the oldest of them since its mail was received; zero where none waits.
    pub oldest_waiting: Duration,
    /// How long the most overdue row has been due; zero where none is.
    pub overdue: Duration,
    /// Texts of the last 24 hours whose outcome is unknown.
    pub unknown: u64,
    /// Mails of our own that have not left.
    pub own_mails: u64,
}

const WAITING: &str = "SELECT count(*), min(mail) FROM ledger WHERE state = 'waiting'";
const OVERDUE: &str = "SELECT min(due) FROM ledger WHERE due IS NOT NULL";
const UNKNOWN: &str = "SELECT count(*) FROM ledger WHERE state = 'unknown' AND mail >= ?1";
const OWN_MAILS: &str = "SELECT count(*) FROM outbox WHERE due IS NOT NULL";

impl SqliteStore {
    /// What stands now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the database does not answer. [`StoreError::Corrupt`]: its file was found broken, now
    /// or by an earlier call.
    pub async fn standing(&self, now: Timestamp) -> Result<Standing, StoreError> {
        if self.is_damaged() {
            return Err(StoreError::Corrupt(super::error::DAMAGED.to_owned()));
        }
        self.read(move |db| standing(db, now)).await
    }
}

fn standing(db: &Connection, now: Timestamp) -> Result<Standing, Fault> {
    let count = |n: i64| u64::try_from(n).unwrap_or_default();
    let (waiting, oldest): (i64, Option<String>) = db
        .prepare_cached(WAITING)?
        .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let due: Option<i64> = db.prepare_cached(OVERDUE)?.query_row([], |r| r.get(0))?;
    let since = mail_ids_from(now.checked_sub(UNKNOWN_FOR).unwrap_or(now));
    let unknown = db
        .prepare_cached(UNKNOWN)?
        .query_row([since], |r| r.get(0))?;
    let own_mails = db.prepare_cached(OWN_MAILS)?.query_row([], |r| r.get(0))?;
    let overdue = due.map_or(0, |due| nanos(now).saturating_sub(due));
    Ok(Standing {
        waiting: count(waiting),
        oldest_waiting: oldest.map_or(Duration::ZERO, |mail| age(&mail, now)),
        overdue: Duration::from_nanos(count(overdue)),
        unknown: count(unknown),
        own_mails: count(own_mails),
    })
}

/// How long ago the mail of this id was received: ids are UUIDs of version 7, which begin with the milliseconds
/// since 1970 (RFC 9562 5.7). None where it is no such id.
fn age(mail: &str, now: Timestamp) -> Duration {
    let digits: String = mail.chars().filter(|c| *c != '-').take(12).collect();
    let received = i64::from_str_radix(&digits, 16)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    received
        .and_then(|at| now.duration_since(at).try_into().ok())
        .unwrap_or_default()
}

/// The least id of mails that are received from then on.
fn mail_ids_from(at: Timestamp) -> String {
    let digits = format!("{:012x}", at.as_millisecond().max(0));
    let (high, low) = digits.split_at(8);
    format!("{high}-{low}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn insert(db: &Connection, id: &str, received: Timestamp, state: &str, due: Option<Timestamp>) {
        db.execute(
            "INSERT INTO ledger (id, mail, account, user, number, state, due, expires_at, doc) \
             VALUES (?1, ?2, 'acme', 'u', 'n', ?3, ?4, 0, '{}')",
            rusqlite::params![
                id,
                format!("{}-7000-8000-000000000000", mail_ids_from(received)),
                state,
                due.map(nanos)
            ],
        )
        .unwrap();
    }

    #[tokio::test]
    async fn figures_are_those_of_the_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postel.db");
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.standing(at(0)).await.unwrap(), Standing::default());

        let db = Connection::open(&path).unwrap();
        let day = 86_400;
        insert(&db, "a", at(-600), "waiting", Some(at(-60)));
        insert(&db, "b", at(-30), "waiting", Some(at(30)));
        insert(&db, "c", at(-day - 1), "unknown", None);
        insert(&db, "d", at(-day + 1), "unknown", Some(at(day)));
        insert(&db, "e", at(-900), "sent", Some(at(day)));
        let standing = store.standing(at(0)).await.unwrap();
        let expected = Standing {
            waiting: 2,
            oldest_waiting: Duration::from_secs(600),
            overdue: Duration::from_secs(60),
            unknown: 1,
            own_mails: 0,
        };
        assert_eq!(standing, expected);
    }

    /// A walk over the ledger itself would hold up every other reader of a full one.
    #[test]
    fn every_figure_comes_from_an_index_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postel.db");
        drop(SqliteStore::open(&path).unwrap());
        let db = Connection::open(&path).unwrap();
        for (sql, index) in [
            (WAITING, "USING COVERING INDEX ledger_waiting"),
            (OVERDUE, "USING COVERING INDEX ledger_due"),
            (UNKNOWN, "USING COVERING INDEX ledger_unknown"),
            (OWN_MAILS, "USING COVERING INDEX outbox_due"),
        ] {
            let explain = format!("EXPLAIN QUERY PLAN {}", sql.replace("?1", "'x'"));
            let plan: String = db.query_row(&explain, [], |r| r.get("detail")).unwrap();
            assert!(plan.contains(index), "{sql}: {plan}");
        }
    }

    #[test]
    fn an_id_of_another_kind_has_no_age() {
        for id in ["", "mail-1", "zz"] {
            assert_eq!(age(id, at(0)), Duration::ZERO, "{id}");
        }
    }
}
