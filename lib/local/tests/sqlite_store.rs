//! SQLite against the suite for stores, and what only a file can do: last, break, age.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::SignedDuration;
use postel_core::ledger::{LimitKind, Reservation, Row, RowId};
use postel_core::model::{MessageKey, OutgoingMail};
use postel_core::ports::{Claim, Ledger as _, Mails as _, Outbox as _, Store};
use postel_local::sqlite::{OpenError, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

async fn make() -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("postel.db")).unwrap();
    (Arc::new(store), folder)
}

postel_core::store_conformance!(make);

/// A waiting row that takes one part of each of four counters.
fn row(n: u32) -> Row {
    let time = "2026-01-01T00:00:00Z";
    let mut row: Row = serde_json::from_value(serde_json::json!({
        "id": format!("{n:064}"), "version": 0, "mail": "m", "account": "acme", "user": "ann@example.com",
        "to": format!("+336{n:08}"), "text": "Les pompiers sont en route.", "encoding": "GSM-7", "parts": 1,
        "truncated": false, "originator": "shared", "language": "fr", "accepted_at": time, "valid_until": time,
        "state": "waiting", "due": time, "attempts": 0, "provider": null, "provider_ref": null, "reservations": [],
        "events": [{"at": time, "state": "waiting", "note": "accepted"}], "text_expires_at": time, "expires_at": time,
    }))
    .unwrap();
    row.reservations = [
        format!("number-{n}"),
        "user".into(),
        "day".into(),
        "month".into(),
    ]
    .map(|counter| Reservation {
        counter,
        limit: LimitKind::AccountDay,
        amount: 1,
        ceiling: 1_000_000,
        expires_at: row.expires_at,
    })
    .into();
    row
}

fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postel.db");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.claim(&row(1)).await, Ok(Claim::New));
    store.close().await.unwrap();
    assert!(store.claim(&row(2)).await.unwrap_err().is_temporary());
    assert!(store.row(&row(1).id).await.unwrap_err().is_temporary());
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    assert_eq!(left, ["postel.db"], "the log is folded in");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.row(&row(1).id).await, Ok(Some(row(1))));
    assert_eq!(store.counters(&["day".to_owned()]).await, Ok(vec![1]));
}

/// The files as they lie there the moment an answer came are what a killed process leaves.
#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("postel.db")).unwrap();
    for n in 0..50 {
        store.claim(&row(n)).await.unwrap();
    }
    let crashed = tempfile::tempdir().unwrap();
    copy(folder.path(), crashed.path());
    let log = crashed.path().join("postel.db-wal");
    assert!(
        std::fs::metadata(&log).unwrap().len() > 0,
        "the log is what must be read"
    );
    // What was being written when the power failed.
    let mut torn = std::fs::read(&log).unwrap();
    torn.extend_from_slice(&[0xa5; 5_000]);
    std::fs::write(&log, torn).unwrap();

    let store = SqliteStore::open(&crashed.path().join("postel.db")).unwrap();
    for n in 0..50 {
        assert_eq!(store.row(&row(n).id).await, Ok(Some(row(n))));
    }
    assert_eq!(store.counters(&["day".to_owned()]).await, Ok(vec![50]));
    assert_eq!(store.claim(&row(50)).await, Ok(Claim::New));
}

