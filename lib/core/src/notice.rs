//! Mails of our own: invitations, what became of texts, warnings to admins.
//!
//! Each is posted to the outbox under an id made of its cause, so that the same cause never mails
//! twice. Only listed people are ever written to (no backscatter).

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use postel_mail::compose::{AutoSubmitted, Mailbox, Outgoing};
use postel_mail::{AddrSpec, LOOP_HEADER};
use sha2::{Digest, Sha256};

use crate::address::EmailAddress;
use crate::decision::limit_words;
use crate::ledger::{LimitKind, Row, State};
use crate::model::Language::{En, Fr};
use crate::model::{Account, Language, MailRecord, OutgoingMail, Receipts, RecipientOutcome};
use crate::number::display_for;
use crate::ports::{Store, StoreError};

/// How long a mail of ours is tried.
const TRIED_FOR: SignedDuration = SignedDuration::from_hours(72);

/// Writes and posts mails of our own.
#[derive(Clone)]
pub struct Notices {
    store: Arc<dyn Store>,
    from: EmailAddress,
    loop_mark: String,
}

/// One mail to be written.
struct Letter<'a> {
    cause: String,
    to: &'a EmailAddress,
    subject: String,
    text: String,
    answers: Option<&'a str>,
    person: bool,
}

impl Notices {
    /// Mails come from `from`, an address of the gateway's own.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, from: EmailAddress, loop_mark: String) -> Self {
        Self {
            store,
            from,
            loop_mark,
        }
    }

    /// Who our own mails are from.
    pub(crate) fn from(&self) -> &EmailAddress {
        &self.from
    }

    /// The invitation of a user: the link and until when it works.
    pub(crate) fn invitation(
        &self,
        account: &Account,
        to: &EmailAddress,
        link: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<OutgoingMail, StoreError> {
        let until = day(expires_at, account);
        let (subject, text) = match account.preferences.language {
            En => (
                format!("Send text messages by mail: invitation of {}", account.id),
                format!(
                    "Hello,\n\nThe account {} invites you to send text messages from this mail address.\n\nTo accept, open this page and press the button:\n\n{link}\n\nThe link works once, until {until}. If you do not know what this is about, do nothing.\n",
                    account.id
                ),
            ),
            Fr => (
                format!(
                    "Envoyer des SMS par e-mail\u{a0}: invitation de {}",
                    account.id
                ),
                format!(
                    "Bonjour,\n\nLe compte {} vous invite à envoyer des SMS depuis cette adresse e-mail.\n\nPour accepter, ouvrez cette page et cliquez sur le bouton\u{a0}:\n\n{link}\n\nLe lien fonctionne une seule fois, jusqu’au {until}. Si vous ne savez pas de quoi il s’agit, ne faites rien.\n",
                    account.id
                ),
            ),
        };
        let cause = format!(
            "invitation/{}",
            crate::hex(&Sha256::digest(link.as_bytes()))
        );
        self.write(
            &Letter {
                cause,
                to,
                subject,
                text,
                answers: None,
                person: true,
            },
            now,
        )
    }

    /// Posts a mail written before.
    pub(crate) async fn post(&self, mail: &OutgoingMail) -> Result<(), StoreError> {
        self.store.post(mail).await
    }

    /// Tells the sender of an accepted mail which recipients were refused.
    pub(crate) async fn refused(
        &self,
        record: &MailRecord,
        refused: &[RecipientOutcome],
        language: Language,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(to) = &record.from else {
            return Ok(());
        };
        let list: String = refused
            .iter()
            .map(|r| format!("- {}: {}\n", r.address, r.why))
            .collect();
        let (subject, head) = match language {
            En => (
                "Not every text was sent",
                "These recipients of your mail get no text message:",
            ),
            Fr => (
                "Certains SMS n’ont pas été envoyés",
                "Ces destinataires de votre e-mail ne reçoivent pas de SMS\u{a0}:",
            ),
        };
        self.send(
            &Letter {
                cause: format!("refused/{}", record.id),
                to,
                subject: reply_subject(record, subject),
                text: format!("{head}\n\n{list}"),
                answers: record.message_id.as_deref(),
                person: false,
            },
            now,
        )
        .await
    }

    /// Tells the sender what became of a text, where there is something to tell: it was not sent, may
    /// not have been, or was cut to fit. Follows the account's `receipts`, except that a cut is always told.
    /// Who is no user of the account any more is told nothing.
    pub(crate) async fn row_ended(&self, row: &Row, now: Timestamp) -> Result<(), StoreError> {
        if !is_told(row) {
            return Ok(());
        }
        let account = self.store.account(&row.account).await?;
        let receipts = account.map_or(Receipts::Failures, |a| a.receiving.receipts);
        let cut = is_cut(row);
        if (receipts == Receipts::None && !cut) || !self.has_user(row).await? {
            return Ok(());
        }
        let record = self.store.mail(&row.mail).await?;
        let (subject, text) = ended_words(row);
        // All recipients of a mail are sent the same text: that it was cut is told once.
        let cause = if cut {
            format!("cut/{}", row.mail)
        } else {
            format!("ended/{}/{}", row.id, row.state.as_str())
        };
        let subject = record
            .as_ref()
            .map_or_else(|| subject.to_owned(), |r| reply_subject(r, subject));
        let answers = record.as_ref().and_then(|r| r.message_id.as_deref());
        self.send(
            &Letter {
                cause,
                to: &row.user,
                subject,
                text,
                answers,
                person: false,
            },
            now,
        )
        .await
    }

    /// Whether the row's user may still send for its account: deleting a user stops its texts and its receipts.
    pub(crate) async fn has_user(&self, row: &Row) -> Result<bool, StoreError> {
        let listings = self.store.listings(&row.user).await?;
        Ok(listings
            .iter()
            .any(|(user, account)| account.id == row.account && user.is_accepted()))
    }

    /// Warns an account's admins that a limit is nearly or wholly used.
    pub(crate) async fn limit_warning(
        &self,
        account: &Account,
        (limit, counter): (LimitKind, &str),
        percent: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let language = account.preferences.language;
        let words = limit_words(limit, language);
        let (subject, text) = match language {
            En => (
                format!("{}: {percent} % of a limit is used", account.id),
                format!(
                    "The account {} has used {percent} % of its limit of {words}. At 100 % mails are refused until the limit is raised or the period ends.\n",
                    account.id
                ),
            ),
            Fr => (
                format!(
                    "{}\u{a0}: {percent}\u{a0}% d’une limite est utilisé",
                    account.id
                ),
                format!(
                    "Le compte {} a utilisé {percent}\u{a0}% de sa limite de {words}. À 100\u{a0}%, les e-mails sont refusés jusqu’à ce que la limite soit augmentée ou que la période se termine.\n",
                    account.id
                ),
            ),
        };
        for to in &account.admins {
            let cause = format!("limit/{counter}/{percent}/{to}");
            let letter = Letter {
                cause,
                to,
                subject: subject.clone(),
                text: text.clone(),
                answers: None,
                person: false,
            };
            self.send(&letter, now).await?;
        }
        Ok(())
    }

    async fn send(&self, letter: &Letter<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.store.post(&self.write(letter, now)?).await
    }

    fn write(&self, letter: &Letter<'_>, now: Timestamp) -> Result<OutgoingMail, StoreError> {
        let id = crate::hex(&Sha256::digest(letter.cause.as_bytes()));
        let answers: Vec<String> = letter.answers.iter().map(|id| (*id).to_owned()).collect();
        let mail = Outgoing {
            from: Mailbox {
                name: Some("Postel".to_owned()),
                address: spec(&self.from),
            },
            to: vec![Mailbox {
                name: None,
                address: spec(letter.to),
            }],
            subject: letter.subject.clone(),
            text: letter.text.clone(),
            html: None,
            message_id: format!("{id}@{}", self.from.domain()),
            date: now,
            in_reply_to: answers.first().cloned(),
            references: answers,
            auto_submitted: if letter.person {
                AutoSubmitted::Generated
            } else {
                AutoSubmitted::Replied
            },
            extra: vec![(LOOP_HEADER.to_owned(), self.loop_mark.clone())],
        };
        let raw = mail
            .to_bytes()
            // A hostile Message-ID may be unfit to be answered: the mail goes out unthreaded.
            .or_else(|_| {
                Outgoing {
                    in_reply_to: None,
                    references: Vec::new(),
                    ..mail
                }
                .to_bytes()
            })
            .map_err(|fault| {
                StoreError::Corrupt(format!("a mail of ours cannot be written: {fault}"))
            })?;
        Ok(OutgoingMail {
            id,
            to: letter.to.clone(),
            raw,
            due: Some(now),
            attempts: 0,
            expires_at: now.checked_add(TRIED_FOR).unwrap_or(now),
            note: None,
        })
    }
}

