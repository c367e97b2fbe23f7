//! The spool's folder: which files there are, what they are called, and what they hold at start.
//!
//! `<number>-<marker>.mail` holds records ([`super::record`]), the `.done` file beside it the
//! places of those that are finished with: 12 octets each, place and CRC-32. Once nothing more comes
//! into a segment and all of it is finished with, `.finished` says so, with the time of the newest
//! mail, and spares the next start the reading. Must not know who reads or writes.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use jiff::Timestamp;

use super::record::{Contents, scan};
use super::{Entry, Shared, SpoolError, State, Ticket};

/// Set in the place of a damaged stretch, to tell it from that of a mail that once began there.
pub(super) const DAMAGE: u64 = 1 << 63;

/// Length of a record in a `.done` file.
pub(super) const DONE: u64 = 12;

/// The place of a mail that is finished with (or another number), as it is written.
pub(super) fn done_record(offset: u64) -> Vec<u8> {
    let mut out = offset.to_le_bytes().to_vec();
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// A segment, as remembered.
pub(super) struct Segment {
    pub(super) marker: u64,
    pub(super) bytes: u64,
    /// When the newest mail in it was appended.
    pub(super) newest: Timestamp,
    /// Places of mails that are not finished with.
    pub(super) pending: BTreeSet<u64>,
}

/// The folder, ours alone while this lives.
pub(super) struct Folder {
    path: PathBuf,
    /// Holds the lock; the system lets go of it however the process ends.
    lock: File,
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing the file would not do while a child process that is just being started has it, too.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the spool's folder may stay locked until this process ends");
        }
    }
}

