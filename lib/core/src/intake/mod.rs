//! Mail in: one mail becomes a decision and, for each recipient, a row of the ledger.
//!
//! [`Intake::receive`] decides, before the mail is answered for; [`Intake::enter`] makes the rows,
//! after the mail is durable. Both may be called twice with the same mail.

mod composition;
mod judge;
mod login;
mod target;

pub use composition::{Composition, composition};

use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::address::{Domain, EmailAddress};
use crate::decision::{self, Gateway, Refusal};
use crate::evidence::{Connection, SesVerdicts};
use crate::ledger::limits::Ceilings;
use crate::ledger::{LimitKind, Row, State};
use crate::measure;
use crate::model::{Language, MailRecord, RecipientOutcome};
use crate::notice::Notices;
use crate::ports::{Claim, Clock, Ids, SenderEvidence, Store, StoreError};
use crate::recipient::{Recipient, RecipientFault};

/// A row is kept at least this long, so that a redelivery is known for one (DESIGN 4.5: longer than a dead letter lives).
const REMEMBERED_FOR_DAYS: u32 = 15;

/// Records of refused mails that are kept in one minute: whoever floods the gateway must not fill its disk. All are counted,
/// and every sender is told by the mail server.
const REFUSED_A_MINUTE: u32 = 300;

/// How long a new row is left to whoever entered it.
const FIRST_ATTEMPT_GRACE: SignedDuration = SignedDuration::from_secs(30);

/// The envelope of a mail.
#[derive(Clone)]
pub struct Envelope {
    /// The SMTP side.
    pub connection: Connection,
    /// `RCPT TO`, as written, without brackets.
    pub recipients: Vec<String>,
    /// What SES says.
    pub ses: SesVerdicts,
    /// The transport's own id for the mail, the same when it is delivered again; `None` in SMTP.
    pub transport_id: Option<String>,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({} recipients)", self.recipients.len())
    }
}

/// The operator's settings that intake needs.
#[derive(Clone, Debug)]
pub struct Rules {
    /// This instance.
    pub gateway: Gateway,
    /// Above every account's limits.
    pub ceilings: Ceilings,
    /// Days for which metadata of strangers' mail is kept.
    pub stranger_days: u32,
    /// Whether the configured providers need an originator of ours.
    pub needs_originator: bool,
    /// Parts that each of the configured providers takes: no account's text is longer.
    pub max_parts: u32,
}

/// An accepted mail: what must be durable before the mail is answered for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The record.
    pub record: MailRecord,
    /// The rows to be made, one for each number.
    pub rows: Vec<Row>,
    /// Why some recipients were refused, for the mail that tells the sender.
    pub refused: Vec<RecipientOutcome>,
    /// The sender's language.
    pub language: Language,
}

/// What was decided about a mail.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// At least one text is to be sent.
    Accepted(Box<Accepted>),
    /// None is, for good.
    Refused(Refusal),
    /// DNS failed: ask again later.
    TryAgain(Refusal),
}

/// A judged mail.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What was decided.
    pub outcome: Outcome,
    /// Its record, whatever was decided.
    pub record: MailRecord,
}

/// Mail in.
pub struct Intake {
    store: Arc<dyn Store>,
    evidence: Arc<dyn SenderEvidence>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    notices: Notices,
    rules: Rules,
    /// The minute of the last refused mail, and how many there were in it.
    refused: Mutex<(i64, u32)>,
}

