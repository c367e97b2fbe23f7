//! Recorded DMARC verdicts of another implementation, through the real resolver, and its alignment vectors.
#![cfg(feature = "testing")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its counts"
)]

#[path = "common/corpus.rs"]
mod corpus;
#[path = "common/serve.rs"]
mod serve;

use postel_auth::dmarc::{aligned, judge, published};
use postel_auth::testing::{Data, Zone};
use postel_core::address::Domain;
use postel_core::evidence::{Dkim, DkimResult, DmarcResult, Spf, SpfResult};
use serde_json::Value;

use corpus::corpus;
use serve::serve;

/// An address, a list of one, or a domain alone.
fn header_from(value: &Value) -> Domain {
    let text = value.as_str().unwrap_or_else(|| value[0].as_str().unwrap());
    text.rsplit('@').next().unwrap().parse().unwrap()
}

fn domains(value: &Value) -> Vec<Domain> {
    let list = value.as_array().unwrap().iter();
    list.map(|entry| entry.as_str().or(entry["domain"].as_str()).unwrap())
        .map(|domain| domain.parse().unwrap())
        .collect()
}

fn spf(domain: Option<Domain>, result: SpfResult) -> Spf {
    Spf {
        result,
        domain,
        width: None,
        lookups: 0,
        explanation: None,
        why: String::new(),
    }
}

fn signature(domain: Domain, result: DkimResult) -> Dkim {
    Dkim {
        result,
        domain: Some(domain),
        selector: "s".into(),
        signed_headers: vec![],
        signed_at: None,
        expires_at: None,
        body_length: None,
        unsigned_copies: vec![],
        why: String::new(),
    }
}

fn zone(dns: &Value) -> Zone {
    dns.as_array()
        .unwrap()
        .iter()
        .fold(Zone::new(), |zone, entry| {
            let name = entry["name"].as_str().unwrap();
            match entry["error"].as_str() {
                Some("ENOTFOUND") => zone,
                Some(_) => zone.with(name, 60, Data::Failure),
                None => entry["answer"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .fold(zone, |zone, strings| {
                        let strings = strings.as_array().unwrap().iter();
                        let strings = strings.map(|s| s.as_str().unwrap().as_bytes().to_vec());
                        zone.with(name, 60, Data::Txt(strings.collect()))
                    }),
            }
        })
}

#[tokio::test]
async fn recorded_verdicts_are_ours_too() {
    let Some(text) = corpus("dmarc/mailauth_recorded.jsonl") else {
        return;
    };
    let (mut all, mut right) = (0, 0);
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (_server, dns) = serve(zone(&case["dns"])).await;
        let from = header_from(&case["headerFrom"]);
        let found = published(&dns, &from).await;
        let dkim: Vec<Dkim> = domains(&case["dkimDomains"])
            .into_iter()
            .map(|d| signature(d, DkimResult::Pass))
            .collect();
        let envelope = domains(&case["spfDomains"]).pop();
        let dmarc = judge(&from, &found, &spf(envelope, SpfResult::Pass), &dkim);
        let got = (
            serde_json::to_value(dmarc.result).unwrap(),
            serde_json::to_value(dmarc.policy).unwrap(),
        );
        // `policy` there is the tag of the record in force for this name.
        let wanted = (
            case["result"]["result"].clone(),
            case["result"]["policy"].clone(),
        );
        all += 1;
        if got == wanted {
            right += 1;
        } else {
            println!(
                "miss: {}: {got:?} instead of {wanted:?}: {}",
                case["test"], dmarc.why
            );
        }
    }
    println!("conformance dmarc verdicts: {right} of {all}");
    assert!(all >= 27, "the vectors have shrunk to {all}");
    assert_eq!(right, all);
}

#[test]
fn alignment_vectors_hold() {
    let Some(text) = corpus("dmarc/opendmarc_alignment.json") else {
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut right = 0;
    for case in &cases {
        // They write names with dots around them; ours are clean by then.
        let domain = |key: &str| {
            case[key]
                .as_str()
                .unwrap()
                .trim_matches('.')
                .parse::<Domain>()
        };
        let strict = case["mode"] == "strict";
        let got = match (domain("a"), domain("b")) {
            (Ok(a), Ok(b)) => aligned(&a, &b, strict),
            _ => false,
        };
        if got == case["aligned"].as_bool().unwrap() {
            right += 1;
        } else {
            println!("miss: {case}");
        }
    }
    println!("conformance dmarc alignment: {right} of {}", cases.len());
    assert!(
        cases.len() >= 10,
        "the vectors have shrunk to {}",
        cases.len()
    );
    assert_eq!(right, cases.len());
}

#[tokio::test]
async fn names_below_a_policy_follow_sp_and_np() {
    let zone = Zone::new()
        .txt(
            "_dmarc.example.com",
            "v=DMARC1; p=none; sp=quarantine; np=reject",
        )
        .with("real.example.com", 60, Data::A([192, 0, 2, 1].into()));
    let (_server, dns) = serve(zone).await;
    for (from, policy) in [
        ("example.com", "none"),
        ("real.example.com", "quarantine"),
        ("invented.example.com", "reject"),
    ] {
        let from: Domain = from.parse().unwrap();
        let dmarc = judge(
            &from,
            &published(&dns, &from).await,
            &spf(None, SpfResult::None),
            &[],
        );
        assert_eq!(dmarc.result, DmarcResult::Fail);
        assert_eq!(
            serde_json::to_value(dmarc.policy).unwrap(),
            policy,
            "{from}"
        );
    }
}

#[tokio::test]
async fn what_dns_kept_from_being_decided_is_no_failure() {
    let zone = Zone::new().txt("_dmarc.example.com", "v=DMARC1; p=reject");
    let (_server, dns) = serve(zone).await;
    let from: Domain = "example.com".parse().unwrap();
    let other: Domain = "example.net".parse().unwrap();
    let found = published(&dns, &from).await;
    let result = |spf_of: &Domain, dkim: &[Dkim]| {
        judge(
            &from,
            &found,
            &spf(Some(spf_of.clone()), SpfResult::Temperror),
            dkim,
        )
        .result
    };
    assert_eq!(result(&from, &[]), DmarcResult::Temperror);
    assert_eq!(result(&other, &[]), DmarcResult::Fail);
    let late = [signature(from.clone(), DkimResult::Temperror)];
    assert_eq!(result(&other, &late), DmarcResult::Temperror);
    let good = [signature(from.clone(), DkimResult::Pass)];
    assert_eq!(result(&from, &good), DmarcResult::Pass);
}