impl Folder {
    /// Makes the folder where there is none, and takes it for this process.
    pub(super) fn take(path: &Path) -> Result<Self, SpoolError> {
        let failed = |error: io::Error| match SpoolError::from(&error) {
            SpoolError::Disk(why) => SpoolError::Folder {
                path: path.to_owned(),
                why,
            },
            full => full,
        };
        private_folder(path).map_err(failed)?;
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync_folder(parent).map_err(failed)?;
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                lock,
            }),
            Err(TryLockError::WouldBlock) => Err(SpoolError::Taken(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub(super) fn mail(&self, number: u64, marker: u64) -> PathBuf {
        mail_path(&self.path, number, marker)
    }

    pub(super) fn done(&self, number: u64, marker: u64) -> PathBuf {
        self.mail(number, marker).with_extension("done")
    }

    fn finished(&self, number: u64, marker: u64) -> PathBuf {
        self.mail(number, marker).with_extension("finished")
    }

    /// Spares the next start the reading of a segment into which nothing more comes, where all of
    /// it is finished with. Not synced, and its failing costs time only.
    pub(super) fn close(&self, number: u64, segment: &Segment) {
        if !segment.pending.is_empty() || segment.bytes == 0 {
            return;
        }
        let newest = segment.newest.as_millisecond().cast_unsigned();
        let written = private_file()
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.finished(number, segment.marker))
            .and_then(|mut file| file.write_all(&done_record(newest)));
        if let Err(error) = written {
            tracing::warn!(%error, segment = number, "the next start will read this segment again");
        }
    }

    /// A new segment, whose name is durable.
    pub(super) fn create(&self, shared: &Shared) -> io::Result<(u64, u64, File)> {
        let mut marker = [0; 8];
        getrandom::fill(&mut marker).map_err(|e| io::Error::other(e.to_string()))?;
        let marker = u64::from_le_bytes(marker);
        let number = {
            let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.last += 1;
            state.last
        };
        let path = self.mail(number, marker);
        let file = private_file().append(true).create_new(true).open(path)?;
        self.sync()?;
        let segment = Segment {
            marker,
            bytes: 0,
            newest: Timestamp::MIN,
            pending: BTreeSet::new(),
        };
        shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .segments
            .insert(number, segment);
        Ok((number, marker, file))
    }

    pub(super) fn delete(&self, number: u64, marker: u64) -> io::Result<()> {
        // The mails first: a `.mail` without its `.done` would come up again.
        let paths = [
            self.mail(number, marker),
            self.done(number, marker),
            self.finished(number, marker),
        ];
        for path in paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    /// Reads every segment, mends torn tails, and gives what is pending, oldest first.
    pub(super) fn load(&self) -> Result<(State, Vec<Entry>), SpoolError> {
        let names = segments(&self.path).map_err(|e| self.unreadable(&self.path, &e))?;
        let (mut state, mut entries) = (State::default(), Vec::new());
        for (number, marker) in names {
            let path = self.mail(number, marker);
            state.last = state.last.max(number);
            let segment = match self.load_finished(number, marker, &path) {
                Some(segment) => segment,
                None => {
                    let segment = self
                        .load_segment(number, marker, &path, &mut entries)
                        .map_err(|e| self.unreadable(&path, &e))?;
                    self.close(number, &segment);
                    segment
                }
            };
            state.figures.bytes += segment.bytes;
            state.figures.pending += segment.pending.len();
            state.segments.insert(number, segment);
        }
        Ok((state, entries))
    }

    fn unreadable(&self, path: &Path, error: &io::Error) -> SpoolError {
        SpoolError::Folder {
            path: path.to_owned(),
            why: error.to_string(),
        }
    }

    /// A segment that is known to be finished with.
    fn load_finished(&self, number: u64, marker: u64, path: &Path) -> Option<Segment> {
        let bytes = fs::read(self.finished(number, marker)).ok()?;
        Some(Segment {
            marker,
            bytes: fs::metadata(path).ok()?.len(),
            newest: finished_at(&bytes)?,
            pending: BTreeSet::new(),
        })
    }

    fn load_segment(
        &self,
        number: u64,
        marker: u64,
        path: &Path,
        entries: &mut Vec<Entry>,
    ) -> io::Result<Segment> {
        let done = read_done(&self.done(number, marker))?;
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let metadata = file.metadata()?;
        let contents: Contents = scan(&file, metadata.len(), marker, |offset| {
            !done.contains(&offset)
        })?;
        if contents.keep < metadata.len() {
            let octets = metadata.len() - contents.keep;
            tracing::warn!(
                segment = number,
                octets,
                "cut off what was being written when the power went"
            );
            file.set_len(contents.keep)?;
            file.sync_data()?;
        }
        let mut pending = BTreeSet::new();
        for (offset, octets) in contents.damaged {
            let place = offset | DAMAGE;
            if done.contains(&place) {
                continue;
            }
            pending.insert(place);
            let file = path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            tracing::error!(file, offset, octets, "a part of the spool is damaged");
            entries.push(Entry::Damaged {
                ticket: Ticket {
                    segment: number,
                    offset: place,
                },
                file,
                offset,
                octets,
            });
        }
        // Where no record tells the time, the file does.
        let mut newest = Timestamp::MIN;
        if contents.records.is_empty() {
            newest = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
        }
        for (offset, at, header) in contents.records {
            newest = newest.max(at);
            if !done.contains(&offset) {
                pending.insert(offset);
                entries.push(Entry::Mail {
                    ticket: Ticket {
                        segment: number,
                        offset,
                    },
                    at,
                    header,
                });
            }
        }
        Ok(Segment {
            marker,
            bytes: contents.keep,
            newest,
            pending,
        })
    }
}

/// Numbers and markers of a folder's segments, in order; other files are none of ours.
fn segments(folder: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder)? {
        let name = file?.file_name();
        let parsed = name
            .to_str()
            .and_then(|n| n.strip_suffix(".mail"))
            .and_then(|n| n.split_once('-'));
        if let Some((number, marker)) = parsed
            && let (Ok(number), Ok(marker)) = (number.parse(), u64::from_str_radix(marker, 16))
        {
            found.push((number, marker));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The time of the newest mail that a `.finished` file tells; `None` where it is not whole.
fn finished_at(bytes: &[u8]) -> Option<Timestamp> {
    let newest = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
    if done_record(newest) != bytes {
        return None;
    }
    Timestamp::from_millisecond(newest.cast_signed()).ok()
}

/// Where a segment's mails are.
pub(super) fn mail_path(folder: &Path, number: u64, marker: u64) -> PathBuf {
    folder.join(format!("{number:012}-{marker:016x}.mail"))
}

/// Places that are finished with. A damaged record is passed over: its mail comes up again, and is
/// recognised where it is handled.
fn read_done(path: &Path) -> io::Result<BTreeSet<u64>> {
    let mut bytes = Vec::new();
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(mut file) => {
            file.read_to_end(&mut bytes)?;
            let len = bytes.len() as u64;
            if !len.is_multiple_of(DONE) {
                file.set_len(len - len % DONE)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(places(&bytes))
}

/// What a `.done` file's bytes say.
fn places(bytes: &[u8]) -> BTreeSet<u64> {
    let (records, _) = bytes.as_chunks::<12>();
    records
        .iter()
        .filter_map(|record| {
            record
                .first_chunk::<8>()
                .map(|place| (record, u64::from_le_bytes(*place)))
        })
        .filter(|(record, place)| done_record(*place) == **record)
        .map(|(_, place)| place)
        .collect()
}

/// The mails of a spool's folder that are not finished with, as another process may see them while one writes:
/// segment, marker and place, oldest first. Nothing is changed. What is being written is passed over.
pub(super) fn pending(path: &Path) -> io::Result<Vec<(u64, u64, u64)>> {
    let folder = match segments(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found?,
    };
    let mut found = Vec::new();
    for (number, marker) in folder {
        let mail = mail_path(path, number, marker);
        let read = |ending: &str| fs::read(mail.with_extension(ending));
        if read("finished").is_ok_and(|bytes| finished_at(&bytes).is_some()) {
            continue;
        }
        // Before the mails: one that is finished with meanwhile is only seen as pending.
        let done = places(&read("done").unwrap_or_default());
        let file = match File::open(&mail) {
            // Deleted meanwhile, so all of it was finished with.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        let len = file.metadata()?.len();
        let contents = scan(&file, len, marker, |_| false)?;
        let places = contents.records.into_iter().map(|(place, ..)| place);
        found.extend(
            places
                .filter(|place| !done.contains(place))
                .map(|place| (number, marker, place)),
        );
    }
    Ok(found)
}

/// Makes a folder that other users of the machine cannot look into, as mails are private.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// How files are made that other users of the machine cannot read.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
