//! The one process: a mail is decided before it is answered for, spooled, then sent by workers.
//!
//! Wires the core's use cases to the SMTP listener, the spool and the clock. Must not decide anything itself.

mod aside;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postel_core::dispatch::Dispatcher;
use postel_core::evidence::{Connection, Login, SesVerdicts};
use postel_core::intake::{self, Accepted, Intake, Judged, Outcome};
use postel_core::measure;
use postel_core::model::Retention;
use postel_core::ports::{AccountPages, Clock, Store, StoreError};
use postel_core::sweep::Sweeper;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use self::aside::Aside;
use crate::smtp::{Envelope, MailHandler, Reply};
use crate::spool::{Entry, Spool};
use workers::{Job, Workers};

/// Accepted mails that wait to be entered; more of them make clients wait.
const QUEUE: usize = 256;
/// Longest wait for a place among them; then the client is asked to come again. Nothing has been kept
/// by then, so it cannot be sent twice. Shorter than a client may wait for the whole answer.
const PLACE_WAIT: Duration = Duration::from_secs(4);
/// Rows and mails of one sweep.
const SWEEP_AT_MOST: usize = 500;
/// How often the rest of the sweep is done: warnings, retention.
const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(60);
/// No sweep takes longer unless somebody breaks the promise to answer in time.
const SWEEP_LASTS: Duration = Duration::from_secs(3_600);
/// Rows between two looks at whether the process is to end: few, as each may take as long as a provider does.
const ROWS_AT_ONCE: usize = 64;

/// Mails of this size are decided about on threads of their own.
const BIG: usize = 64 * 1024;
/// So many at once: mostly they wait for DNS.
const BIG_AT_ONCE: usize = 16;
/// Longest wait for such a place.
const BIG_WAIT: Duration = Duration::from_secs(1);

/// Takes mails from the listener.
pub struct Door {
    intake: Arc<Intake>,
    spool: Spool,
    clock: Arc<dyn Clock>,
    jobs: mpsc::Sender<Job>,
    /// Places for big mails.
    big: Arc<Semaphore>,
}

/// The parts of a home.
pub struct Home {
    /// Decides and enters.
    pub intake: Arc<Intake>,
    /// Sends.
    pub dispatcher: Arc<Dispatcher>,
    /// Does what is due.
    pub sweeper: Arc<Sweeper>,
    /// Keeps accepted mails until they are entered.
    pub spool: Spool,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Texts that may be on their way to providers at once.
    pub workers: usize,
    /// How often what is due is looked for.
    pub sweep_every: Duration,
    /// Whose accounts say how long mails stay readable in the spool after they are done with: as all lie in one spool, the
    /// shortest retention holds for all.
    pub store: Arc<dyn Store>,
}

impl Home {
    /// Starts the workers and the sweep on the spool's pending entries and on what the returned door
    /// accepts. They end, with what they hold finished, once `closing` turns true and the door is dropped.
    #[must_use]
    pub fn start(
        self,
        pending: Vec<Entry>,
        closing: watch::Receiver<bool>,
    ) -> (Arc<Door>, JoinSet<()>) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let aside = Aside {
            spool: self.spool.clone(),
            clock: self.clock.clone(),
        };
        let mut tasks = JoinSet::new();
        let used = (self.intake.clone(), self.dispatcher.clone(), aside.clone());
        Workers::start(&mut tasks, used, queue, self.workers, closing.clone());
        tasks.spawn(aside.clone().replay(jobs.clone(), pending));
        let closing_now = closing.clone();
        let Self {
            intake,
            spool,
            clock,
            sweeper,
            sweep_every,
            store,
            ..
        } = self;
        // Apart from each other: a mail server that does not answer must hold up no text.
        let rows = sweeper.clone();
        tasks.spawn(every(sweep_every, closing.clone(), move || {
            let (rows, closing) = (rows.clone(), closing_now.clone());
            async move { sweep_rows(&rows, &closing).await }
        }));
        let mails = sweeper.clone();
        tasks.spawn(every(sweep_every, closing.clone(), move || {
            let mails = mails.clone();
            async move { logged(&mails.mails(SWEEP_AT_MOST).await) }
        }));
        let again = (aside.clone(), jobs.clone());
        tasks.spawn(every(sweep_every, closing.clone(), move || {
            let (aside, jobs) = again.clone();
            async move { aside.take_up(&jobs).await }
        }));
        let house = (sweeper, store, aside, closing.clone());
        tasks.spawn(every(HOUSEKEEPING_EVERY, closing, move || {
            let (sweeper, store, aside, closing) = house.clone();
            async move { keep_house(&sweeper, store.as_ref(), &aside, &closing).await }
        }));
        (
            Arc::new(Door {
                intake,
                spool,
                clock,
                jobs,
                big: Arc::new(Semaphore::new(BIG_AT_ONCE)),
            }),
            tasks,
        )
    }
}

