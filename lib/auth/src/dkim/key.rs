//! The public key behind a selector (RFC 6376 3.6.1, RFC 8463 4), and whether it may be used.
//!
//! Must not know how it was fetched, nor what was signed with it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mail_auth::common::crypto::{Algorithm, VerifyingKey};
use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::common::verify::DomainKey;
use postel_core::evidence::DkimResult;

use super::signature::Signature;
use super::tags;
use super::tags::{Malformed, Tags, items};

/// RFC 8301 3.2: a verifier must not believe less.
const LEAST_RSA_BITS: usize = 1024;
/// Longer moduli are not asked of verifiers (RFC 8301 3.2: up to 4096) and cost time.
const MOST_RSA_BITS: usize = 8192;

/// A verdict and its sentence.
pub(super) type Verdict = (DkimResult, String);

/// The key among the TXT records of a name.
///
/// Records that are none of DKIM's are passed over. Two keys under one name leave it open which one
/// counts (RFC 6376 3.6.2.2), so neither does.
pub(super) fn choose<'a>(records: &'a [String], name: &str) -> Result<&'a str, Verdict> {
    let permerror = |why: String| (DkimResult::Permerror, why);
    let mut keys = records.iter().filter(|record| looks_like_key(record));
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(permerror(format!("There is no DKIM key at {name}."))),
        (Some(_), Some(_)) => Err(permerror(format!(
            "There are several DKIM keys at {name}; only one may stand there."
        ))),
    }
}

fn looks_like_key(record: &str) -> bool {
    let record = record.trim_start();
    record.starts_with("v=DKIM1")
        || record.split(';').any(|part| {
            part.split_once('=')
                .is_some_and(|(name, _)| name.trim() == "p")
        })
}

/// Checks a signature's octets with the key of a record, after everything that forbids its use.
pub(super) fn verify(record: &str, signature: &Signature, octets: &[u8]) -> Result<(), Verdict> {
    let (key, is_testing) = usable_key(record, signature)?;
    key.verify_bytes(octets, &signature.signature, signature.algorithm)
        .map_err(|_| {
            let why = "The signature does not fit the mail: a signed header field was changed, or it was made with another key.";
            (DkimResult::Fail, why.to_owned())
        })?;
    if is_testing {
        // RFC 6376 3.6.1: not to be treated differently from unsigned mail.
        let why = "The signature is right, but its key is published as a test (t=y): the domain's owner has to take that out.";
        return Err((DkimResult::Policy, why.to_owned()));
    }
    Ok(())
}

/// The key, and whether it is published as a test, where the record lets this signature use it.
fn usable_key(
    record: &str,
    signature: &Signature,
) -> Result<(Box<dyn VerifyingKey + Send + Sync>, bool), Verdict> {
    let unusable = |why: &str| (DkimResult::Permerror, why.to_owned());
    let tags = Tags::parse(record).map_err(|fault| match fault {
        Malformed::Doubled(name) => (
            DkimResult::Permerror,
            format!("The DKIM key's record gives {name}= twice."),
        ),
        Malformed::Shape | Malformed::TooMany => unusable("The DKIM key's record cannot be read."),
    })?;
    if let Some(version) = tags.get("v")
        && (version != "DKIM1" || tags.first() != Some("v"))
    {
        return Err(unusable(
            "The DKIM key's record does not begin with v=DKIM1.",
        ));
    }
    let kind = match signature.algorithm {
        Algorithm::RsaSha1 | Algorithm::RsaSha256 => "rsa",
        Algorithm::Ed25519Sha256 => "ed25519",
    };
    if !tags.get("k").unwrap_or("rsa").eq_ignore_ascii_case(kind) {
        return Err(unusable(
            "The DKIM key is of another kind than the signature (k=, a=).",
        ));
    }
    if tags.get("h").is_some_and(|h| !any_of(h, &["sha256"])) {
        return Err(unusable("The DKIM key does not allow SHA-256 (h=)."));
    }
    if tags.get("s").is_some_and(|s| !any_of(s, &["*", "email"])) {
        return Err(unusable("The DKIM key is not for e-mail (s=)."));
    }
    let flags = tags.get("t").unwrap_or_default();
    if any_of(flags, &["s"]) && signature.identity != signature.domain {
        return Err(unusable(
            "The DKIM key is for its own domain only (t=s), and the signature's i= is below it.",
        ));
    }
    let public = tags
        .get("p")
        .ok_or_else(|| unusable("The DKIM key's record has no key (p=)."))?;
    if public.is_empty() {
        return Err(unusable("The DKIM key was revoked (p= is empty)."));
    }
    let is_testing = any_of(flags, &["y"]);
    Ok((load(kind, public)?, is_testing))
}

/// Whether one of the items of a colon-separated list is one of these.
fn any_of(list: &str, wanted: &[&str]) -> bool {
    items(list).any(|item| wanted.iter().any(|w| w.eq_ignore_ascii_case(item)))
}

/// The key itself, where it is one and of a permitted size.
fn load(kind: &str, public: &str) -> Result<Box<dyn VerifyingKey + Send + Sync>, Verdict> {
    let broken = || {
        (
            DkimResult::Permerror,
            "The DKIM key itself (p=) cannot be read.".to_owned(),
        )
    };
    let octets = tags::base64(public).ok_or_else(broken)?;
    if kind == "ed25519" && octets.len() != 32 {
        return Err(broken());
    }
    // Only these two tags, already judged above: the library's own reading of the record decides nothing.
    let encoded = BASE64_STANDARD.encode(&octets);
    let key = DomainKey::parse(format!("v=DKIM1; k={kind}; p={encoded}").as_bytes())
        .map_err(|_| broken())?
        .p;
    if kind == "rsa" {
        match key.public_key_bits() {
            0 => return Err(broken()),
            bits if bits < LEAST_RSA_BITS => {
                let why = format!(
                    "The DKIM key has {bits} bits; less than {LEAST_RSA_BITS} are not believed."
                );
                return Err((DkimResult::Policy, why));
            }
            bits if bits > MOST_RSA_BITS => {
                let why = format!(
                    "The DKIM key has {bits} bits; more than {MOST_RSA_BITS} are not checked."
                );
                return Err((DkimResult::Permerror, why));
            }
            _ => {}
        }
    }
    Ok(key)
}
