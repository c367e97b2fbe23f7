//! The spool: mails are on disk before they are acknowledged, and stay there until they are
//! finished with and old.
//!
//! Append-only segment files ([`record`]) in a folder of our own, written by one thread that syncs
//! all waiting mails at once ([`writer`]). Must not know what is in a mail or its header.

pub mod failed;
mod folder;
mod record;
mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use self::failed::Aside;
use self::folder::{DAMAGE, Folder, Segment, mail_path};
use self::record::{HEAD, Head};
use self::writer::{Append, Ask, Writer};

/// Where a mail lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    segment: u64,
    offset: u64,
}

/// What was found at start and needs somebody.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
    /// A mail that was accepted and is not finished with. The same may have been acted on before.
    Mail {
        /// For [`Spool::read`] and [`Spool::done`].
        ticket: Ticket,
        /// When it was appended.
        at: Timestamp,
        /// What the caller wrote beside it.
        header: Vec<u8>,
    },
    /// Octets that cannot be read back: at least one mail, perhaps one that was accepted. Told at
    /// every start until it is set aside.
    Damaged {
        /// For [`Spool::set_aside`].
        ticket: Ticket,
        /// The file in the spool's folder.
        file: String,
        /// Where in it.
        offset: u64,
        /// How many octets.
        octets: u64,
    },
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mail { ticket, at, .. } => write!(f, "Mail({ticket:?}, {at})"),
            Self::Damaged {
                file,
                offset,
                octets,
                ..
            } => write!(f, "Damaged({octets} octets at {offset} of {file})"),
        }
    }
}

/// A mail, read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// When it was appended.
    pub at: Timestamp,
    /// What the caller wrote beside it.
    pub header: Vec<u8>,
    /// The raw mail.
    pub raw: Vec<u8>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stored({} octets, {})", self.raw.len(), self.at)
    }
}

/// Figures for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Mails not finished with.
    pub pending: usize,
    /// Octets of all segments on disk.
    pub bytes: u64,
    /// Mails appended since start.
    pub appends: u64,
    /// Syncs (fdatasync) these needed: far fewer than appends under load.
    pub syncs: u64,
}

/// Why the spool could not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The disk, the quota or the allowed file size is used up: try again once there is room. Nothing was kept.
    #[error("there is no room left for the spool: free some, or give it a larger disk")]
    Full,
    /// Another process uses the folder.
    #[error("another postel process is using the spool in {path}: stop it, or give this one a folder of its own", path = .0.display())]
    Taken(PathBuf),
    /// The folder or a file in it cannot be used.
    #[error("the spool cannot use {path}: {why}. Check that it is there and that the user running postel owns it", path = .path.display())]
    Folder {
        /// What cannot be used.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Reading or writing failed. A mail being appended must not be acknowledged; it may come up again.
    #[error("the spool's disk fails: {0}")]
    Disk(String),
    /// The mail's segment has been deleted.
    #[error("this mail is no longer kept")]
    Gone,
    /// The mail cannot be read back as it was written.
    #[error("this mail is damaged on disk")]
    Damaged,
    /// Header or mail is over 4 GiB.
    #[error("too big for the spool")]
    TooBig,
    /// The writing thread has broken down.
    #[error("the spool has stopped; restart postel")]
    Stopped,
}

impl From<&io::Error> for SpoolError {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::Disk(error.to_string()),
        }
    }
}

/// What writer and readers share.
struct Shared {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    segments: BTreeMap<u64, Segment>,
    /// Number of the newest segment that ever was.
    last: u64,
    figures: Figures,
}

/// The spool. Clones share it; once the last is dropped, the folder is free again.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    asks: Option<Sender<Ask>>,
    writer: Option<JoinHandle<()>>,
}

