//! The program as Lambda starts it: settings from the environment, events from the runtime API, answers to it.
#![expect(
    clippy::unwrap_used,
    reason = "an integration test: a panic is its failure"
)]

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use postel_aws::testing::Moto;
use postel_core::model::Account;
use postel_core::ports::Directory as _;
use postel_core::testing::{CountingIds, ManualClock};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// Long enough for a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request: its first line and its body.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok().filter(|n| *n > 0)?;
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        chunked |= line == "transfer-encoding: chunked";
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    while chunked {
        let mut size = String::new();
        stream.read_line(&mut size).await.ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(size);
        chunked = size > 0;
        body.extend(chunk);
    }
    Some((first, body))
}

/// Hands the events out one after the other; the answers, once there are as many.
async fn runtime_api(listener: TcpListener, events: Vec<Value>) -> Vec<Value> {
    let mut answers = Vec::new();
    let mut waiting = events.iter();
    let count = events.len();
    while answers.len() < count {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        while let Some((line, body)) = request(&mut stream).await {
            let answer = if line.contains("/invocation/next") {
                let Some(event) = waiting.next() else { break };
                let event = event.to_string();
                let deadline = 4_000_000_000_000_u64;
                format!(
                    "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\n\
                     Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:111122223333:function:f\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{event}",
                    event.len()
                )
            } else {
                assert!(line.contains("/response"), "{line}");
                answers.push(serde_json::from_slice(&body).unwrap());
                "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answers.len() == count {
                break;
            }
        }
    }
    answers
}

fn event(name: &str) -> Value {
    let path = format!("{}/../../events/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_inbound-email"));
    program
        .env_clear()
        .kill_on_drop(true)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    program
}

#[tokio::test]
async fn the_program_takes_events_and_answers_them() {
    let Some(moto) = Moto::start().unwrap() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "moto_server is not on the PATH"
        );
        println!("skipped: moto_server is not on the PATH; `make test` brings it");
        return;
    };
    let clients = moto.clients();
    let clock = Arc::new(ManualClock::new("2026-11-21T12:00:00Z".parse().unwrap()));
    let store = clients
        .new_store("postel", clock, Arc::new(CountingIds::new()))
        .await;
    store
        .save_account(&Account::new("acme".parse().unwrap()), &[])
        .await
        .unwrap();
    clients.new_bucket("postel-mail-example").await;
    let stranger = b"From: eve@example.org\r\nSubject: x\r\n\r\nA private word.\r\n";
    let key = "inbound/o3vrnil0e2ic28trm7dfhrc2v0clambda4nbp0g1";
    clients
        .put_object("postel-mail-example", key, stranger)
        .await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut running = program()
        .env(
            "AWS_LAMBDA_RUNTIME_API",
            listener.local_addr().unwrap().to_string(),
        )
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "f"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
        ])
        .envs([
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_REGION", "eu-west-1"),
        ])
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .envs([
            ("TABLE", "postel"),
            ("BUCKET", "postel-mail-example"),
            ("GATEWAY_DOMAIN", "sms.example.com"),
        ])
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .env("RUST_LOG", "trace")
        .spawn()
        .unwrap();
    let events = vec![
        event("rule-tried-out.json"),
        event("mail.json"),
        event("batch-with-rubbish.json"),
    ];
    let answers = tokio::time::timeout(PATIENCE, runtime_api(listener, events))
        .await
        .unwrap();
    running.start_kill().unwrap();
    let output = running.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    let nothing = json!({"batchItemFailures": []});
    assert_eq!(answers.first(), Some(&nothing), "{said}");
    assert_eq!(answers.get(1), Some(&nothing), "{said}");
    let failed = answers
        .get(2)
        .and_then(|a| a.pointer("/batchItemFailures/1/itemIdentifier"));
    assert_eq!(
        failed,
        Some(&json!("00000005-6ec0-54fe-b63f-1cf9df4bb16e")),
        "{said}"
    );
    // The log says what was decided and about nobody.
    assert!(said.contains("unknown-sender"), "{said}");
    for private in [
        "eve@",
        "ann@",
        "33612345678",
        "private word",
        "203.0.113",
        "192.0.2",
    ] {
        assert!(!said.contains(private), "{private}: {said}");
    }
}

#[tokio::test]
async fn without_its_settings_the_program_says_which() {
    let output = program().output().await.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    for name in ["TABLE", "BUCKET", "GATEWAY_DOMAIN"] {
        assert!(said.contains(name), "{said}");
    }
}
