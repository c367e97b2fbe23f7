//! What can go wrong with the file, in words for whoever has to mend it. Must not know what is stored.

use std::path::{Path, PathBuf};

use postel_core::ports::StoreError;
use rusqlite::ErrorCode;

/// Why the database cannot be opened. Each says what to do; none goes away by itself but [`OpenError::InUse`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or reached.
    #[error(
        "cannot open {path}: {source}. Check that its folder exists and that this user may write there"
    )]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file can be read but not written.
    #[error(
        "{path} cannot be written. Check the owner and the rights of the file and its folder, and that the disk is not mounted read-only"
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// It is no database, or another program's.
    #[error(
        "{path} is not a database of Postel. Choose another path, or move that file away. If it was one, it is damaged: keep a copy, then restore the last backup (postel restore FILE)"
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// It was a database of Postel.
    #[error(
        "{path} is damaged ({detail}). The way back is the last backup: postel restore FILE; it keeps this file aside. What came after that backup is lost from the ledger. Without a backup, save what can be read with: sqlite3 {path} .recover"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A newer version wrote it.
    #[error(
        "{path} was written by a newer Postel (schema {found}; this one knows {known}). Start that version, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema's version.
        found: i64,
        /// The newest this version knows.
        known: i64,
    },
    /// Another process holds it.
    #[error("{path} is held by another process. Stop that one first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The disk has no room.
    #[error(
        "there is no room left on the disk of {path}: free some, then start again. Nothing is lost by that"
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The copy that is kept before an upgrade cannot be made.
    #[error(
        "{path} must be upgraded from schema {found} to {known}, but the copy kept before that cannot be written to {copy}: {detail}. Make room for it, then start again; nothing was changed"
    )]
    NoCopy {
        /// The file.
        path: PathBuf,
        /// Where the copy goes.
        copy: PathBuf,
        /// The schema's version.
        found: i64,
        /// The version it must have.
        known: i64,
        /// What the system says.
        detail: String,
    },
    /// Anything else: memory, a file system without locks or shared memory.
    #[error(
        "{path} cannot be used as a database: {detail}. It must lie on a local disk, not on a network share"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
}

impl OpenError {
    /// Whether the file itself is broken.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::NotOurs { .. })
    }

    /// What SQLite's error means while opening this file.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, detail) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotOurs { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, detail },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            _ if no_room_beside(&path) => Self::Full { path },
            _ => Self::Unusable { path, detail },
        }
    }
}

/// Whether the folder of this file has no room for another: SQLite calls that by several names.
fn no_room_beside(path: &Path) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(".room");
    let tried = std::fs::write(&name, [0; 64 * 1024]);
    // Where it could not be made there is none.
    drop(std::fs::remove_file(&name));
    tried.is_err_and(|e| {
        matches!(
            e.kind(),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
        )
    })
}

/// Begins the words of an error that says that the file itself is broken, not one document in it.
pub(super) const DAMAGED: &str = "the file is damaged";

fn is_damage(e: &rusqlite::Error) -> bool {
    matches!(
        e.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// [`StoreError`], made by `?` from what SQLite and JSON say.
pub(super) struct Fault(pub(super) StoreError);

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Self {
        Self(e)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        // A value of another type than the schema says.
        let corrupt = matches!(
            e,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        );
        // SQLite's words name tables and columns, never values.
        let words = e.to_string();
        Self(if is_damage(&e) {
            StoreError::Corrupt(format!("{DAMAGED}: {words}"))
        } else if corrupt {
            StoreError::Corrupt(words)
        } else {
            StoreError::Unavailable(words)
        })
    }
}

impl From<serde_json::Error> for Fault {
    fn from(e: serde_json::Error) -> Self {
        // Its words would quote the value: only the place is told.
        Self(StoreError::Corrupt(format!(
            "a document, line {} column {}",
            e.line(),
            e.column()
        )))
    }
}
