//! DKIM (RFC 6376, 8301, 8463): what every signature of a mail proves, and which fields it leaves open.
//!
//! Hashes and keys are mail-auth's; what is read, refused and believed is decided here, because the
//! library believes rsa-sha1, passes over a key's `h=` and `s=` and a doubled tag, takes `l=0` for none, leaves a bare CR
//! out of what it hashes, and splits odd headers its own way.
//! Must not know the mail's `From` or how old a signature may be: that is core's to judge.

mod canonical;
mod fields;
mod key;
mod signature;
mod tags;
#[cfg(feature = "testing")]
pub mod testing;

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use mail_auth::common::crypto::Algorithm;
use postel_core::evidence::{Dkim, DkimResult, MAX_SIGNATURES};
use tokio::task::JoinSet;

use self::fields::{Mail, Unclear};
use self::signature::{Refused, Signature, unsigned_copies};
use crate::dns::{Dns, Unanswered};

/// Different ways (canonicalisation, `l=`) in which one body is hashed; honest mails need two.
const MAX_BODY_HASHES: usize = 4;
/// How far a signer's clock may be ahead.
const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// The evidence of every DKIM signature of a mail, in the order of the mail: at most [`MAX_SIGNATURES`].
///
/// Empty where the mail has none. A mail whose header cannot be told apart surely has one value,
/// `neutral`, however many signatures it has. A mail that has LF line ends throughout is read as if they were CRLF.
/// No error: where DNS fails the result is `temperror`, and asking again may help. `now` is needed for `t=` and `x=`.
pub async fn verify(dns: &Dns, raw: &[u8], now: Timestamp) -> Vec<Dkim> {
    let examined = examine(raw, now);
    let keys = fetch(dns, &examined).await;
    examined
        .into_iter()
        .map(|examined| match examined {
            Examined::Settled(dkim) => dkim,
            Examined::NeedsKey(waiting) => waiting.judged(&keys),
        })
        .collect()
}

/// What DNS says at each key's name.
type Keys = HashMap<String, Result<Vec<String>, Unanswered>>;

/// Asks for all keys at once, so that ten signatures wait no longer than one.
async fn fetch(dns: &Dns, examined: &[Examined]) -> Keys {
    let names: BTreeSet<String> = examined
        .iter()
        .filter_map(|examined| match examined {
            Examined::Settled(_) => None,
            Examined::NeedsKey(waiting) => Some(waiting.signature.key_name()),
        })
        .collect();
    let mut asked = JoinSet::new();
    for name in names {
        let dns = dns.clone();
        asked.spawn(async move {
            let records = dns.txt(&name).await.map(|records| {
                let text = |record: &Vec<u8>| String::from_utf8_lossy(record).into_owned();
                records.iter().map(text).collect()
            });
            (name, records)
        });
    }
    let mut keys = Keys::new();
    while let Some(answer) = asked.join_next().await {
        // A look-up that did not come back (it panicked) is missing below, and counts as unanswered.
        keys.extend(answer);
    }
    keys
}

/// A signature after all that can be said without DNS.
enum Examined {
    Settled(Dkim),
    NeedsKey(Box<Waiting>),
}

/// A signature that its key will decide.
struct Waiting {
    signature: Signature,
    /// What was signed.
    octets: Vec<u8>,
    unsigned_copies: Vec<String>,
}

/// Everything but the keys. Linear in the mail: each body hash and each signature passes over it once.
fn examine(raw: &[u8], now: Timestamp) -> Vec<Examined> {
    let unclear = |fault: Unclear| {
        let neutral = Refused {
            why: fault.why().to_owned(),
            ..Refused::default()
        };
        let settled = || Examined::Settled(neutral.into_dkim(DkimResult::Neutral, Vec::new()));
        fields::mentions_signature(raw)
            .then(settled)
            .into_iter()
            .collect()
    };
    let whole = match fields::with_crlf(raw) {
        Ok(whole) => whole,
        Err(fault) => return unclear(fault),
    };
    let mail = match Mail::split(&whole) {
        Ok(mail) => mail,
        Err(fault) => return unclear(fault),
    };
    let mut bodies = BodyHashes::default();
    mail.places("dkim-signature")
        .iter()
        .take(MAX_SIGNATURES)
        .map(|&place| examine_one(&mail, place, &mut bodies, now))
        .collect()
}

