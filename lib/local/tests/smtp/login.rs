//! AUTH: when, how, and how often.

use std::time::{Duration, Instant};

use crate::client::{Client, Server};
use crate::tls::{handshake, server};

/// `\0ann@example.com\0right`
const RIGHT: &str = "AUTH PLAIN AGFubkBleGFtcGxlLmNvbQByaWdodA==";
/// `\0ann@example.com\0wrong`
const WRONG: &str = "AUTH PLAIN AGFubkBleGFtcGxlLmNvbQB3cm9uZw==";
/// `\0bob@example.com\0right`
const NOBODY: &str = "AUTH PLAIN AGJvYkBleGFtcGxlLmNvbQByaWdodA==";
const ANN: &str = "YW5uQGV4YW1wbGUuY29t";

async fn secured(
    server: &Server,
    connector: &tokio_rustls::TlsConnector,
) -> Client<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    let mut client = server.client().await;
    client.expect("STARTTLS", "220").await;
    let mut client = handshake(client, connector).await;
    let hello = client.ask("EHLO client.example").await;
    assert!(hello.contains("AUTH PLAIN LOGIN"), "{hello}");
    client
}

#[tokio::test]
async fn passwords_go_through_tls_only() {
    let plain = Server::start().await;
    let mut client = plain.client().await;
    client.expect("EHLO client.example", "250-").await;
    client.expect(RIGHT, "502 5.5.1").await;
    let (server, _) = server("login-plain").await;
    let mut client = server.client().await;
    let hello = client.ask("EHLO client.example").await;
    assert!(!hello.contains("AUTH"), "{hello}");
    client.expect(RIGHT, "538 5.7.11").await;
    client.envelope().await;
    client.expect("x\r\n.", "250").await;
    assert_eq!(server.mails()[0].0.connection.authenticated, None);
}

#[tokio::test]
async fn each_way_to_log_in_and_each_fault() {
    let (server, connector) = server("login-ways").await;
    for way in [
        &[RIGHT][..],
        &["AUTH PLAIN", RIGHT.trim_start_matches("AUTH PLAIN ")],
        &["AUTH LOGIN", ANN, "cmlnaHQ="],
        &["auth login YW5uQGV4YW1wbGUuY29t", "cmlnaHQ="],
    ] {
        let mut client = secured(&server, &connector).await;
        let (last, first) = way.split_last().unwrap();
        for line in first {
            client.expect(line, "334 ").await;
        }
        client.expect(last, "235 2.7.0").await;
        client.expect(RIGHT, "503 5.5.1").await;
        client.expect("EHLO again.example", "250-").await;
        client
            .expect("MAIL FROM:<ann@example.com> AUTH=<>", "250")
            .await;
        client.expect("RCPT TO:<1@sms.example.com>", "250").await;
        client.expect("DATA", "354").await;
        client.expect("x\r\n.", "250").await;
    }
    let mails = server.mails();
    let login = mails[0].0.connection.authenticated.clone().unwrap();
    assert_eq!(
        (login.account.as_str(), login.address.to_string().as_str()),
        ("acme", "ann@example.com")
    );
    assert_eq!(mails.len(), 4);

    let mut client = secured(&server, &connector).await;
    client.expect("AUTH CRAM-MD5", "504 5.5.4").await;
    client.expect("AUTH", "501 5.5.4").await;
    client.expect("AUTH PLAIN ???", "501 5.5.2").await;
    client.expect("AUTH PLAIN", "334 ").await;
    client.expect("*", "501 5.7.0").await;
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client.expect(ANN, "334 UGFzc3dvcmQ6").await;
    client.expect(&"x".repeat(5000), "500 5.5.6").await;
    client
        .expect("AUTH PLAIN AGFubkBleGFtcGxlLmNvbQBsYXRlcg==", "454 4.7.0")
        .await;
    client.expect("MAIL FROM:<ann@example.com>", "250").await;
    client.expect(RIGHT, "503 5.5.1").await;
    client.expect("RSET", "250").await;
    client.expect("AUTH PLAIN =", "535 5.7.8").await;
    client.expect(RIGHT, "235").await;
}

#[tokio::test]
async fn failures_are_few_slow_and_all_alike() {
    let (server, connector) = server("login-failures").await;
    let mut client = secured(&server, &connector).await;
    let mut replies = Vec::new();
    for attempt in [WRONG, NOBODY] {
        let began = Instant::now();
        replies.push(client.ask(attempt).await);
        assert!(
            began.elapsed() >= Duration::from_millis(300),
            "{:?}",
            began.elapsed()
        );
    }
    assert!(
        replies[0].starts_with("535 5.7.8") && replies[0] == replies[1],
        "{replies:?}"
    );
    client.expect(WRONG, "421 4.7.0").await;
    client.hung_up().await;
    // The fourth from this address, in another session; then none is even tried.
    let mut client = secured(&server, &connector).await;
    client.expect(WRONG, "535 5.7.8").await;
    client.expect(RIGHT, "454 4.7.0").await;
    client.envelope().await;
    client.expect("x\r\n.", "250").await;
    assert_eq!(server.mails()[0].0.connection.authenticated, None);
}
