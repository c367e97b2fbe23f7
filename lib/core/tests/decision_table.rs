//! DESIGN 4.2 and 4.3 as a table: one row for each thing they say, in their order, to be read beside them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "an integration test: a panic is its failure"
)]

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use postel_core::address::EmailAddress;
use postel_core::decision::{self, Admission, Code, Destination, Facts, Gateway, Refusal};
use postel_core::evidence::{
    Connection, Dkim, DkimResult, Dmarc, DmarcPolicy, DmarcResult, Evidence, Login, SesVerdict,
    SesVerdicts, Spf, SpfResult, SpfWidth,
};
use postel_core::ledger::{LimitKind, Originator};
use postel_core::model::{
    AcceptedMail, Account, AccountId, Automated, Invitation, Language, Password, User, UserStatus,
};
use postel_core::number::{BareDigits, NumberFault, PhoneNumber};
use postel_core::recipient::RecipientFault;
use postel_core::text::{self, EncodingPreference, SmsText, TooLong};

const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: +33612345678@sms.example.net\r\nSubject: s\r\n\
                    Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nhello\r\n";

/// All facts of one case; starts as a mail that SPF proves.
#[derive(Clone)]
struct Case {
    raw: String,
    connection: Connection,
    gateway: Gateway,
    ses: SesVerdicts,
    user: Option<User>,
    named: Option<AccountId>,
    account: Account,
    to_cc: bool,
    evidence: Option<Evidence>,
    first_seen: Option<Timestamp>,
    number: Result<PhoneNumber, RecipientFault>,
    recipients: usize,
    opted_out: bool,
    originator: Option<Originator>,
    full: Option<LimitKind>,
    has_text: bool,
    text: Result<SmsText, TooLong>,
}

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn good() -> Case {
    let account = Account::new("acme".parse().unwrap());
    Case {
        raw: MAIL.to_owned(),
        connection: Connection {
            client_ip: Some(ip("192.0.2.7")),
            relay: None,
            helo: "mx.example.com".to_owned(),
            envelope_sender: Some("ann@example.com".parse().unwrap()),
            authenticated: None,
        },
        gateway: Gateway {
            domains: vec!["sms.example.net".parse().unwrap()],
            loop_mark: "mark".to_owned(),
            any_server: false,
        },
        ses: SesVerdicts::default(),
        user: Some(User {
            account: account.id.clone(),
            sender: "ann@example.com".parse().unwrap(),
            version: 1,
            status: UserStatus::Accepted { at: ago(1000) },
            default: true,
            automated: Automated::Refuse,
            signature: None,
            password: Some(Password {
                hash: "h".to_owned(),
                made_at: ago(1000),
            }),
            added_at: ago(1000),
        }),
        named: None,
        account,
        to_cc: true,
        evidence: Some(Evidence {
            spf: spf(SpfResult::Pass, "example.com"),
            dkim: vec![],
            dmarc: dmarc(DmarcResult::None, None),
        }),
        first_seen: None,
        number: Ok("+33612345678".parse().unwrap()),
        recipients: 1,
        opted_out: false,
        originator: Some(Originator::Shared),
        full: None,
        has_text: true,
        text: text::compose("hello", EncodingPreference::Smart, None),
    }
}

fn login(account: &str, address: &str) -> Login {
    Login {
        account: account.parse().unwrap(),
        address: address.parse().unwrap(),
    }
}

fn ip(s: &str) -> IpAddr {
    s.parse().unwrap()
}

fn spf(result: SpfResult, domain: &str) -> Spf {
    Spf {
        result,
        domain: Some(domain.parse().unwrap()),
        width: Some(SpfWidth::Range {
            prefix: 24,
            v6: false,
        }),
        lookups: 0,
        explanation: None,
        why: "Because.".to_owned(),
    }
}

fn dmarc(result: DmarcResult, policy: Option<DmarcPolicy>) -> Dmarc {
    Dmarc {
        result,
        policy,
        why: "Because.".to_owned(),
    }
}

