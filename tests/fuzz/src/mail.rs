//! A mail: read within bounds, said to be from one sender or nobody, and what is composed of it reads back.

use jiff::Timestamp;
use postel_core::address::EmailAddress;
use postel_core::decision::{Gateway, Refusal, sender};
use postel_core::evidence::Connection;
use postel_mail::compose::{AutoSubmitted, Mailbox, Outgoing};
use postel_mail::cut::{CutOptions, cut};
use postel_mail::{AddrSpec, FromField, LOOP_HEADER, Mail, parse};

use super::cut::{adds_up, billed};

/// Longest text that is kept of a mail.
const TEXT: usize = 256 * 1024;

/// See the module.
pub fn holds(data: &[u8]) {
    let mail = parse(data);
    bounded(&mail, data.len());
    assert!(parse(data) == mail, "the same twice");
    decided(&mail);
    let cutting = cut(
        &mail.body.text,
        &CutOptions {
            subject: mail.subject.as_deref(),
            marks: &mail.body.marks,
            ..CutOptions::default()
        },
    );
    adds_up(&mail.body.text, &cutting);
    if cutting.kept.len() < 2_000 {
        billed(&cutting.kept);
    }
    reads_back(&mail);
}

fn bounded(mail: &Mail, raw: usize) {
    assert!(mail.body.text.len() <= TEXT);
    assert!(mail.body_offset <= raw);
    assert!(mail.references.len() <= 100 && mail.in_reply_to.len() <= 100);
    assert!(mail.loop_marks.len() <= 100);
    assert!(mail.to.len() <= 1_000 && mail.cc.len() <= 1_000);
    assert!(
        mail.to_cc()
            .all(|written| AddrSpec::parse(written).is_some())
    );
    let shown = mail.subject.iter().chain(&mail.loop_marks);
    assert!(shown.clone().all(|text| !text.contains(char::is_control)));
    let ids = mail.references.iter().chain(&mail.in_reply_to);
    for id in ids.chain(&mail.message_id) {
        assert!(!id.is_empty() && id.len() <= 998);
        assert!(!id.contains(char::is_whitespace), "{id:?}");
    }
    assert!(mail.unreadable.is_none() || mail.body.text.is_empty());
}

/// Only one strict `From` can become a sender, and what is compared is what it spells.
fn decided(mail: &Mail) {
    let gateway = Gateway {
        domains: vec!["sms.example.com".parse().unwrap()],
        loop_mark: "mark".to_owned(),
        any_server: false,
    };
    let connection = Connection {
        client_ip: None,
        relay: None,
        helo: String::new(),
        envelope_sender: "ann@example.com".parse().ok(),
        authenticated: None,
    };
    match sender(mail, &connection, &gateway) {
        Ok(from) => {
            let FromField::One(spec) = &mail.from else {
                unreachable!("a sender without a From");
            };
            assert!(mail.unreadable.is_none() && mail.automatic.is_none());
            assert_eq!(
                EmailAddress::new(&spec.local, &spec.domain),
                Ok(from.clone())
            );
            assert_eq!(from.to_string().parse(), Ok(from));
        }
        Err(Refusal::AmbiguousSender(_) | Refusal::Automatic(_) | Refusal::Unreadable(_)) => {}
        Err(_) => unreachable!("a refusal that is not of steps 1 and 2"),
    }
}

/// What we write reads as what was meant, whatever it was made of, and holds no field that we did not write.
fn reads_back(mail: &Mail) {
    let FromField::One(author) = &mail.from else {
        return;
    };
    let outgoing = |subject: &str, text: &str| Outgoing {
        from: Mailbox {
            name: mail.subject.clone(),
            address: author.clone(),
        },
        to: vec![Mailbox {
            name: None,
            address: AddrSpec::parse("ann@example.com").unwrap(),
        }],
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: None,
        message_id: "1@sms.example.com".to_owned(),
        date: Timestamp::UNIX_EPOCH,
        in_reply_to: None,
        references: Vec::new(),
        auto_submitted: AutoSubmitted::Generated,
        extra: vec![(LOOP_HEADER.to_owned(), "mark".to_owned())],
    };
    let subject = mail.subject.as_deref().unwrap_or_default();
    let bytes = outgoing(subject, &mail.body.text).to_bytes().unwrap();
    let again = parse(&bytes);
    assert!(again.from == mail.from, "another sender");
    assert_eq!(again.to, ["ann@example.com"]);
    assert!(again.cc.is_empty());
    assert_eq!(again.loop_marks, ["mark"]);
    assert_eq!(again.date, Some(Timestamp::UNIX_EPOCH));
    let letters = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
    };
    let shown = again.subject.as_deref().unwrap_or_default();
    assert_eq!(letters(shown), letters(subject));
    lines_are_sound(&bytes);
    if again.unreadable.is_none() {
        let bytes = outgoing(subject, &again.body.text).to_bytes().unwrap();
        assert!(parse(&bytes).body.text == again.body.text, "another text");
    }
}

/// CR LF and ASCII only, no line too long (RFC 5322 2.1.1).
fn lines_are_sound(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap();
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "a line of {}", line.len());
        assert!(!line.contains(['\r', '\n', '\0']));
    }
}
