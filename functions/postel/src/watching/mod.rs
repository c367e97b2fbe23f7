//! Seeing it run: whether the process is well, its figures, and what a supervisor is told.
//!
//! One pulse every two seconds looks at store, disk and workers; whoever asks for health or figures reads what it
//! saw, so that asking often costs nothing. Must not decide anything about mails.

mod figures;
mod supervisor;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use postel_core::measure;
use postel_core::ports::{Clock as _, StoreError};
use postel_local::spool::Spool;
use postel_local::sqlite::{SqliteStore, Standing};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use figures::Figures;

use crate::system::SystemClock;

/// How often everything is looked at.
const PULSE: Duration = Duration::from_secs(2);
/// How long store and disk may take to answer before they count as silent.
const PATIENCE: Duration = Duration::from_secs(2);
/// A pulse older than this has stopped itself.
const STALE: Duration = Duration::from_secs(15);
/// Pulses between two trials of the disk.
const DISK_EVERY: u32 = 5;

/// What the last pulse saw.
#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    well: Result<(), &'static str>,
}

/// What the pulse looks at.
pub(crate) struct Watched {
    /// The database.
    pub(crate) database: Arc<SqliteStore>,
    /// Accepted mails.
    pub(crate) spool: Spool,
    /// The data folder, where a file must be writable.
    pub(crate) data: PathBuf,
    /// Turns `false` when a worker ends before its time.
    pub(crate) workers: Arc<AtomicBool>,
}

/// The process's health and figures. Clones share them.
#[derive(Clone)]
pub(crate) struct Watch {
    seen: watch::Sender<Seen>,
    figures: Option<Figures>,
}

impl Watch {
    /// Nothing seen yet. `figures`: where they are kept, if anywhere.
    pub(crate) fn new(figures: Option<Figures>) -> Self {
        let seen = Seen {
            at: Instant::now(),
            well: Err("starting"),
        };
        Self {
            seen: watch::Sender::new(seen),
            figures,
        }
    }

    /// For `/healthz`.
    pub(crate) fn health(&self) -> postel_web::Health {
        let seen = self.seen.subscribe();
        Arc::new(move || {
            let seen = *seen.borrow();
            if seen.at.elapsed() > STALE {
                return Err("pulse");
            }
            seen.well
        })
    }

    /// Looks at everything once, then tells the supervisor that mail is taken.
    pub(crate) async fn ready(&self, watched: &Watched) {
        self.look(watched, true).await;
        supervisor::tell("READY=1");
    }

    /// Looks at everything again and again until `stopping` turns true.
    pub(crate) async fn pulse(self, watched: Watched, mut stopping: watch::Receiver<bool>) {
        let mut pulses: u32 = 0;
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(PULSE) => {}
            }
            pulses = pulses.wrapping_add(1);
            self.look(&watched, pulses.is_multiple_of(DISK_EVERY)).await;
        }
        supervisor::tell("STOPPING=1");
        self.saw(Err("stopping"));
    }

    async fn look(&self, watched: &Watched, disk: bool) {
        let now = SystemClock.now();
        let standing = tokio::time::timeout(PATIENCE, watched.database.standing(now)).await;
        let before = self.seen.borrow().well;
        let well = match &standing {
            Ok(Ok(_)) if !watched.workers.load(Ordering::Relaxed) => Err("workers"),
            Ok(Ok(_)) if disk => writable(&watched.data).await,
            // What the last trial of the disk said holds until the next.
            Ok(Ok(_)) if before == Err("disk") => before,
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err("store"),
        };
        if let Err(fault) = well
            && before != well
        {
            tracing::error!(fault, "alarm: the process is not well");
        }
        if before.is_err() && well.is_ok() && before != Err("starting") {
            tracing::info!("the process is well again");
        }
        self.saw(well);
        // A start would not mend a broken file: it would end what can still say so.
        if well.is_ok() || matches!(standing, Ok(Err(StoreError::Corrupt(_)))) {
            supervisor::tell("WATCHDOG=1");
        }
        if let Some(figures) = &self.figures {
            if let Ok(Ok(standing)) = &standing {
                stands(standing);
            }
            spooled(&watched.spool, &watched.database);
            figures.keep_up();
        }
    }

    fn saw(&self, well: Result<(), &'static str>) {
        let at = Instant::now();
        self.seen.send_replace(Seen { at, well });
        measure::HEALTHY.set(&[], if well.is_ok() { 1.0 } else { 0.0 });
    }

    /// `/metrics`, and nothing else; `None` where figures are not kept.
    pub(crate) fn router(&self) -> Option<Router> {
        let figures = self.figures.clone()?;
        let answer = move || {
            let figures = figures.clone();
            async move {
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                ([(header::CONTENT_TYPE, kind)], figures.render())
            }
        };
        Some(Router::new().route("/metrics", get(answer)))
    }
}

/// Whether a file can be written beside database and spool.
async fn writable(folder: &Path) -> Result<(), &'static str> {
    let path = folder.join(".writable");
    let trial = tokio::task::spawn_blocking(move || {
        std::fs::write(&path, [b'x'; 4096])?;
        std::fs::remove_file(&path)
    });
    match tokio::time::timeout(PATIENCE, trial).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Err("disk"),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nobody needs the last of 2^53 texts"
)]
fn stands(standing: &Standing) {
    measure::TEXTS_WAITING.set(&[], standing.waiting as f64);
    measure::TEXTS_OLDEST_WAITING_SECONDS.set(&[], standing.oldest_waiting.as_secs_f64());
    measure::ROWS_OVERDUE_SECONDS.set(&[], standing.overdue.as_secs_f64());
    measure::TEXTS_UNKNOWN.set(&[], standing.unknown as f64);
    measure::OWN_MAILS_WAITING.set(&[], standing.own_mails as f64);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nobody needs the last of 2^53 octets"
)]
fn spooled(spool: &Spool, database: &SqliteStore) {
    let spooled = spool.figures();
    measure::SPOOL_PENDING.set(&[], spooled.pending as f64);
    measure::SPOOL_BYTES.set(&[], spooled.bytes as f64);
    measure::SPOOL_APPENDS.total(&[], spooled.appends);
    measure::SPOOL_SYNCS.total(&[], spooled.syncs);
    measure::STORE_COMMITS.total(&[], database.commits());
}
