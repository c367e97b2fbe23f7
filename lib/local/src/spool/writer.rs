//! The one thread that writes: takes whatever appends are waiting, writes them all, syncs once,
//! then answers them all.
//!
//! Must not know what a mail is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::folder::{DONE, Folder, Segment, done_record, private_file};
use super::record::Head;
use super::{Shared, SpoolError, Ticket};
use crate::pace::Pace;

/// A segment is closed at this size.
const SEGMENT: u64 = 64 << 20;
/// One sync waits for at most this much.
const BATCH: usize = 32 << 20;
/// Small mails are written together in pieces of this size.
const PIECE: usize = 64 << 10;
/// Days begin at midnight UTC: no segment holds mails of two.
const DAY: i64 = 86_400_000;

/// Where the answer goes, where anybody waits for it.
type Heard = Option<oneshot::Sender<Result<(), SpoolError>>>;
/// A mail that is finished with.
type Done = (Ticket, Heard);

/// What is asked of the writer, and where to the answer goes.
pub(super) enum Ask {
    Append(Append),
    /// Nobody may wait for it.
    Done(Ticket, Heard),
    Expire(Timestamp, oneshot::Sender<Result<usize, SpoolError>>),
}

pub(super) struct Append {
    pub(super) head: Head,
    pub(super) header: Vec<u8>,
    pub(super) raw: Vec<u8>,
    pub(super) answer: oneshot::Sender<Result<Ticket, SpoolError>>,
}

/// Whatever was asked while the last sync ran. Appends come first: somebody waits for their answer, and what is
/// finished with was appended before.
#[derive(Default)]
struct Waiting {
    appends: Vec<Append>,
    /// Octets of the mails.
    size: usize,
    done: Vec<Done>,
    expire: Vec<(Timestamp, oneshot::Sender<Result<usize, SpoolError>>)>,
}

impl Waiting {
    fn add(&mut self, ask: Ask) {
        match ask {
            Ask::Append(append) => {
                self.size += append.raw.len();
                self.appends.push(append);
            }
            Ask::Done(ticket, answer) => self.done.push((ticket, answer)),
            Ask::Expire(before, answer) => self.expire.push((before, answer)),
        }
    }
}

/// The segment being written.
struct Current {
    number: u64,
    marker: u64,
    file: File,
    len: u64,
    day: i64,
}

pub(super) struct Writer {
    folder: Folder,
    shared: Arc<Shared>,
    current: Option<Current>,
    /// Open files of finished places, by segment.
    done: HashMap<u64, File>,
    pace: Pace,
}

impl Writer {
    pub(super) fn new(folder: Folder, shared: Arc<Shared>) -> Self {
        Self {
            folder,
            shared,
            current: None,
            done: HashMap::new(),
            pace: Pace::default(),
        }
    }

    /// Works until nobody can ask any more.
    pub(super) fn run(mut self, asks: &Receiver<Ask>) {
        while let Ok(first) = asks.recv() {
            self.pace.wait();
            let mut waiting = Waiting::default();
            let mut next = Some(first);
            while let Some(ask) = next.take() {
                waiting.add(ask);
                if waiting.size < BATCH {
                    next = asks.try_recv().ok();
                }
            }
            self.pace.begin(waiting.appends.len());
            if !waiting.appends.is_empty() {
                self.append(waiting.appends);
            }
            self.finish_all(waiting.done);
            for (before, answer) in waiting.expire {
                give(answer, self.expire(before).map_err(|e| (&e).into()));
            }
        }
        if let Some(current) = self.current.take() {
            self.close(current.number);
        }
    }

    /// Nothing more comes into this segment, or the last of it is finished with.
    fn close(&self, number: u64) {
        let state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = state.segments.get(&number) {
            self.folder.close(number, segment);
        }
    }

    fn append(&mut self, batch: Vec<Append>) {
        match self.write(&batch) {
            Ok(tickets) => {
                for (append, ticket) in batch.into_iter().zip(tickets) {
                    give(append.answer, Ok(ticket));
                }
            }
            Err(error) => {
                tracing::error!(%error, mails = batch.len(), "the spool cannot be written");
                self.abandon();
                for append in batch {
                    give(append.answer, Err((&error).into()));
                }
            }
        }
    }

