//! The one thread that writes, many jobs to a commit.
//!
//! A commit waits for the disk; whatever is asked meanwhile is done together in the next one. A job that
//! may fail half-way has a savepoint of its own, so that it undoes nothing but itself. Nobody is
//! answered before the commit. Must not know what is stored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use postel_core::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::Fault;
use crate::pace::Pace;

/// Jobs that may wait; who comes later waits to be let in.
const QUEUE: usize = 1_024;

/// Most jobs in one commit, so that the first is not kept waiting by the last.
const GROUP: usize = 256;

type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;

enum Message {
    Work(Job),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// The writing thread and the way to it. Dropping it waits for what was asked, so that the file can be opened again.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // Its panics are caught and logged in the thread.
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the database is closed, or its writer failed: see the log".to_owned())
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(db: Connection) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let thread = std::thread::Builder::new().name("sqlite-writer".to_owned());
        let thread = thread.spawn(move || run(db, messages, &counted))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            commits,
        })
    }

    /// Commits so far.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Has this done in a commit; answers once it is on disk. It is done even where nobody waits for the answer any more.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.commit(|db| in_savepoint(db, work)).await
    }

    /// As [`Writer::write`], for work that fails only before it has changed anything, on the hot path: a savepoint keeps a
    /// copy of every page that the job changes. Work that breaks this (a disk that fails) takes its whole group with it;
    /// all of it is told to try again.
    pub(super) async fn write_checked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.commit(|db| bare(db, work)).await
    }

    async fn commit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let done = db.and_then(|db| work(db).map_err(|fault| fault.0));
            Box::new(move |committed: Result<(), StoreError>| {
                // Whoever asked may have gone away.
                let _heard = tell.send(committed.and(done));
            })
        });
        self.send(Message::Work(job)).await?;
        told.await.map_err(|_| gone())?
    }

    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(message).await.map_err(|_| gone())
    }

    /// Ends the thread after all that was asked before; the file is whole without its log then.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        if self.send(Message::Close(tell)).await.is_err() {
            return Ok(());
        }
        told.await.map_err(|_| gone())?
    }
}

fn in_savepoint<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let run = |sql: &str| db.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT job")?;
    let failed = match work(db) {
        Ok(value) => {
            run("RELEASE job")?;
            return Ok(value);
        }
        Err(fault) => fault,
    };
    // A full disk may already have undone the whole transaction.
    if !db.is_autocommit() {
        run("ROLLBACK TO job")?;
        run("RELEASE job")?;
    }
    Err(failed)
}

fn bare<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let before = db.total_changes();
    let done = work(db);
    if done.is_err() && db.total_changes() != before {
        tracing::error!(
            "a change broke off half-way; all that was to be committed with it is undone"
        );
        roll_back(db);
    }
    done
}

fn run(db: Connection, mut messages: mpsc::Receiver<Message>, commits: &AtomicU64) {
    let mut closing = None;
    let mut pace = Pace::default();
    while closing.is_none() {
        match messages.blocking_recv() {
            Some(Message::Work(first)) => {
                pace.wait();
                let group =
                    AssertUnwindSafe(|| commit_group(&db, first, &mut messages, &mut closing));
                match catch_unwind(group) {
                    Ok(0) => {}
                    Ok(jobs) => {
                        commits.fetch_add(1, Ordering::Relaxed);
                        pace.begin(jobs);
                    }
                    // Those who wait are told by their dropped channels.
                    Err(_) => {
                        tracing::error!(
                            "a job of the database's writer panicked; its commit is undone"
                        );
                        roll_back(&db);
                    }
                }
            }
            Some(Message::Close(tell)) => closing = Some(tell),
            None => break,
        }
    }
    let flushed = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let closed = flushed.and_then(|()| db.close().map_err(|(_, e)| e));
    if let Err(error) = &closed {
        tracing::warn!(%error, "the database was not closed tidily; nothing is lost, the next start reads its log");
    }
    if let Some(tell) = closing {
        let _heard = tell.send(closed.map_err(|e| Fault::from(e).0));
    }
}

