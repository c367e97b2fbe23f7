//! Signed messages of others (dkimpy, MimeKit, RFC 8463, Gmail, Exim) with the keys of their day.
//!
//! The verdicts wanted are those of dkimpy 1.1.8 on the same files and keys; `kitterman.com`'s key was not kept.
#![cfg(feature = "testing")]
#![expect(clippy::print_stdout, reason = "pass counts are for people")]

use std::path::PathBuf;

use jiff::Timestamp;
use postel_auth::dkim::verify;
use postel_auth::dns::Dns;
use postel_auth::testing::{Zone, ZoneServer};
use postel_core::evidence::DkimResult::{self, Fail, Neutral, Pass, Permerror};

/// RFC 8463 A.2; the other keys lie beside the messages.
const BRISBANE: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// File, verdicts in the order of the mail.
const CASES: [(&str, &[DkimResult]); 11] = [
    ("dkimpy-1.1.8/data/ed25519test2.msg", &[Pass]),
    ("dkimpy-1.1.8/data/message.mbox", &[Permerror]), // the key was not kept
    ("dkimpy-1.1.8/data/rfc6376.signed.msg", &[Pass, Pass]),
    ("dkimpy-1.1.8/data/rfc6376.signed.no_t.msg", &[Fail]), // t= was taken out after signing
    ("dkimpy-1.1.8/data/rfc6376.signed.rsa.msg", &[Pass]),
    ("dkimpy-1.1.8/data/test.message.baddomain", &[Neutral]), // d=legitimate.com(.attacker.com
    ("dkimpy-1.1.8/data/test2.message", &[Pass]),
    ("mimekit-dkim/gmail.msg", &[Pass]),
    ("mimekit-dkim/multipart-no-end-boundary.msg", &[Pass]),
    ("mimekit-dkim/related.msg", &[Pass]),
    ("mimekit-dkim/rfc8463-example.msg", &[Pass, Pass]),
];

/// The folder, or `None` with a word about it; in CI it has to be there.
fn corpus() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("POSTEL_CORPORA").map_or_else(beside, PathBuf::from);
    let folder = root.join("dkim");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no conformance data in {}",
        folder.display()
    );
    println!("conformance dkim: skipped, no data (set POSTEL_CORPORA)");
    None
}

#[tokio::test]
async fn every_signature_gets_the_verdict_of_an_independent_verifier() {
    let Some(folder) = corpus() else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let rsa = read("dkimpy-1.1.8/data/test.txt");
    let exim = read("dkimpy-1.1.8/data/eximtest.dns");
    let gmail = read("mimekit-dkim/gmail.pub");
    let gmail: String = gmail.lines().filter(|l| !l.contains("-----")).collect();
    let zone = Zone::new()
        .txt("test._domainkey.football.example.com", rsa.trim())
        .txt("brisbane._domainkey.football.example.com", BRISBANE)
        .txt(
            "20120113._domainkey.gmail.com",
            &format!("k=rsa; p={gmail}"),
        )
        .txt("sed._domainkey.test.ex", exim.trim());
    let server = ZoneServer::start(zone).await.unwrap();
    let dns = Dns::server(server.address()).unwrap();
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let (mut agreed, mut total, mut misses) = (0, 0, Vec::new());
    for (name, wanted) in CASES {
        let mut raw = std::fs::read(folder.join(name)).unwrap();
        let found = verify(&dns, &raw, now).await;
        assert_eq!(found.len(), wanted.len(), "{name}");
        for (found, wanted) in found.iter().zip(wanted) {
            total += 1;
            if found.result == *wanted {
                agreed += 1;
            } else {
                misses.push(format!("{name}: {wanted:?} wanted, {found:?}"));
            }
        }
        // With one letter of the body changed, nothing passes.
        let letter = raw.iter().rposition(u8::is_ascii_alphabetic).unwrap();
        raw[letter] ^= 1;
        for found in verify(&dns, &raw, now).await {
            assert_ne!(found.result, Pass, "{name} with another body");
        }
    }
    println!("conformance dkim: {agreed} of {total}");
    assert_eq!((agreed, total), (13, 13), "{misses:#?}");
}

#[tokio::test]
async fn the_keys_of_the_corpus_are_used_or_refused_for_their_own_reason() {
    let Some(folder) = corpus() else { return };
    let raw = std::fs::read(folder.join("dkimpy-1.1.8/data/rfc6376.signed.rsa.msg")).unwrap();
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let cases = [
        ("test.txt", Pass, ""),
        ("test2.txt", Pass, ""), // without k=
        ("badk.txt", Permerror, "kind"),
        ("badversion.txt", Permerror, "begin"), // a colon after v=DKIM1
        ("test_bad.txt", Fail, "another key"),  // its last octets are others
        ("test_tlsrpt.txt", Permerror, "e-mail"),
        ("1024_testkey_wo_markers.pub.txt", Fail, "another key"),
        ("1024_testkey_wo_markers.pub.rsa.txt", Fail, "another key"),
        ("2048_testkey_wo_markers.pub.txt", Fail, "another key"),
        ("2048_testkey_wo_markers.pub.rsa.txt", Fail, "another key"),
        ("2048_testkey_PKCS8.key.pub.txt", Fail, "another key"),
    ];
    let mut agreed = 0;
    for (file, wanted, why) in cases {
        let record = std::fs::read_to_string(folder.join("dkimpy-1.1.8/data").join(file)).unwrap();
        let zone = Zone::new().txt("test._domainkey.football.example.com", record.trim());
        let server = ZoneServer::start(zone).await.unwrap();
        let dns = Dns::server(server.address()).unwrap();
        let found = verify(&dns, &raw, now).await;
        assert_eq!(found[0].result, wanted, "{file}: {}", found[0].why);
        assert!(found[0].why.contains(why), "{file}: {}", found[0].why);
        agreed += 1;
    }
    println!("conformance dkim keys: {agreed} of {}", cases.len());
}
