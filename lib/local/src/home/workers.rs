//! From the spool to the provider: accepted mails are entered into the store, then their texts are sent.
//!
//! Two stages, because they wait for different things: entering for our disk, sending for a provider. A provider that
//! is slow holds up the entering of no mail. Must not decide anything itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postel_core::dispatch::Dispatcher;
use postel_core::intake::{Accepted, Intake};
use postel_core::ledger::{Row, RowId};
use postel_core::ports::StoreError;
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio::task::{JoinError, JoinSet};

use super::aside::Aside;
use crate::spool::Ticket;

/// Mails being entered at one time: what they write at one time shares a commit.
const ENTERING: usize = 64;
/// Longest wait between two tries to enter a mail into the store.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Texts that wait in memory for their turn.
const WHOLE: usize = 256;
/// Texts of which at least the name waits; those beyond wait in the store until the sweep finds them due.
const NAMED: usize = 100_000;

/// An accepted mail on its way to be entered.
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) accepted: Accepted,
}

/// A text that waits to be sent.
enum Turn {
    Row(Box<Row>),
    /// To be read again.
    Name(RowId),
}

/// What does the work.
#[derive(Clone)]
pub(super) struct Workers {
    intake: Arc<Intake>,
    dispatcher: Arc<Dispatcher>,
    aside: Aside,
    turns: mpsc::UnboundedSender<Turn>,
    /// How many turns wait.
    waiting: Arc<AtomicUsize>,
    closing: watch::Receiver<bool>,
}

impl Workers {
    /// Starts entering what comes through the queue, and sending `at_once` texts at one time. The tasks end, with what
    /// they hold finished, once `closing` turns true.
    pub(super) fn start(
        tasks: &mut JoinSet<()>,
        (intake, dispatcher, aside): (Arc<Intake>, Arc<Dispatcher>, Aside),
        queue: mpsc::Receiver<Job>,
        at_once: usize,
        closing: watch::Receiver<bool>,
    ) {
        let (turns, taken) = mpsc::unbounded_channel();
        let workers = Self {
            intake,
            dispatcher,
            aside,
            turns,
            waiting: Arc::default(),
            closing,
        };
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..at_once.max(1) {
            tasks.spawn(workers.clone().send(taken.clone()));
        }
        tasks.spawn(workers.enter(queue));
    }

    async fn enter(mut self, mut queue: mpsc::Receiver<Job>) {
        let places = Arc::new(Semaphore::new(ENTERING));
        let mut entering = JoinSet::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            // What is still queued at the end is in the spool.
            let job = tokio::select! {
                biased;
                _ = self.closing.wait_for(|closing| *closing) => None,
                job = queue.recv() => job,
            };
            let Some(job) = job else { break };
            let workers = self.clone();
            entering.spawn(async move {
                workers.enter_one(job).await;
                drop(place);
            });
            while let Some(ended) = entering.try_join_next() {
                report(&ended);
            }
        }
        while let Some(ended) = entering.join_next().await {
            report(&ended);
        }
    }

    async fn enter_one(mut self, job: Job) {
        let mut wait = Duration::from_millis(200);
        let rows = loop {
            match self.intake.enter(&job.accepted).await {
                Ok(rows) => break rows,
                Err(StoreError::Corrupt(error)) => {
                    let why = format!("it cannot be entered into the database: {error}");
                    return self.aside.set_aside(job.ticket, None, &why).await;
                }
                Err(error) => {
                    tracing::error!(mail = %job.accepted.record.id, %error, "a mail cannot be entered yet; tried again");
                    tokio::select! {
                        _ = self.closing.wait_for(|closing| *closing) => return,
                        () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                    }
                }
            }
        };
        for row in rows {
            self.queue(row);
        }
        self.aside.spool.finished(job.ticket);
    }

    /// Has a row sent when it is its turn. Where too many wait, the sweep finds it.
    fn queue(&self, row: Row) {
        let turn = match self.waiting.load(Ordering::Relaxed) {
            0..WHOLE => Turn::Row(Box::new(row)),
            WHOLE..NAMED => Turn::Name(row.id),
            _ => return,
        };
        // Counted first: whoever takes it counts down.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.turns.send(turn).is_err() {
            tracing::debug!("nobody sends any more; the row is due at the next start");
        }
    }

    async fn send(mut self, turns: Arc<Mutex<mpsc::UnboundedReceiver<Turn>>>) {
        loop {
            // Rows that still wait at the end are due at the next start.
            let turn = tokio::select! {
                biased;
                _ = self.closing.wait_for(|closing| *closing) => None,
                turn = async { turns.lock().await.recv().await } => turn,
            };
            let Some(turn) = turn else { return };
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            // In a task of its own, so that its panic ends nothing else.
            let dispatcher = Arc::clone(&self.dispatcher);
            report(&tokio::spawn(send_one(dispatcher, turn)).await);
        }
    }
}

async fn send_one(dispatcher: Arc<Dispatcher>, turn: Turn) {
    let (id, sent) = match turn {
        Turn::Row(row) => (row.id.clone(), dispatcher.attend(*row).await),
        Turn::Name(id) => {
            let sent = dispatcher.attend_to(&id).await;
            (id, sent)
        }
    };
    if let Err(error) = sent {
        tracing::error!(row = %id, %error, "a row could not be attended to; it is when it is due");
    }
}

fn report(ended: &Result<(), JoinError>) {
    if ended.is_err() {
        tracing::error!(
            "alarm: handling an accepted mail failed; its rows are due, or it comes up at the next start"
        );
    }
}
