//! Accepted mails that cannot be worked off: set aside where a person sees them, taken up again when asked.

use jiff::SignedDuration;
use postel_core::intake::Accepted;
use postel_core::measure;
use postel_core::ports::Clock;
use tokio::sync::mpsc;

use super::workers::Job;
use crate::spool::{Entry, Spool, SpoolError, Ticket, failed};

/// Accepted mails that nobody could work off wait at least so long for a person, however short an account's retention is.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What the process accepted and has not entered, and the way to the workers.
#[derive(Clone)]
pub(super) struct Aside {
    pub(super) spool: Spool,
    pub(super) clock: std::sync::Arc<dyn Clock>,
}

impl Aside {
    /// Hands the mails of the spool that were accepted before the last stop to the workers; what cannot be handed
    /// over is set aside.
    pub(super) async fn replay(self, jobs: mpsc::Sender<Job>, pending: Vec<Entry>) {
        for entry in pending {
            match entry {
                Entry::Mail { ticket, header, .. } => match read(&header) {
                    Ok(accepted) => {
                        if jobs.send(Job { ticket, accepted }).await.is_err() {
                            return;
                        }
                    }
                    Err(why) => self.set_aside(ticket, None, &why).await,
                },
                Entry::Damaged { ticket, octets, .. } => {
                    let why = "this part of the spool is damaged on the disk: at least one mail, perhaps one that was accepted";
                    self.set_aside(ticket, Some(octets), why).await;
                }
            }
        }
        self.take_up(&jobs).await;
    }

    /// Makes it visible that a mail cannot be worked off. Where even that fails it stays in the spool, for the next start.
    pub(super) async fn set_aside(&self, ticket: Ticket, damaged: Option<u64>, why: &str) {
        let kept = self
            .spool
            .set_aside(ticket, damaged, self.clock.now(), why)
            .await;
        measure::SPOOL_FAILED.count(&[]);
        match kept {
            Ok(name) => {
                tracing::error!(%name, why, "alarm: an accepted mail cannot be worked off and is set aside; see `postel spool`");
            }
            Err(error) => {
                tracing::error!(%error, why, "alarm: an accepted mail cannot be worked off, nor set aside; it comes up again at the next start");
            }
        }
    }

    /// Takes up again what somebody asked for.
    pub(super) async fn take_up(&self, jobs: &mpsc::Sender<Job>) {
        let spool = self.spool.path().to_owned();
        let listed = tokio::task::spawn_blocking(move || failed::asked_for(&spool)).await;
        let listed = match listed {
            Ok(Ok(listed)) => listed,
            Ok(Err(error)) => {
                tracing::error!(%error, "the mails that were set aside cannot be read; tried again");
                return;
            }
            Err(_) => return,
        };
        for mail in listed {
            if let Err(error) = self.again(&mail, jobs).await {
                tracing::error!(name = %mail.name, %error, "a mail that was set aside cannot be taken up; tried again");
            }
        }
    }

    async fn again(
        &self,
        mail: &failed::Failed,
        jobs: &mpsc::Sender<Job>,
    ) -> Result<(), SpoolError> {
        let spool = self.spool.path();
        let disk = |e: std::io::Error| SpoolError::from(&e);
        let header = mail.header.clone().unwrap_or_default();
        let accepted = match read(&header) {
            Ok(accepted) => accepted,
            Err(why) => {
                let octets = failed::octets(spool, mail).map_err(disk)?;
                let aside = failed::Aside {
                    name: &mail.name,
                    at: mail.at,
                    since: mail.since,
                    why: &why,
                    header: mail.header.as_deref(),
                    octets: &octets,
                };
                tracing::error!(name = %mail.name, why, "alarm: a mail that was set aside can still not be worked off");
                return failed::put(spool, &aside).map_err(disk);
            }
        };
        let raw = failed::octets(spool, mail).map_err(disk)?;
        // Twice in the spool after a crash here is harmless: its rows are known by their ids.
        let ticket = self.spool.append(self.clock.now(), header, raw).await?;
        failed::forget(spool, &mail.name).map_err(disk)?;
        tracing::info!(name = %mail.name, mail = %accepted.record.id, "a mail that was set aside is taken up again");
        // Where the workers are gone, it comes up at the next start.
        drop(jobs.send(Job { ticket, accepted }).await);
        Ok(())
    }

    /// Deletes what was set aside before this time, and longer ago than [`KEPT_FOR`]; not what somebody asks for.
    pub(super) async fn expire(&self, before: jiff::Timestamp) {
        let now = self.clock.now();
        let before = before.min(now.checked_sub(KEPT_FOR).unwrap_or(jiff::Timestamp::MIN));
        let spool = self.spool.path().to_owned();
        let expired = tokio::task::spawn_blocking(move || {
            for mail in failed::list(&spool)? {
                if mail.since < before && !mail.again && failed::forget(&spool, &mail.name)? {
                    tracing::error!(name = %mail.name, "alarm: a mail that was set aside is deleted unsent: nobody acted on it as long as mails are kept");
                }
            }
            Ok::<(), std::io::Error>(())
        });
        if let Ok(Err(error)) = expired.await {
            tracing::error!(%error, "mails that were set aside could not be deleted; tried again");
        }
    }
}

/// The words never quote what was found: an address, a text.
fn read(header: &[u8]) -> Result<Accepted, String> {
    serde_json::from_slice(header).map_err(|error| {
        format!(
            "it is of a form that this version does not know ({:?} error at column {}): start the version that wrote it",
            error.classify(),
            error.column()
        )
    })
}
