//! DKIM and DMARC: whatever a mail's signatures, its key and its policy are made of, nothing passes that nobody signed.
//!
//! Input: the key's record (of `s._domainkey.example.com`) on the first line, the policy's (of `_dmarc.example.com`) on the
//! second, then the mail. No seed is signed by a key that stands on its own first line.

use jiff::Timestamp;
use postel_auth::testing::{Data, Zone};
use postel_auth::{dkim, dmarc};
use postel_core::address::Domain;
use postel_core::evidence::{Dkim, DkimResult, DmarcResult, MAX_SIGNATURES, Spf, SpfResult};

use super::{first_line, run, zone};

/// See the module.
pub fn holds(data: &[u8]) {
    let (key, rest) = first_line(data);
    let (policy, raw) = first_line(rest);
    let txt = |value: &[u8]| Data::Txt(value.chunks(255).map(<[u8]>::to_vec).collect());
    let (script, dns) = zone::resolver(
        Zone::new()
            .with("s._domainkey.example.com", 60, txt(key))
            .with("_dmarc.example.com", 60, txt(policy)),
    );
    // 2026-11-21, so that signatures of the seeds are neither old nor of the future.
    let now = Timestamp::from_second(1_795_282_000).unwrap();
    let found = run(dkim::verify(&dns, raw, now));
    assert!(script.asked() <= MAX_SIGNATURES, "a question per signature");
    assert!(found.len() <= MAX_SIGNATURES);
    for dkim in &found {
        sound(dkim);
    }
    assert_eq!(run(dkim::verify(&dns, raw, now)), found, "the same twice");

    let from: Domain = "mail.example.com".parse().unwrap();
    let before = script.asked();
    let published = run(dmarc::published(&dns, &from));
    assert!(script.asked() - before <= 5, "own, inherited, exists");
    let nothing = Spf {
        result: SpfResult::None,
        domain: None,
        width: None,
        lookups: 0,
        explanation: None,
        why: String::new(),
    };
    let judged = dmarc::judge(&from, &published, &nothing, &found);
    assert_ne!(judged.result, DmarcResult::Pass, "nothing was proven");
}

fn sound(dkim: &Dkim) {
    assert_ne!(dkim.result, DkimResult::Pass, "nobody signed this");
    assert!(dkim.selector.len() <= 180 && dkim.signed_headers.len() <= 300);
    let lower = |name: &String| !name.contains(|c: char| c.is_ascii_uppercase() || c.is_control());
    assert!(dkim.signed_headers.iter().all(lower));
}
