//! The requests held to the vendors' own schemas, by programs that are not ours: lxml for Esendex' XSD, Prism
//! for Twilio's OpenAPI document.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use postel_core::ledger::Originator;
use postel_core::ports::{Sms, SmsOutcome, SmsProvider as _};
use postel_sms::{Options, Twilio, twilio};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::twilio::{client, fields, settings};
use crate::vendor::{Act, NOW, Vendor, answer, clock, sms};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of the shared data; without it, a failure in CI and else a word that nothing was tested.
fn corpus(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("POSTEL_CORPORA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from)
        .join(name);
    present(folder, "set POSTEL_CORPORA to the folder that has it")
}

/// Something that install.sh brings.
fn tool(path: &str) -> Option<PathBuf> {
    present(
        root().join("target/tools").join(path),
        "tests/tools/install.sh test brings it",
    )
}

fn present(path: PathBuf, remedy: &str) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is missing: {remedy}",
        path.display()
    );
    println!("skipped: {} is missing ({remedy})", path.display());
    None
}

/// Texts that try every element: number and name, both encodings, markup, many parts, all validities.
fn texts() -> Vec<Sms> {
    let name = |text: Sms| Sms {
        originator: Originator::Name("Mairie".parse().unwrap()),
        ..text
    };
    let until = |text: Sms, at: &str| Sms {
        valid_until: at.parse().unwrap(),
        ..text
    };
    vec![
        sms("Bonjour"),
        name(sms("Bonjour")),
        sms("a <b> & \"c\" 'd' ]]> </body>\n+=%&"),
        sms("ça va 👋"),
        sms(&"€".repeat(760)),
        sms(&"é".repeat(1530)),
        until(sms("x"), NOW),
        until(sms("x"), "2027-11-21T18:00:00Z"),
    ]
}

/// Reads documents from standard input, divided by NUL; prints a line for each.
const VALIDATE: &str = "
import sys
from lxml import etree
schema = etree.XMLSchema(etree.parse(sys.argv[1]))
safe = etree.XMLParser(resolve_entities=False, no_network=True)
for document in sys.stdin.buffer.read().split(b'\\0'):
    ok = schema.validate(etree.fromstring(document, safe))
    print('ok' if ok else 'wrong: ' + str(schema.error_log.last_error))
";

/// Whether each document is what a schema wants.
async fn validated(python: &PathBuf, schema: PathBuf, documents: &[Vec<u8>]) -> Vec<bool> {
    let mut child = Command::new(python)
        .args(["-c", VALIDATE])
        .arg(schema)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&documents.join(&0)).await.unwrap();
    drop(stdin);
    let done = tokio::time::timeout(Duration::from_secs(30), child.wait_with_output());
    let output = done.await.unwrap().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    println!("{lines}");
    lines.lines().map(|line| line == "ok").collect()
}

#[tokio::test]
async fn esendex_requests_are_what_its_schema_wants() {
    let (Some(schemas), Some(python)) = (corpus("esendex"), tool("python/bin/python")) else {
        return;
    };
    let said = answer("200 OK", "", &crate::esendex::taken());
    let vendor = Vendor::start([Act::Say(said)]).await;
    let esendex = crate::esendex::client(&vendor.url);
    for text in texts() {
        let outcome = esendex.send(&text).await;
        assert!(matches!(outcome, SmsOutcome::Sent { .. }), "{outcome:?}");
    }
    let mut documents: Vec<Vec<u8>> = vendor.asked().into_iter().map(|a| a.body).collect();
    let count = documents.len();
    // The schema does refuse: another order, a namespace, a character set that is none.
    let first = String::from_utf8(documents[0].clone()).unwrap();
    for (from, to) in [
        (
            "<type>SMS</type><body>Bonjour</body>",
            "<body>Bonjour</body><type>SMS</type>",
        ),
        (
            "<messages>",
            "<messages xmlns=\"http://api.esendex.com/ns/\">",
        ),
        ("GSM", "UTF8"),
    ] {
        assert!(first.contains(from));
        documents.push(first.replace(from, to).into_bytes());
    }
    let requests = schemas.join("messagedispatcher_request.xsd");
    let valid = validated(&python, requests, &documents).await;
    assert_eq!(valid.iter().filter(|ok| **ok).count(), count);
    assert!(valid[..count].iter().all(|ok| *ok) && valid.len() == count + 3);
    println!("conformance esendex requests: {count} of {count}");
    // And the answer of these tests is one that Esendex could give.
    let responses = schemas.join("messagedispatcher_response.xsd");
    let given = validated(&python, responses, &[crate::esendex::taken().into_bytes()]).await;
    assert_eq!(given, [true]);
}

/// Prism serving the document on a port of this machine, until it is dropped.
async fn prism(document: PathBuf) -> Option<(Child, String)> {
    let program = tool("node/node_modules/.bin/prism")?;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let child = Command::new("node")
        .arg(program)
        .args([
            "mock",
            "--errors",
            "--host",
            "127.0.0.1",
            "--port",
            &port.to_string(),
        ])
        .arg(document)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    for _ in 0..300 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            return Some((child, format!("http://127.0.0.1:{port}")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("prism does not listen after 30 s")
}

/// Prism answers a wrong request with an example of a 400, and lets unknown fields pass: so the outcome must be
/// *sent*, and the fields are compared besides.
#[tokio::test]
async fn twilio_requests_are_what_its_document_wants() {
    let Some(document) = corpus("twilio").map(|f| f.join("twilio_messages_hardened.json")) else {
        return;
    };
    let Some((mut child, url)) = prism(document.clone()).await else {
        return;
    };
    let known = known_fields(&document);
    let said = answer("201 Created", "", r#"{"sid":"SM1"}"#);
    let copy = Vendor::start([Act::Say(said)]).await;
    let service = format!("MG{}", "a".repeat(32));
    let with_service = |url: &str| {
        let settings = twilio::Settings {
            messaging_service_sid: Some(service.clone()),
            ..settings(url)
        };
        Twilio::new(settings, &Options::default(), clock()).unwrap()
    };
    let mut accepted = 0;
    for text in texts() {
        for (judge, record) in [
            (client(&url), client(&copy.url)),
            (with_service(&url), with_service(&copy.url)),
        ] {
            let outcome = judge.send(&text).await;
            assert!(matches!(outcome, SmsOutcome::Sent { .. }), "{outcome:?}");
            record.send(&text).await;
            let sent = fields(&copy.asked().last().unwrap().body);
            let unknown: Vec<_> = sent.keys().filter(|name| !known.contains(name)).collect();
            assert_eq!(unknown, Vec::<&String>::new());
            accepted += 1;
        }
    }
    // Prism does refuse, and so sees what it is sent.
    let wrong = twilio::Settings {
        messaging_service_sid: Some("MG1".to_owned()),
        ..settings(&url)
    };
    let wrong = Twilio::new(wrong, &Options::default(), clock()).unwrap();
    let outcome = wrong.send(&sms("a")).await;
    assert!(!matches!(outcome, SmsOutcome::Sent { .. }), "{outcome:?}");
    println!("conformance twilio requests: {accepted} of {accepted}");
    child.kill().await.unwrap();
}

/// The form fields that the document knows.
fn known_fields(document: &PathBuf) -> Vec<String> {
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    let path = "/2010-04-01/Accounts/{AccountSid}/Messages.json";
    let form = &document["paths"][path]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"];
    let fields = form["schema"]["properties"].as_object().unwrap();
    assert!(fields.len() > 10);
    fields.keys().cloned().collect()
}
