//! The decision of DESIGN 4.3: facts in, decision out. The first step that applies decides.
//!
//! Three functions in the order of the steps: [`sender`] (1–2, for the mail), [`admit`] (3–7) and
//! [`recipient`] (8–9, both for each recipient). Pure: no clock, no DNS, no store. [`admit`]
//! says [`Admission::AskDns`] where it needs evidence, so no DNS is asked for a mail that needs none.

mod proof;
mod refusal;
mod words;

pub use proof::{Gap, MAX_SIGNATURE_AGE, Proof};
pub use refusal::{AutomaticSign, Code, Measured, Refusal, SmtpReply};
pub use words::{accepted, limit_words, measured_words};

use jiff::{SignedDuration, Timestamp};
use postel_mail::{BulkHeader, FromField, Mail};

use crate::address::{Domain, EmailAddress};
use crate::evidence::{
    Connection, DmarcPolicy, DmarcResult, Evidence, SesVerdict, SesVerdicts, SpfResult,
};
use crate::ledger::{LimitKind, Originator};
use crate::model::{AcceptedMail, Account, AccountId, Automated, Sender, User};
use crate::number::{NumberFault, PhoneNumber, textable};
use crate::recipient::RecipientFault;
use crate::text::{SmsText, TooLong};

/// How long a mail whose proof DNS keeps from us is tried again.
pub const TRY_AGAIN_FOR: SignedDuration = SignedDuration::from_hours(6);

/// What the decision knows of this instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The domains whose addresses are telephone numbers.
    pub domains: Vec<Domain>,
    /// The mark in the loop header of our own mails.
    pub loop_mark: String,
    /// Whether the operator permits accounts to accept *any server*.
    pub any_server: bool,
}

/// Steps 1 and 2: a readable mail with one sender, not written by a machine. What a machine says of
/// itself comes first: bounces often have a `From` that names nobody.
///
/// # Errors
/// The refusal of the step that applies.
pub fn sender(
    mail: &Mail,
    connection: &Connection,
    gateway: &Gateway,
) -> Result<EmailAddress, Refusal> {
    if let Some(unreadable) = mail.unreadable {
        return Err(Refusal::Unreadable(unreadable));
    }
    if connection.envelope_sender.is_none() {
        return Err(Refusal::Automatic(AutomaticSign::NullSender));
    }
    if let Some(automatic) = &mail.automatic {
        return Err(Refusal::Automatic(AutomaticSign::Mail(automatic.because)));
    }
    if mail.loop_marks.contains(&gateway.loop_mark) {
        return Err(Refusal::Automatic(AutomaticSign::Loop));
    }
    let spec = match &mail.from {
        FromField::One(spec) => spec,
        FromField::Ambiguous(fault) => return Err(Refusal::AmbiguousSender(*fault)),
    };
    let from = EmailAddress::new(&spec.local, &spec.domain)
        .map_err(|_| Refusal::AmbiguousSender(postel_mail::FromFault::Malformed))?;
    let envelope = connection
        .envelope_sender
        .as_ref()
        .map(EmailAddress::domain);
    let ours = |domain: &Domain| gateway.domains.contains(domain);
    if ours(from.domain()) || envelope.is_some_and(ours) {
        return Err(Refusal::Automatic(AutomaticSign::OurDomain));
    }
    Ok(from)
}

/// The facts of steps 3 to 7.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The mail.
    pub mail: &'a Mail,
    /// Its `From`, as [`sender`] found it.
    pub from: &'a EmailAddress,
    /// The SMTP side.
    pub connection: &'a Connection,
    /// This instance.
    pub gateway: &'a Gateway,
    /// What SES says; all missing in the one-process home.
    pub ses: SesVerdicts,
    /// The listing of the sender that counts for this recipient.
    pub listing: Option<(&'a User, &'a Account)>,
    /// The account that the recipient's address names, whether there is one or not.
    pub named: Option<&'a AccountId>,
    /// Whether To or Cc names this recipient.
    pub recipient_in_to_cc: bool,
    /// What DNS said, once asked.
    pub evidence: Option<&'a Evidence>,
    /// Now.
    pub now: Timestamp,
    /// When this mail was first put off, if it was.
    pub first_seen: Option<Timestamp>,
}

/// What steps 3 to 7 say.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// Go on to step 8.
    Admitted(Proof),
    /// Gather evidence and decide again.
    AskDns,
    /// No text; [`Refusal::TryAgain`] is no decision yet.
    Refused(Refusal),
}

/// Steps 3 to 7: listed, accepted, not a machine's, proven, safe.
#[must_use]
pub fn admit(facts: &Facts<'_>) -> Admission {
    let Some((user, account)) = facts.listing else {
        let named = facts.named.cloned();
        return Admission::Refused(named.map_or(Refusal::UnknownSender, Refusal::NotAUserOf));
    };
    if !user.is_accepted() {
        return Admission::Refused(Refusal::NotAcceptedYet);
    }
    if let (Some(bulk), Automated::Refuse) = (&facts.mail.bulk, user.automated) {
        return Admission::Refused(Refusal::Automatic(AutomaticSign::Bulk(bulk_header(
            bulk.header,
        ))));
    }
    match prove(facts, user, account) {
        Admission::Admitted(proof) => {
            safe(facts, account).map_or(Admission::Admitted(proof), Admission::Refused)
        }
        other => other,
    }
}

/// The header's name, for people.
fn bulk_header(header: BulkHeader) -> &'static str {
    match header {
        BulkHeader::AutoSubmitted => "Auto-Submitted",
        BulkHeader::Precedence => "Precedence",
        BulkHeader::ListId => "List-Id",
    }
}

