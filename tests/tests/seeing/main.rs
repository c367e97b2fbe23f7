//! Seeing the one process run: figures, health, and a log that names nobody, whatever level is written.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

mod log;
#[expect(dead_code, reason = "each test file uses a part of it")]
#[path = "../process/mod.rs"]
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
