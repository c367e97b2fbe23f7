//! The schema's versions, in order. A step that was released is never changed: the next change is a new file.

use std::path::Path;

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
