//! How long SPF takes when the records asked for are in the cache.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/common/serve.rs"]
mod serve;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use postel_auth::spf::{LIMIT, Question, check};
use postel_auth::testing::{Data, Zone};
use postel_core::evidence::SpfResult;

use serve::serve;

/// As large providers have it: includes of includes, ranges, and a host of one's own.
fn zone() -> Zone {
    Zone::new()
        .txt("direct.example", "v=spf1 ip4:192.0.2.0/24 -all")
        .txt(
            "company.example",
            "v=spf1 mx include:_spf.provider.example include:_spf.other.example ~all",
        )
        .with(
            "company.example",
            600,
            Data::Mx(10, "mx.company.example".into()),
        )
        .with("mx.company.example", 600, Data::A([198, 51, 100, 9].into()))
        .txt(
            "_spf.provider.example",
            "v=spf1 ip4:203.0.113.0/25 ip6:2001:db8::/40 include:_more.provider.example ~all",
        )
        .txt("_more.provider.example", "v=spf1 ip4:203.0.113.128/26 ~all")
        .txt("_spf.other.example", "v=spf1 ip4:192.0.2.0/24 -all")
}

fn benches(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_server, dns) = runtime.block_on(serve(zone()));
    for (name, sender) in [
        ("one record", "ann@direct.example"),
        ("mx and three includes", "ann@company.example"),
    ] {
        let question = Question {
            ip: "192.0.2.1".parse().unwrap(),
            helo: "mail.company.example",
            sender,
            receiver: "mx.example.org",
            now: Timestamp::UNIX_EPOCH,
        };
        let first = runtime.block_on(check(&dns, &question, LIMIT));
        assert_eq!(first.result, SpfResult::Pass, "{sender}");
        c.bench_function(&format!("SPF, warm cache: {name}"), |b| {
            b.iter(|| runtime.block_on(check(&dns, black_box(&question), LIMIT)));
        });
    }
}

criterion_group!(spf, benches);
criterion_main!(spf);
