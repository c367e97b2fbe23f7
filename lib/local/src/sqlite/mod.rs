//! The SQLite store: everything one machine remembers, in one file.
//!
//! Write-ahead log, every answered change on disk (`synchronous = FULL`), one writing thread that
//! commits many callers' changes together, a few reading connections. The contract is
//! [`postel_core::ports::Store`]; must not know what the rows mean.

pub mod backup;
mod copy;
mod directory;
mod document;
mod error;
mod ledger;
mod mails;
mod migrate;
mod outbox;
mod readers;
pub mod restore;
mod standing;
mod writer;

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postel_core::model::{Account, User};
use postel_core::ports::StoreError;
use rusqlite::{Connection, OpenFlags};

use document::Known;
use error::Fault;
pub use error::OpenError;
use readers::Readers;
pub use standing::Standing;
use writer::Writer;

/// How long another process's lock (a backup, `sqlite3`) is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// The store in one file. Dropping it loses nothing, but waits (blocking) for what was asked; [`SqliteStore::close`] does so without blocking.
pub struct SqliteStore {
    // Dropped first, so that the writer is the last to close the file and folds its log in.
    readers: Arc<Readers>,
    writer: Writer,
    /// What the listings of every mail are made of.
    known: Arc<(Known<User>, Known<Account>)>,
    damaged: AtomicBool,
}

impl SqliteStore {
    /// Opens the file, making it (mode 0600) where there is none and bringing its schema up to date.
    /// Its folder must exist and lie on a local disk. Blocks: for the start of a process.
    ///
    /// # Errors
    /// [`OpenError`] says what to do about it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let unreachable = |source| OpenError::Unreachable {
            path: path.to_owned(),
            source,
        };
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        match options.open(path) {
            // SQLite gives the files beside it the same mode.
            Ok(file) => file
                .set_permissions(Permissions::from_mode(0o600))
                .map_err(unreachable)?,
            Err(e)
                if path.is_file()
                    && matches!(
                        e.kind(),
                        std::io::ErrorKind::PermissionDenied
                            | std::io::ErrorKind::ReadOnlyFilesystem
                    ) =>
            {
                return Err(OpenError::ReadOnly {
                    path: path.to_owned(),
                });
            }
            Err(e) => return Err(unreachable(e)),
        }
        log_is_whole(path)?;
        let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::keep_copy(&db, path)?;
        migrate::migrate(&mut db, path)?;
        let writer = Writer::start(db).map_err(unreachable)?;
        Ok(Self {
            writer,
            readers: Readers::new(path.to_owned()),
            known: Arc::default(),
            damaged: AtomicBool::new(false),
        })
    }

    /// Whether the file, where there is one, is of the schema that this version writes: opening it changes nothing then.
    ///
    /// # Errors
    /// [`OpenError`] says what to do about it.
    pub fn is_current(path: &Path) -> Result<bool, OpenError> {
        if !path.is_file() {
            return Ok(true);
        }
        let version = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|db| db.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0)));
        let version = version.map_err(|e| OpenError::of(path, &e))?;
        Ok(version >= migrate::newest())
    }

    /// Does all that was asked before, folds the log into the file and closes it. Every later call is
    /// [`StoreError::Unavailable`]; closing twice is no error.
    ///
    /// # Errors
    /// [`StoreError`] where the log could not be folded in: nothing is lost, the next start reads it.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.close().await
    }

    /// Commits since it was opened: many changes share one when they come together.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// Whether any call so far has found the file broken: pages that a look at its figures never touches may be.
    fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    fn noted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Corrupt(words)) = &result
            && words.starts_with(error::DAMAGED)
        {
            self.damaged.store(true, Ordering::Relaxed);
        }
        result
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.noted(self.readers.read(work).await)
    }

    async fn look_up<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.noted(self.readers.look_up(work).await)
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.noted(self.writer.write(work).await)
    }

    async fn write_checked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.noted(self.writer.write_checked(work).await)
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStore")
    }
}

/// SQLite passes over a write-ahead log that does not begin as one, and with it over commits that were answered: texts
/// that were sent would wait again.
fn log_is_whole(path: &Path) -> Result<(), OpenError> {
    const MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];
    let log = migrate::beside(path, "-wal");
    let mut begins = [0; 4];
    let read = std::fs::File::open(&log)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut begins));
    if read.is_err() || begins == [0; 4] || MAGIC.contains(&begins) {
        return Ok(());
    }
    Err(OpenError::Damaged {
        path: path.to_owned(),
        detail: format!(
            "{} is not its write-ahead log any more, so its newest changes cannot be read",
            log.display()
        ),
    })
}

/// The connection that writes, with all that the contract asks of the disk.
fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, OpenError> {
    let open = || -> rusqlite::Result<(Connection, String)> {
        let db = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(128);
        let journal = db.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))?;
        // The log is folded into the file every 16 MB: a page that changed often is written once, with one sync.
        db.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048; PRAGMA wal_autocheckpoint = 4000;",
        )?;
        Ok((db, journal))
    };
    let (db, journal) = open().map_err(|e| OpenError::of(path, &e))?;
    // SQLite falls back to reading without a word.
    if db
        .is_readonly("main")
        .map_err(|e| OpenError::of(path, &e))?
    {
        return Err(OpenError::ReadOnly {
            path: path.to_owned(),
        });
    }
    if journal != "wal" {
        let detail = format!("it keeps no write-ahead log ({journal})");
        return Err(OpenError::Unusable {
            path: path.to_owned(),
            detail,
        });
    }
    Ok(db)
}

/// A connection that cannot write.
fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(64);
    db.execute_batch(
        "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -256;",
    )?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_only_be_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postel.db");
        drop(
            connect(
                &path,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            )
            .unwrap(),
        );
        // Whoever runs the tests as root may write any file: so it is opened for reading.
        let error = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap_err();
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    }

    #[test]
    fn a_reading_connection_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postel.db");
        drop(SqliteStore::open(&path).unwrap());
        let db = connect_reader(&path).unwrap();
        assert!(db.execute("DELETE FROM ledger", []).is_err());
    }

    #[test]
    fn the_disk_is_asked_for_what_the_contract_promises() {
        let folder = tempfile::tempdir().unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let db = connect(&folder.path().join("postel.db"), flags).unwrap();
        let pragma = |name: &str| {
            db.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(
            pragma("synchronous"),
            2,
            "FULL: every commit waits for the disk"
        );
        assert_eq!((pragma("foreign_keys"), pragma("secure_delete")), (1, 1));
    }
}
