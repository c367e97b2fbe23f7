//! An SMTP session: whatever a client sends, in whatever pieces, replies are well-formed, a mail is taken only where its
//! handler said so, and what the handler sees is exactly one mail of the wire.
//!
//! Input: the client's bytes.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use postel_core::evidence::Connection;
use postel_local::smtp::{Envelope, Limits, MailHandler, Options, Reply, session_over};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::run;

const RECIPIENTS: usize = 5;
const MAILS: usize = 6;
const MAIL_BYTES: usize = 1_024;

/// See the module.
pub fn holds(client: &[u8]) {
    let (said, mails) = talk(client, 64 * 1024);
    for pieces in [1, 7] {
        let (again, mails_again) = talk(client, pieces);
        assert!(again == said, "replies depend on how the bytes come");
        assert!(mails_again == mails, "mails depend on how the bytes come");
    }
    well_formed(&said, client);
    answered(&said, &mails);
    on_the_wire(client, &mails);
}

/// A mail as the handler saw it, and what it said.
#[derive(PartialEq)]
struct Seen {
    envelope: Envelope,
    raw: Vec<u8>,
    accepted: bool,
}

#[derive(Default)]
struct Handler(Mutex<Vec<Seen>>);

#[async_trait]
impl MailHandler for Handler {
    fn recipient(&self, _: &Connection, address: &str) -> Result<(), Reply> {
        assert!(!address.contains(char::is_control));
        if address.contains("no") {
            return Err(Reply::refused(1, 1, format!("Nobody is {address}")));
        }
        Ok(())
    }

    async fn mail(&self, envelope: Envelope, raw: Vec<u8>) -> Reply {
        let mut seen = self.0.lock().unwrap();
        let reply = match raw.len() % 4 {
            0 | 1 => Reply::accepted(format!("Q{}Q", seen.len())),
            2 => Reply::refused(7, 1, String::from_utf8_lossy(&raw).into_owned()),
            _ => Reply::try_again(4, 3, "Q0Q Q1Q"),
        };
        seen.push(Seen {
            envelope,
            accepted: reply.is_success(),
            raw,
        });
        reply
    }
}

/// All that the server says to a client that sends this, in pieces of at most so many bytes, and what its handler saw.
fn talk(client: &[u8], pieces: usize) -> (Vec<u8>, Vec<Seen>) {
    let handler = Arc::new(Handler::default());
    let options = Options {
        hostname: "mx.example.org".to_owned(),
        tls: None,
        relays: vec![],
        limits: Limits {
            recipients: RECIPIENTS,
            mail_bytes: MAIL_BYTES,
            memory_bytes: 64 * 1024,
            mails: MAILS,
            ..Limits::default()
        },
        // No mail here is big enough for the disk.
        incoming: std::env::temp_dir(),
    };
    let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let said = run(async {
        let (ours, theirs) = tokio::io::duplex(pieces);
        let session = tokio::spawn(session_over(theirs, ip, handler.clone(), options));
        let (mut reader, mut writer) = tokio::io::split(ours);
        let mut said = Vec::new();
        let send = async {
            // A server that has said goodbye reads no more: its right.
            if writer.write_all(client).await.is_ok() {
                writer.shutdown().await.unwrap();
            }
        };
        let (_, read) = tokio::join!(send, reader.read_to_end(&mut said));
        read.unwrap();
        session.await.unwrap();
        said
    });
    let seen = std::mem::take(&mut *handler.0.lock().unwrap());
    (said, seen)
}

/// Lines of RFC 5321 4.2: code, mark, text, CR LF, at most 512 octets; the lines of one reply have one code.
fn well_formed(said: &[u8], client: &[u8]) {
    let said = std::str::from_utf8(said).unwrap();
    let utf8 = String::from_utf8_lossy(client)
        .to_uppercase()
        .contains("SMTPUTF8");
    assert!(said.ends_with("\r\n"), "half a line");
    let mut open: Option<&str> = None;
    for line in said.trim_end_matches("\r\n").split("\r\n") {
        assert!(line.len() + 2 <= 512, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(utf8 || line.is_ascii(), "{line:?}");
        let (code, rest) = line.split_at_checked(3).unwrap();
        assert!(code.starts_with(['2', '3', '4', '5']), "{line}");
        assert!(code.bytes().all(|b| b.is_ascii_digit()), "{line}");
        assert!(open.is_none_or(|open| open == code), "{line}");
        open = rest.starts_with('-').then_some(code);
        assert!(rest.starts_with(['-', ' ']), "{line}");
    }
    assert_eq!(open, None, "half a reply");
}

/// Every 250 after a 354 is the handler's own for that mail, and every yes of the handler is told.
fn answered(said: &[u8], mails: &[Seen]) {
    let said = std::str::from_utf8(said).unwrap();
    let mut lines = said.split_terminator("\r\n");
    let (mut begun, mut told) = (0, Vec::new());
    while let Some(line) = lines.next() {
        if !line.starts_with("354 ") {
            assert!(!line.starts_with("250 2.0.0 Q"), "a yes to nothing: {line}");
            continue;
        }
        begun += 1;
        // A client that left within its mail hears nothing.
        if let Some(answer) = lines.next()
            && answer.starts_with("250")
        {
            told.push(answer.to_owned());
        }
    }
    assert!(mails.len() <= begun && begun <= MAILS);
    let expected: Vec<String> = mails
        .iter()
        .enumerate()
        .filter(|(_, seen)| seen.accepted)
        .map(|(number, _)| format!("250 2.0.0 Q{number}Q"))
        .collect();
    assert_eq!(told, expected);
}

/// Each mail is what follows a DATA line of the wire up to the first line of a dot alone, its dots unstuffed (RFC 5321 4.5.2); so it
/// holds no end of its own, and nothing was smuggled, left out or added.
fn on_the_wire(client: &[u8], mails: &[Seen]) {
    let mut lines = lines(client).into_iter();
    for seen in mails {
        let recipients = &seen.envelope.recipients;
        assert!((1..=RECIPIENTS).contains(&recipients.len()));
        let helo = &seen.envelope.connection.helo;
        assert!(!helo.contains(char::is_control), "{helo:?}");
        assert!(seen.raw.len() <= MAIL_BYTES);
        assert!(!seen.raw.contains(&0), "a NUL");
        loop {
            let line = lines.next().expect("the mail is not on the wire");
            if is_data(line) && mail(lines.clone()).as_ref() == Some(&seen.raw) {
                break;
            }
        }
        lines.by_ref().find(|line| *line == b".").unwrap();
    }
}

/// The lines that end in CR LF; nothing else ends a line.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut lines = Vec::new();
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines
}

fn is_data(line: &[u8]) -> bool {
    let command = String::from_utf8_lossy(line).to_uppercase();
    command.trim_end_matches(' ') == "DATA"
}

/// The mail that these lines begin with, if it has an end and no line end of another kind.
fn mail<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut mail = Vec::new();
    for line in lines {
        if line == b"." {
            return Some(mail);
        }
        if line.contains(&b'\r') || line.contains(&b'\n') {
            return None;
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        mail.extend_from_slice(b"\r\n");
    }
    None
}
