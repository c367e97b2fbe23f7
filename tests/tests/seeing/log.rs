//! All that the process writes into its log, whatever level is written: it names nobody.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::process::{Gateway, USER, wait_for};
use crate::{PHONE, free, hello, mail, smtp};

/// What the scene below carries and no line may: addresses, names, numbers, words, secrets, hosts.
const PERSONAL: &[&str] = &[
    "ann@company.example",
    "company.example",
    "marmaduke",
    "zanzibar",
    "marmalade",
    "+33612345678",
    "612345678",
    "platypus.example",
    "wombat",
    "quokka",
    "kookaburra",
    "bandicoot",
    "potoroo",
    "numbat",
    "elsewhere.example",
    "127.0.0.1",
];

/// A marker as it might be written.
fn spellings(marker: &str) -> Vec<String> {
    let hex = |sep: &str| {
        let octets: Vec<String> = marker.bytes().map(|b| format!("{b:02x}")).collect();
        octets.join(sep)
    };
    let mut all = vec![
        marker.to_owned(),
        marker.replace('@', "%40").replace('+', "%2B"),
        marker.replace('@', "=40"),
        marker.bytes().rev().map(char::from).collect(),
        hex(""),
        hex(" "),
        // As a slice of octets prints.
        marker
            .bytes()
            .map(|b| b.to_string())
            .collect::<Vec<_>>()
            .join(", "),
    ];
    // Wherever it stands in what was encoded, without the ends that depend on its neighbours.
    for before in 0..3 {
        let padded = [&vec![b'x'; before][..], marker.as_bytes()].concat();
        let whole = STANDARD.encode(&padded);
        let end = whole.trim_end_matches('=').len() - 2;
        all.push(whole[(before * 8).div_ceil(6)..end].to_owned());
    }
    all.retain(|s| s.len() >= 6);
    all
}

/// The lines that carry a marker in any spelling.
fn leaks(log: &str, markers: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for marker in markers {
        let spellings = spellings(marker);
        for line in log.lines() {
            let folded = line.to_lowercase();
            let leak = spellings
                .iter()
                .any(|s| line.contains(s.as_str()) || folded.contains(&s.to_lowercase()));
            if leak {
                found.push(format!("{marker}: {line}"));
            }
        }
    }
    found
}

#[test]
fn a_leak_would_be_found_in_any_spelling() {
    let markers = ["ann@company.example".to_owned(), "marmalade".to_owned()];
    for line in [
        "to=ann@company.example",
        "to=ANN@Company.example",
        "path=/x?ann%40company.example",
        "ann=40company.example",
        &format!("auth {}", STANDARD.encode(b"\0ann@company.example\0secret")),
        &format!("raw {}", STANDARD.encode(b"the marmalade.")),
        &format!("raw {}", STANDARD.encode(b"a marmalade")),
        "bytes 6d61726d616c616465",
        "bytes [109, 97, 114, 109, 97, 108, 97, 100, 101]",
    ] {
        assert_eq!(leaks(line, &markers).len(), 1, "{line}");
    }
    assert!(leaks("mail=0193a2 session=4 reason=\"too-big\"", &markers).is_empty());
}

/// A smarthost that refuses everybody and repeats the address, as servers do.
fn smarthost() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"220 mx ESMTP\r\n").unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let answer = if line.starts_with("RCPT") {
                    format!("550 5.1.1 {line}: no such wombat\r\n")
                } else {
                    "250 2.0.0 OK\r\n".to_owned()
                };
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    address
}

/// Everything that may be said to a listener by those who mean well and those who do not.
fn commands(gateway: &Gateway) {
    let secret = STANDARD.encode(b"\0ann@company.example\0kookaburra");
    let auth = format!("AUTH PLAIN {secret}");
    smtp(
        &gateway.smtp,
        &[
            b"HELO <wombat@platypus.example>",
            b"HELO [<wombat@platypus.example>]",
            b"EHLO quokka.platypus.example",
            b"MAIL FROM wombat@platypus.example",
            b"MAIL FROM:<wombat@platypus.example> SIZE=99999999",
            b"MAIL FROM:<wombat@platypus.example> QUOKKA=+33612345678",
            b"MAIL FROM:<\"wom bat\"@platypus.example>",
            b"RCPT TO:+33612345678@sms.example.com",
            b"RCPT TO:<wombat@platypus.example>",
            b"RCPT TO:<+33612345678@platypus.example>",
            b"RCPT TO:<bandicoot@sms.example.com>",
            b"VRFY ann@company.example",
            b"EXPN wombat@platypus.example",
            b"MARMALADE +33612345678 ann@company.example",
            b"\xff\xfewombat@platypus.example\x00",
            b"RSET",
            b"QUIT",
        ],
    );
    let mut logins: Vec<&[u8]> = vec![b"EHLO quokka.platypus.example", auth.as_bytes()];
    logins.extend([
        secret.as_bytes(),
        b"AUTH LOGIN",
        b"a29va2FidXJyYQ==",
        b"a29va2FidXJyYQ==",
    ]);
    smtp(&gateway.smtp, &logins);
    smtp(
        &gateway.smtp,
        &[
            b"EHLO quokka.platypus.example",
            b"STARTTLS",
            b"ann@company.example marmalade",
        ],
    );
    let long = [
        b"MAIL FROM:<wombat@platypus.example> ".as_slice(),
        &[b'x'; 5_000],
    ]
    .concat();
    smtp(
        &gateway.smtp,
        &[b"GET /wombat@platypus.example HTTP/1.1", &long],
    );
}

