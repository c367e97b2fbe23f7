//! Restoring a backup so that nothing is sent twice.
//!
//! What waited when the backup was made may have been sent since: those texts end as `unknown`, and the mails of the
//! spool, the backup's and the present one's, are set aside for a person. What was being sent stays so: the next process
//! looks it up, or calls it unknown. Only where whoever restores says that nothing ran since the backup does it go on.
//! The present database is kept. Must not run beside a process that serves the folder: it takes the spool's lock.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postel_core::ledger::{Row, State};
use rusqlite::{Connection, OpenFlags};

use super::copy;
use super::error::{Fault, OpenError};
use super::migrate::{self, beside};
use crate::spool::{Entry, Spool, SpoolError, failed};

/// A restored database that has not taken its place yet lies under the database's name with this at its end: whoever
/// finds one knows that a restore was interrupted.
pub const INTERRUPTED: &str = ".restored";
/// While it is being made: of no use to anybody else.
const PREPARING: &str = ".restoring";

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made; `None`: the file is a database, but no backup.
    pub at: Option<Timestamp>,
    /// Where the database that was there is kept.
    pub kept: Option<PathBuf>,
    /// Texts that waited and are unknown now.
    pub unknown: usize,
    /// Texts that wait as they did.
    pub waiting: u32,
    /// Texts that were being sent: to be looked up.
    pub sending: u32,
    /// Mails that were set aside.
    pub aside: usize,
}

