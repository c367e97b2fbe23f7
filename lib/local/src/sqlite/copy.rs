//! Whole copies of a database, by SQLite's online backup: consistent whatever is written meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

/// Waits for a lock between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// How often a lock is waited for.
const TRIES: u32 = 200;

/// Copies all of a database into a file made for it (mode 0600; what was there is replaced), which keeps no log beside
/// it. Not yet synced.
pub(super) fn to_new_file(from: &Connection, to: &Path) -> Result<Connection, CopyError> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(to)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(to, flags)?;
    let backup = Backup::new(from, &mut copy)?;
    let mut tries = 0;
    // All at once: in pieces it would begin again with each commit of another process.
    while !matches!(backup.step(-1)?, StepResult::Done) {
        tries += 1;
        if tries == TRIES {
            return Err(io::Error::from(io::ErrorKind::ResourceBusy).into());
        }
        std::thread::park_timeout(PAUSE);
    }
    drop(backup);
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(copy)
}

/// Gives a closed file its name, durably.
pub(super) fn put_in_place(part: &Path, to: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, to)?;
    sync_folder_of(to)
}

/// Makes the names in the folder of this file durable.
pub(super) fn sync_folder_of(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|f| !f.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// What SQLite finds wrong with a whole file; nothing: it is sound.
pub(super) fn faults(db: &Connection, thorough: bool) -> rusqlite::Result<Vec<String>> {
    let check = if thorough { "integrity" } else { "quick" };
    let mut statement = db.prepare(&format!("PRAGMA {check}_check(20)"))?;
    let lines = statement.query_map([], |r| r.get::<_, String>(0))?;
    let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

/// Why a copy could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
}