impl Spool {
    /// Opens the spool in this folder (made where there is none) and gives what is pending, oldest
    /// first. A tail torn by a crash is cut off, with a warning: it was never acknowledged. Blocks
    /// while it reads all segments once.
    ///
    /// # Errors
    /// [`SpoolError::Taken`] where another process has it open, [`SpoolError::Folder`] where
    /// something there cannot be read or written.
    pub fn open(path: &Path) -> Result<(Self, Vec<Entry>), SpoolError> {
        let folder = Folder::take(path)?;
        let (state, entries) = folder.load()?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            state: Mutex::new(state),
        });
        let (asks, asked) = mpsc::channel();
        let writer = Writer::new(folder, Arc::clone(&shared));
        let writer = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer.run(&asked))
            .map_err(|e| SpoolError::Disk(e.to_string()))?;
        Ok((
            Self(Arc::new(Inner {
                shared,
                asks: Some(asks),
                writer: Some(writer),
            })),
            entries,
        ))
    }

    /// Whether a process has the spool in this folder open. Makes no folder.
    #[must_use]
    pub fn is_taken(path: &Path) -> bool {
        path.is_dir() && matches!(Folder::take(path), Err(SpoolError::Taken(_)))
    }

    /// Keeps a mail: when this returns `Ok`, it is on disk and survives a crash. `now` orders
    /// segments for [`Spool::expire`]. Giving up waiting does not take the mail back.
    ///
    /// # Errors
    /// [`SpoolError`]; the mail must not be acknowledged then.
    pub async fn append(
        &self,
        now: Timestamp,
        header: Vec<u8>,
        raw: Vec<u8>,
    ) -> Result<Ticket, SpoolError> {
        let head = Head::of(now, &header, &raw).ok_or(SpoolError::TooBig)?;
        self.ask(|answer| {
            Ask::Append(Append {
                head,
                header,
                raw,
                answer,
            })
        })
        .await
    }

    /// Notes that a mail is finished with, so that it does not come up at the next start (it may,
    /// after a power cut). Again, or after its segment has gone: no harm.
    ///
    /// # Errors
    /// [`SpoolError`]; the mail then comes up again.
    pub async fn done(&self, ticket: Ticket) -> Result<(), SpoolError> {
        self.ask(|answer| Ask::Done(ticket, Some(answer))).await
    }

    /// [`Spool::done`] without waiting for it. Where it fails, that is logged, and the mail comes up again.
    pub fn finished(&self, ticket: Ticket) {
        let asks = self.0.asks.as_ref();
        if asks.is_none_or(|asks| asks.send(Ask::Done(ticket, None)).is_err()) {
            tracing::error!(
                "the spool has stopped: a mail comes up again at the next start; its rows are known then"
            );
        }
    }

    /// Deletes segments whose mails are all finished with and were all appended before this time;
    /// says how many. A segment holds the mails of one day (UTC) at most.
    ///
    /// # Errors
    /// [`SpoolError::Disk`]; to be tried again.
    pub async fn expire(&self, before: Timestamp) -> Result<usize, SpoolError> {
        self.ask(|answer| Ask::Expire(before, answer)).await
    }

    /// Reads a mail back, finished with or not, as long as its segment is kept.
    ///
    /// # Errors
    /// [`SpoolError::Gone`], [`SpoolError::Damaged`] or [`SpoolError::Disk`].
    pub async fn read(&self, ticket: Ticket) -> Result<Stored, SpoolError> {
        let marker = self.marker(ticket)?;
        let path = mail_path(&self.0.shared.path, ticket.segment, marker);
        let read = tokio::task::spawn_blocking(move || read(&path, ticket.offset, marker));
        read.await
            .map_err(|_| SpoolError::Stopped)?
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => SpoolError::Gone,
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => SpoolError::Damaged,
                _ => (&error).into(),
            })
    }

    /// Keeps a mail, or a damaged stretch of so many octets, among those that wait for a person ([`failed`]), and is
    /// finished with it here. Says under which name.
    ///
    /// # Errors
    /// [`SpoolError`]; it comes up again at the next start then.
    pub async fn set_aside(
        &self,
        ticket: Ticket,
        damaged: Option<u64>,
        since: Timestamp,
        why: &str,
    ) -> Result<String, SpoolError> {
        let marker = self.marker(ticket)?;
        let name = name(ticket.segment, marker, ticket.offset & !DAMAGE);
        let (at, header, octets) = if let Some(octets) = damaged {
            let path = mail_path(&self.0.shared.path, ticket.segment, marker);
            let cut = move || stretch(&path, ticket.offset & !DAMAGE, octets);
            let octets = tokio::task::spawn_blocking(cut).await;
            let octets = octets.map_err(|_| SpoolError::Stopped)?;
            (None, None, octets.map_err(|e| SpoolError::from(&e))?)
        } else {
            let stored = self.read(ticket).await?;
            (Some(stored.at), Some(stored.header), stored.raw)
        };
        let (spool, why, kept) = (self.0.shared.path.clone(), why.to_owned(), name.clone());
        let put = move || {
            let aside = Aside {
                name: &name,
                at,
                since,
                why: &why,
                header: header.as_deref(),
                octets: &octets,
            };
            failed::put(&spool, &aside)
        };
        let put = tokio::task::spawn_blocking(put).await;
        put.map_err(|_| SpoolError::Stopped)?
            .map_err(|e| SpoolError::from(&e))?;
        self.done(ticket).await?;
        Ok(kept)
    }

    /// The spool's folder, for [`failed`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.shared.path
    }

    /// How many mails wait for a person: for metrics. One look at a folder that is nearly always empty.
    #[must_use]
    pub fn failed(&self) -> usize {
        failed::count(self.path())
    }

    fn marker(&self, ticket: Ticket) -> Result<u64, SpoolError> {
        self.state(|state| state.segments.get(&ticket.segment).map(|s| s.marker))
            .ok_or(SpoolError::Gone)
    }

    /// Figures for metrics.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.state(|state| state.figures)
    }

    fn state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(
            &self
                .0
                .shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    async fn ask<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, SpoolError>>) -> Ask,
    ) -> Result<T, SpoolError> {
        let (answer, answered) = oneshot::channel();
        let asks = self.0.asks.as_ref().ok_or(SpoolError::Stopped)?;
        asks.send(ask(answer)).map_err(|_| SpoolError::Stopped)?;
        answered.await.map_err(|_| SpoolError::Stopped)?
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.asks = None;
        if self
            .writer
            .take()
            .is_some_and(|writer| writer.join().is_err())
        {
            tracing::error!("the spool's writer broke down");
        }
    }
}

