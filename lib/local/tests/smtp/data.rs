//! The mail itself: nothing but CR LF `.` CR LF ends it.

use std::time::Duration;

use postel_local::smtp::Limits;
use tokio::io::AsyncWriteExt;

use crate::client::Server;

/// Every shape of a forged end known from SMTP smuggling (CVE-2023-51764, -51765, -51766 and kin).
const FORGED_ENDS: [&[u8]; 12] = [
    b"\n.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r\n\x00.\r\n",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\r\n.\n",
    b"\n\r\n.\n",
    b"\r\n.\x00\r\n",
];

#[tokio::test]
async fn a_forged_end_smuggles_nothing() {
    let server = Server::start().await;
    for forged in FORGED_ENDS {
        let mut client = server.in_data().await;
        client.send(b"Subject: first\r\n\r\ntext").await;
        client.send(forged).await;
        client.send(b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<2@sms.example.com>\r\nDATA\r\nSubject: second\r\n").await;
        client.send(b".\r\nNOOP\r\n").await;
        let reply = client.reply().await;
        assert!(
            reply.starts_with("554 5.6.0"),
            "{forged:?} was answered {reply:?}"
        );
        assert!(
            client.reply().await.starts_with("250 2.0.0"),
            "{forged:?}: one answer for one mail"
        );
        client.expect("RCPT TO:<2@sms.example.com>", "503").await;
    }
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_mail_cut_off_is_no_mail() {
    let server = Server::start().await;
    for part in [
        "Subject: x\r\n\r\nhalf",
        "Subject: x\r\n",
        "x\r\n.",
        "x\r\n.\r",
    ] {
        let mut client = server.in_data().await;
        client.send(part).await;
        drop(client);
    }
    let mut client = server.in_data().await;
    client.expect("whole\r\n.", "250").await;
    assert_eq!(server.bodies(), [b"whole\r\n"]);
}

#[tokio::test]
async fn lines_may_be_long_and_bytes_may_be_anything_but_nul() {
    let server = Server::start().await;
    let mut client = server.in_data().await;
    let mut mail: Vec<u8> = (0..2_000_000u32)
        .map(|i| u8::try_from(i % 200).unwrap() + 32)
        .collect();
    mail.extend_from_slice(b"\r\n");
    client.send(&mail).await;
    client.expect(".", "250").await;
    assert_eq!(server.bodies(), [mail]);
}

#[tokio::test]
async fn one_session_carries_many_mails() {
    let server = Server::start().await;
    let mut client = server.in_data().await;
    client.expect("0\r\n.", "250").await;
    for i in 1..5 {
        client.envelope().await;
        client.expect(&format!("{i}\r\n."), "250").await;
    }
    assert_eq!(server.bodies().len(), 5);
}

#[tokio::test]
async fn whoever_ends_mails_in_bare_line_feeds_hears_why_nothing_comes() {
    let limits = Limits {
        idle: Duration::from_secs(1),
        ..Limits::default()
    };
    let server = Server::with(limits).await;
    let mut client = server.in_data().await;
    client.send("Subject: x\n\ntext\n.\n").await;
    let reply = client.reply().await;
    assert!(
        reply.starts_with("421 4.4.2 The mail has bare CR or LF"),
        "{reply}"
    );
    client.hung_up().await;
}

#[tokio::test]
async fn a_mail_is_handled_to_the_end_though_the_client_has_gone() {
    let server = Server::start().await;
    let mut client = server.in_data().await;
    client.send("slow\r\n.\r\n").await;
    drop(client);
    let handled = async {
        while server.bodies() != [b"slow\r\n"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), handled)
        .await
        .unwrap();
}

/// Bytes of a fixed series that looks random, drawn from pieces that mean something.
fn hostile(seed: u64, pieces: usize) -> Vec<u8> {
    const PIECES: [&[u8]; 24] = [
        b"\r\n",
        b"\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b".",
        b"\r\n.\r\n",
        b"\0",
        b"\xff",
        b" ",
        b"<",
        b">",
        b"EHLO x\r\n",
        b"MAIL FROM:<",
        b"a@b.example>",
        b"RCPT TO:<",
        b"\"",
        b"@",
        b"DATA\r\n",
        b"RSET\r\n",
        b" SIZE=9999999999",
        "é".as_bytes(),
        b"MAIL FROM:<> SMTPUTF8\r\n",
        b"RCPT TO:<1@sms.example.com>\r\n",
    ];
    let mut state = seed;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        PIECES[usize::try_from(state >> 33).unwrap() % PIECES.len()]
    };
    (0..pieces).flat_map(next).copied().collect()
}

#[tokio::test]
async fn hostile_bytes_break_nothing() {
    let limits = Limits {
        errors: 10_000,
        ..Limits::default()
    };
    let server = Server::with(limits).await;
    let mut replies = 0;
    for seed in 0..40 {
        let mut client = server.client().await;
        client.send(hostile(seed, 400)).await;
        client.stream.shutdown().await.unwrap();
        // The client checks that every reply is well-formed.
        while !client.reply().await.is_empty() {
            replies += 1;
        }
    }
    assert!(replies > 1000, "{replies}");
    let mut client = server.in_data().await;
    client.expect("still here\r\n.", "250").await;
}
