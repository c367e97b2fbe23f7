//! Every event and every header of `ses-events` (AWS's own samples and three libraries' fixtures) is read or known for what it is.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use postel_aws::ses::{self, Message};
use postel_aws::sqs::{Batch, BatchResponse};
use serde_json::{Value, json};

/// The folder; `None`, after saying so, where it is absent and this is not CI.
fn data(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("POSTEL_CORPORA").map_or_else(beside, PathBuf::from);
    let path = root.join("ses-events").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is absent",
        path.display()
    );
    println!(
        "skipped: {} is absent; POSTEL_CORPORA says where it is",
        path.display()
    );
    None
}

fn files(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// What a file turns out to be.
#[derive(Debug, PartialEq)]
enum Kind {
    /// A notification of SES, or the event of its Lambda action, whose mail and receipt are those of a notification.
    Mail,
    /// Something that is known not to belong into the queue.
    Foreign,
    /// A batch of SQS, with so many messages.
    Batch(usize),
    /// An answer to one.
    Answer,
}

fn kind(name: &str, text: &str) -> Kind {
    let value: Value = serde_json::from_str(text).unwrap();
    let record = &value["Records"][0];
    if record["eventSource"] == "aws:sqs" {
        let batch: Batch = serde_json::from_str(text).unwrap();
        assert!(batch.records.iter().all(|m| !m.message_id.is_empty()));
        return Kind::Batch(batch.records.len());
    }
    if serde_json::from_str::<BatchResponse>(text).is_ok() {
        return Kind::Answer;
    }
    if record["eventSource"] == "aws:ses" {
        assert!(matches!(ses::read(text), Ok(Message::Foreign(_))), "{name}");
        let mut notification = record["ses"].clone();
        notification["notificationType"] = json!("Received");
        // The action of a Lambda rule names no bucket; nothing else differs.
        notification["receipt"]["action"] = json!({"bucketName": "b", "objectKey": "k"});
        return sure_mail(name, &notification.to_string());
    }
    if value["notificationType"] == "Received" {
        let mut notification = value.clone();
        let action = notification["receipt"]["action"].clone();
        if action["type"] != "S3" {
            assert!(matches!(ses::read(text), Ok(Message::Foreign(_))), "{name}");
            notification["receipt"]["action"] = json!({"bucketName": "b", "objectKey": "k"});
        }
        return sure_mail(name, &notification.to_string());
    }
    match ses::read(text) {
        Ok(Message::Foreign(_)) => Kind::Foreign,
        other => panic!("{name}: {other:?}"),
    }
}

fn sure_mail(name: &str, body: &str) -> Kind {
    match ses::read(body) {
        Ok(Message::Mail(mail)) => {
            assert!(
                !mail.recipients.is_empty() && !mail.message_id.is_empty(),
                "{name}"
            );
            Kind::Mail
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_event_is_read_or_known_for_what_it_is() {
    let Some(folder) = data("events") else { return };
    let files = files(&folder, "json");
    let kinds: Vec<Kind> = files.iter().map(|(name, text)| kind(name, text)).collect();
    let count = |wanted: fn(&Kind) -> bool| kinds.iter().filter(|kind| wanted(kind)).count();
    let mails = count(|k| *k == Kind::Mail);
    let batches = count(|k| matches!(k, Kind::Batch(n) if *n > 0));
    println!(
        "conformance ses-events: {} of {} (mails {mails}, batches {batches}, answers {}, foreign {})",
        kinds.len(),
        files.len(),
        count(|k| *k == Kind::Answer),
        count(|k| *k == Kind::Foreign),
    );
    assert!(files.len() >= 42, "only {} files", files.len());
    assert!(
        mails >= 12 && batches >= 7,
        "mails {mails}, batches {batches}"
    );
}

/// (file, the client's address): those whose `Received` the collector of the page joined wrongly have none, which is the safe side.
const RAW: [(&str, Option<&str>); 4] = [
    ("aws-docs-headers-0.eml", Some("203.0.113.0")),
    ("aws-docs-headers-2.eml", None),
    ("aws-docs-lambda-2.eml", Some("203.0.113.0")),
    ("aws-docs-sns-0.eml", Some("54.240.9.183")),
];

#[test]
fn the_block_of_ses_is_told_from_the_mail() {
    let Some(folder) = data("raw") else { return };
    let files = files(&folder, "eml");
    assert_eq!(files.len(), RAW.len());
    for (name, text) in &files {
        let (_, wanted) = RAW.iter().find(|(n, _)| n == name).unwrap();
        let after = text.split("with SMTP id").nth(1).unwrap();
        let id = after.split_whitespace().next().unwrap();
        let trace = ses::trace(text.as_bytes(), id);
        assert_eq!(
            trace.client_ip,
            wanted.map(|ip| ip.parse().unwrap()),
            "{name}"
        );
        let rest = std::str::from_utf8(trace.mail).unwrap();
        assert!(rest.starts_with("DKIM-Signature:"), "{name}");
    }
    println!(
        "conformance ses-events raw: {} of {}",
        files.len(),
        RAW.len()
    );
}
