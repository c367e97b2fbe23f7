//! What may be written as a value, and the words for what may not. Must not know which settings exist.

use std::fs::Metadata;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use postel_core::address::Domain;
use postel_core::number::Country;

use super::Secret;

/// Whether each part is a level, or a module and its level. The library takes any other word for a
/// module, and then logs nothing else.
pub(super) fn is_filter(written: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let levels = written.split(',').all(|part| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        LEVELS.contains(&level.trim().to_ascii_lowercase().as_str())
    });
    levels && tracing_subscriber::EnvFilter::try_new(written).is_ok()
}

/// Reads every entry of a list; where some are wrong, tells all of them.
pub(super) fn each<T>(
    list: Vec<String>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut wrong = Vec::new();
    let mut right = Vec::new();
    for entry in list {
        match read(&entry) {
            Ok(value) => right.push(value),
            Err(what) => wrong.push(what),
        }
    }
    if wrong.is_empty() {
        Ok(right)
    } else {
        Err(wrong.join("; "))
    }
}

/// An entry that is the same as one before it.
pub(super) fn twice<T>(list: &[T], same: impl Fn(&T, &T) -> bool) -> Option<&T> {
    let mut rest = list;
    while let Some((last, before)) = rest.split_last() {
        if before.iter().any(|b| same(b, last)) {
            return Some(last);
        }
        rest = before;
    }
    None
}

/// Whether only one of two addresses can be listened on. Port 0 is whichever is free.
pub(super) fn overlap(a: &SocketAddr, b: &SocketAddr) -> bool {
    a.port() == b.port()
        && a.port() != 0
        && a.is_ipv4() == b.is_ipv4()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

/// One of these words.
pub(super) fn one_of(written: &str, words: &[&str]) -> Result<String, String> {
    if words.contains(&written) {
        Ok(written.to_owned())
    } else {
        Err(format!("`{written}` is not one of {}", words.join(", ")))
    }
}

/// A domain name.
pub(super) fn domain(written: &str) -> Result<Domain, String> {
    Domain::from_str(written)
        .map_err(|_| format!("`{written}` is not a domain name; write one such as sms.example.com"))
}

/// A name server: an address, with port 53 where none is written.
pub(crate) fn server(written: &str) -> Result<SocketAddr, String> {
    written
        .parse::<SocketAddr>()
        .or_else(|_| written.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)))
        .map_err(|_| format!("`{written}` is not a name server's address; write one such as 192.0.2.53 or 127.0.0.1:5353"))
}

/// A country, in capitals or not.
pub(crate) fn country(written: &str) -> Result<Country, String> {
    let code = written.trim().to_ascii_uppercase();
    code.parse().map_err(|_| match code.as_str() {
        "UK" => "UK is not a country code (GB is)".to_owned(),
        "EL" => "EL is not a country code (GR is)".to_owned(),
        two if two.len() == 2 => {
            format!("{two} is not a country; write its two letters, such as FR")
        }
        _ => format!("`{written}` is not a country; write its two letters, such as FR"),
    })
}

/// Why a file or a socket failed, without the number that the system gives it.
pub(crate) fn reason(e: &io::Error) -> String {
    let all = e.to_string();
    match all.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => all,
    }
}

fn unreadable(path: &Path, e: &io::Error) -> String {
    format!("{} cannot be read: {}", path.display(), reason(e))
}

/// What the path leads to, which must not be a folder.
fn file(path: &Path) -> Result<Metadata, String> {
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    if metadata.is_dir() {
        return Err(format!(
            "{} is a folder; name the file in it",
            path.display()
        ));
    }
    Ok(metadata)
}

/// A file that is there and can be read.
pub(super) fn readable(path: PathBuf) -> Result<PathBuf, String> {
    file(&path)?;
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(e) => Err(unreadable(&path, &e)),
    }
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE";
const KEY: &str = "PRIVATE KEY-----";

/// A file that may hold a certificate chain: not a key named by mistake.
pub(super) fn certificate_file(path: PathBuf) -> Result<PathBuf, String> {
    let path = readable(path)?;
    if mistaken(&path, KEY, CERTIFICATE) {
        return Err(format!(
            "{} holds a private key, not a certificate: are tls_certificate and tls_key_file exchanged?",
            path.display()
        ));
    }
    Ok(path)
}

/// A file that may hold a private key: not a certificate named by mistake, and a secret.
pub(super) fn key_file(path: PathBuf) -> Result<PathBuf, String> {
    if mistaken(&path, CERTIFICATE, KEY) {
        return Err(format!(
            "{} holds a certificate, not a private key: are tls_certificate and tls_key_file exchanged?",
            path.display()
        ));
    }
    secret(&path).map(|_| path)
}

/// Whether a file holds the one mark of PEM and not the other. What cannot be read, others complain of.
fn mistaken(path: &Path, has: &str, lacks: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(has) && !text.contains(lacks))
}

/// The text of a file that holds a secret, without its last line end. Group members may read such
/// a file (certificate groups, container secrets), everybody else not.
pub(super) fn secret(path: &Path) -> Result<Secret, String> {
    if file(path)?.permissions().mode() & 0o007 != 0 {
        return Err(format!(
            "everybody on this machine can read {p}; run: chmod o= {p}",
            p = path.display()
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(path, &e))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(Secret(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_named_where_it_is_none() {
        assert_eq!(country(" fr"), Ok(Country::FR));
        for (written, words) in [
            ("UK", "UK is not a country code (GB is)"),
            ("xx", "XX is not a country;"),
            ("France", "`France` is not a country;"),
            ("", "`` is not"),
        ] {
            assert!(
                country(written).unwrap_err().starts_with(words),
                "{written}"
            );
        }
    }

    #[test]
    fn a_level_that_is_none_is_no_filter() {
        for good in ["info", "WARN", "info,postel_local=debug", "off"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["loud", "", "info,", "postel_local=loud", "info, x"] {
            assert!(!is_filter(bad), "{bad}");
        }
    }
}
