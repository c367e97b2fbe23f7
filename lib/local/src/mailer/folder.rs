//! Mails of our own as `.eml` files in a folder, for trying and testing, or where something else
//! picks them up. Must not know what the mails say.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use postel_core::model::OutgoingMail;
use postel_core::ports::{MailOut, MailOutError};
use sha2::{Digest, Sha256};

/// Longest part of an id that goes into a file name as it is.
const NAME: usize = 120;

/// A folder of mails.
#[derive(Debug)]
pub struct MailFolder {
    path: PathBuf,
    unfinished: AtomicU64,
}

impl MailFolder {
    /// Makes the folder where there is none, for its owner alone: the mails hold invitation links.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        Ok(Self {
            path: path.to_owned(),
            unfinished: AtomicU64::new(0),
        })
    }

    /// The file a mail of this id is in, once sent.
    #[must_use]
    pub fn file(&self, id: &str) -> PathBuf {
        self.path.join(format!("{}.eml", file_name(id)))
    }
}

#[async_trait]
impl MailOut for MailFolder {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailOutError> {
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        let unfinished = self
            .path
            .join(format!(".{}-{number}.part", std::process::id()));
        let (folder, file, raw) = (self.path.clone(), self.file(&mail.id), mail.raw.clone());
        let written =
            tokio::task::spawn_blocking(move || write(&folder, &unfinished, &file, &raw)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(MailOutError::Temporary(format!(
                "the mail folder cannot be written: {error}"
            ))),
            Err(_) => Err(MailOutError::Temporary(
                "writing to the mail folder broke down".to_owned(),
            )),
        }
    }
}

/// Whoever looks sees the whole file or none, and only its owner may look; it is durable when this returns.
fn write(folder: &Path, unfinished: &Path, file: &Path, raw: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(unfinished)
        .and_then(|mut part| part.write_all(raw).and_then(|()| part.sync_all()))
        .and_then(|()| fs::rename(unfinished, file));
    if written.is_err() && unfinished.exists() {
        fs::remove_file(unfinished)?;
    }
    written?;
    File::open(folder)?.sync_all()
}

/// A file name for any id, another one for each: what is not a letter, digit, `-`, `_`, `@` or inner
/// dot is written as `%` and its octets; a long id is shortened, with its hash.
fn file_name(id: &str) -> String {
    let mut name = String::new();
    for (i, byte) in id.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'@' => {
                name.push(char::from(byte))
            }
            b'.' if i > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
        if name.len() > NAME {
            name.push_str("..");
            for byte in Sha256::digest(id) {
                name.push_str(&format!("{byte:02x}"));
            }
            break;
        }
    }
    if name.is_empty() {
        "%".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_id_has_a_safe_name_of_its_own() {
        let long = "x".repeat(1000);
        let ids = [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "a/b",
            "a%2Fb",
            "a\\b",
            "a\0b",
            "a b",
            "été",
            "invitation-1.2@x",
            ".hidden",
            "con:",
            &long,
            &format!("{long}y"),
        ];
        let names: BTreeSet<_> = ids.iter().map(|id| file_name(id)).collect();
        assert_eq!(names.len(), ids.len());
        for name in names {
            assert!(
                !name.is_empty() && !name.starts_with('.') && name.len() < 250,
                "{name}"
            );
            assert!(!name.contains(['/', '\\', '\0', ':', ' ']), "{name}");
        }
        assert_eq!(file_name("invitation-1.2@x"), "invitation-1.2@x");
    }
}
