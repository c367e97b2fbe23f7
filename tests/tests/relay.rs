//! The gateway behind a real Postfix and to clients that log in: what counts is who sent the mail,
//! never who handed it over.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

mod postfix;
#[expect(dead_code, reason = "each suite uses what it needs of it")]
mod process;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use postfix::{Postfix, RELAY, can_start};
use process::{Gateway, USER, has, said, wait_for};
use serde_json::Value;

const PHONE: &str = "0612345678@sms.example.com";
/// In the SPF record of the user's domain.
const HONEST: &str = "127.0.0.1";
/// In nobody's.
const FORGER: &str = "127.0.0.66";

fn swaks(server: &str, from: &str, more: &[&str]) -> Output {
    Command::new("swaks")
        .args(["--server", server, "--local-interface", from])
        .args(["--from", USER, "--to", PHONE, "--helo", "laptop"])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The record of the mail with this subject.
fn record(gateway: &Gateway, subject: &str) -> Value {
    wait_for("the mail's record", || {
        let mails: Value = serde_json::from_str(&gateway.run(&["mails", "--json"])).unwrap();
        let mut mails = mails.as_array().unwrap().iter();
        mails.find(|m| m["subject"] == subject).cloned()
    })
}

/// A mail through Postfix, from the user's server and from a forger who knows what the relay writes.
fn through(postfix: &Postfix, gateway: &Gateway) {
    let honest = swaks(
        &postfix.smtp,
        HONEST,
        &["--header", "Subject: honest", "--body", "through Postfix"],
    );
    assert!(honest.status.success(), "{}", said(&honest));
    gateway.arrived("through Postfix");
    let seen = record(gateway, "honest");
    assert_eq!(
        (
            seen["client_ip"].as_str(),
            seen["relay"].as_str(),
            seen["helo"].as_str()
        ),
        (Some(HONEST), Some(RELAY), Some("laptop")),
        "{seen}"
    );
    assert_eq!(seen["evidence"]["spf"]["result"], "pass", "{seen}");
    let trail = gateway.run(&["trail", seen["id"].as_str().unwrap()]);
    assert!(trail.contains("the relay 127.0.0.5"), "{trail}");

    // The relay's own address may stand in a network of the account: it proves nothing.
    gateway.run(&["network", "add", "acme", RELAY]);
    let field = format!(
        "from laptop (unknown [{HONEST}])\n\tby relay.company.example (Postfix) with ESMTP id 1;\n\tSat, 21 Nov 2026 12:00:00 +0000 (UTC)"
    );
    for (n, helo) in ["[127.0.0.1]", "laptop", "x([127.0.0.1])by"]
        .iter()
        .enumerate()
    {
        let subject = format!("Subject: forged {n}");
        let forged = swaks(
            &postfix.smtp,
            FORGER,
            &[
                "--helo",
                helo,
                "--header",
                &subject,
                "--add-header",
                &format!("Received: {field}"),
                "--body",
                "forged",
            ],
        );
        assert!(forged.status.success(), "{}", said(&forged));
        let seen = record(gateway, &format!("forged {n}"));
        assert_eq!(
            (seen["client_ip"].as_str(), seen["relay"].as_str()),
            (Some(FORGER), Some(RELAY)),
            "{seen}\n{}",
            postfix.log()
        );
        assert_eq!(seen["recipients"][0]["code"], "not-verified", "{seen}");
        assert_eq!(seen["evidence"]["spf"]["result"], "fail", "{seen}");
    }
    assert_eq!(gateway.texts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_postfix_the_original_sender_counts_by_xforward_over_tls() {
    if !can_start() || !has("swaks") {
        return;
    }
    let gateway = Gateway::set_up_with("xforward", &[("SMTP_RELAYS", RELAY)]).await;
    let settings = "smtp_send_xforward_command = yes\nsmtp_tls_security_level = encrypt\nsmtp_tls_loglevel = 1\n";
    let postfix = Postfix::start("xforward", &gateway.smtp, settings);
    through(&postfix, &gateway);
    assert!(
        postfix
            .log()
            .contains("TLS connection established to 127.0.0.1"),
        "{}",
        postfix.log()
    );
    assert!(
        postfix.log().contains("status=bounced"),
        "the forger's mail was refused: {}",
        postfix.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_postfix_the_original_sender_counts_by_its_own_received() {
    if !can_start() || !has("swaks") {
        return;
    }
    let gateway = Gateway::set_up_with("received", &[("SMTP_RELAYS", RELAY)]).await;
    let postfix = Postfix::start("received", &gateway.smtp, "");
    through(&postfix, &gateway);
    // Written on the relay itself: nobody's address is known, and the relay's own proves nothing.
    let mut sendmail = Command::new("/usr/sbin/sendmail")
        .arg("-C")
        .arg(postfix.conf())
        .args(["-f", USER, PHONE])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mail = format!(
        "From: {USER}\nTo: {PHONE}\nSubject: local\nReceived: from laptop (unknown [{HONEST}])\n\tby relay.company.example (Postfix); date\n\nlocal\n"
    );
    sendmail
        .stdin
        .take()
        .unwrap()
        .write_all(mail.as_bytes())
        .unwrap();
    assert!(sendmail.wait().unwrap().success());
    let seen = record(&gateway, "local");
    assert_eq!(
        (&seen["client_ip"], seen["relay"].as_str()),
        (&Value::Null, Some(RELAY)),
        "{seen}"
    );
    assert_eq!(seen["recipients"][0]["code"], "not-verified", "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn xclient_is_the_relays_and_nobody_elses() {
    if !has("swaks") {
        return;
    }
    let gateway = Gateway::set_up_with("xclient", &[("SMTP_RELAYS", RELAY)]).await;
    let of = |client: &str, subject: &str, more: &[&str]| {
        let header = format!("Subject: {subject}");
        let mut all = vec!["--header", &header, "--body", subject];
        all.extend(more);
        swaks(&gateway.smtp, client, &all)
    };
    let proxied = of(
        RELAY,
        "proxied",
        &["--xclient-addr", HONEST, "--xclient-helo", "phone"],
    );
    assert!(proxied.status.success(), "{}", said(&proxied));
    gateway.arrived("proxied");
    let seen = record(&gateway, "proxied");
    assert_eq!(
        (
            seen["client_ip"].as_str(),
            seen["relay"].as_str(),
            seen["helo"].as_str()
        ),
        (Some(HONEST), Some(RELAY), Some("phone"))
    );
    let forged = of(RELAY, "forged", &["--xclient-addr", FORGER]);
    assert!(said(&forged).contains("550 5.7.1"), "{}", said(&forged));
    let unknown = of(RELAY, "unknown", &["--xclient-addr", "[UNAVAILABLE]"]);
    assert!(said(&unknown).contains("550 5.7.1"), "{}", said(&unknown));
    let mut stranger = Client::connect(&gateway.smtp);
    assert!(!stranger.ask("EHLO laptop").contains("XCLIENT"));
    for attempt in ["XCLIENT ADDR=127.0.0.5", "XFORWARD ADDR=127.0.0.5"] {
        assert!(stranger.ask(attempt).starts_with("550 5.7.0"), "{attempt}");
    }
    assert_eq!(gateway.texts().len(), 1);
}

/// The password that was made.
fn password(gateway: &Gateway, account: &str) -> String {
    let made = gateway.run(&["user", "password", account, USER]);
    let line = made
        .lines()
        .find(|l| l.trim_start().starts_with("password"))
        .unwrap();
    let password = line.split_whitespace().next_back().unwrap().to_owned();
    assert_eq!(password.len(), 32, "{made}");
    password
}

/// swaks from a server that nothing is known of, logging in as the user.
fn log_in(gateway: &Gateway, mechanism: &str, password: &str, more: &[&str]) -> String {
    let mut all = vec!["--auth", mechanism, "--auth-user", USER];
    all.extend(["--auth-password", password]);
    all.extend(more);
    said(&swaks(&gateway.smtp, FORGER, &all))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_logs_in_with_every_mail_program_and_only_within_tls() {
    if !has("swaks") || !has("python3") {
        return;
    }
    let gateway = Gateway::set_up("login").await;
    let secret = password(&gateway, "acme");
    for mechanism in ["PLAIN", "LOGIN"] {
        let sent = log_in(
            &gateway,
            mechanism,
            &secret,
            &["--tls", "--body", mechanism],
        );
        assert!(sent.contains("235 2.7.0"), "{sent}");
        gateway.arrived(mechanism);
    }
    let python = Command::new("python3")
        .args(["-c", PYTHON, &gateway.smtp, USER, &secret, PHONE])
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", said(&python));
    gateway.arrived("from Python");
    let plain = log_in(&gateway, "PLAIN", &secret, &[]);
    assert!(!plain.contains("AUTH PLAIN LOGIN"), "{plain}");
    let mut client = Client::connect(&gateway.smtp);
    client.ask("EHLO laptop");
    assert!(client.ask("AUTH PLAIN").starts_with("538 5.7.11"));

    // Neither the password nor its hash stands where people look.
    let listed = gateway.run(&["user", "list", "acme", "--json"]);
    assert!(listed.contains("\"hash\": \"\""), "{listed}");
    let log = gateway.log();
    assert!(!listed.contains(&secret) && !log.contains(&secret), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_proves_one_address_to_one_account_as_long_as_it_is_listed() {
    if !has("swaks") {
        return;
    }
    let gateway = Gateway::set_up("proof").await;
    let secret = password(&gateway, "acme");
    let wrong = log_in(&gateway, "LOGIN", "wrong", &["--tls"]);
    assert!(wrong.contains("535 5.7.8"), "{wrong}");
    let from = "From: bob@company.example";
    let other = log_in(&gateway, "PLAIN", &secret, &["--tls", "--header", from]);
    assert!(
        other.contains("550 5.7.1") && other.contains("not the address you logged in as"),
        "{other}"
    );

    // Another account may list the same address and vouch for it: what it proves, it proves to itself.
    gateway.run(&["account", "add", "other"]);
    gateway.run(&["user", "add", "other", USER]);
    gateway.run(&["user", "accept", "other", USER]);
    let others = password(&gateway, "other");
    let to = |account: &str, secret: &str| {
        let to = format!("0612345678+{account}@sms.example.com");
        let sent = log_in(
            &gateway,
            "PLAIN",
            secret,
            &["--tls", "--to", &to, "--body", account],
        );
        assert!(sent.contains("235 2.7.0"), "{sent}");
        sent
    };
    for (account, secret) in [("acme", &others), ("other", &secret)] {
        let crossed = to(account, secret);
        assert!(crossed.contains("550 5.7.1"), "{crossed}");
    }
    assert!(gateway.texts().is_empty());
    for (account, secret) in [("acme", &secret), ("other", &others)] {
        let fitting = to(account, secret);
        assert!(fitting.contains("Accepted as"), "{fitting}");
        gateway.arrived(account);
    }

    gateway.run(&["user", "password", "acme", USER, "--remove"]);
    let removed = log_in(&gateway, "PLAIN", &secret, &["--tls"]);
    assert!(removed.contains("535 5.7.8"), "{removed}");
    let again = password(&gateway, "acme");
    gateway.run(&["user", "delete", "acme", USER, "--yes"]);
    let deleted = log_in(&gateway, "PLAIN", &again, &["--tls"]);
    assert!(deleted.contains("535 5.7.8"), "{deleted}");
}

const PYTHON: &str = r#"
import smtplib, ssl, sys
from email.message import EmailMessage
server, user, password, to = sys.argv[1:]
mail = EmailMessage()
mail["From"], mail["To"], mail["Subject"] = user, to, "x"
mail.set_content("from Python")
host, port = server.split(":")
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with smtplib.SMTP(host, int(port), source_address=("127.0.0.66", 0)) as smtp:
    smtp.starttls(context=context)
    smtp.login(user, password)
    smtp.send_message(mail, from_addr="bounces@elsewhere.example")
"#;

/// A client that sends lines as told.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(server: &str) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).unwrap();
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        assert!(client.reply().starts_with("220"));
        client
    }

    /// A reply, all of its lines; empty once the server has hung up.
    fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
                return reply;
            }
            reply.push_str(&line);
            if line.as_bytes().get(3) == Some(&b' ') {
                return reply;
            }
        }
    }

    fn ask(&mut self, line: &str) -> String {
        let line = format!("{line}\r\n");
        // A server that has hung up says so in its reply.
        drop(self.stream.get_mut().write_all(line.as_bytes()));
        self.reply()
    }

    /// Up to the middle of a mail; `false` where the server takes none.
    fn begin(&mut self, id: &str) -> bool {
        self.ask("EHLO mx.company.example");
        self.ask(&format!("MAIL FROM:<{USER}>"));
        self.ask(&format!("RCPT TO:<{PHONE}>"));
        let asked_for = self.ask("DATA").starts_with("354");
        if asked_for {
            let head = format!(
                "From: {USER}\r\nTo: {PHONE}\r\nMessage-ID: <{id}@company.example>\r\n\r\n"
            );
            self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        }
        asked_for
    }

    fn end(&mut self, text: &str) -> String {
        self.ask(&format!("{text}\r\n."))
    }

    /// Sends mails until the server takes no more; how many it took.
    fn keep_sending(mut self, name: usize) -> u32 {
        let mut taken = 0;
        while self.begin(&format!("{name}-{taken}")) {
            if !self.end("on and on").starts_with("250") {
                break;
            }
            taken += 1;
        }
        taken
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_finishes_the_mails_it_has_begun_and_loses_none() {
    let mut gateway = Gateway::set_up("stopped").await;
    let mut begun: Vec<Client> = (0..20).map(|_| Client::connect(&gateway.smtp)).collect();
    for (n, client) in begun.iter_mut().enumerate() {
        assert!(client.begin(&format!("begun-{n}")));
    }
    let mut idle = Client::connect(&gateway.smtp);
    let senders: Vec<_> = (0..8)
        .map(|n| {
            let client = Client::connect(&gateway.smtp);
            std::thread::spawn(move || client.keep_sending(n))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let stopping = Instant::now();
    gateway.signal("TERM");
    assert!(idle.reply().starts_with("421 4.3.2"));
    let heard = stopping.elapsed();
    assert!(
        heard < Duration::from_secs(3),
        "an idle client heard after {heard:?}"
    );
    assert!(
        TcpStream::connect(&gateway.smtp).is_err(),
        "nobody new is let in"
    );
    let mut taken = 0;
    for client in &mut begun {
        let reply = client.end("finished");
        assert!(reply.starts_with("250 2.0.0"), "{reply:?}");
        assert!(client.ask("NOOP").starts_with("421 4.3.2"));
        taken += 1;
    }
    let sent: u32 = senders.into_iter().map(|s| s.join().unwrap()).sum();
    assert!(sent > 0, "there was no load");
    taken += sent;
    gateway.ended();
    let ended = stopping.elapsed();
    assert!(ended < Duration::from_secs(25), "{ended:?}");
    gateway.start();
    wait_for("every accepted mail to be sent", || {
        (gateway.rows() == [("sent".to_owned(), taken)].into()).then_some(())
    });
    let arrivals = gateway.arrivals();
    assert_eq!(
        (arrivals.len(), arrivals.values().max()),
        (taken as usize, Some(&1))
    );
    println!("stopped under load: {taken} mails accepted, {taken} texts, ended after {ended:?}");
}
