//! Values for the cases: the same in every run, with every field in use.
#![expect(
    clippy::unwrap_used,
    reason = "the written values are right; a case that cannot be built must fail"
)]

use jiff::Timestamp;

use crate::address::EmailAddress;
use crate::decision::Code;
use crate::evidence::{
    Dkim, DkimResult, Dmarc, DmarcPolicy, DmarcResult, Evidence, Spf, SpfResult, SpfWidth,
};
use crate::ledger::{LimitKind, Originator, Reservation, Row, RowId, State};
use crate::model::{
    Account, AccountId, AuditEntry, Automated, CutPart, HandsetText, Invitation, Language, MailId,
    MailRecord, OutgoingMail, Password, RecipientOutcome, Sender, User, UserStatus,
};
use crate::number::PhoneNumber;
use crate::text::Encoding;

/// So many seconds into the first day of 2026.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

pub(super) const DAY: i64 = 86_400;

/// Text that breaks what takes bytes for letters, quotes for ends and NUL for nothing.
pub(super) const ODD: &str = "O'Hara; \"—\" 100 % _ \\ é e\u{301} 漢字 🚀 \u{202e}\u{0}\r\n#$.[]{}";

pub(super) fn account_id(name: &str) -> AccountId {
    name.parse().unwrap()
}

pub(super) fn account(name: &str) -> Account {
    Account::new(account_id(name))
}

pub(super) fn email(address: &str) -> EmailAddress {
    address.parse().unwrap()
}

pub(super) fn sender(written: &str) -> Sender {
    written.parse().unwrap()
}

/// A French mobile number, the `n`th.
pub(super) fn number(n: u32) -> PhoneNumber {
    let written = format!("\"+336123{:05}\"", n % 100_000);
    serde_json::from_str(&written).unwrap()
}

pub(super) fn user(account: &str, written: &str) -> User {
    User {
        account: account_id(account),
        sender: sender(written),
        version: 0,
        status: UserStatus::Accepted { at: at(10) },
        default: false,
        automated: Automated::Allow,
        signature: Some(ODD.to_owned()),
        password: Some(Password {
            hash: ODD.to_owned(),
            made_at: at(7),
        }),
        added_at: at(5),
    }
}

pub(super) fn invited(account: &str, written: &str, token_hash: &str) -> User {
    let invitation = Invitation {
        token_hash: token_hash.to_owned(),
        expires_at: at(7 * DAY),
    };
    User {
        status: UserStatus::Pending(invitation),
        ..user(account, written)
    }
}

pub(super) fn audit(account: &str, second: i64, what: &str) -> AuditEntry {
    AuditEntry {
        account: account_id(account),
        at: at(second),
        actor: "cli".to_owned(),
        what: what.to_owned(),
        before: None,
        after: Some(format!("{ODD:?}")),
    }
}

/// A waiting row of `acme` and `ann@example.com`, due at second 100; its id and number follow from `n`.
pub(super) fn row(n: u32) -> Row {
    let mut row = Row {
        id: RowId(format!("row-{n:04}")),
        version: 0,
        mail: mail_id(1),
        account: account_id("acme"),
        user: email("ann@example.com"),
        to: number(n),
        text: format!("{n}: {ODD}"),
        encoding: Encoding::Ucs2,
        parts: 2,
        truncated: true,
        originator: Originator::Number(number(99_999)),
        language: Language::Fr,
        accepted_at: at(50),
        valid_until: at(DAY),
        state: State::Waiting,
        due: None,
        attempts: 3,
        provider: Some("handset".to_owned()),
        provider_ref: Some(ODD.to_owned()),
        reservations: Vec::new(),
        events: Vec::new(),
        text_expires_at: at(20 * DAY),
        expires_at: at(30 * DAY),
    };
    row.enter(State::Waiting, Some(at(100)), at(50), "accepted");
    row
}

/// A row that holds these: counter, amount, ceiling. The kind of the first is `UserHour`, then `NumberHour`, `AccountDay`, `AccountMonth`.
pub(super) fn holding(n: u32, held: &[(&str, u32, u32)]) -> Row {
    let kinds = [
        LimitKind::UserHour,
        LimitKind::NumberHour,
        LimitKind::AccountDay,
        LimitKind::AccountMonth,
    ];
    let reservation =
        |(&(counter, amount, ceiling), limit): (&(&str, u32, u32), LimitKind)| Reservation {
            counter: counter.to_owned(),
            limit,
            amount,
            ceiling,
            expires_at: at(2 * DAY),
        };
    Row {
        reservations: held.iter().zip(kinds).map(reservation).collect(),
        ..row(n)
    }
}

/// Ids sort by `n`, as UUIDs of version 7 sort by time.
pub(super) fn mail_id(n: u32) -> MailId {
    MailId(format!("019b7600-0000-7000-8000-{n:012}"))
}

/// A mail of `acme`, received at second `n`.
pub(super) fn mail(n: u32) -> MailRecord {
    MailRecord {
        id: mail_id(n),
        received_at: at(i64::from(n)),
        from: Some(email("ann@example.com")),
        accounts: vec![account_id("acme")],
        message_id: Some(ODD.to_owned()),
        subject: Some(ODD.to_owned()),
        client_ip: Some("2001:db8::7".parse().unwrap()),
        relay: Some("10.0.0.5".parse().unwrap()),
        login: None,
        helo: ODD.to_owned(),
        envelope_sender: None,
        evidence: Some(evidence()),
        recipients: vec![RecipientOutcome {
            address: ODD.to_owned(),
            number: Some(number(1)),
            account: Some(account_id("acme")),
            code: Code::Accepted,
            why: ODD.to_owned(),
        }],
        cut: vec![CutPart {
            kind: "signature".to_owned(),
            text: ODD.to_owned(),
        }],
        expires_at: at(30 * DAY),
    }
}

fn evidence() -> Evidence {
    let domain = Some("example.com".parse().unwrap());
    Evidence {
        spf: Spf {
            result: SpfResult::Pass,
            domain: domain.clone(),
            width: Some(SpfWidth::Range {
                prefix: 24,
                v6: false,
            }),
            lookups: 3,
            explanation: None,
            why: ODD.to_owned(),
        },
        dkim: vec![Dkim {
            result: DkimResult::Permerror,
            domain,
            selector: "s1".to_owned(),
            signed_headers: vec!["from".to_owned(), "to".to_owned()],
            signed_at: Some(at(1)),
            expires_at: None,
            body_length: Some(u64::MAX),
            unsigned_copies: vec!["subject".to_owned()],
            why: ODD.to_owned(),
        }],
        dmarc: Dmarc {
            result: DmarcResult::Fail,
            policy: Some(DmarcPolicy::Reject),
            why: ODD.to_owned(),
        },
    }
}

/// A mail of ours, due at this second.
pub(super) fn outgoing(id: &str, due: i64) -> OutgoingMail {
    OutgoingMail {
        id: id.to_owned(),
        to: email("ann@example.com"),
        raw: format!("Subject: {id}\r\n\r\n{ODD}\r\n").into_bytes(),
        due: Some(at(due)),
        attempts: 0,
        expires_at: at(2 * DAY),
        note: Some(ODD.to_owned()),
    }
}

pub(super) fn handset_text(second: i64, text: &str) -> HandsetText {
    HandsetText {
        at: at(second),
        to: number(1),
        from: "Postel".to_owned(),
        text: text.to_owned(),
        encoding: Encoding::Ucs2,
        parts: 1,
        reference: "row-0001".to_owned(),
    }
}
