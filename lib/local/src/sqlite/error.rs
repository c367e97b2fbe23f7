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
    #[error("{path} is not a database of Postel. Choose another path, or move that file away")]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// It was a database of Postel.
    #[error(
        "{path} is damaged ({detail}). Keep a copy of it and of the files beside it, then restore the last backup, or save what can be read with: sqlite3 {path} .recover"
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
    /// What SQLite's error means while opening this file.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, detail) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotOurs { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, detail },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path },
            _ => Self::Unusable { path, detail },
        }
    }
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
        let corrupt = match &e {
            rusqlite::Error::SqliteFailure(e, _) => {
                matches!(e.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            }
            // A value of another type than the schema says.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => true,
            _ => false,
        };
        // SQLite's words name tables and columns, never values.
        let words = e.to_string();
        Self(if corrupt {
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