fn signature() -> Dkim {
    Dkim {
        result: DkimResult::Pass,
        domain: Some("example.com".parse().unwrap()),
        selector: "s".to_owned(),
        signed_headers: ["from", "to", "subject", "date", "message-id"]
            .map(str::to_owned)
            .to_vec(),
        signed_at: Some(ago(1)),
        expires_at: None,
        body_length: None,
        unsigned_copies: vec![],
        why: "Because.".to_owned(),
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn spf(self, change: impl FnOnce(&mut Spf)) -> Self {
        self.with(|c| change(&mut c.evidence.as_mut().unwrap().spf))
    }

    /// Nothing but this signature.
    fn dkim(self, change: impl FnOnce(&mut Dkim)) -> Self {
        let mut signed = signature();
        change(&mut signed);
        self.spf(|s| s.result = SpfResult::None)
            .with(|c| c.evidence.as_mut().unwrap().dkim = vec![signed])
    }

    fn header(self, line: &str) -> Self {
        let raw = format!("{line}\r\n{}", self.raw);
        Self { raw, ..self }
    }

    fn replace(self, from: &str, to: &str) -> Self {
        assert!(self.raw.contains(from));
        let raw = self.raw.replace(from, to);
        Self { raw, ..self }
    }

    fn any_server(self) -> Self {
        self.spf(|s| s.result = SpfResult::Softfail).with(|c| {
            c.gateway.any_server = true;
            c.account.accept = AcceptedMail::AnyServer;
        })
    }

    fn network(self, range: &str) -> Self {
        self.with(|c| c.account.networks = vec![range.parse().unwrap()])
    }

    fn decide(&self) -> Result<(), Refusal> {
        let mail = postel_mail::parse(self.raw.as_bytes());
        let from: EmailAddress = decision::sender(&mail, &self.connection, &self.gateway)?;
        let facts = Facts {
            mail: &mail,
            from: &from,
            connection: &self.connection,
            gateway: &self.gateway,
            ses: self.ses,
            listing: self.user.as_ref().map(|u| (u, &self.account)),
            named: self.named.as_ref(),
            recipient_in_to_cc: self.to_cc,
            evidence: self.evidence.as_ref(),
            now: now(),
            first_seen: self.first_seen,
        };
        match decision::admit(&facts) {
            Admission::Admitted(_) => {}
            Admission::Refused(refusal) => return Err(refusal),
            Admission::AskDns => panic!("evidence is needed"),
        }
        decision::recipient(&Destination {
            number: &self.number,
            account: &self.account,
            recipients: self.recipients,
            max_recipients: 100,
            opted_out: self.opted_out,
            originator: self.originator.as_ref(),
            full: self.full,
            has_text: self.has_text,
            text: &self.text,
        })
    }
}

/// What DESIGN says · the facts · what is decided.
#[rustfmt::skip]
fn table() -> Vec<(&'static str, Case, Code)> {
    use Code::*;
    let pending = || UserStatus::Pending(Invitation { token_hash: "h".to_owned(), expires_at: now() });
    let too_long = || text::compose(&"x".repeat(2000), EncodingPreference::Smart, Some(text::PartLimit { max_parts: 6, over: text::OverLimit::Refuse }));
    let unsettled = || good().spf(|s| s.result = SpfResult::Temperror);
    vec![
        ("a proven mail of an accepted user is sent", good(), Accepted),

        // 1
        ("1 unreadable", good().with(|c| c.raw = "no header at all".to_owned()), Unreadable),
        ("1 encrypted", good().header("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b"), Unreadable),

        // 2
        ("2 a second From", good().header("From: bob@example.com"), AmbiguousSender),
        ("2 two addresses in one From", good().replace("Ann <ann@example.com>", "ann@example.com, bob@example.com"), AmbiguousSender),
        ("2 a group", good().replace("Ann <ann@example.com>", "Us: ann@example.com;"), AmbiguousSender),
        ("2 a route", good().replace("<ann@example.com>", "<@relay.example:ann@example.com>"), AmbiguousSender),
        ("2 Sender doubled", good().header("Sender: a@example.com\r\nSender: b@example.com"), AmbiguousSender),
        ("2 an address only in the display name", good().replace("Ann <ann@example.com>", "\"ann@example.com\""), AmbiguousSender),
        ("2 null envelope sender", good().with(|c| c.connection.envelope_sender = None), Automatic),
        ("2 a delivery report", good().header("Content-Type: multipart/report; report-type=delivery-status; boundary=b"), Automatic),
        ("2 auto-replied", good().header("Auto-Submitted: auto-replied"), Automatic),
        ("2 auto-replied, even where automated mail is allowed", good().header("Auto-Submitted: auto-replied").with(|c| c.user.as_mut().unwrap().automated = Automated::Allow), Automatic),
        ("2 our own domain as From", good().replace("ann@example.com", "ann@sms.example.net"), Automatic),
        ("2 our own domain as envelope sender", good().with(|c| c.connection.envelope_sender = Some("x@sms.example.net".parse().unwrap())), Automatic),
        ("2 our loop header", good().header("X-Postel-Loop: mark"), Automatic),
        ("2 another gateway's loop header is nothing to us", good().header("X-Postel-Loop: other"), Accepted),

        // 3, 4
        ("3 no account lists the From", good().with(|c| c.user = None), UnknownSender),
        ("3 the account that the address names does not list the From, or does not exist", good().with(|c| { c.user = None; c.named = Some("gamma".parse().unwrap()); }), UnknownSender),
        ("4 the user is pending", good().with(|c| c.user.as_mut().unwrap().status = pending()), NotAcceptedYet),

        // 5
        ("5 Auto-Submitted other than no", good().header("Auto-Submitted: auto-generated"), Automatic),
        ("5 Auto-Submitted: no", good().header("Auto-Submitted: no"), Accepted),
        ("5 Precedence: bulk", good().header("Precedence: bulk"), Automatic),
        ("5 Precedence: junk", good().header("Precedence: junk"), Automatic),
        ("5 Precedence: list", good().header("Precedence: list"), Automatic),
        ("5 List-Id", good().header("List-Id: <l.example.com>"), Automatic),
        ("5 allowed for this user", good().header("Precedence: bulk").with(|c| c.user.as_mut().unwrap().automated = Automated::Allow), Accepted),
        ("4 before 5", good().header("Precedence: bulk").with(|c| c.user.as_mut().unwrap().status = pending()), NotAcceptedYet),

        // 6: networks
        ("6 the client in a network of the account", good().spf(|s| s.result = SpfResult::Fail).network("192.0.2.0/24"), Accepted),
        ("6 … as IPv4-mapped address", good().spf(|s| s.result = SpfResult::Fail).network("192.0.2.0/24").with(|c| c.connection.client_ip = Some(ip("::ffff:192.0.2.7"))), Accepted),
        ("7 the client beside it", good().spf(|s| s.result = SpfResult::Fail).network("192.0.3.0/24"), NotVerified),
        ("7 the client unknown", good().spf(|s| s.result = SpfResult::None).network("192.0.2.0/24").with(|c| c.connection.client_ip = None), NotVerified),
        // 6: SPF
        ("6 SPF pass of an aligned subdomain", good().spf(|s| s.domain = Some("bounce.example.com".parse().unwrap())), Accepted),
        ("7 SPF pass of another domain", good().spf(|s| s.domain = Some("example.org".parse().unwrap())), NotVerified),
        ("7 SPF pass of the public suffix", good().spf(|s| s.domain = Some("com".parse().unwrap())), NotVerified),
        ("7 SPF pass by +all", good().spf(|s| s.width = Some(SpfWidth::All)), NotVerified),
        ("7 SPF pass by a range wider than /8", good().spf(|s| s.width = Some(SpfWidth::Range { prefix: 7, v6: false })), NotVerified),
        ("6 SPF pass by a /8", good().spf(|s| s.width = Some(SpfWidth::Range { prefix: 8, v6: false })), Accepted),
        ("7 SPF pass by an IPv6 range wider than /16", good().spf(|s| s.width = Some(SpfWidth::Range { prefix: 15, v6: true })), NotVerified),
        ("7 SPF pass of unknown width", good().spf(|s| s.width = None), NotVerified),
        ("7 SPF fail", good().spf(|s| s.result = SpfResult::Fail), NotVerified),
        ("7 SPF softfail", good().spf(|s| s.result = SpfResult::Softfail), NotVerified),
        ("7 SPF neutral", good().spf(|s| s.result = SpfResult::Neutral), NotVerified),
        ("7 SPF none", good().spf(|s| s.result = SpfResult::None), NotVerified),
        ("7 SPF permerror", good().spf(|s| s.result = SpfResult::Permerror), NotVerified),
        // 6: DKIM
        ("6 an aligned signature over all that matters", good().dkim(|_| ()), Accepted),
        ("6 … of the organizational domain", good().replace("ann@example.com", "ann@dept.example.com").dkim(|_| ()), Accepted),
        ("7 another domain's signature", good().dkim(|d| d.domain = Some("example.org".parse().unwrap())), NotVerified),
        ("7 a failing signature", good().dkim(|d| d.result = DkimResult::Fail), NotVerified),
        ("7 a weak signature (policy)", good().dkim(|d| d.result = DkimResult::Policy), NotVerified),
        ("7 From unsigned", good().dkim(|d| d.signed_headers.retain(|h| h != "from")), NotVerified),
        ("7 To and Cc unsigned", good().dkim(|d| d.signed_headers.retain(|h| h != "to")), NotVerified),
        ("6 Cc signed instead of To", good().dkim(|d| { d.signed_headers.retain(|h| h != "to"); d.signed_headers.push("cc".to_owned()); }), Accepted),
        ("7 Subject unsigned", good().dkim(|d| d.signed_headers.retain(|h| h != "subject")), NotVerified),
        ("7 Date unsigned", good().dkim(|d| d.signed_headers.retain(|h| h != "date")), NotVerified),
        ("7 Message-ID unsigned", good().dkim(|d| d.signed_headers.retain(|h| h != "message-id")), NotVerified),
        ("7 a field added after signing", good().dkim(|d| d.unsigned_copies = vec!["subject".to_owned()]), NotVerified),
        ("7 l=", good().dkim(|d| d.body_length = Some(5)), NotVerified),
        ("6 three days old", good().dkim(|d| d.signed_at = Some(ago(72))), Accepted),
        ("7 older than three days", good().dkim(|d| d.signed_at = Some(ago(73))), NotVerified),
        ("7 signed tomorrow", good().dkim(|d| d.signed_at = Some(ago(-24))), NotVerified),
        ("6 without t= the signed Date counts", good().dkim(|d| d.signed_at = None), Accepted),
        ("7 without t= an old Date counts", good().replace("21 Nov 2026", "11 Nov 2026").dkim(|d| d.signed_at = None), NotVerified),
        ("7 expired (x=)", good().dkim(|d| d.expires_at = Some(ago(1))), NotVerified),
        ("7 the recipient not in the signed To/Cc", good().dkim(|_| ()).with(|c| c.to_cc = false), NotVerified),
        // 6: SMTP AUTH
        ("6 SMTP AUTH as that user", good().spf(|s| s.result = SpfResult::Fail).with(|c| c.connection.authenticated = Some(login("acme", "ann@example.com"))), Accepted),
        ("7 SMTP AUTH as another user", good().spf(|s| s.result = SpfResult::Fail).with(|c| c.connection.authenticated = Some(login("acme", "bob@example.com"))), NotVerified),
        ("7 SMTP AUTH as that address on another account", good().spf(|s| s.result = SpfResult::Fail).with(|c| c.connection.authenticated = Some(login("other", "ann@example.com"))), NotVerified),
        ("7 SMTP AUTH with a password that was taken away", good().spf(|s| s.result = SpfResult::Fail).with(|c| { c.connection.authenticated = Some(login("acme", "ann@example.com")); c.user.as_mut().unwrap().password = None; }), NotVerified),
        ("4 SMTP AUTH of a pending user", good().with(|c| { c.connection.authenticated = Some(login("acme", "ann@example.com")); c.user.as_mut().unwrap().status = pending(); }), NotAcceptedYet),
        // 6: DNS trouble
        ("6 DNS failed for an SPF that could have proven", unsettled(), TryAgain),
        ("7 … that could not have", unsettled().spf(|s| s.domain = Some("example.org".parse().unwrap())), NotVerified),
        ("6 DNS failed for a signature that could have proven", good().dkim(|d| d.result = DkimResult::Temperror), TryAgain),
        ("7 … that could not have", good().dkim(|d| { d.result = DkimResult::Temperror; d.body_length = Some(1); }), NotVerified),
        ("6 tried for six hours", unsettled().with(|c| c.first_seen = Some(ago(5))), TryAgain),
        ("7 then not verified", unsettled().with(|c| c.first_seen = Some(ago(6))), NotVerified),
        ("6 one proof failing in DNS does not hide another", unsettled().with(|c| c.evidence.as_mut().unwrap().dkim = vec![signature()]), Accepted),
        ("6 AWS: SES's DMARC pass counts when our look-up fails", unsettled().with(|c| c.ses.dmarc = SesVerdict::Pass), Accepted),
        ("6 AWS: … SES's SPF pass with an aligned envelope", unsettled().with(|c| c.ses.spf = SesVerdict::Pass), Accepted),
        ("7 AWS: … but not when our look-up worked", good().spf(|s| s.result = SpfResult::None).with(|c| { c.ses.dmarc = SesVerdict::Pass; c.ses.spf = SesVerdict::Pass; }), NotVerified),
        ("6 AWS: … nor for an SPF record that admits everyone, whatever else failed", good().dkim(|d| d.result = DkimResult::Temperror).spf(|s| { s.result = SpfResult::Pass; s.width = Some(SpfWidth::All); }).with(|c| { c.ses.dmarc = SesVerdict::Pass; c.ses.spf = SesVerdict::Pass; }), TryAgain),
        ("6 AWS: … nor for a signature that we know to be stale", good().dkim(|d| d.signed_at = Some(ago(73))).spf(|s| s.result = SpfResult::Temperror).with(|c| c.ses.dmarc = SesVerdict::Pass), TryAgain),
        ("6 AWS: GRAY is no pass", unsettled().with(|c| c.ses.spf = SesVerdict::Gray), TryAgain),
        ("6 AWS: a DMARC pass may be a replayed signature", unsettled().with(|c| { c.ses.dmarc = SesVerdict::Pass; c.to_cc = false; }), TryAgain),

        // 7: SES
        ("7 SES says virus", good().with(|c| c.ses.virus = SesVerdict::Fail), Unsafe),
        ("7 SES says virus, from a network of the account", good().network("192.0.2.0/24").with(|c| c.ses.virus = SesVerdict::Fail), Unsafe),
        ("7 SES says spam", good().with(|c| c.ses.spam = SesVerdict::Fail), Unsafe),
        ("7 SES says spam, from a network of the account", good().network("192.0.2.0/24").with(|c| c.ses.spam = SesVerdict::Fail), Accepted),
        // 7: any server
        ("7 any server: accepted", good().any_server(), Accepted),
        ("7 any server: not where the operator does not permit it", good().any_server().with(|c| c.gateway.any_server = false), NotVerified),
        ("7 any server: not on SPF fail", good().any_server().spf(|s| s.result = SpfResult::Fail), NotVerified),
        ("7 any server: not where DMARC fails and asks to reject", good().any_server().with(|c| c.evidence.as_mut().unwrap().dmarc = dmarc(DmarcResult::Fail, Some(DmarcPolicy::Reject))), NotVerified),
        ("7 any server: … or to quarantine", good().any_server().with(|c| c.evidence.as_mut().unwrap().dmarc = dmarc(DmarcResult::Fail, Some(DmarcPolicy::Quarantine))), NotVerified),
        ("7 any server: p=none does not refuse", good().any_server().with(|c| c.evidence.as_mut().unwrap().dmarc = dmarc(DmarcResult::Fail, Some(DmarcPolicy::None))), Accepted),
        ("7 any server: never for a domain listing", good().any_server().with(|c| c.user.as_mut().unwrap().sender = "@example.com".parse().unwrap()), NotVerified),
        ("7 any server: nothing is guessed while DNS fails", good().any_server().with(|c| c.evidence.as_mut().unwrap().dmarc = dmarc(DmarcResult::Temperror, None)), TryAgain),
        ("7 any server: at most 20 texts a day", good().any_server().with(|c| c.full = Some(LimitKind::AnyServerDay)), OverLimit),

        // 8
        ("8 not a number", good().with(|c| c.number = Err(NumberFault::Letters.into())), NotANumber),
        ("8 a landline", good().with(|c| c.number = Ok("+33142685300".parse().unwrap())), NotTextable),
        ("8 a premium number", good().with(|c| c.number = Ok("+33899123456".parse().unwrap())), NotTextable),
        ("8 a satellite phone", good().with(|c| c.number = Ok("+881612345678".parse().unwrap())), NotTextable),
        ("8 country not allowed", good().with(|c| c.number = Ok("+447400123456".parse().unwrap())), CountryNotAllowed),
        ("8 country allowed", good().with(|c| { c.number = Ok("+447400123456".parse().unwrap()); c.account.limits.countries = vec!["GB".parse().unwrap()]; }), Accepted),
        ("8 a list without the own country", good().with(|c| c.account.limits.countries = vec!["GB".parse().unwrap()]), CountryNotAllowed),
        ("8 opted out", good().with(|c| c.opted_out = true), OptedOut),
        ("8 no usable originator", good().with(|c| c.originator = None), NoOriginator),
        ("8 too many recipients", good().with(|c| c.recipients = 51), TooManyRecipients),
        ("8 the operator's ceiling stands above", good().with(|c| { c.account.limits.recipients_per_mail = 500; c.recipients = 101; }), TooManyRecipients),
        ("8 longer than allowed, and to be refused", good().with(|c| c.text = too_long()), TooLong),
        ("8 over a limit", good().with(|c| c.full = Some(LimitKind::UserHour)), OverLimit),

        // 9
        ("8 a mailbox that nobody reads", good().with(|c| c.number = Err(RecipientFault::Nobody)), NotANumber),
        ("9 never any text", good().with(|c| { c.has_text = false; c.text = text::compose("", EncodingPreference::Smart, None); }), Empty),
        ("9 no text left", good().with(|c| c.text = text::compose("", EncodingPreference::Smart, None)), Empty),
    ]
}

#[test]
fn the_decision_is_what_the_design_says() {
    let table = table();
    for (line, case, expected) in &table {
        let found = case
            .decide()
            .map_or_else(|refusal| refusal.code(), |()| Code::Accepted);
        assert_eq!(found, *expected, "{line}");
    }
    println!("decision table: {} rows", table.len());
}

#[test]
fn every_code_stands_in_the_table() {
    let table = table();
    for code in Code::ALL {
        assert!(
            table.iter().any(|(_, _, found)| *found == code),
            "{}",
            code.as_str()
        );
    }
}

#[test]
fn every_refusal_is_explained_in_both_languages_and_to_the_senders_server() {
    for (line, case, _) in table() {
        let Err(refusal) = case.decide() else {
            continue;
        };
        let (en, fr) = (refusal.why(Language::En), refusal.why(Language::Fr));
        assert!(
            en.len() > 20 && fr.len() > 20 && en != fr,
            "{line}: {en} / {fr}"
        );
        assert!(
            en.ends_with('.') && fr.ends_with('.'),
            "{line}: {en} / {fr}"
        );
        let straight = fr.contains('\'') || fr.contains(" :") || fr.contains(" ;");
        let words = fr.split(|c: char| !c.is_alphanumeric() && c != '-');
        assert!(
            !straight && words.into_iter().all(|w| !matches!(w, "mail" | "mails")),
            "{line}: {fr}"
        );
        let reply = refusal.smtp();
        assert!((400..600).contains(&reply.code), "{line}");
        assert!(
            reply.text.is_ascii() && !reply.text.contains(['\r', '\n']),
            "{line}: {}",
            reply.text
        );
        assert!((1..=7).contains(&reply.subject), "{line}");
    }
}

#[test]
fn strangers_and_forgers_hear_the_same_words() {
    let reply = |c: Case| c.decide().unwrap_err().smtp();
    let stranger = reply(good().with(|c| c.user = None));
    let forger = reply(good().spf(|s| s.result = SpfResult::Fail));
    let pending = reply(good().with(|c| {
        c.user.as_mut().unwrap().status = UserStatus::Pending(Invitation {
            token_hash: "h".to_owned(),
            expires_at: now(),
        });
    }));
    let elsewhere = reply(good().with(|c| {
        c.user = None;
        c.named = Some("gamma".parse().unwrap());
    }));
    assert_eq!(stranger, elsewhere);
    assert_eq!(stranger, forger);
    assert_eq!(stranger, pending);
    let mut robot = good();
    robot.raw = format!("Precedence: bulk\r\n{}", robot.raw);
    assert_eq!(stranger, reply(robot));
}

#[test]
fn no_dns_is_asked_for_strangers_nor_for_who_is_proven_at_hand() {
    let ask = |case: Case| {
        let mail = postel_mail::parse(case.raw.as_bytes());
        let from = decision::sender(&mail, &case.connection, &case.gateway).unwrap();
        decision::admit(&Facts {
            mail: &mail,
            from: &from,
            connection: &case.connection,
            gateway: &case.gateway,
            ses: case.ses,
            listing: case.user.as_ref().map(|u| (u, &case.account)),
            named: None,
            recipient_in_to_cc: true,
            evidence: None,
            now: now(),
            first_seen: None,
        })
    };
    assert_eq!(
        ask(good().with(|c| c.user = None)),
        Admission::Refused(Refusal::UnknownSender)
    );
    assert!(matches!(
        ask(good().network("192.0.2.0/24")),
        Admission::Admitted(_)
    ));
    assert_eq!(ask(good()), Admission::AskDns);
}

#[test]
fn recipients_are_read_as_design_4_1_says() {
    let number: Result<PhoneNumber, _> = postel_core::recipient::Recipient::read("p33612345678")
        .unwrap()
        .number(None, BareDigits::International);
    assert_eq!(number.unwrap().as_e164(), "+33612345678");
}
