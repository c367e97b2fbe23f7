//! The serverless thread on a stand-in (moto): a mail in S3 and SES's word of it in SQS become one text on the handset.
//!
//! Long because the stand-in, the function and its events are set up here and nowhere else.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use postel_auth::Authenticator;
use postel_auth::dkim::testing::{Signing, TestKey};
use postel_auth::dns::Dns;
use postel_auth::testing::{Data, Zone, ZoneServer};
use postel_aws::sqs::Batch;
use postel_aws::testing::Moto;
use postel_aws::{Bucket, Clients};
use postel_core::address::EmailAddress;
use postel_core::decision::Gateway;
use postel_core::dispatch::Dispatcher;
use postel_core::evidence::{Connection, Evidence};
use postel_core::intake::{Intake, Rules};
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Account, User, UserStatus};
use postel_core::notice::Notices;
use postel_core::ports::{Clock, SenderEvidence, Store};
use postel_core::testing::{CountingIds, ManualClock};
use postel_inbound_email::{Config, Inbound, time_left};
use postel_sms::Handset;
use serde_json::{Value, json};

const BUCKET: &str = "postel-mail-example";
const TABLE: &str = "postel";
/// The id of the mail in `events/mail.json`.
const HONEST: &str = "o3vrnil0e2ic28trm7dfhrc2v0clambda4nbp0g1";
/// The id of the mail in `events/forged-mail.json`.
const FORGED: &str = "q1fz8j2n5m0c7w4e6r9t3y8u1i5o2p7a4s6d0g1x";
const TO: &str = "+33612345678@sms.example.com";
const LONG: Duration = Duration::from_secs(60);

/// A file of `events`.
fn event(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../events")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The event of one mail, with this id instead of the file's.
fn mail_event(id: &str) -> Value {
    let text = event("mail.json").to_string().replace(HONEST, id);
    serde_json::from_str(&text).unwrap()
}

/// One event of several.
fn together(events: &[Value]) -> Value {
    let mut records = Vec::new();
    for (event, n) in events.iter().zip(1..) {
        let mut record = event["Records"][0].clone();
        record["messageId"] = json!(format!("message-{n}"));
        records.push(record);
    }
    json!({"Records": records})
}

fn mail(from: &str, body: &str) -> String {
    format!(
        "From: Ann <{from}>\r\nTo: {TO}\r\nSubject: On call\r\nDate: Sat, 21 Nov 2026 11:59:58 +0000\r\n\
         Message-ID: <20261121115958.1@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
}

/// An object as SES writes it: its own block, then the sender's bytes.
fn object(id: &str, source: &str, helo: &str, client: &str, mail: &[u8]) -> Vec<u8> {
    let block = format!(
        "Return-Path: <{source}>\r\n\
         Received: from {helo} (unknown [{client}])\r\n by inbound-smtp.eu-west-1.amazonaws.com with SMTP id {id}\r\n for {TO};\r\n Sat, 21 Nov 2026 12:00:00 +0000 (UTC)\r\n\
         X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\n\
         Received-SPF: pass (spfCheck: domain of example.com designates {client} as permitted sender) client-ip={client}; envelope-from={source}; helo=x;\r\n\
         Authentication-Results: amazonses.com;\r\n spf=pass client-ip={client};\r\n dmarc=none header.from=example.com;\r\n\
         X-SES-RECEIPT: AEFBQUFBQUFB\r\n\
         X-SES-DKIM-SIGNATURE: a=rsa-sha256; q=dns/txt; b=AAAA; c=relaxed/simple; s=x; d=amazonses.com; t=1795262400; v=1; bh=AAAA; h=From:To:Cc:Bcc:Subject:Date:Message-ID:MIME-Version:Content-Type:X-SES-RECEIPT;\r\n"
    );
    [block.as_bytes(), mail].concat()
}

/// Everything the function needs, on stand-ins.
struct Home {
    store: Arc<dyn Store>,
    clients: Clients,
    dns: ZoneServer,
    inbound: Inbound,
    _moto: Moto,
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-11-21T12:00:01Z".parse().unwrap()))
}

impl Home {
    /// `None`: there is no stand-in on this machine, which only CI forbids.
    async fn new(zone: Zone) -> Option<Self> {
        let Some(moto) = Moto::start().unwrap() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "moto_server is not on the PATH: tests/tools/install.sh test brings it"
            );
            println!("skipped: moto_server is not on the PATH; `make test` brings it");
            return None;
        };
        let clients = moto.clients();
        let store: Arc<dyn Store> = Arc::new(
            clients
                .new_store(TABLE, clock(), Arc::new(CountingIds::new()))
                .await,
        );
        clients.new_bucket(BUCKET).await;
        list(&*store).await;
        let dns = ZoneServer::start(zone).await.unwrap();
        let config = Config::read(|name| match name {
            "TABLE" => Some(TABLE.to_owned()),
            "BUCKET" => Some(BUCKET.to_owned()),
            "GATEWAY_DOMAIN" => Some("sms.example.com".to_owned()),
            _ => None,
        });
        let resolver = Dns::server(dns.address()).unwrap();
        let ids = Arc::new(CountingIds::new());
        let inbound = Inbound::wired(&clients, &config.unwrap(), resolver, clock(), ids);
        Some(Self {
            store,
            clients,
            dns,
            inbound,
            _moto: moto,
        })
    }

    /// Puts a mail where SES would.
    async fn put(&self, id: &str, object: &[u8]) {
        self.clients
            .put_object(BUCKET, &format!("inbound/{id}"), object)
            .await;
    }

    /// Gives the function an event; the ids of the messages that failed.
    async fn invoke(&self, event: &Value) -> Vec<String> {
        invoke(&self.inbound, event, LONG).await
    }

    async fn texts(&self) -> Vec<String> {
        let texts = self.store.texts(100).await.unwrap();
        texts.into_iter().map(|t| t.text).collect()
    }

    /// The codes of all recorded decisions, the newest first.
    async fn codes(&self) -> Vec<&'static str> {
        let mails = self.store.recent_mails(None, 100).await.unwrap();
        let recipients = mails.iter().flat_map(|m| &m.recipients);
        recipients.map(|r| r.code.as_str()).collect()
    }
}