/// Whether there is something to tell of a row in this state.
pub(crate) fn is_told(row: &Row) -> bool {
    match row.state {
        State::Failed | State::Expired | State::Unknown | State::Refused | State::Undelivered => {
            true
        }
        State::Waiting | State::Sending | State::Sent | State::Delivered => is_cut(row),
    }
}

fn is_cut(row: &Row) -> bool {
    row.truncated && row.state == State::Sent
}

fn spec(address: &EmailAddress) -> AddrSpec {
    AddrSpec {
        local: address.local().to_owned(),
        domain: address.domain().to_string(),
    }
}

/// `Saturday 28 November 2026`, in the account's zone and language.
fn day(at: Timestamp, account: &Account) -> String {
    let zone = TimeZone::get(&account.preferences.time_zone).unwrap_or(TimeZone::UTC);
    crate::when::day(at, &zone, account.preferences.language)
}

/// `Re:` and the original's subject, so that the mail stands in its thread; else `otherwise`.
fn reply_subject(record: &MailRecord, otherwise: &str) -> String {
    match record.subject.as_deref().map(str::trim) {
        Some(subject) if !subject.is_empty() => {
            let bare = subject.strip_prefix("Re: ").unwrap_or(subject);
            format!("Re: {bare}")
        }
        _ => otherwise.to_owned(),
    }
}

