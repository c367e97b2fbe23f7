//! What a client says to log in (RFC 4616 PLAIN; LOGIN as mail programs speak it).
//!
//! Must not know who may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postel_core::address::EmailAddress;

/// How the password comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// Name and password at once.
    Plain,
    /// One after the other.
    Login,
}

/// What EHLO offers.
pub(super) const OFFERED: &str = "AUTH PLAIN LOGIN";

impl Mechanism {
    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PLAIN" => Some(Self::Plain),
            "LOGIN" => Some(Self::Login),
            _ => None,
        }
    }
}

/// Something that holds a password. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Said(pub(super) Vec<u8>);

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Said(…)")
    }
}

/// A name and a password. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) name: String,
    pub(super) password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// What a base64 line holds; `None` where it is none.
pub(super) fn decoded(line: &[u8]) -> Option<Said> {
    STANDARD.decode(line).ok().map(Said)
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 2). Nobody acts for somebody else: an
/// authorization identity must be the name itself.
pub(super) fn plain(said: &Said) -> Option<Credentials> {
    let text = std::str::from_utf8(&said.0).ok()?;
    let mut parts = text.split('\0');
    let (acting, name, password) = (parts.next()?, parts.next()?, parts.next()?);
    let same = acting.is_empty()
        || acting == name
        || matches!((acting.parse::<EmailAddress>(), name.parse::<EmailAddress>()), (Ok(a), Ok(n)) if a == n);
    (parts.next().is_none() && same && !name.is_empty()).then(|| Credentials {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

/// The two answers of LOGIN.
pub(super) fn login(name: &Said, password: &Said) -> Option<Credentials> {
    let text = |said: &Said| String::from_utf8(said.0.clone()).ok();
    Some(Credentials {
        name: text(name)?,
        password: text(password)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_three_parts_for_oneself() {
        let read =
            |text: &str| plain(&Said(text.as_bytes().to_vec())).map(|c| (c.name, c.password));
        let ann = Some(("ann@example.com".to_owned(), "secret".to_owned()));
        assert_eq!(read("\0ann@example.com\0secret"), ann);
        assert_eq!(read("Ann@Example.com\0ann@example.com\0secret"), ann);
        for bad in [
            "",
            "ann@example.com",
            "ann@example.com\0secret",
            "\0\0secret",
            "bob@example.com\0ann@example.com\0secret",
            "\0ann@example.com\0secret\0",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(plain(&Said(b"\0ann@example.com\0\xff".to_vec())), None);
    }

    #[test]
    fn nothing_that_holds_a_password_prints_it() {
        let said = decoded(b"AGFubgBzZWNyZXQ=").unwrap();
        let printed = format!("{said:?} {:?}", plain(&said).unwrap());
        assert!(
            !printed.contains("secret") && !printed.contains("115"),
            "{printed}"
        );
        assert_eq!(decoded(b"no base64"), None);
    }
}
