//! One DKIM-Signature field (RFC 6376 3.5, 3.7): its tags, which fields it covers, what it signs.
//!
//! Must not know about DNS, keys or the clock.

use std::collections::HashMap;

use jiff::Timestamp;
use mail_auth::common::crypto::Algorithm;
use mail_auth::dkim::Canonicalization;
use postel_core::address::Domain;

use super::fields::{Field, Mail};
use super::tags::{Malformed, Tags, base64, items, trim};

/// Names in `h=` beyond this, and the signature is refused.
const MAX_NAMES: usize = 300;
/// Octets of a selector.
const MAX_SELECTOR: usize = 180;

/// Fields of which an added copy changes what a person reads; all must be covered (DESIGN 4.2).
const WATCHED: [&str; 6] = ["from", "to", "cc", "subject", "date", "message-id"];
/// Fields that some signers leave out, but of which no second copy belongs in a mail.
const WATCHED_IF_DOUBLED: [&str; 2] = ["content-type", "content-transfer-encoding"];

/// A signature that can be checked.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) algorithm: Algorithm,
    pub(super) domain: Domain,
    pub(super) selector: String,
    /// Domain of `i=`, else `d=`.
    pub(super) identity: Domain,
    pub(super) headers: Vec<String>,
    pub(super) in_headers: Canonicalization,
    pub(super) in_body: Canonicalization,
    pub(super) signed_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) length: Option<u64>,
    pub(super) body_hash: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The field's value with that of `b=` emptied and the final CRLF gone: what is signed of the signature itself.
    pub(super) unsigned_value: Vec<u8>,
}

/// What could be read of a signature that is refused, and why it is.
#[derive(Debug, Default)]
pub(super) struct Refused {
    pub(super) domain: Option<Domain>,
    pub(super) selector: String,
    pub(super) headers: Vec<String>,
    pub(super) why: String,
}

impl Signature {
    /// Reads the value of a DKIM-Signature field.
    pub(super) fn parse(value: &[u8]) -> Result<Self, Box<Refused>> {
        let refuse = |why: String| {
            Box::new(Refused {
                why,
                ..Refused::default()
            })
        };
        let text = std::str::from_utf8(value)
            .map_err(|_| refuse("The signature is not readable text.".to_owned()))?;
        let tags = Tags::parse(text).map_err(|fault| {
            refuse(match fault {
                Malformed::Shape => "The signature is not a list of tags.".to_owned(),
                Malformed::Doubled(name) => format!("The signature gives {name}= twice."),
                Malformed::TooMany => "The signature has too many tags.".to_owned(),
            })
        })?;
        Self::from_tags(text, &tags).map_err(|why| {
            Box::new(Refused {
                domain: tags.get("d").and_then(|d| d.parse().ok()),
                selector: tags.get("s").and_then(selector).unwrap_or_default(),
                headers: tags.get("h").and_then(names).unwrap_or_default(),
                why,
            })
        })
    }

    fn from_tags(text: &str, tags: &Tags<'_>) -> Result<Self, String> {
        let need = |name: &str| {
            let missing = || format!("The signature lacks {name}=.");
            let value = tags.get(name).ok_or_else(missing)?;
            if value.is_empty() {
                Err(missing())
            } else {
                Ok(value)
            }
        };
        if need("v")? != "1" {
            return Err("The signature is of an unknown version.".to_owned());
        }
        if tags
            .get("q")
            .is_some_and(|q| items(q).all(|q| q != "dns/txt"))
        {
            return Err("The signature's key is not in DNS (q=).".to_owned());
        }
        let algorithm = Algorithm::parse(need("a")?.as_bytes())
            .ok_or_else(|| "The signature's algorithm (a=) is not known.".to_owned())?;
        let domain: Domain = need("d")?.parse().map_err(|_| faulty("d"))?;
        let identity = match tags.get("i") {
            Some(i) => identity(i).ok_or_else(|| faulty("i"))?,
            None => domain.clone(),
        };
        if !within(&identity, &domain) {
            return Err("The signature's i= lies outside its d=.".to_owned());
        }
        let headers = names(need("h")?).ok_or_else(|| faulty("h"))?;
        if !headers.iter().any(|name| name == "from") {
            return Err("The signature does not sign From.".to_owned());
        }
        let (in_headers, in_body) =
            canonicalizations(tags.get("c").unwrap_or_default()).ok_or_else(|| faulty("c"))?;
        let (signed_at, expires_at) = times(tags)?;
        let length = match tags.get("l") {
            Some(digits) => Some(length(digits).ok_or_else(|| faulty("l"))?),
            None => None,
        };
        need("bh")?;
        need("b")?;
        Ok(Self {
            algorithm,
            domain,
            selector: selector(need("s")?).ok_or_else(|| faulty("s"))?,
            identity,
            headers,
            in_headers,
            in_body,
            signed_at,
            expires_at,
            length,
            body_hash: base64(need("bh")?).ok_or_else(|| faulty("bh"))?,
            signature: base64(need("b")?).ok_or_else(|| faulty("b"))?,
            unsigned_value: without_b(text, tags),
        })
    }

