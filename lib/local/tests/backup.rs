//! Backups: nothing lost, nothing sent twice, and what is broken is said.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use jiff::Timestamp;
use postel_core::ledger::{Row, RowId, State};
use postel_core::ports::{Claim, Ledger as _, StoreError};
use postel_local::spool::{Entry, Spool, failed};
use postel_local::sqlite::backup::{BackupError, back_up, faults};
use postel_local::sqlite::restore::{RestoreError, restore};
use postel_local::sqlite::{OpenError, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

struct Place {
    folder: TempDir,
    database: PathBuf,
    spool: PathBuf,
    backup: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        Self {
            database: at("postel.sqlite"),
            spool: at("spool"),
            backup: at("backup.sqlite"),
            folder,
        }
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.database).unwrap()
    }

    fn back_up(&self) -> Result<postel_local::sqlite::backup::Kept, BackupError> {
        back_up(&self.database, &self.spool, &self.backup, false, now())
    }

    async fn restore(&self, nothing_ran_since: bool) -> postel_local::sqlite::restore::Restored {
        let done = restore(
            &self.backup,
            &self.database,
            &self.spool,
            nothing_ran_since,
            now(),
        )
        .await;
        done.unwrap()
    }
}

fn row(n: u32, state: State) -> Row {
    let time = "2026-11-21T10:00:00Z";
    serde_json::from_value(serde_json::json!({
        "id": format!("{n:064}"), "version": 0, "mail": "m", "account": "acme", "user": "ann@example.com",
        "to": format!("+336{n:08}"), "text": "Les pompiers sont en route.", "encoding": "GSM-7", "parts": 1,
        "truncated": false, "originator": "shared", "language": "fr", "accepted_at": time, "valid_until": "2026-12-21T10:00:00Z",
        "state": state.as_str(), "due": time, "attempts": 0, "provider": null, "provider_ref": null, "reservations": [],
        "events": [{"at": time, "state": "waiting", "note": "accepted"}], "text_expires_at": "2026-12-21T10:00:00Z",
        "expires_at": "2026-12-21T10:00:00Z",
    }))
    .unwrap()
}

