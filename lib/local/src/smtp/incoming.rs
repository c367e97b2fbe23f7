//! Where a big mail lies while it comes in: a file without a name, which is gone however the
//! process ends.
//!
//! Must not know what a mail is.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::limits::{Budget, Held};

/// What the files are called for the moment in which they have a name.
const NAME: &str = "incoming-";

/// The folder for such files, and the octets they may take together. Clones share both.
#[derive(Clone)]
pub(super) struct Incoming {
    folder: Arc<Path>,
    room: Budget,
}

impl Incoming {
    pub(super) fn new(folder: PathBuf, octets: usize) -> Self {
        Self {
            folder: folder.into(),
            room: Budget::new(octets),
        }
    }

    /// Octets nobody holds.
    pub(super) fn left(&self) -> usize {
        self.room.left()
    }

    /// Removes what a crash left between a file's making and the loss of its name. Blocks.
    pub(super) fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let left = |name: &OsStr| name.to_str().is_some_and(|n| n.starts_with(NAME));
            if left(&entry.file_name())
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!(%error, "what is left of a mail cannot be removed");
            }
        }
    }

    /// An empty file; `None`, with a line in the log, where the disk has no room or fails.
    pub(super) async fn begin(&self) -> Option<OnDisk> {
        let incoming = self.clone();
        let made = apart(move || incoming.file()).await;
        Some(OnDisk {
            file: told(made)?,
            octets: 0,
            held: self.room.hold(),
        })
    }

    fn file(&self) -> io::Result<File> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| io::Error::other(e.to_string()))?;
        let name = format!("{NAME}{:016x}", u64::from_le_bytes(random));
        let path = self.folder.join(name);
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        match fs::remove_file(path) {
            // Another listener's sweep was quicker.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(file),
        }
    }
}

/// A mail, or the beginning of one, on disk. Gone once dropped.
pub(super) struct OnDisk {
    file: File,
    octets: usize,
    held: Held,
}

impl OnDisk {
    /// Octets written.
    pub(super) fn len(&self) -> usize {
        self.octets
    }

    /// With more at its end; `None`, with a line in the log, where there is no room or the disk fails.
    pub(super) async fn append(mut self, piece: Vec<u8>) -> Option<Self> {
        let octets = self.octets + piece.len();
        if !self.held.grow_to(octets) {
            tracing::warn!("the disk that incoming mails may take is used up");
            return None;
        }
        let mut file = self.file;
        let written = apart(move || file.write_all(&piece).map(|()| file)).await;
        Some(Self {
            file: told(written)?,
            octets,
            held: self.held,
        })
    }

    /// All of it.
    ///
    /// # Errors
    /// The disk's.
    pub(super) async fn read(self) -> io::Result<Vec<u8>> {
        let Self {
            mut file, octets, ..
        } = self;
        apart(move || {
            let mut all = Vec::with_capacity(octets);
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(&mut all)?;
            if all.len() == octets {
                Ok(all)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        })
        .await
    }
}

/// Disks block.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn told<T>(done: io::Result<T>) -> Option<T> {
    done.inspect_err(|error| tracing::error!(%error, "alarm: a big mail cannot be put on disk; its sender tries again"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_has_no_name_and_what_a_crash_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let incoming = Incoming::new(folder.path().to_owned(), 1 << 20);
        let disk = incoming.begin().await.unwrap();
        let disk = disk.append(b"one ".to_vec()).await.unwrap();
        let disk = disk.append(b"two".to_vec()).await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(disk.read().await.unwrap(), b"one two");

        fs::write(folder.path().join("incoming-0"), "x").unwrap();
        fs::write(folder.path().join("lock"), "").unwrap();
        incoming.sweep();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_dropped_makes_room() {
        let incoming = Incoming::new(std::env::temp_dir(), 10 * 1024);
        let room = incoming.left();
        let disk = incoming.begin().await.unwrap();
        let disk = disk.append(vec![0; 8 * 1024]).await.unwrap();
        let other = incoming.begin().await.unwrap();
        assert!(other.append(vec![0; 8 * 1024]).await.is_none());
        drop(disk);
        assert_eq!(incoming.left(), room);
    }
}