/// A commit that was torn is undone whole: no row without its reservations, no reservation without its row.
#[tokio::test]
async fn a_torn_commit_is_undone_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("postel.db")).unwrap();
    for n in 0..20 {
        store.claim(&row(n)).await.unwrap();
    }
    let log = std::fs::read(folder.path().join("postel.db-wal")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (0..log.len()).step_by(log.len() / 40).chain([log.len()]) {
        let crashed = tempfile::tempdir().unwrap();
        copy(folder.path(), crashed.path());
        std::fs::write(
            crashed.path().join("postel.db-wal"),
            log.get(..cut).unwrap(),
        )
        .unwrap();
        std::fs::remove_file(crashed.path().join("postel.db-shm")).unwrap();
        let store = SqliteStore::open(&crashed.path().join("postel.db")).unwrap();
        let mut rows = 0;
        for n in 0..20 {
            rows += u32::from(store.row(&row(n).id).await.unwrap().is_some());
        }
        assert_eq!(
            store.counters(&["day".to_owned()]).await,
            Ok(vec![rows]),
            "cut at {cut}"
        );
        seen.insert(rows);
    }
    assert!(
        seen.contains(&0) && seen.contains(&20) && seen.len() > 5,
        "{seen:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_claims_share_a_commit() {
    const TASKS: u32 = 64;
    const EACH: u32 = 20;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("postel.db")).unwrap());
    let before = store.commits();
    let started = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for n in 0..EACH {
                    assert_eq!(store.claim(&row(task * EACH + n)).await, Ok(Claim::New));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (claims, commits) = (u64::from(TASKS * EACH), store.commits() - before);
    let rate = f64::from(TASKS * EACH) / started.elapsed().as_secs_f64();
    println!(
        "group commit: {claims} claims of 4 counters by {TASKS} tasks in {commits} commits, {rate:.0} claims/s"
    );
    assert!(
        commits * 4 < claims,
        "{commits} commits for {claims} claims"
    );
    assert_eq!(
        store.counters(&["day".to_owned()]).await,
        Ok(vec![TASKS * EACH])
    );
}

/// A caller that gives up (a client that hangs up, a time limit) does not undo what it asked.
#[tokio::test]
async fn a_caller_that_gives_up_leaves_the_store_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("postel.db")).unwrap();
    for n in 0..100 {
        let row = row(n);
        let asked = store.claim(&row);
        let given_up =
            tokio::time::timeout(std::time::Duration::from_micros(u64::from(n) * 10), asked).await;
        drop(given_up);
    }
    let mut rows = 0;
    for n in 0..100 {
        rows += u32::from(store.row(&row(n).id).await.unwrap().is_some());
    }
    // The last of them may be committed between the two questions, but only one of a hundred.
    let counted = store.counters(&["day".to_owned()]).await.unwrap();
    assert!(
        counted == [rows] || counted == [rows + 1],
        "{counted:?} for {rows} rows"
    );
}

/// Mails that have left, and first sightings, go in the end, though not with the first forgetting.
#[tokio::test]
async fn what_is_done_with_does_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("postel.db")).unwrap();
    let (start, key) = (row(1).expires_at, MessageKey("m".to_owned()));
    let left = OutgoingMail {
        id: "a".to_owned(),
        to: "ann@example.com".parse().unwrap(),
        raw: b"\r\n".to_vec(),
        due: None,
        attempts: 1,
        expires_at: start,
        note: None,
    };
    store.settle(&left).await.unwrap();
    store.first_seen(&key, start).await.unwrap();
    for (days, kept) in [(1, true), (31, false)] {
        let now = start + SignedDuration::from_hours(days * 24);
        assert_eq!(store.forget(now, 10).await, Ok(0));
        assert_eq!(store.outbox(10).await.unwrap().len(), usize::from(kept));
        assert_eq!(store.first_seen(&key, now).await.unwrap() == start, kept);
    }
}

#[tokio::test]
async fn only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postel.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.claim(&row(1)).await.unwrap();
    assert_eq!(store.row(&RowId("none".to_owned())).await, Ok(None));
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[test]
fn a_new_file_gets_the_newest_schema_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postel.db");
    let version = || -> i64 {
        drop(SqliteStore::open(&path).unwrap());
        let db = Connection::open(&path).unwrap();
        let whole: String = db
            .query_row("PRAGMA integrity_check", [], |r| r.get(0))
            .unwrap();
        assert_eq!(whole, "ok");
        db.query_row("PRAGMA user_version", [], |r| r.get(0))
            .unwrap()
    };
    let steps = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sqlite/schema"))
        .unwrap()
        .count();
    assert_eq!(
        version(),
        i64::try_from(steps).unwrap(),
        "every file in schema/ is a step"
    );
    assert_eq!(version(), i64::try_from(steps).unwrap());
}

