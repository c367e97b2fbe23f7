//! Names that hurt whoever looks them up: SPF records that loop, fan out or never end, and DNS that is silent.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use postel_auth::testing::{Data, Zone};

use crate::client::Client;
use crate::mails::mail;
use crate::process::Gateway;

/// The forger, of whom the listed user's SPF knows nothing.
const FORGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// Questions to DNS for one mail: ten look-ups of SPF, ten hosts for each `mx` (RFC 7208 4.6.4), DKIM and DMARC.
const MOST_QUESTIONS: usize = 130;

/// An envelope sender's domain, and the answer to a mail of the listed user's `From` by way of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    domain: &'static str,
    answer: &'static str,
}

const REFUSED: &str = "550 5.7.1";
const LATER: &str = "451 4.4.3";

#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    Case { name: "SPF that includes itself", domain: "loop.example", answer: REFUSED },
    Case { name: "SPF that redirects in a circle", domain: "circle.example", answer: REFUSED },
    Case { name: "SPF that includes ten, which each include ten", domain: "tree.example", answer: REFUSED },
    Case { name: "SPF with a hundred hosts", domain: "hosts.example", answer: REFUSED },
    Case { name: "SPF with ten mx of ten hosts each", domain: "mx.example", answer: REFUSED },
    Case { name: "SPF with an mx of a hundred hosts", domain: "mxs.example", answer: REFUSED },
    Case { name: "SPF whose look-ups find nothing", domain: "void.example", answer: REFUSED },
    Case { name: "SPF of 60 KB", domain: "huge.example", answer: REFUSED },
    Case { name: "SPF of long macros", domain: "macros.example", answer: REFUSED },
    Case { name: "SPF by ptr of a client with many names", domain: "ptr.example", answer: REFUSED },
    Case { name: "an alias of itself", domain: "alias.example", answer: REFUSED },
    // What could have been a proof is waited for; what could not is not.
    Case { name: "DNS that never answers", domain: "silent.company.example", answer: LATER },
    Case { name: "SPF that includes what never answers", domain: "includes.company.example", answer: LATER },
    Case { name: "SPF with ten that never answer", domain: "silents.company.example", answer: LATER },
    Case { name: "a stranger's DNS that never answers", domain: "silent.example", answer: REFUSED },
];

/// All of them.
pub(crate) fn zone() -> Zone {
    let spf = |terms: String| format!("v=spf1{terms} -all");
    let each = |count: usize, term: &str| {
        (0..count).fold(String::new(), |mut all, n| {
            write!(all, " {}", term.replace('#', &n.to_string())).unwrap();
            all
        })
    };
    let host = |n: usize| format!("h{n}.hosts.example");
    let mut zone = Zone::new()
        .txt("loop.example", &spf(" include:loop.example".to_owned()))
        .txt("circle.example", "v=spf1 redirect=circle2.example")
        .txt("circle2.example", "v=spf1 redirect=circle.example")
        .txt("tree.example", &spf(each(10, "include:t#.tree.example")))
        .txt("hosts.example", &spf(each(100, "a:h#.hosts.example")))
        .txt("mx.example", &spf(each(10, "mx:m#.mx.example")))
        .txt("mxs.example", &spf(" mx".to_owned()))
        .txt("void.example", &spf(each(10, "a:v#.void.example")))
        .txt("huge.example", &spf(each(3_000, "ip4:192.0.2.#/0")))
        .txt(
            "macros.example",
            &spf(format!(
                " exists:{}.macros.example",
                "%{l}%{d1r-}%{ir}.%{s}".repeat(400)
            )),
        )
        .txt("ptr.example", &spf(" ptr:company.example".to_owned()))
        .with("alias.example", 60, Data::Cname("alias.example".to_owned()))
        .with("silent.example", 60, Data::Silence)
        .with("silent.company.example", 60, Data::Silence)
        .txt(
            "includes.company.example",
            &spf(" include:silent.example".to_owned()),
        )
        .txt(
            "silents.company.example",
            &spf(each(10, "include:s#.silents.example")),
        );
    for n in 0..100 {
        zone = zone
            .address(&host(n), Ipv4Addr::new(192, 0, 2, 1).into())
            .with("mxs.example", 60, Data::Mx(10, host(n)))
            .with("9.0.0.127.in-addr.arpa", 60, Data::Ptr(host(n)));
    }
    for n in 0..10 {
        zone = zone
            .txt(
                &format!("t{n}.tree.example"),
                &spf(each(10, &format!("include:u#.t{n}.tree.example"))),
            )
            .with(&format!("s{n}.silents.example"), 60, Data::Silence);
        for m in 0..10 {
            zone = zone
                .txt(&format!("u{m}.t{n}.tree.example"), "v=spf1 ?all")
                .with(
                    &format!("m{n}.mx.example"),
                    60,
                    Data::Mx(10, host(10 * n + m)),
                );
        }
    }
    zone
}

/// A mail in the listed user's name by way of that domain.
pub(crate) fn run(gateway: &Gateway, case: &Case) {
    let before = gateway.dns().questions();
    let mut client = Client::from(gateway, FORGER);
    client.envelope(&format!("eve@{}", case.domain));
    let (answer, took) = client.mail(&mail(case.domain, "", "forged"));
    assert!(
        answer.starts_with(case.answer),
        "answered {answer:?}, not {:?}",
        case.answer
    );
    assert!(took <= Duration::from_secs(5), "{took:?}");
    let asked = gateway.dns().questions() - before;
    println!("  {asked} questions, answered after {took:?}: {answer}");
    assert!(asked <= MOST_QUESTIONS, "{asked} questions to DNS");
}
