//! When a `From` is proven (DESIGN 4.2): by a network, SPF, DKIM or SMTP AUTH, and by nothing else.
//!
//! Pure. Every doubt is a [`Gap`], never a proof.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::address::{Domain, EmailAddress};
use crate::evidence::{
    Connection, Dkim, DkimResult, Evidence, MAX_SIGNATURES, SesVerdict, SesVerdicts, Spf,
    SpfResult, SpfWidth,
};
use crate::model::{AccountId, Network};

/// Oldest signature that still proves: a replay has to be quick.
pub const MAX_SIGNATURE_AGE: SignedDuration = SignedDuration::from_hours(72);
/// How far a signer's clock may be ahead of ours.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(1);
/// What a signature must cover besides To or Cc.
const MUST_SIGN: [&str; 4] = ["from", "subject", "date", "message-id"];

/// What proved the sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Proof {
    /// SMTP AUTH as that user.
    Authenticated,
    /// The client's address lies in a network of the account.
    Network {
        /// Which.
        range: Network,
    },
    /// SPF passed for an aligned domain.
    Spf {
        /// The envelope sender's domain.
        domain: Domain,
    },
    /// An aligned signature covers what matters, recipient included.
    Dkim {
        /// `d=`.
        domain: Domain,
    },
    /// Our DNS failed and SES vouches (AWS only).
    Ses,
    /// Nothing: the account accepts its listed addresses from any server.
    AnyServer,
}

/// Why something that looks like a proof is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "gap")]
pub enum Gap {
    /// SPF passed for a domain that is not the sender's.
    SpfNotAligned {
        /// The domain it passed for.
        domain: Domain,
    },
    /// SPF passed by a term that admits strangers.
    SpfTooWide,
    /// The signature is another domain's.
    DkimNotAligned {
        /// `d=`.
        domain: Domain,
    },
    /// The signature leaves these header fields open.
    DkimUnsigned {
        /// Field names.
        fields: Vec<String>,
    },
    /// The signature leaves the end of the body open (`l=`).
    DkimPartialBody,
    /// The signature is older than three days, from the future, or of unknown age.
    DkimAge,
    /// The signed To and Cc do not name this recipient: the mail may have been signed for somebody else.
    DkimOtherRecipient,
    /// The client logged in as another user than the `From`.
    LoginOtherUser,
    /// The client logged in as this address, but not as a user of this account, or no longer.
    LoginOtherAccount,
}

/// What the proof is judged on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The `From`.
    pub from: &'a EmailAddress,
    /// The account that is to believe it.
    pub account: &'a AccountId,
    /// Whether its user has a password still: a session may outlast it.
    pub has_password: bool,
    /// The SMTP side.
    pub connection: &'a Connection,
    /// The account's networks.
    pub networks: &'a [Network],
    /// Whether To or Cc names this recipient.
    pub recipient_in_to_cc: bool,
    /// The mail's `Date`, for signatures without `t=`.
    pub date: Option<Timestamp>,
    /// Whether the mail has a `Message-ID` or a `Date` that can be read, so that it is known when it comes again.
    pub recognisable: bool,
    /// Whether the boundary of a multipart passes over lines of the body.
    pub preamble: bool,
    /// Now.
    pub now: Timestamp,
}

/// What proves the sender without asking DNS.
#[must_use]
pub(super) fn at_hand(q: &Question<'_>) -> Option<Proof> {
    if q.connection.authenticated.is_some() && login_gap(q).is_none() {
        return Some(Proof::Authenticated);
    }
    in_network(q.connection.client_ip, q.networks).map(|range| Proof::Network { range })
}

/// Why the client's login proves nothing here; `None` also where it did not log in.
fn login_gap(q: &Question<'_>) -> Option<Gap> {
    let login = q.connection.authenticated.as_ref()?;
    if login.address != *q.from {
        Some(Gap::LoginOtherUser)
    } else if login.account != *q.account || !q.has_password {
        Some(Gap::LoginOtherAccount)
    } else {
        None
    }
}

/// The network that holds the client.
#[must_use]
pub(super) fn in_network(client: Option<IpAddr>, networks: &[Network]) -> Option<Network> {
    let client = client?;
    networks.iter().find(|n| n.contains(client)).copied()
}

/// What DNS proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The sender is proven.
    Proven(Proof),
    /// DNS failed for something that could have been a proof.
    Unsettled(Vec<Gap>),
    /// There is no proof.
    Unproven(Vec<Gap>),
}

/// Judges the evidence: SPF first, then each signature.
#[must_use]
pub(super) fn by_dns(q: &Question<'_>, evidence: &Evidence) -> Verdict {
    let mut gaps: Vec<Gap> = login_gap(q).into_iter().collect();
    let mut unsettled = false;
    match spf(q, &evidence.spf) {
        Ok(Some(proof)) => return Verdict::Proven(proof),
        Ok(None) => {}
        Err(gap) => gaps.push(gap),
    }
    unsettled |= evidence.spf.result == SpfResult::Temperror
        && evidence
            .spf
            .domain
            .as_ref()
            .is_some_and(|d| d.aligned(q.from.domain()));
    for signature in &evidence.dkim {
        let candidate = dkim(q, signature);
        match (signature.result, candidate) {
            (DkimResult::Pass, Ok(proof)) => return Verdict::Proven(proof),
            (DkimResult::Pass, Err(gap)) => gaps.push(gap),
            (DkimResult::Temperror, Ok(_)) => unsettled = true,
            _ => {}
        }
    }
    if unsettled {
        Verdict::Unsettled(gaps)
    } else {
        Verdict::Unproven(gaps)
    }
}

