//! One batch: each message on its own, so that none harms another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postel_aws::ses::{self, Message, Received, Unrecognised};
use postel_aws::sqs::{Batch, BatchResponse};
use postel_aws::{Bucket, MailError};
use postel_core::dispatch::Dispatcher;
use postel_core::evidence::Connection;
use postel_core::intake::{Envelope, Intake, Outcome};
use postel_core::ports::{Clock, StoreError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How much mail is in memory at once, in MiB. One mail is held several times over while it is read and verified.
const ROOM: u32 = 48;

/// What is left of an invocation to answer in.
const MARGIN: Duration = Duration::from_secs(2);

/// Why a message is to be delivered again, or in the end kept with the dead letters.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Unrecognised(#[from] Unrecognised),
    #[error("it does not belong into this queue: {0}")]
    Foreign(&'static str),
    #[error("the mail lies in another bucket")]
    OtherBucket,
    #[error("no recipient is at a domain of this gateway")]
    NoRecipient,
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("DNS failed; try again")]
    TryAgain,
    #[error("the function is ending")]
    Ending,
}

/// The handler.
#[derive(Clone)]
pub struct Inbound(Arc<Parts>);

struct Parts {
    bucket: Bucket,
    intake: Intake,
    dispatcher: Dispatcher,
    room: Semaphore,
}

/// How long a batch may take that must be answered by this time (milliseconds since 1970).
#[must_use]
pub fn time_left(clock: &dyn Clock, deadline: u64) -> Duration {
    let now = u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    Duration::from_millis(deadline.saturating_sub(now)).saturating_sub(MARGIN)
}

impl Inbound {
    /// Puts the parts together.
    #[must_use]
    pub fn new(bucket: Bucket, intake: Intake, dispatcher: Dispatcher) -> Self {
        Self(Arc::new(Parts {
            bucket,
            intake,
            dispatcher,
            room: Semaphore::new(ROOM as usize),
        }))
    }

    /// Handles every message of a batch, and says which are to be delivered again: those that failed
    /// for now or cannot be read, that panicked, and that were not done within `limit`.
    pub async fn handle(&self, batch: Batch, limit: Duration) -> BatchResponse {
        let mut running = JoinSet::new();
        let mut open = HashMap::new();
        for message in batch.records {
            let parts = Arc::clone(&self.0);
            let id = message.message_id;
            let task = running.spawn(async move { parts.message(&message.body).await });
            open.insert(task.id(), id);
        }
        let mut failed = Vec::new();
        let deadline = tokio::time::Instant::now() + limit;
        while let Ok(Some(ended)) =
            tokio::time::timeout_at(deadline, running.join_next_with_id()).await
        {
            let (task, result) = match ended {
                Ok((task, result)) => (task, result),
                Err(broken) => {
                    let id = open.remove(&broken.id()).unwrap_or_default();
                    tracing::error!(message = %id, "alarm: a message made the handler panic");
                    failed.push(id);
                    continue;
                }
            };
            let id = open.remove(&task).unwrap_or_default();
            if let Err(failure) = result {
                tracing::warn!(message = %id, %failure, "to be delivered again");
                failed.push(id);
            }
        }
        for (_, id) in open {
            tracing::warn!(message = %id, failure = %Failure::Ending, "to be delivered again");
            failed.push(id);
        }
        failed.sort();
        BatchResponse::failed(failed)
    }
}

impl Parts {
    async fn message(&self, body: &str) -> Result<(), Failure> {
        match ses::read(body)? {
            Message::Mail(received) => self.mail(&received).await,
            Message::Setup => {
                tracing::info!("SES tried out its rule");
                Ok(())
            }
            Message::Foreign(what) => Err(Failure::Foreign(what)),
        }
    }

    async fn mail(&self, received: &Received) -> Result<(), Failure> {
        if received.bucket != self.bucket.name() {
            return Err(Failure::OtherBucket);
        }
        let recipients = self.ours(received);
        if recipients.is_empty() {
            return Err(Failure::NoRecipient);
        }
        let opened = self.bucket.open(&received.key).await?;
        let size = u32::try_from(opened.length().div_ceil(1024 * 1024)).unwrap_or(ROOM);
        // Never closed, so this only waits.
        let _room = self
            .room
            .acquire_many(size.clamp(1, ROOM))
            .await
            .map_err(|_| Failure::Ending)?;
        let object = opened.read().await?;
        let trace = ses::trace(&object, &received.message_id);
        let envelope = Envelope {
            connection: Connection {
                client_ip: trace.client_ip,
                relay: None,
                helo: trace.helo.to_owned(),
                // What is no address is treated as the null sender, which no text is sent for.
                envelope_sender: received.source.parse().ok(),
                authenticated: None,
            },
            recipients,
            ses: received.verdicts,
            transport_id: Some(received.message_id.clone()),
        };
        self.decided(&envelope, trace.mail, &received.message_id)
            .await
    }

    /// The recipients at our own domains: a rule that matches more does not make others' addresses numbers.
    fn ours(&self, received: &Received) -> Vec<String> {
        let mut recipients = received.recipients.clone();
        recipients.retain(|address| self.intake.screen(address) != Err(None));
        let others = received.recipients.len() - recipients.len();
        if others > 0 {
            tracing::warn!(ses = %received.message_id, others, "the rule matches domains that are not the gateway's");
        }
        recipients
    }

    async fn decided(&self, envelope: &Envelope, mail: &[u8], ses: &str) -> Result<(), Failure> {
        let judged = self.intake.receive(envelope, mail).await?;
        let id = judged.record.id;
        match judged.outcome {
            Outcome::Accepted(accepted) => {
                tracing::info!(%ses, mail = %id, rows = accepted.rows.len(), "accepted");
                // All rows are tried whatever becomes of one: who is delivered again finds them known, and sends none twice.
                let mut result = Ok(());
                for row in self.intake.enter(&accepted).await? {
                    result = result.and(self.dispatcher.attend(row).await);
                }
                Ok(result?)
            }
            Outcome::Refused(refusal) => {
                tracing::info!(%ses, mail = %id, code = refusal.code().as_str(), "refused");
                Ok(())
            }
            Outcome::TryAgain(refusal) => {
                tracing::info!(%ses, mail = %id, code = refusal.code().as_str(), "put off");
                Err(Failure::TryAgain)
            }
        }
    }
}
