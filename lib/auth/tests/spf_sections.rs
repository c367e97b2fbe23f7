//! What RFC 7208 says in the places where the open half of the openspf suite asks nothing, on that suite's zones.
//! The expected results are read from the RFC, section by section.
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
use openspf::{Case, Scenario, complaint, run, zone};
use postel_core::evidence::SpfResult::{
    self, Fail, Neutral, None as Nothing, Pass, Permerror, Softfail, Temperror,
};
use serve::serve;

const V4: &str = "1.2.3.4";
const MAPPED: &str = "::ffff:1.2.3.4";

/// Sender (a domain alone stands for `foo@` it; empty: HELO), client, result, explanation.
type Row = (&'static str, &'static str, SpfResult, Option<&'static str>);

const SECTIONS: &[(&str, &[Row])] = &[
    (
        "Initial processing",
        &[
            ("@example.net", V4, Fail, Some("postmaster")),
            ("hosed2.example.com", V4, Permerror, None),
            ("nothosed.example.com", V4, Fail, Some("DEFAULT")),
            (
                "a.a123456789012345678901234567890123456789012345678901234567890123.example.com",
                V4,
                Nothing,
                None,
            ),
            (
                "a12345678901234567890123456789012345678901234567890123456789012.example.com",
                V4,
                Fail,
                None,
            ),
            ("a...example.com", V4, Nothing, None),
            ("x.example.com", V4, Nothing, None),
            ("example.com", V4, Temperror, None),
            ("badip.example.com", "192.0.2.5", Permerror, None),
        ],
    ),
    (
        "Record lookup",
        &[
            ("txtonly.example.net", V4, Fail, None),
            ("spftimeout.example.net", V4, Fail, None),
            ("txttimeout.example.net", V4, Temperror, None),
            ("alltimeout.example.net", V4, Temperror, None),
        ],
    ),
    (
        "Selecting records",
        &[
            ("example1.com", V4, Neutral, None),
            ("example6.com", V4, Permerror, None),
            ("example7.com", V4, Permerror, None),
            ("mail.example1.com", V4, Nothing, None),
        ],
    ),
    (
        "Record evaluation",
        &[
            ("t2.example.com", V4, Pass, None),
            ("t5.example.com", V4, Softfail, None),
            ("t6.example.com", V4, Pass, None),
            ("t7.example.com", "1.2.3.5", Neutral, None),
            ("t8.example.com", V4, Permerror, None),
            ("t10.example.com", V4, Fail, None),
        ],
    ),
    (
        "ALL mechanism syntax",
        &[
            ("e1.example.com", V4, Permerror, None),
            ("e5.example.com", V4, Pass, None),
        ],
    ),
    (
        "PTR mechanism syntax",
        &[
            ("e2.example.com", V4, Pass, None),
            ("e4.example.com", V4, Fail, None),
            ("e5.example.com", V4, Permerror, None),
            ("loop.example.com", "192.0.2.4", Neutral, None),
        ],
    ),
    (
        "A mechanism syntax",
        &[
            ("e1.example.com", V4, Fail, None),
            ("e2.example.com", V4, Pass, None),
            ("e2a.example.com", V4, Fail, None),
            ("e2a.example.com", MAPPED, Fail, None),
            ("e2a.example.com", "1234::1", Pass, None),
            ("e2b.example.com", "1234::1", Fail, None),
            ("e8e.example.com", V4, Permerror, None),
            ("e8b.example.com", V4, Fail, None),
            ("e8b.example.com", "2001:db8:1234::cafe:babe", Pass, None),
            ("e10.example.com", "1.1.1.9", Pass, None),
            ("e9.example.com", V4, Permerror, None),
            ("e5.example.com", V4, Permerror, None),
            ("e5a.example.com", V4, Permerror, None),
            ("e5b.example.com", V4, Permerror, None),
            ("e14.example.com", V4, Pass, None),
            ("e11.example.com", V4, Pass, None),
            ("e11.example.com", MAPPED, Pass, None),
        ],
    ),
    (
        "Include mechanism semantics and syntax",
        &[
            ("e1.example.com", V4, Softfail, None),
            ("e1.example.com", "1.2.3.5", Pass, None),
            ("e6.example.com", V4, Permerror, None),
        ],
    ),
    (
        "MX mechanism syntax",
        &[
            ("", V4, Neutral, None),
            ("e1.example.com", V4, Fail, None),
            ("e2.example.com", V4, Pass, None),
            ("e2a.example.com", "1234::1", Pass, None),
            ("e2b.example.com", V4, Fail, None),
            ("e2b.example.com", "1234::1", Fail, None),
            ("e3.example.com", V4, Permerror, None),
            ("e4.example.com", V4, Neutral, None),
            ("e5.example.com", V4, Permerror, None),
            ("e6a.example.com", V4, Permerror, None),
            ("e9.example.com", V4, Permerror, None),
            ("e10.example.com", V4, Pass, None),
            ("e10.example.com", "1.1.1.9", Pass, None),
            ("e11.example.com", V4, Pass, None),
            ("e11.example.com", MAPPED, Pass, None),
            ("e12.example.com", V4, Permerror, None),
        ],
    ),
    (
        "EXISTS mechanism syntax",
        &[
            ("e1.example.com", V4, Permerror, None),
            ("e4.example.com", V4, Pass, None),
            ("e5.example.com", "CAFE:BABE::3", Fail, None),
            ("e6.example.com", V4, Temperror, None),
        ],
    ),
    (
        "IP4 mechanism syntax",
        &[
            ("e1.example.com", V4, Pass, None),
            ("e2.example.com", V4, Pass, None),
            ("e3.example.com", V4, Permerror, None),
            ("e4.example.com", V4, Permerror, None),
            ("e5.example.com", V4, Permerror, None),
            ("e8.example.com", V4, Permerror, None),
            ("e9.example.com", V4, Permerror, None),
        ],
    ),
    (
        "IP6 mechanism syntax",
        &[
            ("e2.example.com", V4, Neutral, None),
            ("e5.example.com", V4, Neutral, None),
            ("e5.example.com", "CAFE:BABE:7fff::", Neutral, None),
            ("e6.example.com", V4, Permerror, None),
        ],
    ),
    (
        "Semantics of exp and other modifiers",
        &[
            ("e1.example.com", V4, Fail, Some("DEFAULT")),
            ("e3.example.com", V4, Fail, Some("See me.")),
            ("e5.example.com", V4, Permerror, None),
            ("e6.example.com", V4, Permerror, None),
            ("e9.example.com", V4, Permerror, None),
            ("e11.example.com", V4, Fail, Some("DEFAULT")),
            ("e12.example.com", V4, Permerror, None),
            ("e13.example.com", V4, Fail, Some("DEFAULT")),
            ("e15.example.com", V4, Permerror, None),
            ("e17.example.com", V4, Permerror, None),
            ("e20.example.com", V4, Neutral, None),
            ("e22.example.com", V4, Fail, Some("DEFAULT")),
            ("tworecs.example.com", V4, Fail, Some("DEFAULT")),
            ("e23.example.com", V4, Fail, Some("DEFAULT")),
        ],
    ),
    (
        "Macro expansion rules",
        &[
            ("test@example.com", "192.168.218.40", Pass, None),
            ("test@e1.example.com", "192.168.218.40", Permerror, None),
            ("test@e1e.example.com", "192.168.218.40", Permerror, None),
            ("test@e1t.example.com", "192.168.218.40", Permerror, None),
            ("test@e1a.example.com", V4, Pass, None),
            ("test@e2.example.com", "192.168.218.40", Permerror, None),
            (
                "test@e3.example.com",
                "192.168.218.40",
                Fail,
                Some("Connections from 192.168.218.40 not authorized."),
            ),
            (
                "test@e6.example.com",
                "192.168.218.41",
                Fail,
                Some("connect from mx.example.com"),
            ),
            (
                "test@e6.example.com",
                "CAFE:BABE::1",
                Fail,
                Some("connect from unknown"),
            ),
            ("test@e7.example.com", "192.168.218.42", Pass, None),
            (
                "jack&jill=up@e8.example.com",
                "192.168.218.40",
                Fail,
                Some("http://example.com/why.html?l=jack%26jill%3Dup"),
            ),
            ("philip-gladstone-test@e11.example.com", V4, Pass, None),
            ("foo-bar+zip+quux@e12.example.com", V4, Pass, None),
        ],
    ),
    (
        "Processing limits",
        &[
            ("e4.example.com", "1.2.3.5", Permerror, None),
            ("e5.example.com", "1.2.3.5", Neutral, None),
            ("e9.example.com", V4, Permerror, None),
            ("e3.example.com", V4, Permerror, None),
        ],
    ),
    (
        "Test cases from implementation bugs",
        &[
            ("mail.example.org", "192.0.2.28", Fail, None),
            ("mail.example.org", "192.0.2.225", Pass, None),
            ("example.org", "198.51.100.2", Pass, None),
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_section_holds() {
    let Some(text) = corpus("spf/rfc7208.json") else {
        return;
    };
    let scenarios: Vec<Scenario> = serde_json::from_str(&text).unwrap();
    let (mut all, mut right) = (0, 0);
    for (section, rows) in SECTIONS {
        let scenario = scenarios.iter().find(|s| s.description == *section);
        let scenario = scenario.unwrap_or_else(|| panic!("no section {section}"));
        assert!(
            !scenario.tests.is_empty(),
            "{section} has a zone and no case"
        );
        let (_server, dns) = serve(zone(scenario)).await;
        for (sender, host, result, explanation) in *rows {
            let mailfrom = match *sender {
                sender if sender.is_empty() || sender.contains('@') => sender.to_owned(),
                domain => format!("foo@{domain}"),
            };
            let case = Case {
                id: format!("{sender} {host}"),
                helo: "mail.example.com".into(),
                host: (*host).into(),
                mailfrom,
                result: vec![*result],
                explanation: explanation.map(str::to_owned),
            };
            all += 1;
            match complaint(&case, &run(&dns, &case).await) {
                None => right += 1,
                Some(what) => println!("miss: {section} / {}: {what}", case.id),
            }
        }
    }
    println!("spf by section: {right} of {all}");
    assert_eq!(right, all);
}