/// Why nothing was restored; the present database is in its place.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be used.
    #[error("{0}")]
    Backup(#[from] OpenError),
    /// The backup is broken.
    #[error("{path} is damaged ({detail}); nothing was changed. Take an older backup")]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The folder is served, or its spool cannot be used.
    #[error("{0}")]
    Spool(#[from] SpoolError),
    /// A file cannot be written or read.
    #[error("{path} cannot be restored: {detail}")]
    Failed {
        /// The database.
        path: PathBuf,
        /// What the system says.
        detail: String,
    },
}

/// Puts a backup in the place of this database, whose folder must exist.
///
/// # Errors
/// [`RestoreError`] in words for a person.
pub async fn restore(
    from: &Path,
    database: &Path,
    spool: &Path,
    nothing_ran_since: bool,
    now: Timestamp,
) -> Result<Restored, RestoreError> {
    let (spool, pending) = Spool::open(spool)?;
    let made = {
        let (from, database) = (from.to_owned(), database.to_owned());
        let prepare = move || prepare(&from, &database, nothing_ran_since, now);
        tokio::task::spawn_blocking(prepare).await
    };
    let failed = |detail: String| RestoreError::Failed {
        path: database.to_owned(),
        detail,
    };
    let part = beside(database, PREPARING);
    let made = made
        .map_err(|e| failed(e.to_string()))
        .and_then(|made| made);
    let (mut restored, mails) = made.inspect_err(|_| drop(fs::remove_file(&part)))?;
    let why = why(restored.at);
    let mut names = BTreeSet::new();
    for mail in mails {
        if let (true, None, Some(at), Some(header)) =
            (nothing_ran_since, &mail.why, mail.at, &mail.header)
        {
            spool.append(at, header.clone(), mail.raw).await?;
            continue;
        }
        let aside = failed::Aside {
            name: &mail.name,
            at: mail.at,
            since: now,
            why: mail.why.as_deref().unwrap_or(&why),
            header: mail.header.as_deref(),
            octets: &mail.raw,
        };
        failed::put(spool.path(), &aside).map_err(|e| SpoolError::from(&e))?;
        names.insert(mail.name);
    }
    for entry in pending {
        let (ticket, damaged) = match entry {
            Entry::Mail { ticket, .. } => (ticket, None),
            Entry::Damaged { ticket, octets, .. } => (ticket, Some(octets)),
        };
        names.insert(spool.set_aside(ticket, damaged, now, &why).await?);
    }
    // One that is in the backup and in the folder is one mail.
    restored.aside = names.len();
    let stamp = now.strftime("%Y%m%dT%H%M%S%.3fZ");
    let kept = beside(database, &format!(".before-restore-{stamp}"));
    restored.kept = swap(database, &kept).map_err(|e| failed(e.to_string()))?;
    Ok(restored)
}

fn of(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "an unknown time".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

fn why(at: Option<Timestamp>) -> String {
    format!(
        "the database was restored from a backup of {}: its texts may have been sent since",
        of(at)
    )
}

/// The present database steps aside, the restored one takes its place. Interrupted anywhere, the restored one's name
/// tells.
fn swap(database: &Path, kept: &Path) -> io::Result<Option<PathBuf>> {
    copy::put_in_place(&beside(database, PREPARING), &beside(database, INTERRUPTED))?;
    // The log first: beside the restored file it would be read as its own.
    let mut moved = None;
    for ending in ["-wal", "-shm", ""] {
        match fs::rename(beside(database, ending), beside(kept, ending)) {
            Ok(()) => moved = Some(kept.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    copy::sync_folder_of(database)?;
    copy::put_in_place(&beside(database, INTERRUPTED), database)?;
    Ok(moved)
}

/// A mail of the backup's spool.
struct Mail {
    name: String,
    at: Option<Timestamp>,
    why: Option<String>,
    header: Option<Vec<u8>>,
    raw: Vec<u8>,
}

/// Makes the database that is to take the place, beside it: checked, upgraded, with nothing in it that goes out by itself.
fn prepare(
    from: &Path,
    database: &Path,
    nothing_ran_since: bool,
    now: Timestamp,
) -> Result<(Restored, Vec<Mail>), RestoreError> {
    let unreadable = |e: rusqlite::Error| OpenError::of(from, &e);
    let failed = |detail: String| RestoreError::Failed {
        path: database.to_owned(),
        detail,
    };
    let broken = |e: rusqlite::Error| failed(e.to_string());
    fs::metadata(from).map_err(|source| OpenError::Unreachable {
        path: from.to_owned(),
        source,
    })?;
    super::log_is_whole(from)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let backup = Connection::open_with_flags(from, flags).map_err(unreadable)?;
    migrate::known(&backup, from)?;
    let damaged = |detail: String| RestoreError::Damaged {
        path: from.to_owned(),
        detail,
    };
    let faults = copy::faults(&backup, true).map_err(|e| damaged(e.to_string()))?;
    if !faults.is_empty() {
        return Err(damaged(faults.join("; ")));
    }
    let part = beside(database, PREPARING);
    let mut db = copy::to_new_file(&backup, &part).map_err(|e| failed(e.to_string()))?;
    drop(backup);
    migrate::migrate(&mut db, &part)?;
    let (at, mails) = spooled(&db).map_err(broken)?;
    db.execute_batch("DROP TABLE IF EXISTS backup; DROP TABLE IF EXISTS backup_spool;")
        .map_err(broken)?;
    let unknown = if nothing_ran_since {
        0
    } else {
        end_waiting(&mut db, at, now).map_err(|fault| failed(fault.0.to_string()))?
    };
    let count = |state: &str| {
        let sql = "SELECT count(*) FROM ledger WHERE state = ?1";
        db.query_row(sql, [state], |r| r.get(0)).map_err(broken)
    };
    let restored = Restored {
        at,
        kept: None,
        unknown,
        waiting: count("waiting")?,
        sending: count("sending")?,
        aside: 0,
    };
    drop(db);
    Ok((restored, mails))
}

/// When the backup was made, and its mails.
fn spooled(db: &Connection) -> rusqlite::Result<(Option<Timestamp>, Vec<Mail>)> {
    let time = |nanos: i64| Timestamp::from_nanosecond(i128::from(nanos)).ok();
    if !db.table_exists(None, "backup_spool")? {
        return Ok((None, Vec::new()));
    }
    let at = db.query_row("SELECT at FROM backup", [], |r| r.get(0))?;
    let mut statement =
        db.prepare("SELECT name, at, why, header, raw FROM backup_spool ORDER BY at, name")?;
    let mails = statement.query_map([], |r| {
        Ok(Mail {
            name: r.get(0)?,
            at: r.get::<_, Option<i64>>(1)?.and_then(time),
            why: r.get(2)?,
            header: r.get(3)?,
            raw: r.get(4)?,
        })
    })?;
    Ok((time(at), mails.collect::<Result<_, _>>()?))
}

/// What waited may have been sent since: it ends as unknown, and its senders are told by the next process. One that cannot be
/// read is never sent anyway.
fn end_waiting(db: &mut Connection, at: Option<Timestamp>, now: Timestamp) -> Result<usize, Fault> {
    let note = format!(
        "restored from a backup of {}: it may have been sent since, so it is not sent again",
        of(at)
    );
    let change = db.transaction()?;
    let sql = "SELECT id, doc FROM ledger WHERE state = 'waiting'";
    let waiting: Vec<Row> = super::document::readable(&change, sql, [], usize::MAX)?;
    for row in &waiting {
        let mut next = row.clone();
        next.enter(State::Unknown, Some(now), now, note.clone());
        next.version += 1;
        super::ledger::replace(&change, row.version, &next)?;
    }
    change.commit()?;
    Ok(waiting.len())
}