fn examine_one(mail: &Mail<'_>, place: usize, bodies: &mut BodyHashes, now: Timestamp) -> Examined {
    let value = mail.fields.get(place).map_or(&b""[..], |field| field.value);
    let signature = match Signature::parse(value) {
        Ok(signature) => signature,
        Err(refused) => {
            let copies = unsigned_copies(&refused.headers, mail);
            return Examined::Settled(refused.into_dkim(DkimResult::Neutral, copies));
        }
    };
    let unsigned_copies = unsigned_copies(&signature.headers, mail);
    match refusal(&signature, mail, bodies, now) {
        Some((result, why)) => Examined::Settled(signature.into_dkim(result, why, unsigned_copies)),
        None => Examined::NeedsKey(Box::new(Waiting {
            octets: signature.signed_octets(mail, place),
            signature,
            unsigned_copies,
        })),
    }
}

/// Why a signature is refused before its key is asked for, the dear checks last.
fn refusal(
    signature: &Signature,
    mail: &Mail<'_>,
    bodies: &mut BodyHashes,
    now: Timestamp,
) -> Option<key::Verdict> {
    let because = |result, why: &str| Some((result, why.to_owned()));
    if signature.algorithm == Algorithm::RsaSha1 {
        return because(
            DkimResult::Policy,
            "The signature uses SHA-1, which is no longer believed (RFC 8301).",
        );
    }
    if signature
        .signed_at
        .is_some_and(|at| at.duration_since(now) > MAX_AHEAD)
    {
        return because(DkimResult::Fail, "The signature is dated in the future.");
    }
    if signature.expires_at.is_some_and(|at| at <= now) {
        return because(DkimResult::Fail, "The signature has expired.");
    }
    let Some(body) = bodies.of(mail.body, signature) else {
        return because(
            DkimResult::Neutral,
            "The mail has too many signatures that hash its body differently.",
        );
    };
    if body.too_short {
        return because(
            DkimResult::Fail,
            "The body is shorter than what was signed (l=).",
        );
    }
    if body.digest != signature.body_hash {
        return because(DkimResult::Fail, "The body is not the one that was signed.");
    }
    None
}

/// The hashes of one body, each way once.
#[derive(Default)]
struct BodyHashes(
    Vec<(
        mail_auth::dkim::Canonicalization,
        Option<u64>,
        canonical::BodyHash,
    )>,
);

impl BodyHashes {
    /// The hash that a signature wants; `None` past [`MAX_BODY_HASHES`].
    fn of(&mut self, body: &[u8], signature: &Signature) -> Option<&canonical::BodyHash> {
        let (how, length) = (signature.in_body, signature.length);
        let known = self
            .0
            .iter()
            .position(|(h, l, _)| *h == how && *l == length);
        let place = match known {
            Some(place) => place,
            None if self.0.len() >= MAX_BODY_HASHES => return None,
            None => {
                self.0
                    .push((how, length, canonical::body_hash(body, how, length)));
                self.0.len().saturating_sub(1)
            }
        };
        self.0.get(place).map(|(_, _, hash)| hash)
    }
}

impl Waiting {
    /// The verdict, with what DNS said of the key.
    fn judged(self, keys: &Keys) -> Dkim {
        let name = self.signature.key_name();
        let found = match keys.get(&name) {
            Some(Ok(records)) => key::choose(records, &name),
            Some(Err(Unanswered)) | None => Err((
                DkimResult::Temperror,
                format!("DNS did not answer for the DKIM key at {name}; trying again may help."),
            )),
        };
        let verdict = found.and_then(|record| key::verify(record, &self.signature, &self.octets));
        let (result, why) = match verdict {
            Ok(()) => (
                DkimResult::Pass,
                format!("The signature of {} is right.", self.signature.domain),
            ),
            Err(refused) => refused,
        };
        self.signature.into_dkim(result, why, self.unsigned_copies)
    }
}

impl Signature {
    fn into_dkim(self, result: DkimResult, why: String, unsigned_copies: Vec<String>) -> Dkim {
        Dkim {
            result,
            domain: Some(self.domain),
            selector: self.selector,
            signed_headers: self.headers,
            signed_at: self.signed_at,
            expires_at: self.expires_at,
            body_length: self.length,
            unsigned_copies,
            why,
        }
    }
}

impl Refused {
    fn into_dkim(self, result: DkimResult, unsigned_copies: Vec<String>) -> Dkim {
        Dkim {
            result,
            domain: self.domain,
            selector: self.selector,
            signed_headers: self.headers,
            signed_at: None,
            expires_at: None,
            body_length: None,
            unsigned_copies,
            why: self.why,
        }
    }
}