async fn invoke(inbound: &Inbound, event: &Value, limit: Duration) -> Vec<String> {
    let batch: Batch = serde_json::from_value(event.clone()).unwrap();
    let answer = serde_json::to_value(inbound.handle(batch, limit).await).unwrap();
    let failed = answer["batchItemFailures"].as_array().unwrap();
    let id = |failure: &Value| failure["itemIdentifier"].as_str().unwrap().to_owned();
    failed.iter().map(id).collect()
}

/// Acme lists Ann and trusts one network.
async fn list(store: &dyn Store) {
    let mut acme = Account::new("acme".parse().unwrap());
    acme.networks = vec!["198.51.100.0/24".parse().unwrap()];
    store.save_account(&acme, &[]).await.unwrap();
    for sender in ["ann@example.com", "ann@nospf.example", "ann@broken.example"] {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let user = User {
            account: acme.id.clone(),
            sender: sender.parse().unwrap(),
            version: 0,
            status: UserStatus::Accepted { at },
            default: false,
            automated: postel_core::model::Automated::Refuse,
            signature: None,
            password: None,
            added_at: at,
        };
        store.save_user(&user, &[]).await.unwrap();
    }
}

/// Ann's server is 192.0.2.7, the forger's 203.0.113.66: each may use its own domain.
fn zone() -> Zone {
    Zone::new()
        .txt("example.com", "v=spf1 ip4:192.0.2.7 -all")
        .txt("attacker.example", "v=spf1 ip4:203.0.113.66 -all")
        .with("broken.example", 60, Data::Failure)
        .with("_dmarc.broken.example", 60, Data::Failure)
}

