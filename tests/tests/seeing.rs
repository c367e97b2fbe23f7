//! Seeing the one process run: figures, health, and a log that names nobody, whatever level is written.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

#[expect(dead_code, reason = "each test file uses a part of it")]
mod process;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use postel_core::measure::{ALL, Kind, Words};
use process::{Gateway, USER, said, wait_for};

fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Says each of these to the listener and gives its answers, one line each.
fn smtp(address: &str, lines: &[&[u8]]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut said = Vec::new();
    let mut hear = || {
        let mut line = String::new();
        while answers.read_line(&mut line).is_ok_and(|n| n > 0) {
            if line.as_bytes().get(3) == Some(&b' ') {
                break;
            }
            line.clear();
        }
        line
    };
    said.push(hear());
    for line in lines {
        if stream.write_all(&[line, &b"\r\n"[..]].concat()).is_err() {
            break;
        }
        said.push(hear());
    }
    said
}

/// Hands a mail in; the last answer.
fn mail(address: &str, from: &str, to: &[&str], mail: &str) -> String {
    let mail = format!("{}\r\n.", mail.replace('\n', "\r\n"));
    let from = format!("MAIL FROM:<{from}>");
    let to: Vec<String> = to.iter().map(|to| format!("RCPT TO:<{to}>")).collect();
    let mut lines: Vec<&[u8]> = vec![b"EHLO mx.company.example", from.as_bytes()];
    lines.extend(to.iter().map(|to| to.as_bytes()));
    lines.extend([b"DATA", mail.as_bytes()]);
    smtp(address, &lines).pop().unwrap()
}

const PHONE: &str = "0612345678@sms.example.com";

fn hello(text: &str) -> String {
    format!(
        "From: Marmaduke <{USER}>\nTo: {PHONE}\nSubject: zanzibar\nDate: Sat, 21 Nov 2026 10:00:00 +0000\n\
         Message-ID: <{}@company.example>\n\n{text}\n",
        text.replace(' ', "-")
    )
}

// ---- Figures.

/// One line of the text format.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    value: f64,
}

fn samples(page: &str) -> Vec<Sample<'_>> {
    let lines = page
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|line| {
            let (head, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
            let labels = labels.strip_suffix('}').unwrap();
            let labels = labels.split(',').filter(|l| !l.is_empty());
            Sample {
                name,
                labels: labels
                    .map(|l| {
                        let (name, word) = l.split_once('=').unwrap();
                        (name, word.trim_matches('"'))
                    })
                    .collect(),
                value: value.parse().unwrap(),
            }
        })
        .collect()
}

fn value(page: &str, name: &str, label: &str) -> f64 {
    let found = samples(page).into_iter().find(|s| {
        s.name == name && (label.is_empty() || s.labels.iter().any(|(_, w)| *w == label))
    });
    found
        .unwrap_or_else(|| unreachable!("{name} {label} is not in\n{page}"))
        .value
}

/// Every line is one of the table's, with its type and none but its words.
fn matches_the_table(page: &str) {
    let mut seen = BTreeSet::new();
    for sample in samples(page) {
        let measure = ALL.iter().find(|m| match m.kind() {
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|end| sample.name.strip_suffix(end) == Some(m.name())),
            Kind::Counter | Kind::Gauge => m.name() == sample.name,
        });
        let measure = measure.unwrap_or_else(|| unreachable!("{} is in no table", sample.name));
        seen.insert(measure.name());
        for (name, word) in sample.labels.iter().filter(|(name, _)| *name != "le") {
            let (_, words) = measure.labels().iter().find(|(n, _)| n == name).unwrap();
            let known = match words {
                Words::Of(words) => words.contains(word),
                Words::Provider => *word == "handset",
                Words::Version => true,
            };
            assert!(known, "{} {name}={word} is in no table", sample.name);
        }
    }
    for measure in ALL {
        let name = measure.name();
        assert!(seen.contains(name), "{name} is not served");
        let kind = match measure.kind() {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        for line in [
            format!("# TYPE {name} {kind}\n"),
            format!("# HELP {name} {}\n", measure.help()),
        ] {
            assert!(page.contains(&line), "{line} is not in\n{page}");
        }
    }
}