/// Mails of every fate.
fn mails(gateway: &Gateway) {
    let take = |from: &str, to: &[&str], text: &str| mail(&gateway.smtp, from, to, text);
    let two = [
        PHONE,
        "+33612345678@sms.example.com",
        "bandicoot@sms.example.com",
        "118@sms.example.com",
    ];
    assert!(take(USER, &two, &hello("marmalade one")).starts_with("250"));
    gateway.arrived("marmalade one");
    assert!(
        take(USER, &[PHONE], &hello("marmalade one")).starts_with("250"),
        "again"
    );
    let plain = hello("marmalade two");
    for refused in [
        plain.replace(USER, "wombat@platypus.example"),
        plain.replace("From:", "From: wombat@platypus.example\nFrom:"),
        plain.replace(USER, "ann@company.example, wombat@platypus.example"),
        plain.replace("Subject:", "Auto-Submitted: auto-replied (wombat)\nSubject:"),
        plain.replace("Subject:", "List-Id: <quokka.platypus.example>\nSubject:"),
        plain.replace("Subject:", "DKIM-Signature: v=1; a=rsa-sha256; d=platypus.example; s=quokka; h=From; bh=bWFybWFsYWRl; b=bWFybWFsYWRl\nSubject:"),
        plain.replace("Subject:", "Content-Type: multipart/encrypted; boundary=marmalade\nSubject:"),
        plain.replace("Subject:", "Content-Type: text/plain; charset=quokka\nContent-Transfer-Encoding: base64\nSubject:"),
        plain.replace("marmalade two\n", ""),
        plain.replace("marmalade two\n", "marmalade \0 two"),
        "marmalade ann@company.example\n".to_owned(),
    ] {
        take("wombat@platypus.example", &[PHONE], &refused);
        take("", &[PHONE], &refused);
        take(USER, &[PHONE], &refused);
    }
    let mut bare = hello("marmalade three").replace('\n', "\r\n").into_bytes();
    bare.extend(b"marmalade\nwombat@platypus.example\n\r\n.");
    smtp(
        &gateway.smtp,
        &[
            b"EHLO quokka",
            b"MAIL FROM:<ann@company.example>",
            b"RCPT TO:<0612345678@sms.example.com>",
            b"DATA",
            &bare,
        ],
    );
    gateway.run(&["limits", "set", "acme", "--number-hour", "1"]);
    take(USER, &[PHONE], &hello("marmalade four"));
    gateway.run(&["limits", "set", "acme", "--number-hour", "1000"]);
}

/// Pages, their addresses included.
fn pages(gateway: &Gateway, token: &str) {
    for (method, path) in [
        ("GET", format!("/invitation/{token}")),
        ("POST", format!("/invitation/{token}")),
        ("POST", "/invitation/kookaburra".to_owned()),
        (
            "GET",
            "/wombat@platypus.example?to=%2B33612345678".to_owned(),
        ),
        ("PUT", "/handset.json?marmalade".to_owned()),
        ("GET", "/handset".to_owned()),
        ("MARMALADE", "/+33612345678".to_owned()),
    ] {
        gateway.http(method, &path);
    }
    let mut stream = TcpStream::connect(&gateway.web).unwrap();
    stream
        .write_all(b"GET wombat@platypus.example\r\nAuthorization: kookaburra\r\n\r\n")
        .unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

async fn nobody_is_named(name: &str, format: &str) {
    let mut gateway = Gateway::set_up(name).await;
    let token = gateway.invitation_token();
    gateway.kill();
    gateway.set(
        "LOG_LEVEL",
        "trace,hyper=trace,hickory_net=trace,rustls=trace,rusqlite=trace",
    );
    gateway.set("LOG_FORMAT", format);
    gateway.set("METRICS_LISTEN", &free());
    gateway.set(
        "MAIL_OUT_SMARTHOST",
        &format!("smtp://{}?tls=none", smarthost()),
    );
    gateway.start();
    gateway.run(&["user", "add", "acme", "bandicoot@numbat.example"]);
    commands(&gateway);
    mails(&gateway);
    pages(&gateway, &token);
    wait_for("the smarthost's refusal", || {
        gateway
            .log()
            .contains("a mail of ours could not be delivered")
            .then_some(())
    });
    gateway.kill();
    // Nobody answers DNS there.
    gateway.set("DNS_SERVER", &free());
    gateway.start();
    let put_off = mail(&gateway.smtp, USER, &[PHONE], &hello("marmalade five"));
    assert!(put_off.starts_with("451"), "{put_off}");
    gateway.kill();

    let log = gateway.log();
    for line in [
        "a recipient was refused",
        "session ended",
        "too-big",
        "not-verified",
        "over-limit",
        "try-again",
        "TLS handshake",
    ] {
        assert!(
            log.contains(line),
            "the scene did not come to: {line}\n{log}"
        );
    }
    let mut markers: Vec<String> = PERSONAL.iter().map(|m| (*m).to_owned()).collect();
    markers.push(token);
    let leaks = leaks(&log, &markers);
    assert!(
        leaks.is_empty(),
        "{} of {} lines:\n{}",
        leaks.len(),
        log.lines().count(),
        leaks.join("\n")
    );
    for line in log.lines() {
        if format == "json" && line.starts_with('{') {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(
                line["target"].as_str().unwrap().starts_with("postel"),
                "{line}"
            );
        }
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        assert!(!digits.contains("33612345678"), "{line}");
    }
    println!(
        "searched {} lines for {} markers",
        log.lines().count(),
        markers.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_nobody_as_text_at_every_level() {
    nobody_is_named("log-text", "text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_nobody_as_json_at_every_level() {
    nobody_is_named("log-json", "json").await;
}
