//! The mail itself: nothing but CR LF `.` CR LF ends it.

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
