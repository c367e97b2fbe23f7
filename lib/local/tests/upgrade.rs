//! A database of the version before: it upgrades itself, nothing is lost by that, and the way back is kept.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use postel_core::ledger::{RowId, State};
use postel_core::model::MailId;
use postel_core::ports::{Directory as _, Handset as _, Ledger as _, Mails as _, Outbox as _};
use postel_local::sqlite::{OpenError, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

const V1: [&str; 2] = [
    include_str!("../src/sqlite/schema/001.sql"),
    include_str!("v1.sql"),
];

/// A database of version 1, with 4,000 rows, as a process leaves it that ended.
fn version_1() -> (TempDir, PathBuf) {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made.sqlite");
        let db = Connection::open(&path).unwrap();
        db.pragma_update(None, "journal_mode", "WAL").unwrap();
        for sql in V1 {
            db.execute_batch(sql).unwrap();
        }
        drop(db);
        std::fs::read(path).unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("postel.sqlite");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The schema that this Postel knows.
const KNOWN: i64 = 3;

fn version(path: &Path) -> i64 {
    let db = Connection::open(path).unwrap();
    db.query_row("PRAGMA user_version", [], |r| r.get(0))
        .unwrap()
}

fn id(n: u32) -> RowId {
    RowId(format!("{n:064}"))
}

/// Everything that version 1 wrote is there.
async fn all_is_there(store: &SqliteStore) {
    let mail = MailId("019aa900-0000-7000-8000-000000000001".to_owned());
    let rows = store.rows_of(&mail).await.unwrap();
    assert_eq!(rows.len(), 4_000);
    let count = |state| rows.iter().filter(|r| r.state == state).count();
    assert_eq!(
        [State::Waiting, State::Sending, State::Sent].map(count),
        [400, 400, 3_200]
    );
    assert_eq!(store.mail(&mail).await.unwrap().unwrap().id, mail);
    let acme = "acme".parse().unwrap();
    assert_eq!(store.accounts(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.users(&acme).await.unwrap().len(), 1);
    assert!(store.invited("ccc31f76").await.unwrap().is_some());
    assert_eq!(store.audit(&acme, 10).await.unwrap().len(), 1);
    assert_eq!(store.recent_mails(Some(&acme), 10).await.unwrap().len(), 1);
    assert_eq!(store.outbox(10).await.unwrap().len(), 1);
    assert_eq!(store.texts(10).await.unwrap().len(), 1);
    let phone = "+33612345678".parse().unwrap();
    assert!(store.opt_out(&acme, &phone).await.unwrap().is_some());
    let counter = ["acme/2026-11-21".to_owned()];
    assert_eq!(store.counters(&counter).await, Ok(vec![4_000]));
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    assert_eq!(store.due(now, 10_000).await.unwrap().len(), 800);
    // And what is new: references, of which the first row keeps the shared one.
    for (reference, row) in [
        ("ref-2", Some(id(2))),
        ("ref-3999", Some(id(3_999))),
        ("shared", Some(id(52))),
        ("ref-1", None),
    ] {
        assert_eq!(
            store.row_by_ref("handset", reference).await.unwrap(),
            row,
            "{reference}"
        );
    }
}

#[tokio::test]
async fn version_1_is_upgraded_with_all_that_is_in_it_and_a_copy_is_kept() {
    let (folder, path) = version_1();
    assert!(!SqliteStore::is_current(&path).unwrap());
    let store = SqliteStore::open(&path).unwrap();
    assert!(SqliteStore::is_current(&path).unwrap());
    all_is_there(&store).await;
    let mut row = store.row(&id(10)).await.unwrap().unwrap();
    row.provider_ref = Some("new".to_owned());
    assert!(store.update(&row).await.unwrap());
    assert_eq!(store.row_by_ref("handset", "new").await, Ok(Some(id(10))));
    store.close().await.unwrap();
    assert_eq!(version(&path), KNOWN);

    // The way back.
    let copy = folder.path().join("postel.sqlite.v1");
    assert_eq!(version(&copy), 1);
    let mode = copy.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let db = Connection::open(&copy).unwrap();
    let rows: u32 = db
        .query_row("SELECT count(*) FROM ledger", [], |r| r.get(0))
        .unwrap();
    assert_eq!(rows, 4_000);
    drop(db);
    // What is opened again is not copied again.
    std::fs::remove_file(&copy).unwrap();
    drop(SqliteStore::open(&path).unwrap());
    assert!(!copy.exists());
}

#[test]
fn a_newer_version_is_refused_and_left_alone() {
    let (folder, path) = version_1();
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", KNOWN + 1)
        .unwrap();
    let error = SqliteStore::open(&path).expect_err("it is newer");
    assert!(
        matches!(
            error,
            OpenError::Newer { found, known, .. }
            if (found, known) == (KNOWN + 1, KNOWN)
        ),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(
        words.contains(&format!(
            "newer Postel (schema {}; this one knows {KNOWN})",
            KNOWN + 1
        )),
        "{words}"
    );
    assert!(
        words.contains("Start that version, or restore a backup"),
        "{words}"
    );
    assert_eq!(version(&path), KNOWN + 1);
    assert!(!folder.path().join("postel.sqlite.v4").exists());
}

#[test]
fn an_upgrade_without_room_for_its_copy_changes_nothing() {
    let (folder, path) = version_1();
    // Stands where the copy is written first.
    let part = folder.path().join("postel.sqlite.v1.part");
    std::fs::create_dir_all(part.join("in-the-way")).unwrap();
    let error = SqliteStore::open(&path).expect_err("no copy, no upgrade");
    assert!(
        matches!(error, OpenError::NoCopy { found: 1, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert_eq!(version(&path), 1);
}

/// Run as a process of its own by the test below, so that it can be killed.
#[test]
fn upgrades_where_it_is_told_to() {
    if let Some(path) = std::env::var_os("POSTEL_UPGRADE") {
        drop(SqliteStore::open(Path::new(&path)).unwrap());
    }
}

#[tokio::test]
async fn an_upgrade_that_is_killed_anywhere_is_done_by_the_next_start() {
    let mut seen = std::collections::BTreeMap::<i64, u32>::new();
    for round in 0..12 {
        let (folder, path) = version_1();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "upgrades_where_it_is_told_to"])
            .env("POSTEL_UPGRADE", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(10 * round)).await;
        drop(child.kill());
        child.wait().unwrap();
        *seen.entry(version(&path)).or_default() += 1;
        let store = SqliteStore::open(&path).unwrap();
        all_is_there(&store).await;
        store.close().await.unwrap();
        assert_eq!(version(&folder.path().join("postel.sqlite.v1")), 1);
    }
    println!("killed during an upgrade: version found afterwards {seen:?}");
    assert!(
        seen.contains_key(&1),
        "none was killed early enough: {seen:?}"
    );
}
