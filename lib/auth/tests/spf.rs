//! SPF where the openspf suite does not look: the width of a pass, the reasons given, the limits in time, odd senders.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/serve.rs"]
mod serve;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use postel_auth::dns::Dns;
use postel_auth::spf::{LIMIT, Question, check};
use postel_auth::testing::{Data, Zone};
use postel_core::evidence::{Spf, SpfResult, SpfWidth};
use tokio::net::UdpSocket;

use serve::serve;

const CLIENT: &str = "192.0.2.1";

async fn ask_from(dns: &Dns, ip: &str, sender: &str) -> Spf {
    let question = Question {
        ip: ip.parse().unwrap(),
        helo: "helo.example.net",
        sender,
        receiver: "mx.example.org",
        now: Timestamp::UNIX_EPOCH,
    };
    check(dns, &question, LIMIT).await
}

/// The result for a record of one domain, asked from [`CLIENT`].
async fn with_record(record: &str, more: Zone) -> Spf {
    let (_server, dns) = serve(more.txt("example.com", record)).await;
    ask_from(&dns, CLIENT, "ann@example.com").await
}

fn range(prefix: u8) -> SpfWidth {
    SpfWidth::Range { prefix, v6: false }
}

#[tokio::test]
async fn the_width_of_a_pass_is_that_of_what_matched() {
    let zone = || {
        Zone::new()
            .txt("open.example.com", "v=spf1 +all")
            .txt("narrow.example.com", "v=spf1 ip4:192.0.2.0/24 -all")
            .txt("helo.example.net", "v=spf1 ip4:192.0.2.1 -all")
            .with("host.example.com", 60, Data::A([192, 0, 2, 9].into()))
            .with("helo.example.net", 60, Data::A([192, 0, 2, 1].into()))
            .with(
                "1.2.0.192.in-addr.arpa",
                60,
                Data::Ptr("helo.example.net".into()),
            )
            .with(
                "192.0.2.1.list.example.com",
                60,
                Data::A([127, 0, 0, 2].into()),
            )
            .with("192.list.example.com", 60, Data::A([127, 0, 0, 2].into()))
    };
    for (record, width) in [
        ("v=spf1 ip4:192.0.2.1 -all", range(32)),
        ("v=spf1 ip4:192.0.0.0/12 -all", range(12)),
        ("v=spf1 ip4:0.0.0.0/0 -all", SpfWidth::All),
        ("v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all", SpfWidth::All),
        ("v=spf1 +all", SpfWidth::All),
        ("v=spf1 -ip4:198.51.100.1 all", SpfWidth::All),
        ("v=spf1 a:host.example.com/24 -all", range(24)),
        ("v=spf1 a:host.example.com/0 -all", SpfWidth::All),
        ("v=spf1 a:%{h} -all", SpfWidth::All),
        ("v=spf1 include:narrow.example.com -all", range(24)),
        ("v=spf1 include:open.example.com -all", SpfWidth::All),
        ("v=spf1 redirect=narrow.example.com", range(24)),
        ("v=spf1 redirect=open.example.com", SpfWidth::All),
        ("v=spf1 include:%{h} -all", SpfWidth::All),
        ("v=spf1 exists:%{i}.list.example.com -all", range(32)),
        ("v=spf1 exists:%{i1r}.list.example.com -all", range(8)),
        ("v=spf1 exists:host.example.com -all", SpfWidth::All),
        ("v=spf1 ptr:example.net -all", range(32)),
    ] {
        let spf = with_record(record, zone()).await;
        assert_eq!(
            (spf.result, spf.width),
            (SpfResult::Pass, Some(width)),
            "{record}"
        );
        assert_eq!(
            spf.why.contains("anyone"),
            width == SpfWidth::All,
            "{}",
            spf.why
        );
    }
    for record in [
        "v=spf1 ?include:open.example.com -all",
        "v=spf1 -ip4:0.0.0.0/0 +all",
    ] {
        let spf = with_record(record, zone()).await;
        assert_eq!(spf.width, None, "{record}: {}", spf.why);
    }
}

#[tokio::test]
async fn a_mapped_address_is_the_ipv4_address_it_holds() {
    let zone = Zone::new().txt("example.com", "v=spf1 ip6:::ffff:0:0/96 ip4:192.0.2.1 -all");
    let (_server, dns) = serve(zone).await;
    let spf = ask_from(&dns, "::ffff:192.0.2.1", "ann@example.com").await;
    assert_eq!(spf.width, Some(range(32)));
    let spf = ask_from(&dns, "::ffff:192.0.2.2", "ann@example.com").await;
    assert_eq!(spf.result, SpfResult::Fail);
    assert!(
        spf.why.contains("192.0.2.2") && !spf.why.contains("ffff"),
        "{}",
        spf.why
    );
}

