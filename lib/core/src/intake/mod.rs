//! Mail in: one mail becomes a decision and, for each recipient, a row of the ledger.
//!
//! [`Intake::receive`] decides, before the mail is answered for; [`Intake::enter`] makes the rows,
//! after the mail is durable. Both may be called twice with the same mail.

mod composition;
mod target;

pub use composition::{Composition, composition};

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postel_mail::Mail;
use serde::{Deserialize, Serialize};

use crate::address::{Domain, EmailAddress};
use crate::decision::{self, Admission, Code, Gateway, Proof, Refusal};
use crate::evidence::{Connection, Evidence, SesVerdicts};
use crate::ledger::limits::{Ceilings, reservations};
use crate::ledger::{Event, LimitKind, Originator, Row, RowId, State};
use crate::model::{Account, Language, MailRecord, RecipientOutcome, User};
use crate::notice::Notices;
use crate::number::PhoneNumber;
use crate::ports::{Claim, Clock, Ids, SenderEvidence, Store, StoreError};
use target::{Listing, Target};

/// A row is kept at least this long, so that a redelivery is known for one (DESIGN 4.5: longer than a dead letter lives).
const REMEMBERED_FOR_DAYS: u32 = 15;

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
}

/// What is known of a mail while it is judged.
struct Case<'a> {
    mail: &'a Mail,
    raw: &'a [u8],
    envelope: &'a Envelope,
    from: &'a EmailAddress,
    now: Timestamp,
    first_seen: Option<Timestamp>,
    evidence: Option<Evidence>,
    record: MailRecord,
    rows: Vec<Row>,
    refused: Vec<(Refusal, RecipientOutcome)>,
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
        }
    }

    /// What can be said of a recipient before the mail is seen: `None` where nothing is wrong with it.
    ///
    /// `None` as the domain's verdict (`Err(None)`) means that the address is not at this gateway at all.
    ///
    /// # Errors
    /// The refusal, or `None` for an address of another domain (no relaying).
    pub fn screen(&self, address: &str) -> Result<(), Option<Refusal>> {
        let (local, domain) = address.rsplit_once('@').ok_or(None)?;
        let domain: Domain = domain.parse().map_err(|_| None)?;
        if !self.rules.gateway.domains.contains(&domain) {
            return Err(None);
        }
        crate::recipient::Recipient::read(local)
            .map(drop)
            .map_err(|fault| Some(Refusal::NotANumber(fault)))
    }

    /// Decides about a mail and remembers what it must: when a mail was first put off, and every refused one.
    ///
    /// # Errors
    /// The store's; the mail is not answered for, so its sender tries again.
    pub async fn receive(&self, envelope: &Envelope, raw: &[u8]) -> Result<Judged, StoreError> {
        let mut judged = self.judge(envelope, raw, None).await?;
        if matches!(judged.outcome, Outcome::TryAgain(_))
            && let Some(from) = &judged.record.from
        {
            let mail = postel_mail::parse(raw);
            let key = target::deferral_key(from, &mail, raw);
            let now = self.clock.now();
            let first = self.store.first_seen(&key, now).await?;
            if now.duration_since(first) >= decision::TRY_AGAIN_FOR {
                judged = self.judge(envelope, raw, Some(first)).await?;
            }
        }
        if matches!(judged.outcome, Outcome::Refused(_)) {
            self.store.put_mail(&judged.record).await?;
        }
        Ok(judged)
    }

    /// Decides about a mail. Reads the store, changes nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn judge(
        &self,
        envelope: &Envelope,
        raw: &[u8],
        first_seen: Option<Timestamp>,
    ) -> Result<Judged, StoreError> {
        let now = self.clock.now();
        let mail = postel_mail::parse(raw);
        let record = self.record(envelope, &mail, now);
        let from = match decision::sender(&mail, &envelope.connection, &self.rules.gateway) {
            Ok(from) => from,
            Err(refusal) => return Ok(refuse_all(record, envelope, refusal)),
        };
        let listings = self.store.listings(&from).await?;
        let mut record = MailRecord {
            from: Some(from.clone()),
            ..record
        };
        if listings.is_empty() {
            return Ok(refuse_all(record, envelope, Refusal::UnknownSender));
        }
        let targets: Vec<Target<'_>> = envelope
            .recipients
            .iter()
            .map(|a| target::target(a, &listings))
            .collect();
        self.claim_record(&mut record, &mail, &targets, now);
        let mut case = Case {
            mail: &mail,
            raw,
            envelope,
            from: &from,
            now,
            first_seen,
            evidence: None,
            record,
            rows: Vec::new(),
            refused: Vec::new(),
        };
        let numbers = distinct(&targets);
        for target in &targets {
            if let Some(deferred) = self.judge_recipient(&mut case, target, numbers).await? {
                let Case {
                    record, evidence, ..
                } = case;
                return Ok(Judged {
                    record: MailRecord { evidence, ..record },
                    outcome: Outcome::TryAgain(deferred),
                });
            }
        }
        Ok(close(case, &listings))
    }

    /// A record with what everybody's mail leaves behind.
    fn record(&self, envelope: &Envelope, mail: &Mail, now: Timestamp) -> MailRecord {
        MailRecord {
            id: self.ids.mail_id(now),
            received_at: now,
            from: None,
            accounts: Vec::new(),
            message_id: mail.message_id.clone(),
            subject: None,
            client_ip: envelope.connection.client_ip,
            helo: envelope.connection.helo.chars().take(255).collect(),
            envelope_sender: envelope.connection.envelope_sender.clone(),
            evidence: None,
            recipients: Vec::new(),
            cut: Vec::new(),
            expires_at: days_after(now, self.rules.stranger_days),
        }
    }

    /// The sender is listed: the record belongs to the accounts that its recipients mean, and their retention holds.
    /// Other accounts that list the sender learn nothing of it: anybody may list anybody.
    fn claim_record(
        &self,
        record: &mut MailRecord,
        mail: &Mail,
        targets: &[Target<'_>],
        now: Timestamp,
    ) {
        let meant = || targets.iter().filter_map(|t| t.listing.map(|(_, a)| a));
        record.accounts = meant().map(|account| account.id.clone()).collect();
        record.accounts.sort();
        record.accounts.dedup();
        if !record.accounts.is_empty() {
            record.subject.clone_from(&mail.subject);
        }
        let days = meant()
            .map(|account| account.retention.days)
            .max()
            .unwrap_or(self.rules.stranger_days);
        record.expires_at = days_after(now, days);
    }

    /// Steps 3 to 9 for one recipient. A refusal that comes back is [`Refusal::TryAgain`]: it holds for the whole mail.
    async fn judge_recipient(
        &self,
        case: &mut Case<'_>,
        target: &Target<'_>,
        recipients: usize,
    ) -> Result<Option<Refusal>, StoreError> {
        let language = target
            .listing
            .map_or(Language::En, |(_, a)| a.preferences.language);
        match self.admit(case, target).await {
            Ok(proof) => {
                // `admit` only admits listed senders.
                if let Some((user, account)) = target.listing {
                    self.judge_destination(case, target, (user, account), &proof, recipients)
                        .await?;
                }
            }
            Err(refusal @ Refusal::TryAgain(_)) => return Ok(Some(refusal)),
            Err(refusal) => refuse(case, target, refusal, language),
        }
        Ok(None)
    }

    /// Steps 3 to 7, asking DNS where the decision says so, once for the mail.
    async fn admit(&self, case: &mut Case<'_>, target: &Target<'_>) -> Result<Proof, Refusal> {
        loop {
            let facts = decision::Facts {
                mail: case.mail,
                from: case.from,
                connection: &case.envelope.connection,
                gateway: &self.rules.gateway,
                ses: case.envelope.ses,
                listing: target.listing.map(|(user, account)| (user, account)),
                recipient_in_to_cc: target::named_in(
                    case.mail,
                    target,
                    &self.rules.gateway.domains,
                ),
                evidence: case.evidence.as_ref(),
                now: case.now,
                first_seen: case.first_seen,
            };
            match decision::admit(&facts) {
                Admission::Admitted(proof) => return Ok(proof),
                Admission::Refused(refusal) => return Err(refusal),
                Admission::AskDns => {
                    let connection = &case.envelope.connection;
                    case.evidence = Some(
                        self.evidence
                            .evidence(connection, case.from, case.raw, case.now)
                            .await,
                    );
                }
            }
        }
    }

    /// Steps 8 and 9, and the row.
    async fn judge_destination(
        &self,
        case: &mut Case<'_>,
        target: &Target<'_>,
        (user, account): (&User, &Account),
        proof: &Proof,
        recipients: usize,
    ) -> Result<(), StoreError> {
        let language = account.preferences.language;
        let composed = composition(case.mail, &account.preferences, Some(user));
        if case.record.cut.is_empty() {
            case.record.cut.clone_from(&composed.cut);
        }
        let number = target.number.as_ref().ok();
        let originator =
            number.and_then(|n| target::originator(account, n, self.rules.needs_originator));
        let opted_out = match number {
            Some(number) => self.store.opt_out(&account.id, number).await?.is_some(),
            None => false,
        };
        let reserved = match (number, &composed.text) {
            (Some(number), Ok(text)) => reservations(
                account,
                &self.rules.ceilings,
                case.from,
                number,
                text.parts,
                proof,
                case.now,
            ),
            _ => Vec::new(),
        };
        let facts = decision::Destination {
            number: &target.number,
            account,
            recipients,
            max_recipients: self.rules.ceilings.recipients_per_mail,
            opted_out,
            originator: originator.as_ref(),
            full: self.full(&reserved).await?,
            text: &composed.text,
        };
        match (
            decision::recipient(&facts),
            number,
            originator,
            composed.text,
        ) {
            (Ok(()), Some(number), Some(originator), Ok(text)) => {
                let row = self.row(case, account, number, originator, text, reserved);
                let twin = case.rows.iter().any(|r| r.id == row.id);
                case.record.recipients.push(RecipientOutcome {
                    address: target.address.to_owned(),
                    number: Some(number.clone()),
                    account: Some(account.id.clone()),
                    code: Code::Accepted,
                    why: decision::accepted(proof, language),
                });
                if !twin {
                    case.rows.push(row);
                }
            }
            (Err(refusal), ..) => refuse(case, target, refusal, language),
            // `recipient` only says Ok where all three are there.
            (Ok(()), ..) => refuse(case, target, Refusal::Empty, language),
        }
        Ok(())
    }

    /// A limit that has no room now. The claim decides; this only tells the sender early.
    async fn full(
        &self,
        reserved: &[crate::ledger::Reservation],
    ) -> Result<Option<LimitKind>, StoreError> {
        if reserved.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = reserved.iter().map(|r| r.counter.clone()).collect();
        let taken = self.store.counters(&names).await?;
        Ok(reserved
            .iter()
            .zip(taken)
            .find(|(r, taken)| taken.saturating_add(r.amount) > r.ceiling)
            .map(|(r, _)| r.limit))
    }

    fn row(
        &self,
        case: &Case<'_>,
        account: &Account,
        to: &PhoneNumber,
        originator: Originator,
        text: crate::text::SmsText,
        reserved: Vec<crate::ledger::Reservation>,
    ) -> Row {
        let transport = case
            .envelope
            .transport_id
            .as_deref()
            .unwrap_or(&case.record.id.0);
        let key = target::message_key(&account.id, case.from, case.mail, case.raw, transport);
        let hours = i64::from(account.preferences.validity_hours);
        Row {
            id: RowId::new(&key, to),
            version: 0,
            mail: case.record.id.clone(),
            account: account.id.clone(),
            user: case.from.clone(),
            to: to.clone(),
            text: text.text,
            encoding: text.encoding,
            parts: text.parts,
            truncated: text.truncated,
            originator,
            language: account.preferences.language,
            accepted_at: case.now,
            valid_until: case
                .now
                .checked_add(SignedDuration::from_hours(hours))
                .unwrap_or(case.now),
            state: State::Waiting,
            // The first attempt is made at once by whoever enters the row; the sweep takes up what a crash left.
            due: case.now.checked_add(FIRST_ATTEMPT_GRACE).ok(),
            attempts: 0,
            provider: None,
            provider_ref: None,
            reservations: reserved,
            events: vec![Event {
                at: case.now,
                state: State::Waiting,
                note: "accepted".to_owned(),
            }],
            text_expires_at: days_after(case.now, account.retention.days),
            expires_at: days_after(case.now, account.retention.days.max(REMEMBERED_FOR_DAYS)),
        }
    }

    /// Makes the rows of an accepted mail and says which of them are to be sent now. Rows that exist
    /// already are left alone: that is a redelivery, and its texts are on their way.
    ///
    /// # Errors
    /// The store's: call again with the same value.
    pub async fn enter(&self, accepted: &Accepted) -> Result<Vec<Row>, StoreError> {
        self.store.put_mail(&accepted.record).await?;
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
        if !known.is_empty() {
            self.store.put_mail(&redelivered(accepted, &known)).await?;
        }
        if !accepted.refused.is_empty() {
            self.notices.refused(accepted, self.clock.now()).await?;
        }
        Ok(fresh)
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
            Language::Fr => format!("limite dépassée : {words}"),
        };
        // Due at once: the sweep tells the sender where this cannot.
        row.enter(State::Refused, Some(now), now, note);
        if matches!(self.store.claim(&row).await?, Claim::New) {
            self.notices.row_ended(&row, now).await?;
        }
        Ok(())
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
                    "C'est de nouveau le mail {} ; son SMS n'est pas renvoyé.",
                    row.mail
                ),
            };
        }
    }
    record
}

