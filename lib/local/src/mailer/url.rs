//! The smarthost as one URL of the configuration: `smtps://user:password@host:port` or
//! `smtp://…?tls=required`. Must not know the protocol.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// With the first octet (RFC 8314).
    Implicit,
    /// By STARTTLS, or not at all.
    Required,
    /// By STARTTLS where it is offered, with any certificate (RFC 7435): whoever stands in between
    /// could as well take the offer away.
    Opportunistic,
    /// Never.
    None,
}

/// A smarthost's URL, read. `Debug` shows no credentials.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<(String, String)>,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({:?})", self.host, self.port, self.tls)
    }
}

/// What is wrong with the smarthost's configuration, and what to write instead. Never shows the URL: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum SmarthostError {
    /// Neither `smtp://` nor `smtps://`.
    #[error("the smarthost must begin with smtps:// (TLS from the start) or smtp:// (STARTTLS)")]
    Scheme,
    /// No host, or something after it.
    #[error(
        "the smarthost must be written as smtps://user:password@host:port, or smtp://host:port?tls=required"
    )]
    Shape,
    /// The port is not a number from 1 to 65535.
    #[error("the smarthost's port must be a number from 1 to 65535")]
    Port,
    /// `?tls=` says something else.
    #[error(
        "after the smarthost's port there may be ?tls=required, ?tls=opportunistic or ?tls=none (smtps:// needs none of them)"
    )]
    Tls,
    /// A `%` without two hexadecimal digits, or octets that are not UTF-8, in user or password.
    #[error("in the smarthost's user and password, write @ : / ? # % as %40 %3A %2F %3F %23 %25")]
    Escape,
    /// The password would go over the wire where anybody can read it.
    #[error("the smarthost's password would travel unprotected: use smtps:// or ?tls=required")]
    Exposed,
    /// The file of certificates to trust cannot be used.
    #[error("cannot trust the certificates in {path}: {why}. It must be a readable PEM file", path = .path.display())]
    Trust {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The TLS library refuses the host's name.
    #[error("TLS to the smarthost cannot be set up: {0}")]
    Library(String),
}

impl Url {
    /// Reads a URL. Without `?tls=`, `smtp://` means `required`: nothing is sent in the open unless somebody says so.
    pub(super) fn parse(url: &str) -> Result<Self, SmarthostError> {
        let (scheme, rest) = url.split_once("://").ok_or(SmarthostError::Scheme)?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let tls = match (scheme.to_ascii_lowercase().as_str(), query) {
            ("smtps", None) => Tls::Implicit,
            ("smtp", None | Some("tls=required")) => Tls::Required,
            ("smtp", Some("tls=opportunistic")) => Tls::Opportunistic,
            ("smtp", Some("tls=none")) => Tls::None,
            ("smtp" | "smtps", Some(_)) => return Err(SmarthostError::Tls),
            _ => return Err(SmarthostError::Scheme),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place)?;
        let port = match port {
            Some(port) => port
                .parse()
                .ok()
                .filter(|p| *p > 0)
                .ok_or(SmarthostError::Port)?,
            None if tls == Tls::Implicit => 465,
            None => 587,
        };
        let credentials = login.map(credentials).transpose()?;
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if credentials.is_some() && matches!(tls, Tls::Opportunistic | Tls::None) && !here {
            return Err(SmarthostError::Exposed);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
            credentials,
        })
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; the host without brackets.
fn host_and_port(place: &str) -> Result<(&str, Option<&str>), SmarthostError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(v6) => {
            let (v6, rest) = v6.split_once(']').ok_or(SmarthostError::Shape)?;
            (
                v6,
                if rest.is_empty() {
                    None
                } else {
                    Some(rest.strip_prefix(':').ok_or(SmarthostError::Shape)?)
                },
            )
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(fits) {
        return Err(SmarthostError::Shape);
    }
    Ok((host, port))
}

fn credentials(login: &str) -> Result<(String, String), SmarthostError> {
    let (user, password) = login.split_once(':').ok_or(SmarthostError::Shape)?;
    let (user, password) = (unescape(user)?, unescape(password)?);
    if user.is_empty() {
        Err(SmarthostError::Shape)
    } else {
        Ok((user, password))
    }
}

fn unescape(written: &str) -> Result<String, SmarthostError> {
    let mut octets = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(byte) = rest.next() {
        octets.push(match byte {
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let value = high
                    .zip(low)
                    .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                value.ok_or(SmarthostError::Escape)?
            }
            other => other,
        });
    }
    String::from_utf8(octets).map_err(|_| SmarthostError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (written, host, port, tls, login) in [
            (
                "smtps://ann:p%40ss@mx.example",
                "mx.example",
                465,
                Tls::Implicit,
                Some(("ann", "p@ss")),
            ),
            (
                "smtp://ann:a:b@mx.example:2525",
                "mx.example",
                2525,
                Tls::Required,
                Some(("ann", "a:b")),
            ),
            (
                "smtp://a@b.example:x@mx.example",
                "mx.example",
                587,
                Tls::Required,
                Some(("a@b.example", "x")),
            ),
            (
                "smtp://mx.example?tls=required",
                "mx.example",
                587,
                Tls::Required,
                None,
            ),
            (
                "SMTP://mx.example:25/?tls=opportunistic",
                "mx.example",
                25,
                Tls::Opportunistic,
                None,
            ),
            (
                "smtp://[2001:db8::1]:25?tls=none",
                "2001:db8::1",
                25,
                Tls::None,
                None,
            ),
            (
                "smtp://ann:x@127.0.0.1:25?tls=none",
                "127.0.0.1",
                25,
                Tls::None,
                Some(("ann", "x")),
            ),
            ("smtps://[::1]", "::1", 465, Tls::Implicit, None),
        ] {
            let url = Url::parse(written).unwrap();
            let said = url
                .credentials
                .as_ref()
                .map(|(u, p)| (u.as_str(), p.as_str()));
            assert_eq!(
                (url.host.as_str(), url.port, url.tls, said),
                (host, port, tls, login),
                "{written}"
            );
            assert!(!format!("{url:?}").contains("ann"));
        }
    }

    #[test]
    fn faults_are_told_without_the_password() {
        for (written, words) in [
            ("mx.example", "begin with"),
            ("http://u:secret@mx.example", "begin with"),
            ("smtp://", "written as"),
            ("smtp://secret@mx.example", "written as"),
            ("smtp://:secret@mx.example", "written as"),
            ("smtp://mx.example/secret", "written as"),
            ("smtp://[::1", "written as"),
            ("smtp://mx example", "written as"),
            ("smtp://u:secret@mx.example:0", "port"),
            ("smtp://u:secret@mx.example:70000", "port"),
            ("smtp://u:secret@mx.example:", "port"),
            ("smtp://u:secret@mx.example?tls=maybe", "?tls="),
            ("smtps://u:secret@mx.example?tls=none", "?tls="),
            ("smtp://u:secret%4@mx.example", "%40"),
            ("smtp://u:secret%FF@mx.example", "%40"),
            ("smtp://u:secret@mx.example?tls=none", "unprotected"),
            (
                "smtp://u:secret@mx.example?tls=opportunistic",
                "unprotected",
            ),
        ] {
            let said = Url::parse(written).unwrap_err().to_string();
            assert!(
                said.contains(words) && !said.contains("secret"),
                "{written}: {said}"
            );
        }
    }
}