/// The error of a file prepared so.
fn refusal(prepare: impl FnOnce(&Path)) -> OpenError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postel.db");
    prepare(&path);
    let before = std::fs::read(&path).ok();
    let error = SqliteStore::open(&path).expect_err("it must be refused");
    assert_eq!(
        std::fs::read(&path).ok(),
        before,
        "a refused file is left as it was"
    );
    error
}

#[test]
fn a_file_that_cannot_be_used_says_what_to_do() {
    let newer = refusal(|path| {
        drop(SqliteStore::open(path).unwrap());
        Connection::open(path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
    });
    assert!(
        matches!(newer, OpenError::Newer { found: 99, .. }),
        "{newer:?}"
    );

    let foreign = refusal(|path| {
        Connection::open(path)
            .unwrap()
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
            .unwrap()
    });
    assert!(matches!(foreign, OpenError::NotOurs { .. }), "{foreign:?}");

    let text = refusal(|path| std::fs::write(path, "Dear diary, ".repeat(1_000)).unwrap());
    assert!(matches!(text, OpenError::NotOurs { .. }), "{text:?}");

    let damaged = refusal(|path| {
        drop(SqliteStore::open(path).unwrap());
        Connection::open(path)
            .unwrap()
            .pragma_update(None, "journal_mode", "DELETE")
            .unwrap();
        let mut bytes = std::fs::read(path).unwrap();
        bytes.get_mut(100..4_000).unwrap().fill(0xa5);
        std::fs::write(path, bytes).unwrap();
    });
    assert!(matches!(damaged, OpenError::Damaged { .. }), "{damaged:?}");

    let folder = refusal(|path| std::fs::create_dir(path).unwrap());
    assert!(
        matches!(folder, OpenError::Unreachable { .. }),
        "{folder:?}"
    );
    let nowhere =
        SqliteStore::open(Path::new("/nonexistent/postel.db")).expect_err("no such folder");
    assert!(
        matches!(nowhere, OpenError::Unreachable { .. }),
        "{nowhere:?}"
    );
    for error in [newer, foreign, text, damaged, folder, nowhere] {
        println!("{error}");
        assert!(error.to_string().contains("postel.db"), "{error}");
    }
}

/// As a newer version might leave behind: what cannot be understood must not block what stands behind it.
#[tokio::test]
async fn an_unreadable_row_or_mail_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postel.db");
    let store = SqliteStore::open(&path).unwrap();
    let mails = ["a", "b"].map(|id| -> OutgoingMail {
        serde_json::from_value(serde_json::json!({
            "id": id, "to": "ann@example.com", "raw": [65], "due": "2026-01-01T00:00:00Z", "attempts": 0,
            "expires_at": "2026-01-02T00:00:00Z", "note": null,
        }))
        .unwrap()
    });
    for n in [1, 2] {
        assert_eq!(store.claim(&row(n)).await, Ok(Claim::New));
    }
    for mail in &mails {
        store.post(mail).await.unwrap();
    }
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "UPDATE ledger SET doc = '{}' WHERE id LIKE '%1'; UPDATE outbox SET doc = '{}' WHERE id = 'a'",
        )
        .unwrap();
    let now = "2026-01-01T01:00:00Z".parse().unwrap();
    let due = store.due(now, 1).await.unwrap();
    assert_eq!(due.iter().map(|r| &r.id).collect::<Vec<_>>(), [&row(2).id]);
    let taken = store.take_due(now, now, 1).await.unwrap();
    assert_eq!(
        taken.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(),
        ["b"]
    );
    assert_eq!(taken.first().map(|m| m.raw.as_slice()), Some(&[65][..]));
}
