//! All evidence of a mail together, and its one limit in time.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/serve.rs"]
mod serve;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use postel_auth::Authenticator;
use postel_auth::dns::Dns;
use postel_auth::testing::Zone;
use postel_core::evidence::{Connection, DkimResult, DmarcResult, SpfResult};
use postel_core::ports::SenderEvidence as _;
use tokio::net::UdpSocket;

use serve::serve;

const MAIL: &[u8] =
    b"From: Ann <ann@example.com>\r\nTo: x@sms.example.org\r\nSubject: hi\r\n\r\nHello\r\n";
const SIGNED: &[u8] = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=sel; h=from:to:subject;\r\n bh=Ba3gj8+xBPQLJTahTfzW6RbWQ/XPgESxkCi2B66PSQg=; b=AAAA\r\nFrom: Ann <ann@example.com>\r\nTo: x@sms.example.org\r\nSubject: hi\r\n\r\nHello\r\n";

fn connection(sender: Option<&str>) -> Connection {
    Connection {
        client_ip: Some("192.0.2.1".parse().unwrap()),
        relay: None,
        helo: "mail.example.com".into(),
        envelope_sender: sender.map(|s| s.parse().unwrap()),
        authenticated: None,
    }
}

#[tokio::test]
async fn spf_and_dmarc_come_together() {
    let zone = Zone::new()
        .txt("mail.example.com", "v=spf1 ip4:192.0.2.1 -all")
        .txt("_dmarc.example.com", "v=DMARC1; p=reject");
    let (_server, dns) = serve(zone).await;
    let ours = Authenticator::new(dns, "mx.example.org");
    let from = "ann@example.com".parse().unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let proven = ours
        .evidence(
            &connection(Some("bounce@mail.example.com")),
            &from,
            MAIL,
            now,
        )
        .await;
    assert_eq!(proven.spf.result, SpfResult::Pass);
    assert_eq!(proven.dmarc.result, DmarcResult::Pass);
    let null = ours.evidence(&connection(None), &from, MAIL, now).await;
    assert_eq!(null.spf.result, SpfResult::None, "HELO proves no From");
    assert_eq!(null.dmarc.result, DmarcResult::Fail);
}

#[tokio::test]
async fn silence_of_dns_is_a_temporary_error_everywhere_and_in_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = Dns::server(silent.local_addr().unwrap()).unwrap();
    let ours = Authenticator::new(dns, "mx.example.org").within(Duration::from_millis(500));
    let from = "ann@example.com".parse().unwrap();
    let start = Instant::now();
    let evidence = ours
        .evidence(
            &connection(Some("ann@example.com")),
            &from,
            SIGNED,
            Timestamp::UNIX_EPOCH,
        )
        .await;
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(evidence.spf.result, SpfResult::Temperror);
    assert_eq!(evidence.dmarc.result, DmarcResult::Temperror);
    let dkim: Vec<DkimResult> = evidence.dkim.iter().map(|d| d.result).collect();
    assert_eq!(dkim, [DkimResult::Temperror]);
}