/// Subject and text of the mail that says what became of a row.
fn ended_words(row: &Row) -> (&'static str, String) {
    let language = row.language;
    let to = display_for(&row.to, None);
    let reason = row.events.last().map_or("", |e| e.note.as_str());
    let (subject, said) = match (row.state, language) {
        (State::Unknown, En) => (
            "Text message: outcome unknown",
            format!(
                "It is not known whether your text message to {to} was sent. It is not sent again, so that it cannot arrive twice. Send your mail again if it has to arrive."
            ),
        ),
        (State::Unknown, Fr) => (
            "SMS\u{a0}: résultat inconnu",
            format!(
                "On ne sait pas si votre SMS au {to} a été envoyé. Il n’est pas renvoyé, pour ne pas arriver deux fois. Renvoyez votre e-mail s’il doit arriver."
            ),
        ),
        (State::Expired, En) => (
            "Text message not sent",
            format!(
                "Your text message to {to} could not be sent within its validity and was given up."
            ),
        ),
        (State::Expired, Fr) => (
            "SMS non envoyé",
            format!(
                "Votre SMS au {to} n’a pas pu être envoyé pendant sa durée de validité et a été abandonné."
            ),
        ),
        (State::Sent, En) => (
            "Text message shortened",
            format!(
                "Your text message was too long for the account's limit and was cut to {} parts.",
                row.parts
            ),
        ),
        (State::Sent, Fr) => (
            "SMS raccourci",
            format!(
                "Votre message était trop long pour la limite du compte et a été coupé à {} SMS.",
                row.parts
            ),
        ),
        (_, En) => (
            "Text message not sent",
            format!("Your text message to {to} was not sent."),
        ),
        (_, Fr) => (
            "SMS non envoyé",
            format!("Votre SMS au {to} n’a pas été envoyé."),
        ),
    };
    let detail = match (row.state, language) {
        // These say it themselves.
        (State::Sent | State::Expired | State::Unknown, _) => String::new(),
        (_, En) => format!("\n\nReason: {reason}"),
        (_, Fr) => format!("\n\nRaison\u{a0}: {reason}"),
    };
    (subject, format!("{said}{detail}\n"))
}
