//! The running process: a mail in by SMTP, a text out, and a clean end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postel_auth::testing::{Zone, ZoneServer};

use postel_core::ledger::State;
use postel_core::ports::Ledger as _;
use postel_local::sqlite::SqliteStore;

use crate::replay::row;
use crate::support::Place;

/// A process that is killed where a test fails.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    pub fn start(mut command: Command) -> (Self, BufReader<std::process::ChildStdout>) {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (Self(child), out)
    }

    /// Sends SIGTERM and waits for the end.
    fn stop(mut self) -> i32 {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "it does not stop"
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

/// Reads lines until one begins so, and gives the rest of that line.
pub fn until(out: &mut impl std::io::BufRead, beginning: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(
            out.read_line(&mut line).unwrap(),
            0,
            "no `{beginning}` in: {seen}"
        );
        if let Some(rest) = line.strip_prefix(beginning) {
            return rest.trim().to_owned();
        }
        seen.push_str(&line);
    }
}

fn get(url: &str) -> String {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Says each line and gives the server's last answer.
fn smtp(address: &str, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut answer = || {
        let mut line = String::new();
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim().to_owned();
            }
        }
    };
    let mut last = answer();
    for line in lines {
        write!(stream, "{line}\r\n").unwrap();
        last = answer();
    }
    last
}

fn mail(address: &str, helo: &str, to: &str) -> String {
    let rcpt = format!("RCPT TO:<{to}>");
    let text = format!(
        "From: ann@example.com\r\nTo: {to}\r\nMessage-ID: <1@example.com>\r\nSubject: x\r\n\r\nHello\r\n."
    );
    smtp(
        address,
        &[
            &format!("EHLO {helo}"),
            "MAIL FROM:<ann@example.com>",
            &rcpt,
            "DATA",
            &text,
        ],
    )
}

/// Waits for the invitation in the folder of mails, opens its link and presses the button.
fn accept_by_link(place: &Place, web_port: u16) {
    let start = Instant::now();
    let invitation = loop {
        let files = std::fs::read_dir(place.folder.join("data/outbox"))
            .into_iter()
            .flatten();
        let mut mails = files
            .map(|f| f.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "eml"));
        if let Some(path) = mails.next() {
            break postel_mail::parse(&std::fs::read(path).unwrap()).body.text;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "no invitation is written"
        );
        std::thread::park_timeout(Duration::from_millis(20));
    };
    let host = format!("127.0.0.1:{web_port}");
    let link = invitation
        .lines()
        .find(|l| l.starts_with(&format!("http://{host}/invitation/")))
        .unwrap();
    assert!(get(link).starts_with("HTTP/1.1 200"));
    assert!(
        place
            .run(&["user", "list", "acme"])
            .ok()
            .contains("\tpending\t"),
        "opening accepts nothing"
    );
    let path = link.strip_prefix(&format!("http://{host}")).unwrap();
    let mut stream = TcpStream::connect(&host).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: 0\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        place
            .run(&["user", "list", "acme"])
            .ok()
            .contains("\taccepted\t"),
        "{answer}"
    );
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn the_demo_turns_a_mail_into_a_text_and_stays_up() {
    let place = Place::new();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = place.command(&["demo", "--smtp-port", &port, "--web-port", &port]);
    command.env("TMPDIR", &place.folder);
    let (demo, mut out) = Process::start(command);
    assert_eq!(until(&mut out, "text to\t"), "+33612345678");
    assert_eq!(
        until(&mut out, "the compressor in hall 2"),
        "has stopped - please call me, it's urgent."
    );
    let page = until(&mut out, "the phone's page\t");
    let address = until(&mut out, "SMTP\t");
    assert!(
        !address.ends_with(&format!(":{port}")),
        "the next free port is taken"
    );
    assert!(get(&page).contains("the compressor in hall 2"));
    let forged = smtp(
        &address,
        &[
            "EHLO x",
            "MAIL FROM:<eve@other.example>",
            "RCPT TO:<0612345678@sms.example.com>",
            "DATA",
            "From: ann@company.example\r\n\r\nforged\r\n.",
        ],
    );
    assert!(forged.starts_with("550 5.7.1"), "{forged}");
    assert_eq!(demo.stop(), 0);
    let left: Vec<_> = std::fs::read_dir(&place.folder).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn serve_tells_what_a_crash_left() {
    let place = Place::new();
    let port = free_port();
    place.write(
        "postel.toml",
        format!(
            "[gateway]\ndomains = [\"sms.example.com\"]\ndata = \"data\"\n[smtp]\nlisten = [\"127.0.0.1:0\"]\n\
             [web]\nlisten = \"127.0.0.1:{port}\"\n"
        ),
    );
    place.run(&["account", "add", "acme"]).ok();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&place.folder.join("data/postel.sqlite")).unwrap();
        for row in [row("a1", State::Sending), row("b2", State::Waiting)] {
            store.claim(&row).await.unwrap();
        }
        store.close().await.unwrap();
    });
    let (mut server, mut out) = Process::start(place.command(&["serve"]));
    until(&mut out, "pages\t");
    let mut log = BufReader::new(server.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("the last process ended while texts were being sent") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "nothing is told");
    }
    assert!(line.contains("WARN") && line.contains("texts=1"), "{line}");
}