    /// Writes and syncs a batch; only then is any of it counted.
    fn write(&mut self, batch: &[Append]) -> io::Result<Vec<Ticket>> {
        let day = batch
            .first()
            .map_or(0, |a| a.head.at.as_millisecond().div_euclid(DAY));
        let fits = |current: &mut Current| current.len < SEGMENT && current.day == day;
        if let Some(full) = self.current.take_if(|current| !fits(current)) {
            self.close(full.number);
            self.done.remove(&full.number);
        }
        let current = match &mut self.current {
            Some(current) => current,
            slot => {
                let (number, marker, file) = self.folder.create(&self.shared)?;
                slot.insert(Current {
                    number,
                    marker,
                    file,
                    len: 0,
                    day,
                })
            }
        };
        let mut end = current.len;
        let mut written = Vec::with_capacity(batch.len());
        let mut out = BufWriter::with_capacity(PIECE, &current.file);
        for append in batch {
            out.write_all(&append.head.write(current.marker))?;
            out.write_all(&append.header)?;
            out.write_all(&append.raw)?;
            written.push((
                Ticket {
                    segment: current.number,
                    offset: end,
                },
                append.head.at,
            ));
            end += append.head.record_len();
        }
        out.flush()?;
        drop(out);
        current.file.sync_data()?;
        let grown = end - current.len;
        current.len = end;
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.figures.appends += written.len() as u64;
        state.figures.syncs += 1;
        state.figures.bytes += grown;
        state.figures.pending += written.len();
        if let Some(segment) = state.segments.get_mut(&current.number) {
            segment.bytes = end;
            for (ticket, at) in &written {
                segment.newest = segment.newest.max(*at);
                segment.pending.insert(ticket.offset);
            }
        }
        Ok(written.into_iter().map(|(ticket, _)| ticket).collect())
    }

    /// After a failed write: what was written of it is cut off, and the file is not trusted again
    /// (after a failed sync, the next one may report success for lost pages). A segment without a
    /// mail goes, so that a full disk is not littered.
    fn abandon(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        let cut = if current.len == 0 {
            self.shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .segments
                .remove(&current.number);
            self.folder.delete(current.number, current.marker)
        } else {
            current
                .file
                .set_len(current.len)
                .and_then(|()| current.file.sync_data())
        };
        if let Err(error) = cut {
            tracing::warn!(%error, segment = current.number, "a mail that was not accepted may come up again");
        }
    }

    fn finish_all(&mut self, mut done: Vec<Done>) {
        done.sort_by_key(|(ticket, _)| *ticket);
        let mut done = done.into_iter().peekable();
        while let Some((first, answer)) = done.next() {
            let (mut places, mut answers) = (vec![first.offset], vec![answer]);
            while let Some((next, answer)) = done.next_if(|(t, _)| t.segment == first.segment) {
                places.push(next.offset);
                answers.push(answer);
            }
            let finished = self.finish(first.segment, places);
            if let Err(error) = &finished {
                tracing::error!(%error, "mails come up again at the next start; their rows are known then");
            }
            for answer in answers.into_iter().flatten() {
                give(answer, finished.as_ref().copied().map_err(Into::into));
            }
        }
    }

    /// Notes that mails of a segment, in the order of their places, are finished with. Not synced: at worst they come up
    /// again after a crash.
    fn finish(&mut self, number: u64, mut places: Vec<u64>) -> io::Result<()> {
        places.dedup();
        let marker = {
            let state = self
                .shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // The others were finished before, or are gone with their segment.
            let Some(segment) = state.segments.get(&number) else {
                return Ok(());
            };
            places.retain(|place| segment.pending.contains(place));
            segment.marker
        };
        if places.is_empty() {
            return Ok(());
        }
        let file = match self.done.entry(number) {
            std::collections::hash_map::Entry::Occupied(file) => file.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => {
                let path = self.folder.done(number, marker);
                slot.insert(private_file().append(true).create(true).open(path)?)
            }
        };
        let records: Vec<u8> = places.iter().copied().flat_map(done_record).collect();
        if let Err(error) = file.write_all(&records) {
            // A piece of a record would hide those after it.
            let whole = file.metadata()?.len();
            file.set_len(whole - whole % DONE)?;
            return Err(error);
        }
        let last = {
            let mut state = self
                .shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            state.figures.pending = state.figures.pending.saturating_sub(places.len());
            state.segments.get_mut(&number).is_some_and(|segment| {
                for place in &places {
                    segment.pending.remove(place);
                }
                segment.pending.is_empty()
            })
        };
        if last && self.current.as_ref().is_none_or(|c| c.number != number) {
            self.done.remove(&number);
            self.close(number);
        }
        Ok(())
    }

    /// Deletes segments that are finished with and have nothing newer than `before`.
    fn expire(&mut self, before: Timestamp) -> io::Result<usize> {
        let over = |segment: &Segment| segment.pending.is_empty() && segment.newest < before;
        let old: Vec<(u64, u64)> = {
            let state = self
                .shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            state
                .segments
                .iter()
                .filter(|(_, s)| over(s))
                .map(|(n, s)| (*n, s.marker))
                .collect()
        };
        for (number, marker) in &old {
            if self.current.as_ref().is_some_and(|c| c.number == *number) {
                self.current = None;
            }
            self.done.remove(number);
            self.folder.delete(*number, *marker)?;
            let mut state = self
                .shared
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(segment) = state.segments.remove(number) {
                state.figures.bytes -= segment.bytes;
            }
        }
        if !old.is_empty() {
            self.folder.sync()?;
        }
        Ok(old.len())
    }
}

/// Answers; whoever asked may have stopped waiting.
fn give<T>(answer: oneshot::Sender<Result<T, SpoolError>>, result: Result<T, SpoolError>) {
    if answer.send(result).is_err() {
        tracing::debug!("nobody waits for the spool's answer any more");
    }
}