/// Does the first job and all that wait behind it in one transaction, then answers; says how many were committed.
fn commit_group(
    db: &Connection,
    first: Job,
    messages: &mut mpsc::Receiver<Message>,
    closing: &mut Option<oneshot::Sender<Result<(), StoreError>>>,
) -> usize {
    if let Err(error) = db
        .prepare_cached("BEGIN IMMEDIATE")
        .and_then(|mut s| s.execute([]))
    {
        tracing::error!(%error, "the database cannot be written");
        first(Err(Fault::from(error).0))(Ok(()));
        return 0;
    }
    let mut answers = Vec::new();
    let mut next = Some(first);
    while let Some(job) = next.take() {
        answers.push(job(Ok(db)));
        if answers.len() < GROUP && !db.is_autocommit() {
            match messages.try_recv() {
                Ok(Message::Work(job)) => next = Some(job),
                Ok(Message::Close(tell)) => *closing = Some(tell),
                Err(_) => {}
            }
        }
    }
    let committed = if db.is_autocommit() {
        Err(StoreError::Unavailable(
            "the transaction was undone: disk full or failing?".to_owned(),
        ))
    } else {
        let done = db.prepare_cached("COMMIT").and_then(|mut s| s.execute([]));
        done.map(drop).map_err(|e| Fault::from(e).0)
    };
    if let Err(error) = &committed {
        tracing::error!(%error, jobs = answers.len(), "a commit failed");
        roll_back(db);
    }
    let jobs = if committed.is_ok() { answers.len() } else { 0 };
    for answer in answers {
        answer(committed.clone());
    }
    jobs
}

fn roll_back(db: &Connection) {
    if !db.is_autocommit()
        && let Err(error) = db.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be undone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn insert(writer: &Writer, n: i64) -> Result<(), StoreError> {
        let work = move |db: &Connection| {
            db.execute("INSERT INTO t VALUES (?1)", [n])?;
            Ok(())
        };
        writer.write(work).await
    }

    fn open() -> Writer {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (n INTEGER CHECK (n < 100))")
            .unwrap();
        Writer::start(db).unwrap()
    }

    async fn count(writer: &Writer) -> i64 {
        let count = |db: &Connection| Ok(db.query_row("SELECT count(*) FROM t", [], |r| r.get(0))?);
        writer.write(count).await.unwrap()
    }

    #[tokio::test]
    async fn a_job_that_fails_undoes_only_itself() {
        let writer = open();
        let (a, b, c) = tokio::join!(insert(&writer, 1), insert(&writer, 100), insert(&writer, 2));
        assert!(a.is_ok() && b.is_err() && c.is_ok());
        assert_eq!(count(&writer).await, 2);
    }

    #[tokio::test]
    async fn a_transaction_that_is_lost_fails_all_of_its_jobs_and_the_next_goes_through() {
        let writer = open();
        // Done by hand here; SQLite does so by itself where the disk is full.
        let lose = |db: &Connection| {
            db.execute_batch("ROLLBACK")?;
            Err::<(), _>(StoreError::Conflict.into())
        };
        let (kept, lost) = tokio::join!(insert(&writer, 1), writer.write(lose));
        assert!(lost.is_err_and(|e| e.is_temporary()));
        // Alone it was committed before; together with the other it was lost. What is answered is what is stored.
        assert_eq!(count(&writer).await, i64::from(kept.is_ok()));
        assert_eq!(insert(&writer, 2).await, Ok(()));
    }

    #[tokio::test]
    async fn a_job_without_savepoint_that_fails_half_way_takes_its_group_with_it() {
        let writer = open();
        let half = |db: &Connection| {
            db.execute("INSERT INTO t VALUES (1)", [])?;
            Err::<(), _>(StoreError::Conflict.into())
        };
        let early = |_: &Connection| Err::<(), _>(StoreError::Conflict.into());
        let (kept, broken) = tokio::join!(insert(&writer, 2), writer.write_checked(half));
        assert!(broken.is_err());
        assert_eq!(count(&writer).await, i64::from(kept.is_ok()));
        let (kept, refused) = tokio::join!(insert(&writer, 3), writer.write_checked(early));
        assert_eq!((kept, refused), (Ok(()), Err(StoreError::Conflict)));
    }

    #[tokio::test]
    async fn a_panic_is_survived_and_its_asker_is_told() {
        let writer = open();
        let panics = |_: &Connection| -> Result<(), Fault> { panic!("on purpose") };
        assert!(writer.write(panics).await.is_err_and(|e| e.is_temporary()));
        assert_eq!(insert(&writer, 1).await, Ok(()));
        assert_eq!(count(&writer).await, 1);
    }

    #[tokio::test]
    async fn closing_ends_what_was_asked_before_and_refuses_the_rest() {
        let writer = open();
        let (inserted, closed) = tokio::join!(insert(&writer, 1), writer.close());
        assert_eq!((inserted, closed), (Ok(()), Ok(())));
        assert!(insert(&writer, 2).await.is_err_and(|e| e.is_temporary()));
        assert_eq!(writer.close().await, Ok(()));
    }
}
