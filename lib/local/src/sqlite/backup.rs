//! Backups: one file that holds the database and the mails of the spool that were accepted and not yet entered.
//!
//! It is a database like the one it is made from, with two tables more: `backup` (when) and `backup_spool` (mails). The
//! spool is looked at first, so that a mail on its way into the database is in the one or the other; in both does no
//! harm, as its rows are known by their ids. Raw mails that are done with are not in it, nor is the configuration.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::copy::{self, CopyError};
use super::error::OpenError;
use super::migrate::beside;
use crate::spool::{self, failed};

const TABLES: &str = "CREATE TABLE backup (at INTEGER NOT NULL) STRICT;
CREATE TABLE backup_spool (
    name   TEXT PRIMARY KEY,
    at     INTEGER, -- when it was accepted
    why    TEXT, -- it was set aside
    since  INTEGER,
    header BLOB,
    raw    BLOB NOT NULL
) STRICT;";

/// What was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Octets of the file.
    pub octets: u64,
    /// Mails of the spool in it, those that were set aside counted.
    pub mails: usize,
    /// Texts that wait or are being sent.
    pub open: u32,
}

/// Why there is no backup. The file asked for is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is one.
    #[error("{0} exists. Name another file, or write over it with --overwrite")]
    Exists(PathBuf),
    /// The database cannot be read.
    #[error("{0}")]
    Database(#[from] OpenError),
    /// What was read is not sound.
    #[error(
        "the copy of {path} is damaged, because {path} is: {detail}. It was not kept; keep your last backup. `postel check database` says more"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A file cannot be written or read.
    #[error("the backup {path} cannot be made: {detail}")]
    Failed {
        /// The backup.
        path: PathBuf,
        /// What the system says.
        detail: String,
    },
}

/// Writes a backup of this database and this spool, which may both be in use by another process. It is sound, on disk
/// and readable by its owner alone (0600) when this returns, or not there. Blocks.
///
/// # Errors
/// [`BackupError`] in words for a person.
pub fn back_up(
    database: &Path,
    spool: &Path,
    to: &Path,
    overwrite: bool,
    now: Timestamp,
) -> Result<Kept, BackupError> {
    if !overwrite && to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let part = beside(to, ".part");
    let kept = write(database, spool, &part, now);
    let kept = kept.and_then(|kept| {
        copy::put_in_place(&part, to).map_err(CopyError::from)?;
        Ok(kept)
    });
    kept.map_err(|fault| {
        // What is left of a copy that failed is of no use; where it cannot be deleted it says itself what it is.
        drop(std::fs::remove_file(&part));
        match fault {
            Fault::Source(error) => error.into(),
            Fault::Damaged(detail) => BackupError::Damaged {
                path: database.to_owned(),
                detail,
            },
            Fault::Copy(error) => BackupError::Failed {
                path: to.to_owned(),
                detail: error.to_string(),
            },
        }
    })
}

enum Fault {
    Source(OpenError),
    Damaged(String),
    Copy(CopyError),
}

impl<E: Into<CopyError>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Copy(error.into())
    }
}

fn write(database: &Path, spool: &Path, part: &Path, now: Timestamp) -> Result<Kept, Fault> {
    let source = |e: &rusqlite::Error| Fault::Source(OpenError::of(database, e));
    // What is not there must not be made by looking.
    std::fs::metadata(database)?;
    let pending = spool::pending(spool)?;
    let aside = failed::list(spool)?;
    let from = super::connect_reader(database).map_err(|e| source(&e))?;
    super::migrate::known(&from, database).map_err(Fault::Source)?;
    let db = copy::to_new_file(&from, part).map_err(|error| match error {
        CopyError::Database(e) if OpenError::of(database, &e).is_damage() => source(&e),
        other => Fault::Copy(other),
    })?;
    drop(from);
    let nanos = |at: Timestamp| super::document::nanos(at);
    db.execute_batch("BEGIN; DROP TABLE IF EXISTS backup; DROP TABLE IF EXISTS backup_spool;")?;
    db.execute_batch(TABLES)?;
    db.execute("INSERT INTO backup VALUES (?1)", [nanos(now)])?;
    let put = "INSERT OR REPLACE INTO backup_spool (name, at, why, since, header, raw) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for mail in &aside {
        let raw = failed::octets(spool, mail)?;
        let (at, since) = (mail.at.map(nanos), nanos(mail.since));
        db.execute(
            put,
            params![mail.name, at, mail.why, since, mail.header, raw],
        )?;
    }
    for mail in &pending {
        let stored = mail.read()?;
        let values = params![
            mail.name,
            nanos(stored.at),
            None::<String>,
            None::<i64>,
            stored.header,
            stored.raw
        ];
        db.execute(put, values)?;
    }
    db.execute_batch("COMMIT")?;
    let faults = copy::faults(&db, false)?;
    if !faults.is_empty() {
        return Err(Fault::Damaged(faults.join("; ")));
    }
    let open = "SELECT count(*) FROM ledger WHERE state IN ('waiting', 'sending')";
    let open = db.query_row(open, [], |r| r.get(0))?;
    drop(db);
    Ok(Kept {
        octets: std::fs::metadata(part)?.len(),
        mails: aside.len() + pending.len(),
        open,
    })
}

/// What SQLite, and reading its documents as JSON, find wrong with a database that may be in use. Nothing: it is sound.
/// Reads all of it.
///
/// # Errors
/// [`OpenError`] where it cannot be opened, or is none.
pub fn faults(database: &Path) -> Result<Vec<String>, OpenError> {
    let failed = |e: rusqlite::Error| OpenError::of(database, &e);
    super::log_is_whole(database)?;
    let db = super::connect_reader(database).map_err(failed)?;
    super::migrate::known(&db, database)?;
    let mut faults = match copy::faults(&db, true) {
        Ok(faults) => faults,
        Err(error) if OpenError::of(database, &error).is_damage() => {
            return Ok(vec![error.to_string()]);
        }
        Err(error) => return Err(failed(error)),
    };
    if faults.is_empty() {
        for table in [
            "account", "user", "audit", "ledger", "mail", "opt_out", "outbox",
        ] {
            let unreadable = unreadable(&db, table).map_err(failed)?;
            if unreadable > 0 {
                faults.push(format!("{unreadable} rows of {table} cannot be read"));
            }
        }
    }
    Ok(faults)
}

fn unreadable(db: &Connection, table: &str) -> rusqlite::Result<u32> {
    let sql = format!("SELECT count(*) FROM {table} WHERE NOT json_valid(doc)");
    db.query_row(&sql, [], |r| r.get(0))
}