/// Read by Prometheus's own library for Python, where tests/tools/install.sh brought it.
fn python_reads(page: &str) {
    let python =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/tools/python/bin/python");
    let program = "import sys; from prometheus_client.parser import text_string_to_metric_families as read\n\
                   families = list(read(sys.stdin.read())); print(len(families)); assert all(f.documentation for f in families)";
    let reader = Command::new(&python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut reader) = reader else {
        assert!(
            std::env::var_os("CI").is_none(),
            "prometheus-client is missing: tests/tools/install.sh brings it"
        );
        println!("skipped: prometheus-client is not installed");
        return;
    };
    reader
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).trim(), ALL.len().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_say_what_happened_and_stand_in_the_table() {
    let mut gateway = Gateway::set_up("figures").await;
    gateway.kill();
    let figures = free();
    gateway.set("METRICS_LISTEN", &figures);
    gateway.start();
    let smtp = gateway.smtp.clone();
    assert!(mail(&smtp, USER, &[PHONE], &hello("first")).starts_with("250"));
    gateway.arrived("first");
    assert!(mail(&smtp, "eve@elsewhere.example", &[PHONE], &hello("forged")).starts_with("550"));
    let two = [
        PHONE,
        "08123@sms.example.com",
        "0612345678@elsewhere.example",
    ];
    mail(&smtp, USER, &two, &hello("second"));
    gateway.arrived("second");
    let page = wait_for("the figures", || {
        let page = get(&figures, "/metrics");
        let (_, page) = page.split_once("\r\n\r\n").unwrap();
        (value(page, "postel_texts_total", "sent") >= 2.0
            && value(page, "postel_spool_appends_total", "") >= 2.0)
            .then(|| page.to_owned())
    });
    let at = |name, label| value(&page, name, label);
    assert_eq!(at("postel_mails_accepted_total", ""), 2.0);
    assert_eq!(at("postel_mails_refused_total", "not-verified"), 1.0);
    assert_eq!(at("postel_recipients_refused_total", "other-domain"), 1.0);
    assert_eq!(at("postel_provider_answers_total", "sent"), 2.0);
    assert_eq!(at("postel_provider_seconds_count", "handset"), 2.0);
    assert_eq!(at("postel_text_wait_seconds_count", ""), 2.0);
    assert_eq!(at("postel_texts_waiting", ""), 0.0);
    assert_eq!(at("postel_provider_calls", "handset"), 0.0);
    assert_eq!(at("postel_alarms_total", "postel_core"), 0.0);
    assert_eq!(at("postel_healthy", ""), 1.0);
    assert!(at("postel_dns_queries_total", "records") >= 1.0);
    assert!(at("process_resident_memory_bytes", "") > 1e6);
    assert!(at("process_start_time_seconds", "") > 1.7e9);
    matches_the_table(&page);
    python_reads(&page);
    for personal in ["612345678", "company", "elsewhere", "acme"] {
        assert!(!page.contains(personal), "{personal} in the figures");
    }
    assert!(
        gateway.http("GET", "/metrics").starts_with("HTTP/1.1 404"),
        "not among the pages, which may be public"
    );
}

#[test]
fn every_alert_watches_figures_that_are_there() {
    let rules = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../infra/prometheus-alerts.yml"
    );
    let rules = std::fs::read_to_string(rules).unwrap();
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: BTreeSet<&str> = words
        .filter(|w| w.starts_with("postel_") || w.starts_with("process_"))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let name = name.strip_suffix("_bucket").unwrap_or(name);
        assert!(
            ALL.iter().any(|m| m.name() == name),
            "{name} is in no table"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_fails_while_the_disk_does_and_says_so_in_one_word() {
    let gateway = Gateway::set_up("health").await;
    let health = || gateway.http("GET", "/healthz");
    assert!(health().starts_with("HTTP/1.1 200"), "{}", health());
    // Root may write anywhere; into a folder's place nobody can.
    let trial = gateway.data().join(".writable");
    std::fs::create_dir(&trial).unwrap();
    let ill = wait_for("the trial of the disk", || {
        let answer = health();
        answer.starts_with("HTTP/1.1 503").then_some(answer)
    });
    assert!(ill.ends_with("\r\n\r\ndisk\n"), "{ill}");
    std::fs::remove_dir(&trial).unwrap();
    wait_for("the disk", || {
        health().starts_with("HTTP/1.1 200").then_some(())
    });
}

// ---- The log.

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
        let whole = base64(&padded);
        let end = whole.trim_end_matches('=').len() - 2;
        all.push(whole[(before * 8).div_ceil(6)..end].to_owned());
    }
    all.retain(|s| s.len() >= 6);
    all
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|c| {
            let n = c.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - c.len()));
            (0..4).map(move |i| {
                if i <= c.len() {
                    char::from(DIGITS[(n >> (18 - 6 * i)) as usize & 63])
                } else {
                    '='
                }
            })
        })
        .collect()
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
        &format!("auth {}", base64(b"\0ann@company.example\0secret")),
        &format!("raw {}", base64(b"the marmalade.")),
        &format!("raw {}", base64(b"a marmalade")),
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
    let secret = base64(b"\0ann@company.example\0kookaburra");
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