#[async_trait]
impl MailHandler for Door {
    fn recipient(&self, _connection: &Connection, address: &str) -> Result<(), Reply> {
        match self.intake.screen(address) {
            Ok(()) => Ok(()),
            Err(None) => {
                tracing::info!(reason = "other-domain", "a recipient was refused");
                measure::RECIPIENTS_REFUSED.count(&["other-domain"]);
                Err(Reply::refused(
                    7,
                    1,
                    "This gateway takes mail for its own domain only",
                ))
            }
            Err(Some(refusal)) => {
                tracing::info!(reason = refusal.code().as_str(), "a recipient was refused");
                measure::RECIPIENTS_REFUSED.count(&[refusal.code().as_str()]);
                Err(reply(&refusal.smtp()))
            }
        }
    }

    async fn login(&self, name: &str, password: &str) -> Result<Option<Login>, Reply> {
        self.intake.login(name, password).await.map_err(|error| {
            tracing::error!(%error, "a login could not be checked");
            Reply::new(454, 7, 0, "Logging in does not work now; try again later")
        })
    }

    async fn mail(&self, envelope: Envelope, mut raw: Vec<u8>) -> Reply {
        let envelope = intake::Envelope {
            connection: envelope.connection,
            recipients: envelope.recipients,
            ses: SesVerdicts::default(),
            transport_id: None,
        };
        let judged = if raw.len() < BIG {
            self.intake.receive(&envelope, &raw).await
        } else {
            match self.receive_apart(&envelope, &mut raw).await {
                Ok(judged) => judged,
                Err(reply) => return reply,
            }
        };
        let judged = match judged {
            Ok(judged) => judged,
            Err(error) => {
                let alarm = if error.is_temporary() { "" } else { "alarm: " };
                tracing::error!(%error, "{alarm}a mail could not be decided about; its sender tries again");
                measure::MAILS_REFUSED.count(&["store"]);
                return cannot_decide();
            }
        };
        tracing::info!(mail = %judged.record.id, outcome = word(&judged.outcome), recipients = envelope.recipients.len(), bytes = raw.len(), "mail");
        match judged.outcome {
            Outcome::Refused(refusal) | Outcome::TryAgain(refusal) => {
                let from = judged.record.from.as_ref();
                match &envelope.connection.authenticated {
                    Some(login) if from != Some(&login.address) => other_login(&refusal.smtp()),
                    _ => reply(&refusal.smtp()),
                }
            }
            Outcome::Accepted(accepted) => self.keep(*accepted, raw).await,
        }
    }
}

/// Said whoever is listed, so that it tells a forger nothing.
fn other_login(smtp: &postel_core::decision::SmtpReply) -> Reply {
    let text = format!(
        "{}. The mail's From is not the address you logged in as",
        smtp.text.trim_end_matches('.')
    );
    Reply::new(smtp.code, smtp.subject, smtp.detail, text)
}

impl Door {
    /// [`Intake::receive`] on a thread of its own: reading a big mail and hashing it for DKIM takes so
    /// long that the sessions of others would wait for it. The mail is lent to
    /// that thread and comes back.
    async fn receive_apart(
        &self,
        envelope: &intake::Envelope,
        raw: &mut Vec<u8>,
    ) -> Result<Result<Judged, StoreError>, Reply> {
        let place = Arc::clone(&self.big).acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout(BIG_WAIT, place).await else {
            tracing::warn!("too many big mails are being decided about; one was put off");
            measure::MAILS_REFUSED.count(&["busy"]);
            return Err(Reply::try_again(
                3,
                2,
                "The gateway is busy; please try again later",
            ));
        };
        let (intake, lent_raw) = (self.intake.clone(), std::mem::take(raw));
        let (lent_envelope, span) = (envelope.clone(), tracing::Span::current());
        let runtime = tokio::runtime::Handle::current();
        let work = tokio::task::spawn_blocking(move || {
            let _place = place;
            let judged =
                span.in_scope(|| runtime.block_on(intake.receive(&lent_envelope, &lent_raw)));
            (judged, lent_raw)
        });
        match work.await {
            Ok((judged, returned)) => {
                *raw = returned;
                Ok(judged)
            }
            Err(_) => {
                tracing::error!("deciding about a big mail broke down; its sender tries again");
                measure::MAILS_REFUSED.count(&["broken"]);
                Err(cannot_decide())
            }
        }
    }