#[test]
fn serve_takes_mail_tells_its_trail_and_ends_cleanly() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let zone = Zone::new().txt("example.com", "v=spf1 ip4:127.0.0.1 -all");
    let dns = runtime.block_on(ZoneServer::start(zone)).unwrap();
    let place = Place::new();
    let (smtp_port, web_port) = (free_port(), free_port());
    place.write(
        "postel.toml",
        format!(
            "[gateway]\ndomains = [\"sms.example.com\"]\ndata = \"data\"\n[smtp]\nlisten = [\"127.0.0.1:{smtp_port}\"]\n\
             [web]\nlisten = \"127.0.0.1:{web_port}\"\n[dns]\nserver = \"{}\"\n[log]\nformat = \"json\"\n",
            dns.address()
        ),
    );
    place.run(&["account", "add", "acme"]).ok();
    place.run(&["user", "add", "acme", "ann@example.com"]).ok();
    let (server, mut out) = Process::start(place.command(&["serve"]));
    let address = until(&mut out, "mail\t");
    assert_eq!(
        until(&mut out, "pages\t"),
        format!("http://127.0.0.1:{web_port}")
    );

    let pending = mail(&address, "x", "0612345678@sms.example.com");
    assert!(pending.starts_with("550 5.7.1"), "{pending}");
    accept_by_link(&place, web_port);
    let taken = mail(&address, "x", "0612345678@sms.example.com");
    assert!(taken.starts_with("250"), "{taken}");
    let id = taken.rsplit(' ').next().unwrap();

    let start = Instant::now();
    let trail = loop {
        let ran = place.run(&["trail", id]);
        if ran.out.contains("state\tsent") {
            break ran.ok();
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{} {}",
            ran.out,
            ran.err
        );
    };
    for words in [
        "from\tann@example.com",
        "accepted",
        "+33612345678",
        "sent as\tHello",
        "handed to handset",
    ] {
        assert!(trail.contains(words), "{words} in {trail}");
    }
    assert!(
        place
            .run(&["trail", id.get(..30).unwrap()])
            .ok()
            .contains(id),
        "the beginning of an id is enough"
    );
    let mails = place.run(&["mails"]).ok();
    assert!(
        mails.contains("1 of 1") && mails.contains("not-accepted-yet"),
        "{mails}"
    );
    assert!(mails.contains("\t1 of 1\t\t1 sent"), "{mails}");
    assert!(place.run(&["mails", "--state", "sent"]).ok().contains(id),);
    assert_eq!(place.run(&["mails", "--state", "unknown"]).ok(), "");
    let several = place.run(&["trail", "0"]);
    assert_eq!(several.code, 1);
    assert!(
        several.err.contains("begins 2 ids") && several.err.contains(id),
        "{}",
        several.err
    );
    assert!(get(&format!("http://127.0.0.1:{web_port}/handset")).contains("Hello"));
    let again = place.run(&["serve"]);
    assert_eq!(again.code, 4);
    assert!(
        again.err.contains("another postel process"),
        "{}",
        again.err
    );
    assert_eq!(again.out, "", "no address is printed that is not served");
    assert_eq!(server.stop(), 0);

    let outbox = place.run(&["outbox"]).ok();
    assert!(
        outbox.contains("\tann@example.com\tdone\t1\twritten to a file\t"),
        "{outbox}"
    );
}
