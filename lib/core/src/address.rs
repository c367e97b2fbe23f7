//! Mail domains and addresses, parsed once at the door so that nothing behind it holds rubbish.
//!
//! Addresses compare with the domain as lower-case A-label and the local part case-folded in
//! NFC; plus signs and dots are never folded (DESIGN 4.2). Must not know what an address is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Why a written domain or address is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `@`, or nothing on one side of it.
    #[error("write it as name@example.com")]
    Shape,
    /// The part before the `@` is empty, over 64 octets (RFC 5321 4.5.3.1.1) or holds control characters or spaces.
    #[error("the part before the @ is not a mailbox name")]
    Local,
    /// The domain is not a host name (RFC 5890, RFC 1123), or an address literal.
    #[error("the part after the @ is not a domain name")]
    Domain,
}

/// A mail domain as lower-case A-label, without a trailing dot.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// The A-label form, as asked of DNS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The U-label form, for people.
    #[must_use]
    pub fn to_unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }

    /// The organizational domain: one label below the public suffix (RFC 7489 3.2), or the name
    /// itself where it is a public suffix or unknown to the list.
    #[must_use]
    pub fn organizational(&self) -> &str {
        psl::domain_str(&self.0).unwrap_or(&self.0)
    }

    /// Whether anybody can register names below this one (`com`, `co.uk`, `github.io`), or it is a single label.
    #[must_use]
    pub fn is_public_suffix(&self) -> bool {
        psl::domain_str(&self.0).is_none()
    }

    /// Whether the two share their organizational domain: DMARC's relaxed alignment (RFC 7489 3.1).
    /// A public suffix is aligned with itself only.
    #[must_use]
    pub fn aligned(&self, other: &Self) -> bool {
        self == other || {
            let (ours, theirs) = (psl::domain_str(&self.0), psl::domain_str(&other.0));
            ours.is_some() && ours == theirs
        }
    }

    /// Whether some label mixes scripts that no one language writes together, as look-alikes do
    /// (`аpple.com` with a Cyrillic а). Judged on the U-label.
    #[must_use]
    pub fn mixes_scripts(&self) -> bool {
        self.to_unicode().split('.').any(|label| {
            let mut seen = [false; 3];
            for c in label.chars() {
                match script(c) {
                    Some(i) => {
                        if let Some(slot) = seen.get_mut(i) {
                            *slot = true;
                        }
                    }
                    None => continue,
                }
            }
            seen.iter().filter(|s| **s).count() > 1
        })
    }
}

/// Latin, Greek and Cyrillic: the scripts whose letters are taken for one another.
fn script(c: char) -> Option<usize> {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Some(0),
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(1),
        '\u{400}'..='\u{52f}' => Some(2),
        _ => None,
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    fn from_str(written: &str) -> Result<Self, AddressError> {
        let written = written.strip_suffix('.').unwrap_or(written);
        if written.is_empty() || written.len() > 253 {
            return Err(AddressError::Domain);
        }
        let ascii = idna::domain_to_ascii(written).map_err(|_| AddressError::Domain)?;
        let fits = ascii.len() <= 253
            && ascii.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
        // A name of digits alone at the end is an address, not a host (RFC 1123 2.1).
        let numeric_end = ascii
            .rsplit('.')
            .next()
            .is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
        if !fits || numeric_end {
            return Err(AddressError::Domain);
        }
        Ok(Self(ascii))
    }
}

impl TryFrom<String> for Domain {
    type Error = AddressError;
    fn try_from(s: String) -> Result<Self, AddressError> {
        s.parse()
    }
}

impl From<Domain> for String {
    fn from(d: Domain) -> Self {
        d.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.0)
    }
}

/// A mail address that can be compared: folded local part, A-label domain.
///
/// `Debug` prints it redacted; `Display` prints it whole, so never log with `Display`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    local: String,
    domain: Domain,
}

impl EmailAddress {
    /// Reads an address from its two sides, the local part without quotes.
    ///
    /// # Errors
    /// [`AddressError`] says which side is wrong; trying again does not help.
    pub fn new(local: &str, domain: &str) -> Result<Self, AddressError> {
        let local: String = local
            .nfc()
            .collect::<String>()
            .to_lowercase()
            .nfc()
            .collect();
        let fits = (1..=64).contains(&local.len())
            && !local
                .chars()
                .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"' | '@'));
        if !fits {
            return Err(AddressError::Local);
        }
        Ok(Self {
            local,
            domain: domain.parse()?,
        })
    }

    /// The folded local part.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}

impl FromStr for EmailAddress {
    type Err = AddressError;

    fn from_str(written: &str) -> Result<Self, AddressError> {
        let (local, domain) = written.trim().rsplit_once('@').ok_or(AddressError::Shape)?;
        if local.is_empty() || domain.is_empty() {
            return Err(AddressError::Shape);
        }
        Self::new(local, domain)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = AddressError;
    fn try_from(s: String) -> Result<Self, AddressError> {
        s.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(a: EmailAddress) -> Self {
        a.to_string()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(s: &str) -> EmailAddress {
        s.parse().unwrap()
    }

    #[test]
    fn case_and_normal_form_fold_but_plus_and_dots_do_not() {
        assert_eq!(address("Ann@Example.COM"), address("ann@example.com."));
        assert_eq!(
            address("zoe\u{301}@example.com"),
            address("Zo\u{e9}@example.com")
        );
        assert_eq!(
            address("ann@bücher.example"),
            address("ann@xn--bcher-kva.example")
        );
        assert_ne!(address("ann+x@example.com"), address("ann@example.com"));
        assert_ne!(address("a.nn@example.com"), address("ann@example.com"));
    }

    #[test]
    fn rubbish_is_not_an_address() {
        for bad in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "a n@example.com",
            "ann@[192.0.2.1]",
            "ann@192.0.2.1",
            "a@b..c",
            "a@-b.c",
            "a@b@c.d",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn alignment_is_by_organizational_domain() {
        let d = |s: &str| s.parse::<Domain>().unwrap();
        assert!(d("mail.example.co.uk").aligned(&d("example.co.uk")));
        assert!(!d("a.co.uk").aligned(&d("b.co.uk")));
        assert!(!d("co.uk").aligned(&d("a.co.uk")));
        assert!(d("co.uk").aligned(&d("co.uk")));
        // Suffixes of other scripts, of companies, and by wildcard.
        for suffix in ["公司.cn", "github.io", "anything.ck", "個人.hk"] {
            let (one, other) = (d(&format!("a.{suffix}")), d(&format!("b.{suffix}")));
            assert!(!one.aligned(&other) && !one.aligned(&d(suffix)), "{suffix}");
            assert!(one.aligned(&d(&format!("mail.a.{suffix}"))), "{suffix}");
        }
    }

    #[test]
    fn look_alike_labels_are_noticed() {
        assert!("аpple.com".parse::<Domain>().unwrap().mixes_scripts());
        assert!(!"пример.com".parse::<Domain>().unwrap().mixes_scripts());
        assert!(!"bücher.example".parse::<Domain>().unwrap().mixes_scripts());
    }

    #[test]
    fn debug_shows_no_address() {
        assert!(!format!("{:?}", address("ann@example.com")).contains("ann"));
    }
}