/// A passing, aligned SPF that does not admit strangers; `Ok(None)`: nothing passed.
fn spf(q: &Question<'_>, spf: &Spf) -> Result<Option<Proof>, Gap> {
    let (SpfResult::Pass, Some(domain)) = (spf.result, &spf.domain) else {
        return Ok(None);
    };
    if !domain.aligned(q.from.domain()) {
        return Err(Gap::SpfNotAligned {
            domain: domain.clone(),
        });
    }
    match spf.width {
        Some(SpfWidth::Range { prefix, v6: false }) if prefix >= 8 => {}
        Some(SpfWidth::Range { prefix, v6: true }) if prefix >= 16 => {}
        Some(SpfWidth::All | SpfWidth::Range { .. }) | None => return Err(Gap::SpfTooWide),
    }
    Ok(Some(Proof::Spf {
        domain: domain.clone(),
    }))
}

/// What the signature would prove if it verifies.
fn dkim(q: &Question<'_>, signature: &Dkim) -> Result<Proof, Gap> {
    let domain = signature.domain.clone().ok_or_else(|| Gap::DkimUnsigned {
        fields: vec!["from".to_owned()],
    })?;
    if !domain.aligned(q.from.domain()) {
        return Err(Gap::DkimNotAligned { domain });
    }
    let open = unsigned(q, signature);
    if !open.is_empty() {
        return Err(Gap::DkimUnsigned { fields: open });
    }
    if signature.body_length.is_some() {
        return Err(Gap::DkimPartialBody);
    }
    let fresh = signature.signed_at.or(q.date).is_some_and(|at| {
        let age = q.now.duration_since(at);
        age <= MAX_SIGNATURE_AGE && age >= -MAX_CLOCK_SKEW
    });
    if !fresh || signature.expires_at.is_some_and(|at| at < q.now) {
        return Err(Gap::DkimAge);
    }
    if !q.recipient_in_to_cc {
        return Err(Gap::DkimOtherRecipient);
    }
    Ok(Proof::Dkim { domain })
}

/// The header fields that matter and that the signature does not cover; a `Cc` that stands in the
/// mail uncovered is among [`Dkim::unsigned_copies`]. `Content-Type` may stand unsigned, as large providers leave
/// it, but not where its boundary could be another's: it decides which of the signed lines are the text.
fn unsigned(q: &Question<'_>, signature: &Dkim) -> Vec<String> {
    let signs = |name: &str| signature.signed_headers.iter().any(|h| h == name);
    // A signature may cover a field's absence; where both are absent, each replay would be a message of its own.
    let absent = |name: &str| !q.recognisable && matches!(name, "date" | "message-id");
    let mut open: Vec<String> = MUST_SIGN
        .iter()
        .filter(|n| !signs(n) || absent(n))
        .map(|n| (*n).to_owned())
        .collect();
    if !signs("to") && !signs("cc") {
        open.push("to".to_owned());
    }
    if q.preamble && !signs("content-type") {
        open.push("content-type".to_owned());
    }
    for copy in &signature.unsigned_copies {
        if !open.contains(copy) {
            open.push(copy.clone());
        }
    }
    open
}

/// Whether SES vouches where our own DNS failed (DESIGN 4.3 step 6): DMARC, or SPF with an aligned
/// envelope sender. DMARC may rest on a signature alone, which can be replayed to any number, so
/// it too must name the recipient. Anyone can make some look-up fail (a signature of his that names a broken
/// subdomain), so SES counts for nothing of which we know that it is no proof: `+all`, a stale signature.
#[must_use]
pub(super) fn by_ses(q: &Question<'_>, evidence: &Evidence, ses: &SesVerdicts) -> bool {
    let aligned = q
        .connection
        .envelope_sender
        .as_ref()
        .is_some_and(|s| s.domain().aligned(q.from.domain()));
    let spf_open = matches!(evidence.spf.result, SpfResult::Temperror | SpfResult::None);
    // Signatures beyond the last one looked at are as good as refuted.
    let dkim_open = evidence.dkim.len() < MAX_SIGNATURES
        && evidence
            .dkim
            .iter()
            .all(|signature| could_prove(q, signature));
    (ses.spf == SesVerdict::Pass && aligned && spf_open)
        || (ses.dmarc == SesVerdict::Pass
            && q.recipient_in_to_cc
            && (spf_open || !aligned)
            && dkim_open)
}

/// Whether SES may believe the signature without harm: it is another domain's, or would prove the sender if right.
fn could_prove(q: &Question<'_>, signature: &Dkim) -> bool {
    let other = signature
        .domain
        .as_ref()
        .is_some_and(|d| !d.aligned(q.from.domain()));
    other
        || dkim(q, signature).is_ok()
            && matches!(signature.result, DkimResult::Fail | DkimResult::Temperror)
}
