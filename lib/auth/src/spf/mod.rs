//! SPF (RFC 7208): may this client send mail for that domain?
//!
//! Our own evaluator, because no library at hand passes the openspf suite; a verdict is a value,
//! with the term that decided and a sentence that says so. Must not know what follows from it.

mod evaluate;
mod hosts;
mod macros;
mod record;
mod why;
mod width;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use postel_core::address::Domain;
use postel_core::evidence::{Spf, SpfResult};

use crate::dns::Dns;
use evaluate::{Evaluation, Found};
use macros::{Facts, MacroString, Place};

/// RFC 7208 4.6.4: the least that a whole check should be given where nobody is waiting.
pub const LIMIT: Duration = Duration::from_secs(20);
/// The longest sender or HELO that is looked at (RFC 5321 4.5.3.1 allows less).
const LONGEST: usize = 1_000;
/// The longest explanation that is passed on.
const EXPLANATION: usize = 1_000;

/// What is asked: all of it comes from the SMTP session, none from a header.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The client. An IPv4-mapped IPv6 address counts as IPv4.
    pub ip: IpAddr,
    /// As the client said it.
    pub helo: &'a str,
    /// `MAIL FROM`, without angle brackets, whatever its shape; empty: the HELO identity is checked, as
    /// `postmaster` of it (RFC 7208 2.4).
    pub sender: &'a str,
    /// Our own host name, for explanations; `unknown` will do.
    pub receiver: &'a str,
    /// For explanations.
    pub now: Timestamp,
}

/// Checks the sender, in `limit` at most: past it the result is `temperror`.
///
/// The result is `pass` only where a record says so without doubt.
pub async fn check(dns: &Dns, question: &Question<'_>, limit: Duration) -> Spf {
    let Some(identity) = Identity::of(question) else {
        return verdict(SpfResult::None, None, 0, why::no_domain());
    };
    let domain = identity.domain;
    let ip = question.ip.to_canonical();
    let facts = Facts {
        ip,
        helo: question.helo,
        local: identity.local,
        sender_domain: &domain,
        receiver: question.receiver,
        now: question.now,
    };
    let start = tokio::time::Instant::now();
    let mut evaluation = Evaluation::new(dns, facts);
    let outcome = tokio::time::timeout(limit, evaluation.check_host(domain.clone())).await;
    let known = domain.parse().ok();
    match outcome {
        Err(_) => {
            let why = why::late(&domain, limit);
            verdict(SpfResult::Temperror, known, evaluation.lookups, why)
        }
        Ok(Err(halt)) => {
            let result = match halt {
                evaluate::Halt::Temporary(_) => SpfResult::Temperror,
                evaluate::Halt::Permanent(_) => SpfResult::Permerror,
            };
            verdict(result, known, evaluation.lookups, why::halt(&halt))
        }
        Ok(Ok(found)) => {
            let lookups = evaluation.lookups;
            let rest = limit.saturating_sub(start.elapsed());
            let explanation =
                tokio::time::timeout(rest, explanation(dns, &mut evaluation, &found)).await;
            let why = why::found(&found, &domain, ip);
            Spf {
                width: (found.result == SpfResult::Pass).then_some(found.width),
                explanation: explanation.ok().flatten(),
                ..verdict(found.result, known, lookups, why)
            }
        }
    }
}

fn verdict(result: SpfResult, domain: Option<Domain>, lookups: u32, why: String) -> Spf {
    Spf {
        result,
        domain,
        width: None,
        lookups,
        explanation: None,
        why,
    }
}

/// The text that `exp` points to (RFC 7208 6.2). Whatever is wrong with it, there is just none.
async fn explanation(dns: &Dns, evaluation: &mut Evaluation<'_>, found: &Found) -> Option<String> {
    let (spec, domain) = found
        .exp
        .as_ref()
        .filter(|_| found.result == SpfResult::Fail)?;
    let target = evaluation.target(spec, domain).await.ok()??;
    let texts = dns.txt(&target).await.ok()?;
    let [text] = texts.as_slice() else {
        return None;
    };
    let text = std::str::from_utf8(text).ok()?;
    let parsed = MacroString::parse(text, Place::Explanation).ok()?;
    let expanded = evaluation.text(&parsed, domain).await?;
    let plain = expanded.bytes().all(|b| matches!(b, b' '..=b'~'));
    (plain && expanded.len() <= EXPLANATION).then_some(expanded)
}

/// The identity that is checked.
struct Identity<'a> {
    local: &'a str,
    /// As A-label, in the letters' case as sent.
    domain: String,
}

impl<'a> Identity<'a> {
    /// `None` where there is no domain that could have a record (RFC 7208 4.3).
    fn of(question: &Question<'a>) -> Option<Self> {
        if question.sender.len() > LONGEST || question.helo.len() > LONGEST {
            return None;
        }
        let (local, domain) = match question.sender {
            "" => ("", question.helo),
            sender => sender.rsplit_once('@').unwrap_or(("", sender)),
        };
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let domain = if domain.is_ascii() {
            domain.to_owned()
        } else {
            domain.parse::<Domain>().ok()?.as_str().to_owned()
        };
        let local = if local.is_empty() {
            "postmaster"
        } else {
            local
        };
        is_host_name(&domain).then_some(Self { local, domain })
    }
}

/// At least two labels of letters, digits, hyphens and underscores, the last not a number: an address literal is none.
fn is_host_name(domain: &str) -> bool {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    domain.len() <= 253
        && domain.split('.').all(fits)
        && domain
            .rsplit_once('.')
            .is_some_and(|(_, top)| !top.bytes().all(|b| b.is_ascii_digit()))
}