/// Claims many rows at once.
async fn claim_all(store: &Arc<SqliteStore>, rows: &[Row]) -> Vec<Result<Claim, StoreError>> {
    let mut tasks = Vec::new();
    for row in rows {
        let (store, row) = (Arc::clone(store), row.clone());
        tasks.push(tokio::spawn(async move { store.claim(&row).await }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

async fn state(store: &SqliteStore, n: u32) -> State {
    store
        .row(&row(n, State::Sent).id)
        .await
        .unwrap()
        .unwrap()
        .state
}

/// A row of each kind, two mails in the spool, one of them done with, one set aside before.
async fn filled(place: &Place) {
    let store = place.store();
    for (n, state) in [
        (1, State::Waiting),
        (2, State::Sending),
        (3, State::Sent),
        (4, State::Waiting),
    ] {
        assert_eq!(store.claim(&row(n, state)).await, Ok(Claim::New));
    }
    store.close().await.unwrap();
    let (spool, _) = Spool::open(&place.spool).unwrap();
    spool
        .append(now(), b"pending".to_vec(), b"raw 1".to_vec())
        .await
        .unwrap();
    let done = spool
        .append(now(), b"done".to_vec(), b"raw 2".to_vec())
        .await
        .unwrap();
    spool.done(done).await.unwrap();
    let aside = spool
        .append(now(), b"aside".to_vec(), b"raw 3".to_vec())
        .await
        .unwrap();
    spool
        .set_aside(aside, None, now(), "no reason")
        .await
        .unwrap();
}

fn asides(spool: &Path) -> Vec<(Vec<u8>, String)> {
    let mut all: Vec<_> = failed::list(spool)
        .unwrap()
        .into_iter()
        .map(|f| (f.header.unwrap(), f.why))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_waited_when_the_backup_was_made_does_not_go_out_after_a_restore() {
    let place = Place::new();
    filled(&place).await;
    let kept = place.back_up().unwrap();
    assert_eq!((kept.mails, kept.open), (2, 3));
    assert_eq!(
        place.backup.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(faults(&place.backup).unwrap(), Vec::<String>::new());

    // Another folder, as on a new machine.
    let other = Place {
        backup: place.backup.clone(),
        ..Place::new()
    };
    let restored = other.restore(false).await;
    assert_eq!((restored.at, restored.kept.as_deref()), (Some(now()), None));
    assert_eq!(
        (
            restored.unknown,
            restored.waiting,
            restored.sending,
            restored.aside
        ),
        (2, 0, 1, 2)
    );
    let store = other.store();
    assert_eq!(state(&store, 1).await, State::Unknown);
    assert_eq!(
        state(&store, 2).await,
        State::Sending,
        "it is looked up, never sent"
    );
    assert_eq!(state(&store, 3).await, State::Sent);
    let row = store
        .row(&row(1, State::Waiting).id)
        .await
        .unwrap()
        .unwrap();
    let note = &row.events.last().unwrap().note;
    assert!(
        note.contains("backup of 2026-11-21 12:00:00 UTC") && note.contains("not sent again"),
        "{note}"
    );
    assert_eq!(row.due, Some(now()), "its sender is told");
    let (_, pending) = Spool::open(&other.spool).unwrap();
    assert_eq!(pending, [], "no mail of the spool goes out by itself");
    let aside = asides(&other.spool);
    assert_eq!(aside.len(), 2);
    assert_eq!(
        aside.first().map(|a| (a.0.as_slice(), a.1.as_str())),
        Some((&b"aside"[..], "no reason"))
    );
    assert!(
        aside
            .last()
            .is_some_and(|a| a.0 == b"pending" && a.1.contains("may have been sent since"))
    );
    assert!(!other.folder.path().join("postel.sqlite.restored").exists());
}

#[tokio::test]
async fn where_nothing_ran_since_the_backup_all_goes_on() {
    let place = Place::new();
    filled(&place).await;
    place.back_up().unwrap();
    let other = Place {
        backup: place.backup.clone(),
        ..Place::new()
    };
    let restored = other.restore(true).await;
    assert_eq!(
        (
            restored.unknown,
            restored.waiting,
            restored.sending,
            restored.aside
        ),
        (0, 2, 1, 1)
    );
    assert_eq!(state(&other.store(), 1).await, State::Waiting);
    let (_, pending) = Spool::open(&other.spool).unwrap();
    let [Entry::Mail { header, .. }] = pending.as_slice() else {
        panic!("{pending:?}")
    };
    assert_eq!(header, b"pending");
    assert_eq!(asides(&other.spool).len(), 1);
}

#[tokio::test]
async fn the_present_database_and_its_spool_are_kept() {
    let place = Place::new();
    filled(&place).await;
    place.back_up().unwrap();
    let store = place.store();
    store.claim(&row(9, State::Waiting)).await.unwrap();
    store.close().await.unwrap();
    let restored = place.restore(false).await;
    let kept = restored.kept.unwrap();
    let before = SqliteStore::open(&kept).unwrap();
    assert_eq!(state(&before, 9).await, State::Waiting);
    assert_eq!(
        place.store().row(&row(9, State::Waiting).id).await,
        Ok(None)
    );
    // The same mail was in both; it is set aside once.
    assert_eq!(asides(&place.spool).len(), 2);
    let (_, pending) = Spool::open(&place.spool).unwrap();
    assert_eq!(pending, []);
}

#[tokio::test]
async fn a_restore_beside_a_process_that_holds_the_folder_is_refused() {
    let place = Place::new();
    filled(&place).await;
    place.back_up().unwrap();
    let _held = Spool::open(&place.spool).unwrap();
    let before = std::fs::read(&place.database).unwrap();
    let refused = restore(&place.backup, &place.database, &place.spool, false, now()).await;
    let refused = refused.expect_err("it is held");
    assert!(
        refused.to_string().contains("another postel process"),
        "{refused}"
    );
    assert_eq!(std::fs::read(&place.database).unwrap(), before);
}

#[tokio::test]
async fn a_backup_replaces_nothing_unless_told_to() {
    let place = Place::new();
    filled(&place).await;
    std::fs::write(&place.backup, "mine").unwrap();
    assert!(matches!(place.back_up(), Err(BackupError::Exists(_))));
    assert_eq!(std::fs::read(&place.backup).unwrap(), b"mine");
    back_up(&place.database, &place.spool, &place.backup, true, now()).unwrap();
    assert_eq!(faults(&place.backup).unwrap(), Vec::<String>::new());
}

/// While claims run, every backup is sound and holds what was answered before it began.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_load_is_consistent() {
    let place = Place::new();
    let store = Arc::new(place.store());
    let (answered, stop) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let load = {
        let (store, answered, stop) =
            (Arc::clone(&store), Arc::clone(&answered), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                let claims = (0..50).map(|i| {
                    let store = Arc::clone(&store);
                    tokio::spawn(
                        async move { store.claim(&row(n + i, State::Waiting)).await.unwrap() },
                    )
                });
                for claim in claims.collect::<Vec<_>>() {
                    assert_eq!(claim.await.unwrap(), Claim::New);
                }
                n += 50;
                answered.store(n, Ordering::SeqCst);
            }
        })
    };
    let mut sizes = Vec::new();
    for _ in 0..5 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let before = answered.load(Ordering::SeqCst);
        let paths = (
            place.database.clone(),
            place.spool.clone(),
            place.backup.clone(),
        );
        let kept =
            tokio::task::spawn_blocking(move || back_up(&paths.0, &paths.1, &paths.2, true, now()));
        let kept = kept.await.unwrap().unwrap();
        let db = Connection::open(&place.backup).unwrap();
        let rows: u32 = db
            .query_row("SELECT count(*) FROM ledger", [], |r| r.get(0))
            .unwrap();
        assert!(
            rows >= before && kept.open == rows,
            "{rows} rows, {before} were answered before"
        );
        sizes.push(rows);
    }
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    println!("rows in five backups under load: {sizes:?}");
    assert!(
        sizes.is_sorted() && sizes.last() > sizes.first(),
        "{sizes:?}"
    );
}

#[tokio::test]
async fn a_broken_backup_restores_nothing() {
    let place = Place::new();
    filled(&place).await;
    place.back_up().unwrap();
    let sound = std::fs::read(&place.backup).unwrap();
    let mut torn = sound.clone();
    torn.truncate(sound.len() / 2);
    let mut flipped = sound.clone();
    flipped.get_mut(5_000..9_000).unwrap().fill(0xa5);
    for bytes in [torn, flipped, b"Dear diary, ".repeat(1_000), Vec::new()] {
        std::fs::write(&place.backup, &bytes).unwrap();
        let before = std::fs::read(&place.database).unwrap();
        let refused = restore(&place.backup, &place.database, &place.spool, false, now()).await;
        let refused = refused.expect_err("it is broken");
        println!("{refused}");
        assert!(
            matches!(
                refused,
                RestoreError::Damaged { .. } | RestoreError::Backup(_)
            ),
            "{refused:?}"
        );
        assert!(refused.to_string().contains("backup.sqlite"), "{refused}");
        assert_eq!(std::fs::read(&place.database).unwrap(), before);
        assert!(!place.folder.path().join("postel.sqlite.restoring").exists());
    }
}

#[tokio::test]
async fn a_damaged_database_is_not_backed_up_and_is_said_to_be_damaged() {
    let place = Place::new();
    let store = Arc::new(place.store());
    let rows: Vec<_> = (0..2_000).map(|n| row(n, State::Waiting)).collect();
    for result in claim_all(&store, &rows).await {
        assert_eq!(result, Ok(Claim::New));
    }
    store.close().await.unwrap();
    let sound = std::fs::read(&place.database).unwrap();
    // Whole pages of rubbish in the middle: opening does not meet them.
    let mut pages = sound.clone();
    let middle = sound.len() / 2 / 4096 * 4096;
    pages
        .get_mut(middle..middle + 40 * 4096)
        .unwrap()
        .fill(0xa5);
    std::fs::write(&place.database, &pages).unwrap();
    let found = faults(&place.database).unwrap();
    assert!(!found.is_empty());
    let refused = place.back_up().expect_err("it is damaged");
    assert!(
        refused.to_string().contains("keep your last backup"),
        "{refused}"
    );
    assert!(!place.backup.exists());
    // Met at run time it is `Corrupt`, which nobody answers `250` to; what can be read is read.
    let store = place.store();
    let (mut read, mut corrupt) = (0, 0);
    for n in 0..2_000 {
        match store.row(&RowId(format!("{n:064}"))).await {
            Ok(Some(_)) => read += 1,
            Ok(None) => {}
            Err(error) => {
                assert!(!error.is_temporary(), "{error}");
                corrupt += 1;
            }
        }
    }
    println!("40 pages of rubbish: {read} rows read, {corrupt} said to be damaged");
    assert!(read > 0 && corrupt > 0, "{read} {corrupt}");
    let standing = store.standing(Timestamp::UNIX_EPOCH).await;
    assert!(
        matches!(standing, Err(StoreError::Corrupt(_))),
        "from then on it does not pass for well: {standing:?}"
    );
    drop(store);
    for cut in [0.3, 0.7] {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a small file"
        )]
        let len = (sound.len() as f64 * cut) as usize;
        std::fs::write(&place.database, sound.get(..len).unwrap()).unwrap();
        let said = match SqliteStore::open(&place.database) {
            Err(error) => error.to_string(),
            Ok(_) => faults(&place.database).unwrap().join("; "),
        };
        assert!(!said.is_empty());
    }
}

#[tokio::test]
async fn a_log_that_is_rubbish_is_not_passed_over() {
    let place = Place::new();
    let store = place.store();
    store.claim(&row(1, State::Sent)).await.unwrap();
    let copied = Place::new();
    for ending in ["", "-wal"] {
        let name = format!("postel.sqlite{ending}");
        std::fs::copy(
            place.folder.path().join(&name),
            copied.folder.path().join(&name),
        )
        .unwrap();
    }
    let log = copied.folder.path().join("postel.sqlite-wal");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes.get_mut(..100).unwrap().fill(0xa5);
    std::fs::write(&log, bytes).unwrap();
    let refused = SqliteStore::open(&copied.database).expect_err("what was sent would wait again");
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("postel restore FILE"),
        "{refused}"
    );
}