impl Intake {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        evidence: Arc<dyn SenderEvidence>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        notices: Notices,
        rules: Rules,
    ) -> Self {
        Self {
            store,
            evidence,
            clock,
            ids,
            notices,
            rules,
            refused: Mutex::default(),
        }
    }

    /// What can be said of a recipient before the mail is seen: `None` where nothing is wrong with it.
    ///
    /// `None` as the domain's verdict (`Err(None)`) means that the address is not at this gateway at all.
    ///
    /// # Errors
    /// The refusal, or `None` for an address of another domain (no relaying).
    pub fn screen(&self, address: &str) -> Result<(), Option<Refusal>> {
        let nobody = || Some(Refusal::NotANumber(RecipientFault::Nobody));
        let Some((local, domain)) = address.rsplit_once('@') else {
            // RFC 5321 4.5.1: the one mailbox without a domain.
            let role = address.eq_ignore_ascii_case("postmaster");
            return Err(if role { nobody() } else { None });
        };
        let domain: Domain = domain.parse().map_err(|_| None)?;
        if !self.rules.gateway.domains.contains(&domain) {
            return Err(None);
        }
        if EmailAddress::new(local, domain.as_str()).is_ok_and(|a| a == *self.notices.from()) {
            return Err(nobody());
        }
        Recipient::read(local)
            .map(drop)
            .map_err(|fault| Some(Refusal::NotANumber(fault)))
    }

    /// Decides about a mail and remembers what it must: when a mail was first put off, and refused ones.
    ///
    /// # Errors
    /// The store's; the mail is not answered for, so its sender tries again.
    pub async fn receive(&self, envelope: &Envelope, raw: &[u8]) -> Result<Judged, StoreError> {
        let begun = self.clock.now();
        let mut judged = self.judge(envelope, raw, None).await?;
        if matches!(judged.outcome, Outcome::TryAgain(_))
            && let Some(from) = &judged.record.from
        {
            let mail = postel_mail::parse(raw);
            let now = self.clock.now();
            let key = target::deferral_key(from, &mail, raw, now);
            let first = self.store.first_seen(&key, now).await?;
            if now.duration_since(first) >= decision::TRY_AGAIN_FOR {
                judged = self.judge(envelope, raw, Some(first)).await?;
            }
        }
        if matches!(judged.outcome, Outcome::Refused(_)) && self.has_room(&judged.record) {
            self.store.put_mail(&judged.record).await?;
        }
        measure::DECISION_SECONDS.took(&[], measure::between(begun, self.clock.now()));
        counted(&judged.outcome);
        Ok(judged)
    }

    /// Whether the record of a refused mail is kept: so many in a minute, whoever they come from.
    fn has_room(&self, record: &MailRecord) -> bool {
        let minute = record.received_at.as_second().div_euclid(60);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.0 != minute {
            *refused = (minute, 0);
        }
        refused.1 += 1;
        refused.1 <= REFUSED_A_MINUTE
    }

    /// Makes the rows of an accepted mail and says which of them are to be sent now. Rows that exist
    /// already are left alone: that is a redelivery, and its texts are on their way.
    ///
    /// # Errors
    /// The store's: call again with the same value.
    pub async fn enter(&self, accepted: &Accepted) -> Result<Vec<Row>, StoreError> {
        // At once, so that a store that has to wait for its disk waits once for both.
        let stored = self.store.put_mail(&accepted.record);
        let (stored, claimed) = futures_util::future::join(stored, self.claim(accepted)).await;
        stored?;
        let (fresh, known) = claimed?;
        if !known.is_empty() {
            self.store.put_mail(&redelivered(accepted, &known)).await?;
        }
        if !accepted.refused.is_empty() {
            self.notices
                .refused(
                    &accepted.record,
                    &accepted.refused,
                    accepted.language,
                    self.clock.now(),
                )
                .await?;
        }
        Ok(fresh)
    }

    /// The rows that are new, and those that are another mail's already.
    async fn claim(&self, accepted: &Accepted) -> Result<(Vec<Row>, Vec<Row>), StoreError> {
        let (mut fresh, mut known) = (Vec::new(), Vec::new());
        for row in &accepted.rows {
            match self.store.claim(row).await? {
                Claim::New => fresh.push(row.clone()),
                Claim::Already(row) => {
                    tracing::info!(mail = %accepted.record.id, row = %row.id, state = row.state.as_str(), "known already, not sent again");
                    if row.mail != accepted.record.id {
                        known.push(*row);
                    }
                }
                Claim::Over(limit) => self.over(row, limit).await?,
            }
        }
        Ok((fresh, known))
    }

    /// A limit filled up between decision and claim: the row ends as refused, and its sender is told.
    async fn over(&self, row: &Row, limit: LimitKind) -> Result<(), StoreError> {
        let mut row = Row {
            reservations: Vec::new(),
            ..row.clone()
        };
        let words = decision::limit_words(limit, row.language);
        let now = self.clock.now();
        let note = match row.language {
            Language::En => format!("over the limit of {words}"),
            Language::Fr => format!("limite dépassée\u{a0}: {words}"),
        };
        // Due at once: the sweep tells the sender where this cannot.
        row.enter(State::Refused, Some(now), now, note);
        if matches!(self.store.claim(&row).await?, Claim::New) {
            measure::LIMITS_REACHED.count(&[limit.as_str()]);
            measure::TEXTS.count(&[row.state.as_str()]);
            self.notices.row_ended(&row, now).await?;
        }
        Ok(())
    }
}

/// Counts what was refused; what is accepted, whoever makes it durable counts.
fn counted(outcome: &Outcome) {
    match outcome {
        Outcome::Refused(refusal) | Outcome::TryAgain(refusal) => {
            measure::MAILS_REFUSED.count(&[refusal.code().as_str()]);
        }
        Outcome::Accepted(accepted) => {
            for recipient in &accepted.refused {
                measure::RECIPIENTS_REFUSED.count(&[recipient.code.as_str()]);
            }
        }
    }
}

/// The record of a mail whose texts are another mail's already: its trail says which.
fn redelivered(accepted: &Accepted, known: &[Row]) -> MailRecord {
    let mut record = accepted.record.clone();
    for outcome in &mut record.recipients {
        let there = known.iter().find(|row| {
            outcome.number.as_ref() == Some(&row.to)
                && outcome.account.as_ref() == Some(&row.account)
        });
        if let Some(row) = there {
            outcome.why = match accepted.language {
                Language::En => format!(
                    "This is mail {} once more; its text is not sent again.",
                    row.mail
                ),
                Language::Fr => format!(
                    "C’est de nouveau l’e-mail {}\u{a0}; son SMS n’est pas renvoyé.",
                    row.mail
                ),
            };
        }
    }
    record
}
