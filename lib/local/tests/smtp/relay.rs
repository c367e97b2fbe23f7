//! What the operator's relays may say of their clients, and nobody else.

use postel_local::smtp::{Limits, Options};

use crate::client::{Client, Server};

async fn behind(relays: &[&str], limits: Limits) -> Server {
    Server::new(Options {
        hostname: "sms.example.com".into(),
        tls: None,
        relays: relays.iter().map(|r| r.parse().unwrap()).collect(),
        limits,
        incoming: crate::client::incoming(),
    })
    .await
}

/// Sends a mail and gives what its handler heard of the client and its HELO.
async fn mail(
    server: &Server,
    client: &mut Client<tokio::net::TcpStream>,
    head: &str,
) -> (Option<String>, String) {
    client.expect("MAIL FROM:<ann@example.com>", "250").await;
    client.expect("RCPT TO:<1@sms.example.com>", "250").await;
    client.expect("DATA", "354").await;
    client
        .expect(&format!("{head}Subject: x\r\n\r\nhello\r\n."), "250")
        .await;
    let (envelope, raw) = server.mails().pop().unwrap();
    assert!(
        raw.starts_with(head.as_bytes()),
        "the mail stays as it came"
    );
    let connection = envelope.connection;
    assert_eq!(connection.relay, Some("127.0.0.1".parse().unwrap()));
    (
        connection.client_ip.map(|ip| ip.to_string()),
        connection.helo,
    )
}

const RECEIVED: &str = "Received: from laptop (unknown [203.0.113.66])\r\n\tby mx.example.com (Postfix) with ESMTP id 1; date\r\n";

fn known(ip: &str, helo: &str) -> (Option<String>, String) {
    (Some(ip.to_owned()), helo.to_owned())
}

fn unknown() -> (Option<String>, String) {
    (None, String::new())
}

#[tokio::test]
async fn xforward_holds_for_one_mail_and_received_where_nothing_was_said() {
    let server = behind(&["127.0.0.1"], Limits::default()).await;
    let mut client = server.client().await;
    let hello = client.ask("EHLO mx.example.com").await;
    assert!(
        hello.contains("XCLIENT NAME ADDR") && hello.contains("XFORWARD NAME ADDR"),
        "{hello}"
    );
    client
        .expect("XFORWARD NAME=host ADDR=192.0.2.7 PORT=1", "250 2.0.0")
        .await;
    client
        .expect(
            "XFORWARD PROTO=ESMTP HELO=phone SOURCE=REMOTE IDENT=1",
            "250 2.0.0",
        )
        .await;
    assert_eq!(
        mail(&server, &mut client, RECEIVED).await,
        known("192.0.2.7", "phone")
    );
    assert_eq!(
        mail(&server, &mut client, RECEIVED).await,
        known("203.0.113.66", "laptop")
    );
    assert_eq!(mail(&server, &mut client, "").await, unknown());
    for forgets in ["RSET", "EHLO mx.example.com"] {
        client.expect("XFORWARD ADDR=192.0.2.7", "250").await;
        client.expect(forgets, "250").await;
        assert_eq!(
            mail(&server, &mut client, RECEIVED).await,
            known("203.0.113.66", "laptop"),
            "{forgets}"
        );
    }
    client.expect("MAIL FROM:<ann@example.com>", "250").await;
    client.expect("XFORWARD ADDR=192.0.2.7", "503 5.5.1").await;
    client.expect("XCLIENT ADDR=192.0.2.7", "503 5.5.1").await;
    client.expect("RSET", "250").await;
    client.expect("XFORWARD ADDR=192.0.2", "501 5.5.4").await;
    client.expect("XFORWARD LOGIN=ann", "501 5.5.4").await;
    client.expect("XFORWARD", "501 5.5.4").await;
}

#[tokio::test]
async fn xclient_makes_the_session_the_clients_for_good() {
    let server = behind(&["127.0.0.0/30"], Limits::default()).await;
    let mut client = server.client().await;
    client.expect("EHLO proxy.example.com", "250-").await;
    client
        .expect("XCLIENT HELO=phone LOGIN=ann@example.com", "220 sms")
        .await;
    client.expect("MAIL FROM:<ann@example.com>", "503").await;
    client.expect("EHLO proxy.example.com", "250-").await;
    client.expect("XCLIENT ADDR=203.0.113.66", "220 sms").await;
    let hello = client.ask("EHLO mx.attacker.test").await;
    assert!(
        !hello.contains("XCLIENT") && !hello.contains("XFORWARD"),
        "{hello}"
    );
    // Now the client itself may be speaking through a proxy.
    client.expect("XCLIENT ADDR=192.0.2.7", "550 5.7.0").await;
    client.expect("XFORWARD ADDR=192.0.2.7", "550 5.7.0").await;
    let forged = RECEIVED.replace("203.0.113.66", "192.0.2.7");
    assert_eq!(
        mail(&server, &mut client, &forged).await,
        known("203.0.113.66", "phone")
    );
    assert_eq!(
        server.mails()[0].0.connection.authenticated,
        None,
        "LOGIN is no proof"
    );
    let mut client = server.client().await;
    client.expect("XCLIENT ADDR=[UNAVAILABLE]", "220").await;
    client.expect("EHLO mx.attacker.test", "250-").await;
    client.expect("XCLIENT ADDR=192.0.2.7", "550 5.7.0").await;
    let seen = mail(&server, &mut client, RECEIVED).await;
    assert_eq!(seen, (None, "mx.attacker.test".to_owned()));
}

#[tokio::test]
async fn who_is_no_relay_reports_nobody() {
    let server = behind(&["10.0.0.5"], Limits::default()).await;
    let mut client = server.client().await;
    let hello = client.ask("EHLO mx.attacker.test").await;
    assert!(
        !hello.contains("XCLIENT") && !hello.contains("XFORWARD"),
        "{hello}"
    );
    client.expect("XCLIENT ADDR=10.0.0.5", "550 5.7.0").await;
    client.expect("XFORWARD ADDR=10.0.0.5", "550 5.7.0").await;
    client.envelope().await;
    client.expect(&format!("{RECEIVED}\r\n."), "250").await;
    let connection = server.mails().pop().unwrap().0.connection;
    assert_eq!(
        (connection.client_ip, connection.relay),
        (Some("127.0.0.1".parse().unwrap()), None)
    );
}

#[tokio::test]
async fn a_relay_may_open_more_connections_than_a_client() {
    let limits = Limits {
        connections_per_client: 1,
        connections: 3,
        ..Limits::default()
    };
    let server = behind(&["127.0.0.1"], limits).await;
    let _three = [
        server.client().await,
        server.client().await,
        server.client().await,
    ];
    assert!(
        server
            .silent_client()
            .await
            .reply()
            .await
            .starts_with("421 4.3.2")
    );
}