/// What a mail is called outside its segment: the same whoever asks and however often.
fn name(segment: u64, marker: u64, offset: u64) -> String {
    format!("{segment:012}-{marker:016x}-{offset}")
}

/// The mails of the spool in this folder that are not finished with, by name, oldest first: for a backup, while another
/// process may be writing. Reads them all once.
pub(crate) fn pending(path: &Path) -> io::Result<Vec<PendingMail>> {
    let found = folder::pending(path)?;
    let named = |(segment, marker, offset)| PendingMail {
        name: name(segment, marker, offset),
        path: mail_path(path, segment, marker),
        marker,
        offset,
    };
    Ok(found.into_iter().map(named).collect())
}

/// Where a pending mail lies.
pub(crate) struct PendingMail {
    pub(crate) name: String,
    path: PathBuf,
    marker: u64,
    offset: u64,
}

impl PendingMail {
    /// The mail.
    pub(crate) fn read(&self) -> io::Result<Stored> {
        read(&self.path, self.offset, self.marker)
    }
}

fn stretch(path: &Path, offset: u64, octets: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(octets).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read(path: &Path, offset: u64, marker: u64) -> io::Result<Stored> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut head = [0; HEAD];
    file.read_exact(&mut head)?;
    let head = Head::read(&head, marker).ok_or(io::ErrorKind::InvalidData)?;
    let part = |len: u32| {
        let mut part = Vec::new();
        let read = (&file).take(u64::from(len)).read_to_end(&mut part)?;
        if read == len as usize {
            Ok(part)
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        }
    };
    let (header, raw) = (part(head.header)?, part(head.raw)?);
    if Head::of(head.at, &header, &raw) != Some(head) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Stored {
        at: head.at,
        header,
        raw,
    })
}
