//! The schema's versions, in order. A step that was released is never changed: the next change is a new file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;

/// What leads from each version (`PRAGMA user_version`) to the next.
const STEPS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
];

/// `Post`: tells our files from other programs' (`PRAGMA application_id`).
const APPLICATION: i64 = 0x506f_7374;

/// The newest version this code knows.
pub(super) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Keeps a copy of a database that must be upgraded as `FILE.vN` beside it: the way back to the version before. A copy
/// of the same version from an interrupted upgrade is replaced.
pub(super) fn keep_copy(db: &Connection, path: &Path) -> Result<(), OpenError> {
    let number = |db: &Connection, sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0));
    let failed = |e: rusqlite::Error| OpenError::of(path, &e);
    let found = number(db, "PRAGMA user_version").map_err(failed)?;
    let ours = number(db, "PRAGMA application_id").map_err(failed)? == APPLICATION;
    if !ours || found <= 0 || found >= newest() {
        return Ok(());
    }
    let copy = beside(path, &format!(".v{found}"));
    let no_copy = |detail: String| OpenError::NoCopy {
        path: path.to_owned(),
        copy: copy.clone(),
        found,
        known: newest(),
        detail,
    };
    let part = beside(path, &format!(".v{found}.part"));
    let written = super::copy::to_new_file(db, &part).map_err(|e| no_copy(e.to_string()))?;
    // Another process may have been faster: then the copy is of the new version, and the right one is there.
    let version = number(&written, "PRAGMA user_version").map_err(failed)?;
    drop(written);
    let kept = if version == found {
        super::copy::put_in_place(&part, &copy)
    } else {
        std::fs::remove_file(&part)
    };
    kept.map_err(|e| no_copy(e.to_string()))?;
    tracing::warn!(from = found, to = newest(), copy = %copy.display(), "the database is upgraded; a copy of it as it was is kept: delete it once all is well");
    Ok(())
}

/// Whether this is a database of ours, of a version that this code knows; changes nothing.
pub(super) fn known(db: &Connection, path: &Path) -> Result<(), OpenError> {
    let number = |sql: &str| {
        db.query_row(sql, [], |r| r.get::<_, i64>(0))
            .map_err(|e| OpenError::of(path, &e))
    };
    if number("PRAGMA application_id")? != APPLICATION {
        return Err(OpenError::NotOurs {
            path: path.to_owned(),
        });
    }
    match number("PRAGMA user_version")? {
        found if found > newest() => Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: newest(),
        }),
        _ => Ok(()),
    }
}

/// The path with this at its end.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Brings the file to the newest version, or leaves it as it was.
pub(super) fn migrate(db: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |e: rusqlite::Error| OpenError::of(path, &e);
    let number = |db: &Connection, sql: &str| {
        db.query_row(sql, [], |r| r.get::<_, i64>(0))
            .map_err(failed)
    };

    let step = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let found = number(&step, "PRAGMA user_version")?;
    let tables = number(&step, "SELECT count(*) FROM sqlite_schema")?;
    let application = number(&step, "PRAGMA application_id")?;
    if tables > 0 && application != APPLICATION {
        return Err(OpenError::NotOurs {
            path: path.to_owned(),
        });
    }
    if found > newest() {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: newest(),
        });
    }
    if found == newest() {
        return Ok(());
    }
    let done = usize::try_from(found).map_err(|_| OpenError::Damaged {
        path: path.to_owned(),
        detail: format!("schema {found}"),
    })?;
    for sql in STEPS.iter().skip(done) {
        step.execute_batch(sql).map_err(failed)?;
    }
    step.pragma_update(None, "application_id", APPLICATION)
        .map_err(failed)?;
    step.pragma_update(None, "user_version", newest())
        .map_err(failed)?;
    step.commit().map_err(failed)
}