#[tokio::test]
async fn every_result_names_the_domain_and_the_term_and_what_to_change() {
    let zone = || Zone::new().txt("inc.example.net", "v=spf1 ip4:192.0.2.0/24 -all");
    for (record, result, words) in [
        (
            "v=spf1 include:inc.example.net -all",
            SpfResult::Pass,
            &["\"ip4:192.0.2.0/24\"", "inc.example.net"][..],
        ),
        (
            "v=spf1 -all",
            SpfResult::Fail,
            &["192.0.2.1 may not", "\"-all\"", "add \"ip4:192.0.2.1\""],
        ),
        ("v=spf1 ~all", SpfResult::Softfail, &["\"~all\"", "add"]),
        ("v=spf1 ?all", SpfResult::Neutral, &["\"?all\"", "add"]),
        ("v=spf1", SpfResult::Neutral, &["no term", "-all"]),
        (
            "other",
            SpfResult::None,
            &["no SPF record", "publish", "v=spf1 ip4:192.0.2.1 -all"],
        ),
        (
            "v=spf1 a:192.0.2.1 -all",
            SpfResult::Permerror,
            &["\"a:192.0.2.1\"", "ip4:"],
        ),
        (
            "v=spf1 include:gone.example.net -all",
            SpfResult::Permerror,
            &["no SPF record"],
        ),
        (
            "v=spf1 redirect=gone.example.net",
            SpfResult::Permerror,
            &["redirect"],
        ),
    ] {
        let spf = with_record(record, zone()).await;
        assert_eq!(spf.result, result, "{record}: {}", spf.why);
        for word in words.iter().copied().chain(["example.com"]) {
            assert!(spf.why.contains(word), "{record}: {word}: {}", spf.why);
        }
        assert!(
            spf.why.ends_with('.') && !spf.why.contains("ann"),
            "{}",
            spf.why
        );
    }
}

#[tokio::test]
async fn odd_senders_have_no_result_or_that_of_their_domain() {
    let zone = Zone::new()
        .txt("example.com", "v=spf1 -all exp=why.example.com")
        .txt("why.example.com", "%{s} via %{h}")
        .txt("helo.example.net", "v=spf1 ip4:192.0.2.1 -all")
        .txt(
            "xn--bcher-kva.example",
            "v=spf1 exists:%{l}.example.com -all",
        );
    let (_server, dns) = serve(zone).await;
    let long = format!("{}@example.com", "x".repeat(5_000));
    for (sender, result) in [
        ("", SpfResult::Pass),
        ("ann@example.com", SpfResult::Fail),
        ("ann@example.com.", SpfResult::Fail),
        ("@example.com", SpfResult::Fail),
        ("example.com", SpfResult::Fail),
        ("a@b@example.com", SpfResult::Fail),
        ("zo\u{e9}@b\u{fc}cher.example", SpfResult::Fail),
        ("ann@", SpfResult::None),
        ("ann@com", SpfResult::None),
        ("ann@[192.0.2.1]", SpfResult::None),
        ("ann@192.0.2.1", SpfResult::None),
        ("ann@a..example.com", SpfResult::None),
        ("ann@exa mple.com", SpfResult::None),
        ("ann@exam\0ple.com", SpfResult::None),
        (long.as_str(), SpfResult::None),
    ] {
        let spf = ask_from(&dns, CLIENT, sender).await;
        assert_eq!(spf.result, result, "{sender}: {}", spf.why);
    }
    let spf = ask_from(&dns, CLIENT, "@example.com").await;
    assert_eq!(
        spf.explanation.unwrap(),
        "postmaster@example.com via helo.example.net"
    );
    let spf = ask_from(&dns, CLIENT, "a\r\nb@example.com").await;
    assert_eq!(
        spf.explanation, None,
        "control characters are passed to nobody"
    );
}

#[tokio::test]
async fn silence_ends_in_a_temporary_error_within_the_limit() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::server(silent.local_addr().unwrap()).unwrap();
    let question = Question {
        ip: CLIENT.parse().unwrap(),
        helo: "helo.example.net",
        sender: "ann@example.com",
        receiver: "mx.example.org",
        now: Timestamp::UNIX_EPOCH,
    };
    let start = Instant::now();
    let spf = check(&dns, &question, Duration::from_millis(300)).await;
    assert_eq!(spf.result, SpfResult::Temperror);
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(spf.why.contains("example.com"), "{}", spf.why);
}

#[tokio::test]
async fn a_record_of_the_largest_size_is_no_burden() {
    let terms = "ip4:198.51.100.0/24 ".repeat(3_000);
    let spf = with_record(&format!("v=spf1 {terms}-all"), Zone::new()).await;
    assert_eq!(spf.result, SpfResult::Fail, "{}", spf.why);
    let macros = "%{s}".repeat(10_000);
    let spf = with_record(
        &format!("v=spf1 exists:{macros}.example.com all"),
        Zone::new(),
    )
    .await;
    assert_eq!(spf.result, SpfResult::Permerror, "{}", spf.why);
}
