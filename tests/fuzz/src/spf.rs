//! SPF: a zone of anybody's choice ends in a verdict, within the limits of RFC 7208 4.6.4, and never in a pass without a record.
//!
//! Input: `CLIENT-IP SENDER HELO` on the first line, then the zone.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::Timestamp;
use postel_auth::spf::{Question, check};
use postel_core::evidence::SpfResult;

use super::{first_line, run, zone};

/// Terms that may ask DNS (RFC 7208 4.6.4).
const TERMS: usize = 10;
/// The record, ten terms of eleven questions each, the client's names with theirs, and the explanation.
const QUESTIONS: usize = 1 + TERMS * 11 + 11 + 1;

/// See the module.
pub fn holds(data: &[u8]) {
    let (first, lines) = first_line(data);
    let first = String::from_utf8_lossy(first);
    let mut words = first.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let ip: IpAddr = word()
        .parse()
        .unwrap_or(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let question = Question {
        ip,
        sender: word(),
        helo: word(),
        receiver: "mx.example.org",
        now: Timestamp::UNIX_EPOCH,
    };
    let (script, dns) = zone::resolver(zone::read(lines));
    let limit = Duration::from_secs(60);
    let spf = run(check(&dns, &question, limit));

    let asked = script.asked();
    assert!(asked <= QUESTIONS, "{asked} questions");
    let terms = usize::try_from(spf.lookups).unwrap();
    assert!(terms <= TERMS, "{terms} terms");
    assert_eq!(spf.width.is_some(), spf.result == SpfResult::Pass);
    if spf.result == SpfResult::Pass {
        let lower = String::from_utf8_lossy(lines).to_lowercase();
        assert!(lower.contains(" txt v=spf1"), "a pass without a record");
        assert!(spf.domain.is_some(), "a pass for no domain");
    }
    if let Some(explanation) = &spf.explanation {
        assert_eq!(spf.result, SpfResult::Fail);
        assert!(explanation.len() <= 1_000);
        assert!(explanation.bytes().all(|b| matches!(b, b' '..=b'~')));
    }
    assert!(!spf.why.is_empty() && spf.why.len() < 20_000);
    assert!(
        !spf.why.contains(char::is_control),
        "a person reads {:?}",
        spf.why
    );
    assert_eq!(run(check(&dns, &question, limit)), spf, "the same twice");
}
