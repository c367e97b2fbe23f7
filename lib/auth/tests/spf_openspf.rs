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
#[path = "common/openspf.rs"]
mod openspf;
#[path = "common/serve.rs"]
mod serve;

use corpus::corpus;
use openspf::{Scenario, complaint, run, zone};
use serve::serve;

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
