//! DMARC (RFC 7489): does something that is proven belong to the `From` domain, and what does its
//! owner ask for where nothing does?
//!
//! [`published`] asks DNS, [`judge`] is pure. Must not know what follows from the result.

mod record;

use postel_core::address::Domain;
use postel_core::evidence::{Dkim, DkimResult, Dmarc, DmarcPolicy, DmarcResult, Spf, SpfResult};

use crate::dns::{Dns, Unanswered};
use record::Record;

/// What is published for a `From` domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published(State);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    /// More than one record at this name, so none counts.
    Several(String),
    Malformed(String),
    Unanswered,
    Policy {
        /// Where the record stands.
        owner: String,
        record: Record,
        /// What it asks for this `From` domain.
        policy: DmarcPolicy,
    },
}

/// Looks for the policy of `from`: its own record, else that of its organizational domain
/// (RFC 7489 6.6.3).
pub async fn published(dns: &Dns, from: &Domain) -> Published {
    Published(discover(dns, from).await.unwrap_or(State::Unanswered))
}

async fn discover(dns: &Dns, from: &Domain) -> Result<State, Unanswered> {
    let own = look(dns, from.as_str()).await?;
    let organization = from.organizational();
    if own != State::Nothing || organization == from.as_str() {
        return Ok(own);
    }
    let inherited = look(dns, organization).await?;
    let State::Policy { owner, record, .. } = inherited else {
        return Ok(inherited);
    };
    let mut policy = record.below.unwrap_or(record.domain);
    if let Some(absent) = record.absent
        && !exists(dns, from.as_str()).await?
    {
        policy = absent;
    }
    Ok(State::Policy {
        owner,
        record,
        policy,
    })
}

async fn look(dns: &Dns, domain: &str) -> Result<State, Unanswered> {
    let texts = dns.txt(&format!("_dmarc.{domain}")).await?;
    let mut records = texts
        .iter()
        .map(|text| String::from_utf8_lossy(text))
        .filter(|text| record::is_dmarc(text));
    Ok(match (records.next(), records.next()) {
        (None, _) => State::Nothing,
        (Some(_), Some(_)) => State::Several(domain.to_owned()),
        (Some(text), None) => match Record::parse(&text) {
            Ok(record) => State::Policy {
                owner: domain.to_owned(),
                record,
                policy: record.domain,
            },
            Err(record::Malformed) => State::Malformed(domain.to_owned()),
        },
    })
}

/// RFC 9091 2.7: some address or mail server.
async fn exists(dns: &Dns, domain: &str) -> Result<bool, Unanswered> {
    Ok(!dns.a(domain).await?.is_empty()
        || !dns.aaaa(domain).await?.is_empty()
        || !dns.mx(domain).await?.is_empty())
}

/// Whether a proven domain counts for `from` (RFC 7489 3.1).
#[must_use]
pub fn aligned(from: &Domain, proven: &Domain, strict: bool) -> bool {
    if strict {
        from == proven
    } else {
        from.aligned(proven)
    }
}

/// The verdict. `pct` changes nothing. An aligned check that DNS kept from being decided makes the
/// result `temperror` where nothing else passes.
#[must_use]
pub fn judge(from: &Domain, published: &Published, spf: &Spf, dkim: &[Dkim]) -> Dmarc {
    let without = |result, why| Dmarc {
        result,
        policy: None,
        why,
    };
    let (owner, record, policy) = match &published.0 {
        State::Policy {
            owner,
            record,
            policy,
        } => (owner, record, *policy),
        State::Nothing => {
            return without(
                DmarcResult::None,
                format!(
                    "{from} publishes no DMARC policy; one in a TXT record at _dmarc.{from} would let forged mail be refused."
                ),
            );
        }
        State::Several(name) => {
            return without(
                DmarcResult::None,
                format!(
                    "_dmarc.{name} holds more than one DMARC record, so none counts; leave one of them."
                ),
            );
        }
        State::Malformed(name) => {
            return without(
                DmarcResult::Permerror,
                format!(
                    "The DMARC record at _dmarc.{name} cannot be read; it needs the form \"v=DMARC1; p=reject\"."
                ),
            );
        }
        State::Unanswered => {
            return without(
                DmarcResult::Temperror,
                format!(
                    "DNS did not answer when asked for the DMARC policy of {from}; trying again may help."
                ),
            );
        }
    };
    let (result, why) = alignment(from, record, spf, dkim).unwrap_or_else(|| {
        let asked = match policy {
            DmarcPolicy::None => "asks for nothing in particular",
            DmarcPolicy::Quarantine => "asks to treat such mail as suspicious",
            DmarcPolicy::Reject => "asks to reject such mail",
        };
        (
            DmarcResult::Fail,
            format!("Neither SPF nor a DKIM signature proves {from}, and {owner} {asked}; send through a server that its SPF record lists, or sign with DKIM as {from}."),
        )
    });
    Dmarc {
        result,
        policy: Some(policy),
        why,
    }
}

/// Pass or temporary error; `None` where neither.
fn alignment(
    from: &Domain,
    record: &Record,
    spf: &Spf,
    dkim: &[Dkim],
) -> Option<(DmarcResult, String)> {
    let of_spf = |wanted: SpfResult| {
        spf.domain
            .as_ref()
            .filter(|d| spf.result == wanted && aligned(from, d, record.strict_spf))
    };
    let of_dkim = |wanted: DkimResult| {
        dkim.iter()
            .filter(|signature| signature.result == wanted)
            .filter_map(|signature| signature.domain.as_ref())
            .find(|d| aligned(from, d, record.strict_dkim))
    };
    if let Some(domain) = of_dkim(DkimResult::Pass) {
        let why = format!("A valid DKIM signature of {domain} proves {from}.");
        return Some((DmarcResult::Pass, why));
    }
    if let Some(domain) = of_spf(SpfResult::Pass) {
        let why = format!("SPF allows the sending server for {domain}, which proves {from}.");
        return Some((DmarcResult::Pass, why));
    }
    of_dkim(DkimResult::Temperror).or(of_spf(SpfResult::Temperror))?;
    let why =
        format!("DNS did not answer for a check that could prove {from}; trying again may help.");
    Some((DmarcResult::Temperror, why))
}