    /// Makes an accepted mail durable, hands it to the workers and answers for it.
    async fn keep(&self, accepted: Accepted, raw: Vec<u8>) -> Reply {
        let header = match serde_json::to_vec(&accepted) {
            Ok(header) => header,
            Err(error) => {
                tracing::error!(%error, "an accepted mail cannot be written down");
                return Reply::try_again(
                    3,
                    0,
                    "The gateway cannot keep the mail now; please try again later",
                );
            }
        };
        let id = accepted.record.id.clone();
        let place = match tokio::time::timeout(PLACE_WAIT, self.jobs.reserve()).await {
            Ok(place) => place,
            Err(_) => {
                tracing::error!(mail = %id, "alarm: mails come faster than they can be entered");
                measure::MAILS_REFUSED.count(&["busy"]);
                return Reply::try_again(3, 2, "The gateway is busy; please try again later");
            }
        };
        let ticket = match self.spool.append(self.clock.now(), header, raw).await {
            Ok(ticket) => ticket,
            Err(error) => {
                tracing::error!(mail = %id, %error, "alarm: the spool cannot be written");
                measure::MAILS_REFUSED.count(&["no-room"]);
                return Reply::no_room();
            }
        };
        measure::MAILS_ACCEPTED.count(&[]);
        // Where the workers are gone, the entry is taken up at the next start.
        if let Ok(place) = place {
            place.send(Job { ticket, accepted });
        }
        Reply::accepted(format!("Accepted as {id}"))
    }
}

fn cannot_decide() -> Reply {
    Reply::try_again(
        3,
        0,
        "The gateway cannot decide now; please try again later",
    )
}

fn reply(smtp: &postel_core::decision::SmtpReply) -> Reply {
    Reply::new(smtp.code, smtp.subject, smtp.detail, smtp.text.clone())
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Refused(refusal) | Outcome::TryAgain(refusal) => refusal.code().as_str(),
    }
}

/// Does a piece of work again and again until the process is to end. What is being done then is finished.
async fn every<F>(
    pause: Duration,
    mut closing: watch::Receiver<bool>,
    work: impl Fn() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(pause) => {}
        }
        // In a task of its own, so that neither its panic nor its silence ends all sweeps after it.
        let mut run = tokio::spawn(work());
        match tokio::time::timeout(SWEEP_LASTS, &mut run).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("alarm: a sweep broke down; the next one goes on"),
            Err(_) => {
                run.abort();
                tracing::error!(
                    "alarm: a sweep did not end and was given up; the next one goes on"
                );
            }
        }
    }
}

async fn sweep_rows(sweeper: &Sweeper, closing: &watch::Receiver<bool>) {
    for _ in 0..SWEEP_AT_MOST / ROWS_AT_ONCE {
        let swept = sweeper.rows(ROWS_AT_ONCE).await;
        let more = swept.as_ref().is_ok_and(|rows| *rows == ROWS_AT_ONCE);
        logged(&swept);
        if !more || *closing.borrow() {
            return;
        }
    }
}

async fn keep_house(
    sweeper: &Sweeper,
    store: &dyn Store,
    aside: &Aside,
    closing: &watch::Receiver<bool>,
) {
    logged(&sweeper.warn().await);
    // As long as there is more than one go forgets: mail may come faster than one go a minute.
    loop {
        let forgotten = sweeper.forget(SWEEP_AT_MOST).await;
        logged(&forgotten);
        if !matches!(forgotten, Ok(SWEEP_AT_MOST..)) {
            break;
        }
        if *closing.borrow() {
            return;
        }
    }
    // Read every time, so that a change of an account's retention holds at once.
    let days = match shortest_retention(store).await {
        Ok(days) => days.unwrap_or_else(|| Retention::default().days),
        Err(error) => return logged(&Err::<(), _>(error)),
    };
    let kept = jiff::SignedDuration::from_hours(24 * i64::from(days));
    let Ok(before) = aside.clock.now().checked_sub(kept) else {
        return;
    };
    if let Err(error) = aside.spool.expire(before).await {
        tracing::error!(%error, "old mails of the spool could not be deleted; tried again");
    }
    aside.expire(before).await;
}

async fn shortest_retention(store: &dyn Store) -> Result<Option<u32>, StoreError> {
    let mut shortest = None;
    let mut pages = AccountPages::new(store);
    while let Some(accounts) = pages.next().await? {
        let days = accounts.iter().map(|a| a.retention.days);
        shortest = days.chain(shortest).min();
    }
    Ok(shortest)
}

fn logged<T>(swept: &Result<T, StoreError>) {
    if let Err(error) = swept {
        if let StoreError::Corrupt(_) = error {
            tracing::error!(%error, "alarm: the database is damaged; stop, then `postel check database`, and restore the last backup");
        } else {
            tracing::error!(%error, "a sweep failed; the next one goes on");
        }
    }
}
