//! How long the rules take: one mail from bytes to its decision and row on a store in memory, and a text from
//! characters to parts. What a disk or a network adds is measured by the load script.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use postel_core::decision::Gateway;
use postel_core::evidence::{Connection, Evidence, SesVerdicts, SpfResult};
use postel_core::intake::{Envelope, Intake, Outcome, Rules};
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Account, Sender};
use postel_core::notice::Notices;
use postel_core::settings::Settings;
use postel_core::testing::{CountingIds, FixedEvidence, ManualClock, MemoryStore, spf_alone};
use postel_core::text;

const GATEWAY: &str = "sms.example.com";

fn evidence() -> Evidence {
    spf_alone(SpfResult::Pass, "company.example".parse().unwrap())
}

/// A gateway with one account and one sender.
async fn intake() -> Intake {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(now));
    let ids = Arc::new(CountingIds::new());
    let domains = vec![GATEWAY.parse().unwrap()];
    let notices = Notices::new(
        store.clone(),
        "postel@sms.example.com".parse().unwrap(),
        "mark".to_owned(),
    );
    let settings = Settings::new(
        store.clone(),
        clock.clone(),
        ids.clone(),
        notices.clone(),
        "https://sms.example.com",
    )
    .with_gateway_domains(&domains);
    let (acme, ann) = (
        "acme".parse().unwrap(),
        Sender::Address("ann@company.example".parse().unwrap()),
    );
    settings
        .add_account(Account::new(acme), "bench")
        .await
        .unwrap();
    let acme = "acme".parse().unwrap();
    settings
        .add_user(&acme, ann.clone(), "bench")
        .await
        .unwrap();
    settings.accept_for(&acme, &ann, "bench").await.unwrap();
    let rules = Rules {
        gateway: Gateway {
            domains,
            loop_mark: "mark".to_owned(),
            any_server: false,
        },
        ceilings: Ceilings::default(),
        stranger_days: 7,
        needs_originator: false,
        max_parts: 20,
    };
    Intake::new(
        store,
        Arc::new(FixedEvidence::new(evidence())),
        clock,
        ids,
        notices,
        rules,
    )
}

fn decide(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let intake = runtime.block_on(intake());
    let envelope = Envelope {
        connection: Connection {
            client_ip: Some("192.0.2.1".parse().unwrap()),
            relay: None,
            helo: "mail.company.example".to_owned(),
            envelope_sender: Some("ann@company.example".parse().unwrap()),
            authenticated: None,
        },
        recipients: vec!["0612345678@sms.example.com".to_owned()],
        ses: SesVerdicts::default(),
        transport_id: None,
    };
    let line = "The pump of station 4 has stopped; the level rises by 3 cm an hour.\r\n";
    let raw = format!(
        "From: <ann@company.example>\r\nTo: <0612345678@sms.example.com>\r\nSubject: Alarm\r\n\
         Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@company.example>\r\n\r\n{}",
        line.repeat(56)
    );
    let judged = runtime.block_on(intake.judge(&envelope, raw.as_bytes(), None));
    assert!(matches!(judged.unwrap().outcome, Outcome::Accepted(_)));
    c.bench_function("decide: 4 KB, from bytes to a row", |b| {
        b.iter(|| runtime.block_on(intake.judge(black_box(&envelope), raw.as_bytes(), None)));
    });
    let stranger = raw.replace("ann@company", "eve@company");
    c.bench_function("decide: 4 KB, a stranger's", |b| {
        b.iter(|| runtime.block_on(intake.judge(black_box(&envelope), stranger.as_bytes(), None)));
    });
    c.bench_function("decide: a recipient at RCPT", |b| {
        b.iter(|| intake.screen(black_box("0612345678@sms.example.com")));
    });
}

fn texts(c: &mut Criterion) {
    let plain = "The pump of station 4 has stopped; the level rises by 3 cm an hour. ".repeat(12);
    for (name, words) in [
        ("GSM-7, 6 parts", plain.clone()),
        ("look-alikes", plain.replace('a', "’")),
        ("UCS-2", plain.replace('a', "я")),
    ] {
        c.bench_function(&format!("text: {name}"), |b| {
            b.iter(|| text::compose(black_box(&words), text::EncodingPreference::Smart, None));
        });
    }
}

criterion_group!(rules, decide, texts);
criterion_main!(rules);
