//! Mails that were accepted and cannot be worked off, kept where a person sees them until somebody acts.
//!
//! They lie in the folder `failed` of the spool: `NAME.eml` is the mail as it came (`NAME.octets` a stretch that cannot
//! be read), `NAME.header` what the caller wrote beside it, and `NAME.why` says why; it is written last, and without it
//! the others count for nothing. Renamed to `NAME.again` it asks the running process to take the mail up again. Other
//! processes may look and ask while one holds the spool. Must not know what is in a mail.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::folder::{private_file, private_folder, sync_folder};

/// One of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its name: `NAME` above.
    pub name: String,
    /// When the mail was accepted; `None` where that cannot be read.
    pub at: Option<Timestamp>,
    /// When it was set aside.
    pub since: Timestamp,
    /// Why, in words for a person.
    pub why: String,
    /// What the caller wrote beside the mail; `None` for a stretch that cannot be read.
    pub header: Option<Vec<u8>>,
    /// Octets of the mail or the stretch.
    pub octets: u64,
    /// Whether somebody asked to take it up again.
    pub again: bool,
}

impl std::fmt::Debug for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Failed({}, {} octets, {})",
            self.name, self.octets, self.why
        )
    }
}

/// What `.why` holds.
#[derive(Serialize, Deserialize)]
struct Why {
    at: Option<Timestamp>,
    since: Timestamp,
    why: String,
}

/// What is set aside.
pub(crate) struct Aside<'a> {
    pub(crate) name: &'a str,
    pub(crate) at: Option<Timestamp>,
    pub(crate) since: Timestamp,
    pub(crate) why: &'a str,
    /// `None`: a stretch that cannot be read.
    pub(crate) header: Option<&'a [u8]>,
    pub(crate) octets: &'a [u8],
}

fn folder(spool: &Path) -> PathBuf {
    spool.join("failed")
}

fn file(spool: &Path, name: &str, ending: &str) -> PathBuf {
    folder(spool).join(format!("{name}.{ending}"))
}

/// How many there are in this spool. One look at a folder that is nearly always empty.
#[must_use]
pub fn count(spool: &Path) -> usize {
    names(spool).map_or(0, |names| names.len())
}

/// All of them, in the order of acceptance as far as that is known.
///
/// # Errors
/// The system's: a folder or a file that cannot be read.
pub fn list(spool: &Path) -> io::Result<Vec<Failed>> {
    listed(spool, |_| true)
}

/// Those that somebody asked for again: reads nothing of the others.
pub(crate) fn asked_for(spool: &Path) -> io::Result<Vec<Failed>> {
    listed(spool, |again| again)
}

fn listed(spool: &Path, wanted: fn(bool) -> bool) -> io::Result<Vec<Failed>> {
    let mut found = Vec::new();
    for (name, again) in names(spool)?
        .into_iter()
        .filter(|(_, again)| wanted(*again))
    {
        match look(spool, &name, again) {
            Ok(failed) => found.push(failed),
            // Taken up or forgotten while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
    Ok(found)
}

/// Asks the running process, or the next one, to take this mail up again; `false` where there is none of this name.
///
/// # Errors
/// The system's.
pub fn ask_again(spool: &Path, name: &str) -> io::Result<bool> {
    let (why, again) = (file(spool, name, "why"), file(spool, name, "again"));
    match fs::rename(why, &again) {
        Ok(()) => {
            sync_folder(&folder(spool))?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => again.try_exists(),
        Err(error) => Err(error),
    }
}

/// Deletes this mail for good; `false` where there is none of this name.
///
/// # Errors
/// The system's.
pub fn forget(spool: &Path, name: &str) -> io::Result<bool> {
    let mut was = false;
    // What makes it count goes first.
    for ending in ["why", "again", "header", "eml", "octets"] {
        match fs::remove_file(file(spool, name, ending)) {
            Ok(()) => was |= matches!(ending, "why" | "again"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if was {
        sync_folder(&folder(spool))?;
    }
    Ok(was)
}

/// The raw mail, or the octets of the stretch.
///
/// # Errors
/// The system's.
pub fn octets(spool: &Path, failed: &Failed) -> io::Result<Vec<u8>> {
    fs::read(file(spool, &failed.name, ending(failed.header.is_some())))
}

/// Keeps one; durable when this returns. The same name again replaces it.
pub(crate) fn put(spool: &Path, aside: &Aside<'_>) -> io::Result<()> {
    let folder = folder(spool);
    private_folder(&folder)?;
    let write = |ending: &str, bytes: &[u8]| -> io::Result<PathBuf> {
        let path = file(spool, aside.name, ending);
        let mut options = private_file();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        Ok(path)
    };
    if let Some(header) = aside.header {
        write("header", header)?;
    }
    write(ending(aside.header.is_some()), aside.octets)?;
    let why = Why {
        at: aside.at,
        since: aside.since,
        why: aside.why.to_owned(),
    };
    let written = write("part", &serde_json::to_vec(&why)?)?;
    fs::rename(written, file(spool, aside.name, "why"))?;
    // One that was asked for again and failed again is there once.
    match fs::remove_file(file(spool, aside.name, "again")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    sync_folder(&folder)?;
    File::open(spool)?.sync_all()
}

fn ending(mail: bool) -> &'static str {
    if mail { "eml" } else { "octets" }
}

/// Names, and whether they are asked for again.
fn names(spool: &Path) -> io::Result<Vec<(String, bool)>> {
    let files = match fs::read_dir(folder(spool)) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for file in files {
        let file = file?.file_name();
        let Some(file) = file.to_str() else { continue };
        if let Some(name) = file.strip_suffix(".why") {
            names.push((name.to_owned(), false));
        } else if let Some(name) = file.strip_suffix(".again") {
            names.push((name.to_owned(), true));
        }
    }
    Ok(names)
}

fn look(spool: &Path, name: &str, again: bool) -> io::Result<Failed> {
    let path = file(spool, name, if again { "again" } else { "why" });
    let why = match serde_json::from_slice::<Why>(&fs::read(&path)?) {
        Ok(why) => why,
        Err(_) => Why {
            at: None,
            since: Timestamp::try_from(fs::metadata(&path)?.modified()?)
                .map_err(io::Error::other)?,
            why: "why cannot be read any more".to_owned(),
        },
    };
    let header = match fs::read(file(spool, name, "header")) {
        Ok(header) => Some(header),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let octets = fs::metadata(file(spool, name, ending(header.is_some())))?.len();
    Ok(Failed {
        name: name.to_owned(),
        at: why.at,
        since: why.since,
        why: why.why,
        header,
        octets,
        again,
    })
}
