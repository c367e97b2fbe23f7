//! The openspf suite for RFC 7208, through the real resolver against a DNS server on loopback.
#![cfg(feature = "testing")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking and prints its counts"
)]

#[path = "common/corpus.rs"]
mod corpus;
#[path = "common/serve.rs"]
mod serve;

use std::collections::HashMap;

use jiff::Timestamp;
use postel_auth::dns::Dns;
use postel_auth::spf::{LIMIT, Question, check};
use postel_auth::testing::{Data, Zone};
use postel_core::evidence::{Spf, SpfResult};
use serde::Deserialize;

use corpus::corpus;
use serve::serve;

#[derive(Deserialize)]
struct Scenario {
    description: String,
    zone: HashMap<String, Vec<(String, serde_json::Value)>>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    helo: String,
    host: String,
    mailfrom: String,
    /// The preferred one first.
    result: Vec<SpfResult>,
    explanation: Option<String>,
}

/// The suite writes octets as the code points of the same number.
fn octets(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

fn strings(value: &serde_json::Value) -> Vec<Vec<u8>> {
    let list = value.as_array().unwrap().iter();
    list.flat_map(|s| {
        let bytes = octets(s.as_str().unwrap());
        bytes.chunks(255).map(<[u8]>::to_vec).collect::<Vec<_>>()
    })
    .collect()
}

fn zone(scenario: &Scenario) -> Zone {
    let mut zone = Zone::new();
    for (name, records) in &scenario.zone {
        for (kind, value) in records {
            let text = || value.as_str().unwrap().to_owned();
            let data = match (kind.as_str(), value.as_str()) {
                (_, Some("TIMEOUT")) => Data::Failure,
                ("TXT", _) => Data::Txt(strings(value)),
                ("SPF", _) => Data::Spf(strings(value)),
                ("A", _) => Data::A(text().parse().unwrap()),
                ("AAAA", _) => Data::Aaaa(text().parse().unwrap()),
                ("PTR", _) => Data::Ptr(text()),
                ("CNAME", _) => Data::Cname(text()),
                ("MX", _) => Data::Mx(
                    u16::try_from(value[0].as_u64().unwrap()).unwrap(),
                    value[1].as_str().unwrap().to_owned(),
                ),
                other => panic!("{other:?}"),
            };
            zone = zone.with(name, 60, data);
        }
    }
    zone
}

async fn run(dns: &Dns, case: &Case) -> Spf {
    let question = Question {
        ip: case.host.parse().unwrap(),
        helo: &case.helo,
        sender: &case.mailfrom,
        receiver: "unknown",
        now: Timestamp::UNIX_EPOCH,
    };
    check(dns, &question, LIMIT).await
}

/// What is wrong with a result, if anything is. A name for our own default explanation is `DEFAULT`.
fn complaint(case: &Case, spf: &Spf) -> Option<String> {
    if spf.result != case.result[0] {
        return Some(format!(
            "{:?} instead of {:?}: {}",
            spf.result, case.result, spf.why
        ));
    }
    let wanted = case.explanation.as_deref()?;
    let got = spf.explanation.as_deref().unwrap_or("DEFAULT");
    (wanted != got).then(|| format!("explained {got:?} instead of {wanted:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openspf_suite_passes() {
    let Some(text) = corpus("spf/rfc7208.json") else {
        return;
    };
    let scenarios: Vec<Scenario> = serde_json::from_str(&text).unwrap();
    let (mut all, mut right) = (0, 0);
    for scenario in &scenarios {
        let (_server, dns) = serve(zone(scenario)).await;
        for case in &scenario.tests {
            all += 1;
            let spf = run(&dns, case).await;
            assert!(!spf.why.is_empty() && spf.lookups <= 10);
            match complaint(case, &spf) {
                None => right += 1,
                Some(what) => println!("miss: {} / {}: {what}", scenario.description, case.id),
            }
        }
    }
    println!("conformance spf: {right} of {all}");
    assert!(all >= 102, "the suite has shrunk to {all} cases");
    assert_eq!(right, all);
}