    /// What the signature was made over. `own` is the place of its field in the mail.
    pub(super) fn signed_octets(&self, mail: &Mail<'_>, own: usize) -> Vec<u8> {
        let name = mail.fields.get(own).map_or(&b""[..], |field| field.name);
        let itself = Field {
            name,
            value: &self.unsigned_value,
        };
        signed_octets(mail, &self.headers, self.in_headers, itself, Some(own))
    }

    /// Where its key stands in DNS.
    pub(super) fn key_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }
}

/// The covered fields from the bottom up, then the signature's own field without its `b=` (RFC 6376 3.7, 5.4.2).
///
/// A name that `h=` gives more often than the mail has it signs its absence. The field at `own` never signs itself.
pub(super) fn signed_octets(
    mail: &Mail<'_>,
    headers: &[String],
    how: Canonicalization,
    itself: Field<'_>,
    own: Option<usize>,
) -> Vec<u8> {
    let mut covered: Vec<Field<'_>> = Vec::new();
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for name in headers {
        let seen = taken.entry(name).or_default();
        let mut from_below = mail.places(name).iter().rev().filter(|&&p| Some(p) != own);
        if let Some(field) = from_below.nth(*seen).and_then(|&p| mail.fields.get(p)) {
            *seen = seen.saturating_add(1);
            covered.push(*field);
        }
    }
    covered.push(itself);
    let mut octets = Vec::new();
    let fields = covered.iter().map(|field| (field.name, field.value));
    how.canonicalize_headers(fields, &mut octets);
    octets
}

/// Which watched fields stand in the mail more often than `h=` covers them.
pub(super) fn unsigned_copies(headers: &[String], mail: &Mail<'_>) -> Vec<String> {
    let uncovered = |name: &str, least: usize| {
        let copies = mail.places(name).len();
        let covered = headers.iter().filter(|h| *h == name).count();
        copies >= least && copies > covered
    };
    let watched = WATCHED.iter().filter(|name| uncovered(name, 1));
    let doubled = WATCHED_IF_DOUBLED.iter().filter(|name| uncovered(name, 2));
    watched
        .chain(doubled)
        .map(|&name| name.to_owned())
        .collect()
}

/// `a` is `b` or below it.
fn within(a: &Domain, b: &Domain) -> bool {
    a == b
        || a.as_str()
            .strip_suffix(b.as_str())
            .is_some_and(|left| left.ends_with('.'))
}

/// The domain of `i=`; the part before the `@` tells us nothing.
fn identity(text: &str) -> Option<Domain> {
    text.rsplit_once('@')?.1.parse().ok()
}

/// A selector: labels of letters, digits, hyphens and underscores.
fn selector(text: &str) -> Option<String> {
    let fits = text.len() <= MAX_SELECTOR
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    fits.then(|| text.to_ascii_lowercase())
}

/// The names of `h=`, lower case.
fn names(list: &str) -> Option<Vec<String>> {
    let names: Vec<String> = items(list)
        .take(MAX_NAMES.saturating_add(1))
        .map(str::to_ascii_lowercase)
        .collect();
    let fits = names.len() <= MAX_NAMES
        && names.iter().all(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b';')
        });
    fits.then_some(names)
}

/// `c=`: header, then body; both default to simple (RFC 6376 3.5).
fn canonicalizations(text: &str) -> Option<(Canonicalization, Canonicalization)> {
    let one = |name: &str| match trim(name) {
        name if name.eq_ignore_ascii_case("simple") => Some(Canonicalization::Simple),
        name if name.eq_ignore_ascii_case("relaxed") => Some(Canonicalization::Relaxed),
        _ => None,
    };
    match text.split_once('/') {
        _ if text.is_empty() => Some((Canonicalization::Simple, Canonicalization::Simple)),
        Some((header, body)) => Some((one(header)?, one(body)?)),
        None => Some((one(text)?, Canonicalization::Simple)),
    }
}

/// `t=` and `x=`, where they are given.
fn times(tags: &Tags<'_>) -> Result<(Option<Timestamp>, Option<Timestamp>), String> {
    let second = |name: &str| match tags.get(name) {
        Some(digits) => timestamp(digits).map(Some).ok_or_else(|| faulty(name)),
        None => Ok(None),
    };
    match (second("t")?, second("x")?) {
        (Some(signed), Some(expires)) if expires <= signed => {
            Err("The signature expires before it was made (x=, t=).".to_owned())
        }
        times => Ok(times),
    }
}

fn faulty(name: &str) -> String {
    format!("The signature's {name}= cannot be read.")
}

/// 1 to 12 digits of seconds since 1970, as far as the calendar goes.
fn timestamp(digits: &str) -> Option<Timestamp> {
    let fits = (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = fits.then(|| digits.parse().ok()).flatten()?;
    // Year 9999 is as far as the calendar goes; beyond it lies "never".
    Some(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
}

/// 1 to 76 digits of octets; more than can be counted is more than any body has.
fn length(digits: &str) -> Option<u64> {
    let fits = (1..=76).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The field's value as it is signed: nothing between `b=` and the next `;`, no final CRLF.
fn without_b(text: &str, tags: &Tags<'_>) -> Vec<u8> {
    let text = text.strip_suffix("\r\n").unwrap_or(text);
    let Some(b) = tags.tag("b") else {
        return text.into();
    };
    let mut value: Vec<u8> = text.get(..b.start).unwrap_or(text).into();
    value.extend_from_slice(text.get(b.end..).unwrap_or_default().as_bytes());
    value
}