/// How many different numbers a mail is for; unreadable addresses count one each.
fn distinct(targets: &[Target<'_>]) -> usize {
    let mut numbers: Vec<&PhoneNumber> = targets
        .iter()
        .filter_map(|t| t.number.as_ref().ok())
        .collect();
    numbers.sort();
    numbers.dedup();
    numbers.len() + targets.iter().filter(|t| t.number.is_err()).count()
}

fn refuse(case: &mut Case<'_>, target: &Target<'_>, refusal: Refusal, language: Language) {
    let outcome = RecipientOutcome {
        address: target.address.to_owned(),
        number: target.number.as_ref().ok().cloned(),
        account: target.listing.map(|(_, account)| account.id.clone()),
        code: refusal.code(),
        why: refusal.why(language),
    };
    case.record.recipients.push(outcome.clone());
    case.refused.push((refusal, outcome));
}

/// One refusal for every recipient.
fn refuse_all(mut record: MailRecord, envelope: &Envelope, refusal: Refusal) -> Judged {
    record.recipients = envelope
        .recipients
        .iter()
        .map(|address| RecipientOutcome {
            address: address.clone(),
            number: None,
            account: None,
            code: refusal.code(),
            why: refusal.why(Language::En),
        })
        .collect();
    Judged {
        outcome: Outcome::Refused(refusal),
        record,
    }
}

/// The outcome of a mail whose recipients are all judged.
fn close(case: Case<'_>, listings: &[Listing]) -> Judged {
    let Case {
        evidence,
        record,
        rows,
        refused,
        ..
    } = case;
    let record = MailRecord { evidence, ..record };
    let language = listings
        .first()
        .map_or(Language::En, |(_, a)| a.preferences.language);
    let outcome = if rows.is_empty() {
        let first = refused
            .into_iter()
            .next()
            .map_or(Refusal::Empty, |(refusal, _)| refusal);
        Outcome::Refused(first)
    } else {
        // The sender was admitted for another recipient, so whoever is told is no stranger.
        let refused = refused.into_iter().map(|(_, outcome)| outcome).collect();
        Outcome::Accepted(Box::new(Accepted {
            record: record.clone(),
            rows,
            refused,
            language,
        }))
    };
    Judged { outcome, record }
}

fn days_after(at: Timestamp, days: u32) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(24 * i64::from(days)))
        .unwrap_or(Timestamp::MAX)
}
