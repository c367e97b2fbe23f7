//! Judging one mail: DESIGN 4.3 driven from fact to fact, recipient by recipient. Reads the store, changes nothing.

use jiff::{SignedDuration, Timestamp};
use postel_mail::{FromField, Mail};

use super::target::{self, BodyDigest, Listing, Target};
use super::{
    Accepted, Composition, Envelope, FIRST_ATTEMPT_GRACE, Intake, Judged, Outcome,
    REMEMBERED_FOR_DAYS, composition,
};
use crate::address::EmailAddress;
use crate::decision::{self, Admission, Code, Proof, Refusal};
use crate::evidence::Evidence;
use crate::ledger::limits::reservations;
use crate::ledger::{Event, LimitKind, Originator, Reservation, Row, RowId, State};
use crate::measure;
use crate::model::{Account, AccountId, Language, MailRecord, RecipientOutcome, Sender, User};
use crate::number::PhoneNumber;
use crate::ports::StoreError;
use crate::text::SmsText;

/// What is known of a mail while it is judged.
struct Case<'a> {
    mail: &'a Mail,
    raw: &'a [u8],
    envelope: &'a Envelope,
    from: &'a EmailAddress,
    listings: &'a [Listing],
    now: Timestamp,
    first_seen: Option<Timestamp>,
    evidence: Option<Evidence>,
    /// Made for the first recipient that needs it: a mail may be long and its recipients many.
    body: Option<BodyDigest>,
    /// The last recipient's, which is nearly always the next one's too.
    composed: Option<(AccountId, Sender, Composition)>,
    record: MailRecord,
    rows: Vec<Row>,
    refused: Vec<(Refusal, RecipientOutcome)>,
}

impl Case<'_> {
    fn composition(&mut self, user: &User, account: &Account, max_parts: u32) -> Composition {
        match &self.composed {
            Some((id, sender, made)) if *id == account.id && *sender == user.sender => made.clone(),
            _ => {
                let made = composition(self.mail, &account.preferences, Some(user), max_parts);
                self.composed = Some((account.id.clone(), user.sender.clone(), made.clone()));
                made
            }
        }
    }
}

impl Intake {
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
            Err(refusal) => {
                let record = MailRecord {
                    from: plain_from(&mail),
                    ..record
                };
                return Ok(refuse_all(record, envelope, refusal));
            }
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
            listings: &listings,
            now,
            first_seen,
            evidence: None,
            body: None,
            composed: None,
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
            relay: envelope.connection.relay,
            login: envelope.connection.authenticated.clone(),
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
            .or(case.listings.first())
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
                named: target.named.as_ref(),
                // Only what DNS says of a signature hangs on it, and reading numbers takes long.
                recipient_in_to_cc: case.evidence.is_some()
                    && target::named_in(
                        case.mail,
                        target,
                        case.listings,
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
        let composed = case.composition(user, account, self.rules.max_parts);
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
            has_text: !case.mail.body.text.trim().is_empty(),
            text: &composed.text,
        };
        match (
            decision::recipient(&facts),
            number,
            originator,
            composed.text,
        ) {
            (Ok(()), Some(number), Some(originator), Ok(text)) => {
                let body = *case
                    .body
                    .get_or_insert_with(|| target::body_digest(case.mail, case.raw));
                let row = self.row(case, &body, account, (number, originator, text, reserved));
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
    async fn full(&self, reserved: &[Reservation]) -> Result<Option<LimitKind>, StoreError> {
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
        body: &BodyDigest,
        account: &Account,
        (to, originator, text, reserved): (&PhoneNumber, Originator, SmsText, Vec<Reservation>),
    ) -> Row {
        let transport = case
            .envelope
            .transport_id
            .as_deref()
            .unwrap_or(&case.record.id.0);
        let key = target::message_key(
            &account.id,
            case.from,
            case.mail,
            body,
            (transport, case.now),
        );
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
}

/// The `From` of a mail that is refused before its sender matters: where it is one address, the trail says which.
fn plain_from(mail: &Mail) -> Option<EmailAddress> {
    let FromField::One(spec) = &mail.from else {
        return None;
    };
    EmailAddress::new(&spec.local, &spec.domain).ok()
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
    if let Refusal::OverLimit(limit) = &refusal {
        measure::LIMITS_REACHED.count(&[limit.as_str()]);
    }
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

/// So many recipients of a mail that nobody is known to have sent stand in its record: whoever floods the gateway must not
/// fill its disk.
const STRANGERS_RECIPIENTS: usize = 10;

/// One refusal for every recipient.
fn refuse_all(mut record: MailRecord, envelope: &Envelope, refusal: Refusal) -> Judged {
    record.recipients = envelope
        .recipients
        .iter()
        .take(STRANGERS_RECIPIENTS)
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