/// Steps 6 and 7: the proof.
fn prove(facts: &Facts<'_>, user: &User, account: &Account) -> Admission {
    let question = proof::Question {
        from: facts.from,
        account: &account.id,
        has_password: user.password.is_some(),
        connection: facts.connection,
        networks: &account.networks,
        recipient_in_to_cc: facts.recipient_in_to_cc,
        date: facts.mail.date,
        recognisable: facts.mail.message_id.is_some() || facts.mail.date.is_some(),
        preamble: facts.mail.preamble,
        now: facts.now,
    };
    if let Some(proof) = proof::at_hand(&question) {
        return Admission::Admitted(proof);
    }
    let Some(evidence) = facts.evidence else {
        return Admission::AskDns;
    };
    let (gaps, unsettled) = match proof::by_dns(&question, evidence) {
        proof::Verdict::Proven(proof) => return Admission::Admitted(proof),
        proof::Verdict::Unsettled(gaps) => (gaps, true),
        proof::Verdict::Unproven(gaps) => (gaps, false),
    };
    if unsettled && proof::by_ses(&question, evidence, &facts.ses) {
        return Admission::Admitted(Proof::Ses);
    }
    let any_server = any_server(facts, user, account, evidence);
    if any_server == Some(true) {
        return Admission::Admitted(Proof::AnyServer);
    }
    let measured = Box::new(Measured {
        from: facts.from.domain().clone(),
        client_ip: facts.connection.client_ip,
        evidence: Some(evidence.clone()),
        gaps,
    });
    let waited = facts
        .first_seen
        .map_or(SignedDuration::ZERO, |at| facts.now.duration_since(at));
    Admission::Refused(
        if (unsettled || any_server.is_none()) && waited < TRY_AGAIN_FOR {
            Refusal::TryAgain(measured)
        } else {
            Refusal::NotVerified(measured)
        },
    )
}

/// Whether *any server* admits the mail; `None`: DNS does not say.
fn any_server(
    facts: &Facts<'_>,
    user: &User,
    account: &Account,
    evidence: &Evidence,
) -> Option<bool> {
    let applies = facts.gateway.any_server
        && account.accept == AcceptedMail::AnyServer
        && matches!(user.sender, Sender::Address(_));
    if !applies || evidence.spf.result == SpfResult::Fail {
        return Some(false);
    }
    let strict = matches!(
        evidence.dmarc.policy,
        Some(DmarcPolicy::Quarantine | DmarcPolicy::Reject)
    );
    if evidence.dmarc.result == DmarcResult::Fail && strict {
        return Some(false);
    }
    let unknown = evidence.spf.result == SpfResult::Temperror
        || evidence.dmarc.result == DmarcResult::Temperror;
    (!unknown).then_some(true)
}

/// Step 7: what SES says of viruses and spam.
fn safe(facts: &Facts<'_>, account: &Account) -> Option<Refusal> {
    let trusted = proof::in_network(facts.connection.client_ip, &account.networks).is_some();
    match (facts.ses.virus, facts.ses.spam) {
        (SesVerdict::Fail, _) => Some(Refusal::Virus),
        (_, SesVerdict::Fail) if !trusted => Some(Refusal::Spam),
        _ => None,
    }
}

/// The facts of steps 8 and 9.
#[derive(Clone, Debug)]
pub struct Destination<'a> {
    /// The number the address means.
    pub number: &'a Result<PhoneNumber, RecipientFault>,
    /// The account whose limits apply.
    pub account: &'a Account,
    /// How many different recipients the mail has.
    pub recipients: usize,
    /// What the operator allows at most of them.
    pub max_recipients: u32,
    /// Whether the number opted out of this account's texts.
    pub opted_out: bool,
    /// Who the recipient would see.
    pub originator: Option<&'a Originator>,
    /// A limit without room for this text.
    pub full: Option<LimitKind>,
    /// Whether the mail had any text before it was cut.
    pub has_text: bool,
    /// The text.
    pub text: &'a Result<SmsText, TooLong>,
}

/// Steps 8 and 9: a number that may be texted, within the limits, and something to say.
///
/// # Errors
/// The refusal of the first that applies.
pub fn recipient(facts: &Destination<'_>) -> Result<(), Refusal> {
    let number = facts
        .number
        .as_ref()
        .map_err(|fault| Refusal::NotANumber(*fault))?;
    textable(number).map_err(Refusal::NotTextable)?;
    let limits = &facts.account.limits;
    let country = number.country();
    let allowed = match limits.countries.as_slice() {
        [] => country == Some(facts.account.preferences.country),
        listed => country.is_some_and(|c| listed.contains(&c)),
    };
    if let (Some(country), false) = (country, allowed) {
        return Err(Refusal::CountryNotAllowed(country));
    }
    if !allowed {
        return Err(Refusal::NotANumber(NumberFault::UnknownCountryCode.into()));
    }
    if facts.opted_out {
        return Err(Refusal::OptedOut);
    }
    if facts.originator.is_none() {
        return Err(Refusal::NoOriginator);
    }
    let most = limits.recipients_per_mail.min(facts.max_recipients);
    if facts.recipients > most as usize {
        return Err(Refusal::TooManyRecipients { limit: most });
    }
    match facts.text {
        Err(too_long) => {
            return Err(Refusal::TooLong {
                parts: too_long.parts,
                limit: too_long.limit,
            });
        }
        Ok(text) if text.text.is_empty() => {
            return Err(if facts.has_text {
                Refusal::Empty
            } else {
                Refusal::NoText
            });
        }
        Ok(_) => {}
    }
    facts
        .full
        .map_or(Ok(()), |limit| Err(Refusal::OverLimit(limit)))
}