fn honest(body: &str) -> Vec<u8> {
    let mail = mail("ann@example.com", body);
    object(
        HONEST,
        "ann@example.com",
        "mail.example.com",
        "192.0.2.7",
        mail.as_bytes(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_becomes_one_text_however_often_it_is_delivered() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    home.put(HONEST, &honest("The pump in cellar 3 stands still."))
        .await;
    for name in ["mail.json", "mail.json", "mail-wrapped-by-sns.json"] {
        assert_eq!(
            home.invoke(&event(name)).await,
            Vec::<String>::new(),
            "{name}"
        );
        assert_eq!(
            home.texts().await,
            ["The pump in cellar 3 stands still."],
            "{name}"
        );
    }
    // The sender's server tried again: another id of SES's, the same mail.
    let again = String::from_utf8(honest("The pump in cellar 3 stands still.")).unwrap();
    home.put("another1", again.replace(HONEST, "another1").as_bytes())
        .await;
    assert!(home.invoke(&mail_event("another1")).await.is_empty());
    assert_eq!(home.texts().await.len(), 1);
    let text = home.store.texts(1).await.unwrap().remove(0);
    assert_eq!(text.to.as_e164(), "+33612345678");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_mail_becomes_none_and_is_recorded() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    let mail = mail("ann@example.com", "Send money.");
    // The HELO name is made up to look like SES's own line for a client in Acme's network.
    let helo =
        "x(y [198.51.100.9]) by inbound-smtp.eu-west-1.amazonaws.com with SMTP id abc for +44@z;";
    let forged = object(
        FORGED,
        "mallory@attacker.example",
        helo,
        "203.0.113.66",
        mail.as_bytes(),
    );
    home.put(FORGED, &forged).await;
    assert_eq!(
        home.invoke(&event("forged-mail.json")).await,
        Vec::<String>::new()
    );
    assert_eq!(home.texts().await, Vec::<String>::new());
    assert_eq!(home.codes().await, ["not-verified"]);
    let record = home.store.recent_mails(None, 1).await.unwrap().remove(0);
    assert_eq!(record.client_ip, Some("203.0.113.66".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_a_sender_writes_in_ses_style_prove_nothing() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    let claims = object(
        FORGED,
        "ann@nospf.example",
        "mail.nospf.example",
        "198.51.100.9",
        b"",
    );
    let forged = [claims.as_slice(), mail("ann@nospf.example", "x").as_bytes()].concat();
    let below = object(FORGED, "ann@nospf.example", "x", "203.0.113.66", &forged);
    home.put(FORGED, &below).await;
    // Without SES's own block there is no address at all.
    home.put("bare1", &forged).await;
    for id in [FORGED, "bare1"] {
        assert!(home.invoke(&mail_event(id)).await.is_empty());
    }
    assert_eq!(home.texts().await, Vec::<String>::new());
    assert_eq!(home.codes().await, ["not-verified"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_in_the_accounts_network_is_proof_without_dns() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    let mail = mail("ann@nospf.example", "From the alarm panel.");
    let object = object(
        HONEST,
        "ann@nospf.example",
        "panel",
        "198.51.100.9",
        mail.as_bytes(),
    );
    home.put(HONEST, &object).await;
    assert!(home.invoke(&event("mail.json")).await.is_empty());
    assert_eq!(home.texts().await, ["From the alarm panel."]);
    assert_eq!(home.dns.questions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_below_the_block_of_ses_still_proves_its_sender() {
    let key = TestKey::ed25519();
    let zone = zone().txt("s1._domainkey.example.com", &key.record());
    let Some(home) = Home::new(zone).await else {
        return;
    };
    let signed_at = "2026-11-21T11:59:59Z"
        .parse::<Timestamp>()
        .unwrap()
        .as_second();
    let mut signing = Signing::new("example.com", "s1", signed_at);
    // Two of each are signed, as against added ones; SES's own fields on top are none of these.
    signing
        .headers
        .extend(["from", "to", "return-path", "received"].map(str::to_owned));
    let signed = key.sign(mail("ann@example.com", "Signed.").as_bytes(), &signing);
    let forwarded = object(
        HONEST,
        "list@attacker.example",
        "relay",
        "203.0.113.66",
        &signed,
    );
    home.put(HONEST, &forwarded).await;
    assert!(home.invoke(&event("mail.json")).await.is_empty());
    assert_eq!(home.texts().await, ["Signed."], "{:?}", home.codes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reports_only_what_failed() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    home.put(HONEST, &honest("Still here.")).await;
    let batch = event("batch-with-rubbish.json");
    let id = |n: usize| {
        batch["Records"][n]["messageId"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(home.invoke(&batch).await, [id(0), id(2)]);
    assert_eq!(home.texts().await, ["Still here."]);
    let mixed = together(&[
        event("rule-tried-out.json"),
        mail_event("notthere"),
        event("mail.json"),
    ]);
    assert_eq!(home.invoke(&mixed).await, ["message-2"], "no such object");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_dns_failed_for_comes_again() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    let mail = mail("ann@broken.example", "Later.");
    home.put(
        HONEST,
        &object(
            HONEST,
            "ann@broken.example",
            "mail",
            "203.0.113.5",
            mail.as_bytes(),
        ),
    )
    .await;
    let mut failing = event("mail.json")
        .to_string()
        .replace("ann@example.com", "ann@broken.example");
    let passing: Value = serde_json::from_str(&failing).unwrap();
    failing = failing.replace(
        r#"\"spfVerdict\":{\"status\":\"PASS\"}"#,
        r#"\"spfVerdict\":{\"status\":\"GRAY\"}"#,
    );
    let failing: Value = serde_json::from_str(&failing).unwrap();
    assert_ne!(failing, passing);
    assert_eq!(home.invoke(&failing).await.len(), 1);
    assert_eq!(home.texts().await, Vec::<String>::new());
    // Where our own look-up fails, an aligned envelope that SES let pass counts.
    assert!(home.invoke(&passing).await.is_empty());
    assert_eq!(home.texts().await, ["Later."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_buckets_and_other_domains_are_not_served() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    home.put(HONEST, &honest("x")).await;
    for (ours, theirs) in [
        (BUCKET, "another-bucket"),
        (
            "@sms.example.com\\\"],\\\"spam",
            "@example.org\\\"],\\\"spam",
        ),
    ] {
        let changed = event("mail.json").to_string().replace(ours, theirs);
        let changed: Value = serde_json::from_str(&changed).unwrap();
        assert_ne!(changed, event("mail.json"), "{theirs}");
        assert_eq!(home.invoke(&changed).await.len(), 1, "{theirs}");
    }
    assert_eq!(home.texts().await, Vec::<String>::new());
}

/// Evidence that panics for one sender, as a fault in a parser would.
struct Panicking(Authenticator);

#[async_trait]
impl SenderEvidence for Panicking {
    async fn evidence(
        &self,
        connection: &Connection,
        from: &EmailAddress,
        raw: &[u8],
        now: Timestamp,
    ) -> Evidence {
        assert_ne!(from.local(), "ann", "a panic on purpose");
        self.0.evidence(connection, from, raw, now).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_one_message_and_an_end_of_time_those_that_are_left() {
    let Some(home) = Home::new(zone()).await else {
        return;
    };
    let gateway = Gateway {
        domains: vec!["sms.example.com".parse().unwrap()],
        loop_mark: "mark".to_owned(),
        any_server: false,
    };
    let rules = Rules {
        gateway,
        ceilings: Ceilings::default(),
        stranger_days: 7,
        needs_originator: false,
        max_parts: 20,
    };
    let dns = Dns::server(home.dns.address()).unwrap();
    let evidence = Arc::new(Panicking(Authenticator::new(dns, "sms.example.com")));
    let from = "postel@sms.example.com".parse().unwrap();
    let notices = Notices::new(Arc::clone(&home.store), from, "mark".to_owned());
    let handset = Arc::new(Handset::new(Arc::clone(&home.store), clock()));
    let ids = Arc::new(CountingIds::new());
    let dispatcher = Dispatcher::new(
        Arc::clone(&home.store),
        vec![handset],
        clock(),
        notices.clone(),
    );
    let intake = Intake::new(
        Arc::clone(&home.store),
        evidence,
        clock(),
        ids,
        notices,
        rules,
    );
    let inbound = Inbound::new(Bucket::new(&home.clients, BUCKET), intake, dispatcher);
    home.put(HONEST, &honest("x")).await;
    let panel = mail("ann@nospf.example", "Unharmed.");
    home.put(
        "panel1",
        &object(
            "panel1",
            "ann@nospf.example",
            "panel",
            "198.51.100.9",
            panel.as_bytes(),
        ),
    )
    .await;
    let both = together(&[event("mail.json"), mail_event("panel1")]);
    assert_eq!(invoke(&inbound, &both, LONG).await, ["message-1"]);
    assert_eq!(home.texts().await, ["Unharmed."]);
    let late = invoke(&inbound, &both, Duration::ZERO).await;
    assert_eq!(late, ["message-1", "message-2"]);
}

/// cfn-lint comes with moto; it turns SAM into CloudFormation first.
#[test]
fn the_template_has_no_fault_that_cfn_lint_knows() {
    let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let lint = std::process::Command::new("cfn-lint")
        .arg(template)
        .output();
    let Ok(output) = lint else {
        let ci = std::env::var_os("CI").is_some();
        assert!(
            !ci,
            "cfn-lint is not on the PATH: tests/tools/install.sh test brings it"
        );
        println!("skipped: cfn-lint is not on the PATH; `make test` brings it");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_time_left_ends_before_the_function_does() {
    let clock = clock();
    let now = u64::try_from(clock.now().as_millisecond()).unwrap();
    assert_eq!(time_left(&*clock, now + 60_000), Duration::from_secs(58));
    assert_eq!(time_left(&*clock, now + 1_000), Duration::ZERO);
    assert_eq!(time_left(&*clock, now - 1), Duration::ZERO);
}
