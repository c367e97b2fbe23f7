//! Two readers, one mail: whatever is done to a signed mail, where its signature still passes and leaves
//! nothing open, the mail parser reads the same sender, recipients, subject, date, id and text as before.
//!
//! The text only where the body is signed `simple`: `relaxed` takes a line of blanks for an empty line, so that
//! whoever passes the mail on can let a part's header swallow its text (never change a word of it).
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::Timestamp;
use postel_auth::dkim::testing::{Signing, TestKey};
use postel_auth::dkim::verify;
use postel_auth::dns::Dns;
use postel_auth::testing::{Zone, ZoneServer};
use postel_core::evidence::DkimResult;
use postel_mail::FromField;

const NOW: i64 = 1_790_000_000;
const MAIL: &[u8] = b"Received: from a by b; Mon, 21 Sep 2026 13:33:20 +0000\r\n\
    From: Ann <ann@example.com>\r\n\
    To: +33612345678@sms.example.net,\r\n bob@example.net\r\n\
    Subject: Dinner at eight\r\n\
    Date: Mon, 21 Sep 2026 13:33:20 +0000\r\n\
    Message-ID: <1@example.com>\r\n\
    MIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=x\r\n\
    \r\n\
    --x\r\nContent-Type: text/plain\r\n\r\nBring wine.\r\n--x--\r\n";

/// What is put into the mail.
const PIECES: [&[u8]; 26] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b"\x0b",
    b"\x0c",
    b"\x1c",
    b"\x7f",
    b"\x85",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\r\n ",
    b"\r\n \r\n",
    b"From: eve@evil.example\r\n",
    b"\r\nFrom : eve@evil.example\r\n",
    b"\nFrom: eve@evil.example\n",
    b"\rFrom: eve@evil.example\r",
    b"Subject: Money\r\n",
    b"Content-Type: text/html\r\n",
    b"To: eve@evil.example\r\n",
];

/// Numbers that are the same in every run (a linear congruence, Knuth's constants).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        let step = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = step.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// The mail with one to three changes: something put in or taken out, a header line moved or doubled.
fn tampered(mail: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut mail = mail.to_vec();
    for _ in 0..=dice.throw(3) {
        let place = dice.throw(mail.len());
        match dice.throw(8) {
            0 => drop(mail.remove(place)),
            1 => {
                let mut lines: Vec<&[u8]> = mail.split_inclusive(|b| *b == b'\n').collect();
                let line = lines.remove(dice.throw(lines.len()));
                lines.insert(dice.throw(lines.len()), line);
                mail = lines.concat();
            }
            2 => {
                let mut lines: Vec<&[u8]> = mail.split_inclusive(|b| *b == b'\n').collect();
                let line = lines.get(dice.throw(lines.len())).copied().unwrap();
                lines.insert(dice.throw(lines.len()), line);
                mail = lines.concat();
            }
            _ => {
                let piece = PIECES.get(dice.throw(PIECES.len())).copied().unwrap();
                mail.splice(place..place, piece.iter().copied());
            }
        }
    }
    mail
}

/// How many mails are tried; `make soak` asks for more.
fn turns() -> u32 {
    std::env::var("POSTEL_SOAK").map_or(30_000, |_| 1_000_000)
}

/// All that the product takes from a mail (nothing where nobody can be told to have sent it), with runs of blanks as one, which relaxed signatures do not tell apart.
fn read(mail: &[u8], with_text: bool) -> Option<impl PartialEq + std::fmt::Debug + use<>> {
    let blanks = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mail = postel_mail::parse(mail);
    if matches!(mail.from, FromField::Ambiguous(_)) {
        return None;
    }
    let subject = mail.subject.as_deref().map(blanks);
    let text = with_text.then(|| blanks(&mail.body.text));
    Some((
        mail.from,
        mail.to,
        mail.cc,
        subject,
        mail.date,
        mail.message_id,
        text,
    ))
}

#[tokio::test]
async fn a_passing_signature_means_the_parser_reads_what_was_signed() {
    let key = TestKey::rsa();
    let server = ZoneServer::start(Zone::new().txt("sel._domainkey.example.com", &key.record()))
        .await
        .unwrap();
    let dns = Dns::server(server.address()).unwrap();
    let at = Timestamp::from_second(NOW).unwrap();
    let mut signing = Signing::new("example.com", "sel", NOW);
    signing.headers.push("content-type".into());
    let mut mails = Vec::new();
    for (headers, body) in [(true, true), (true, false), (false, true), (false, false)] {
        (signing.relaxed_headers, signing.relaxed_body) = (headers, body);
        mails.push((key.sign(MAIL, &signing), !body));
    }
    assert!(read(MAIL, true).is_some());
    let (mut passed, mut open) = (0, 0);
    let mut dice = Dice(2);
    for turn in 0..turns() {
        let (signed, with_text) = &mails[dice.throw(mails.len())];
        let mail = tampered(signed, &mut dice);
        for found in verify(&dns, &mail, at).await {
            if found.result != DkimResult::Pass {
                continue;
            }
            if found.unsigned_copies.is_empty() {
                passed += 1;
                let shown = String::from_utf8_lossy(&mail);
                let (now, before) = (read(&mail, *with_text), read(MAIL, *with_text));
                assert!(
                    now.is_none() || now == before,
                    "turn {turn}: {}",
                    shown.escape_debug()
                );
            } else {
                open += 1;
            }
        }
    }
    println!(
        "dkim and parser agree on {passed} tampered mails that pass; {open} more are known to be open"
    );
    assert!(passed > 500 && open > 100, "{passed} passed, {open} open");
}
