//! The order of commands, and the reply to each.

use crate::client::Server;

#[tokio::test]
async fn a_mail_is_taken() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let hello = client.ask("EHLO client.example").await;
    assert_eq!(
        hello,
        "250-sms.example.com|250-PIPELINING|250-8BITMIME|250-SMTPUTF8|250-ENHANCEDSTATUSCODES|250 SIZE 40000000"
    );
    client
        .expect(
            "mail from:<Ann@Example.com> SIZE=20 BODY=8BITMIME",
            "250 2.0.0",
        )
        .await;
    client
        .expect("RCPT TO:<+33612345678@sms.example.com>", "250 2.0.0")
        .await;
    client
        .expect("RCPT TO:<\"06.12\"@SMS.example.com>", "250 2.0.0")
        .await;
    client.expect("DATA", "354 ").await;
    client
        .expect("Subject: x\r\n\r\n..dot\r\n.", "250 2.0.0 Taken")
        .await;
    client.expect("QUIT", "221 2.0.0").await;
    client.hung_up().await;

    let (envelope, raw) = server.mails().remove(0);
    assert_eq!(raw, b"Subject: x\r\n\r\n.dot\r\n");
    assert_eq!(
        envelope.recipients,
        ["+33612345678@sms.example.com", "06.12@SMS.example.com"]
    );
    assert_eq!(
        envelope.connection.client_ip,
        Some("127.0.0.1".parse().unwrap())
    );
    assert_eq!(envelope.connection.helo, "client.example");
    assert_eq!(
        envelope.connection.envelope_sender,
        Some("ann@example.com".parse().unwrap())
    );
    assert_eq!(envelope.connection.authenticated, None);
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.expect("MAIL FROM:<>", "503 5.5.1").await;
    client
        .expect("HELO client.example", "250 sms.example.com")
        .await;
    client.expect("MAIL FROM:<> SIZE=1", "555 5.5.4").await;
    client.expect("EHLO client.example", "250-").await;
    client
        .expect("RCPT TO:<1@sms.example.com>", "503 5.5.1")
        .await;
    client.expect("DATA", "503 5.5.1").await;
    client.expect("MAIL FROM:<>", "250 2.0.0").await;
    client.expect("MAIL FROM:<>", "503 5.5.1").await;
    client.expect("DATA", "554 5.5.1").await;
    client
        .expect(
            "RCPT TO:<nobody@sms.example.com>",
            "550 5.1.1 No such number",
        )
        .await;
    client.expect("DATA", "554 5.5.1").await;
    client.expect("RSET", "250 2.0.0").await;
    client
        .expect("RCPT TO:<1@sms.example.com>", "503 5.5.1")
        .await;
    client.expect("MAIL FROM:<>", "250 2.0.0").await;
    client.expect("EHLO client.example", "250-").await;
    client
        .expect("RCPT TO:<1@sms.example.com>", "503 5.5.1")
        .await;
    client.expect("STARTTLS", "502 5.5.1").await;
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn small_commands_have_their_codes() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.expect("NOOP", "250 2.0.0").await;
    client.expect("HELP", "214 2.0.0").await;
    client.expect("VRFY ann", "252 2.0.0").await;
    client.expect("EXPN list", "502 5.5.1").await;
    client.expect("XYZZY", "500 5.5.1").await;
    client.expect("GET / HTTP/1.1", "421 4.7.0").await;
    client.hung_up().await;
}

#[tokio::test]
async fn the_handler_speaks_for_recipients_and_mails() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.expect("EHLO client.example", "250-").await;
    for (first_line, answer) in [
        ("refuse", "550 5.7.1 Not accepted: ?t?"),
        ("later", "451 4.4.3"),
        ("nonsense", "451 4.3.0"),
        ("panic", "451 4.3.0"),
        ("fine", "250 2.0.0"),
        ("goodbye", "421 4.3.2"),
    ] {
        client.expect("MAIL FROM:<>", "250").await;
        client
            .expect("RCPT TO:<later@sms.example.com>", "451 4.4.3")
            .await;
        client
            .expect("RCPT TO:<nonsense@sms.example.com>", "451 4.3.0")
            .await;
        client
            .expect("RCPT TO:<panic@sms.example.com>", "451 4.3.0")
            .await;
        client.expect("RCPT TO:<postmaster>", "250").await;
        client.expect("DATA", "354 ").await;
        client.expect(&format!("{first_line}\r\n."), answer).await;
    }
    client.hung_up().await;
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].0.recipients, ["postmaster"]);
    assert_eq!(mails[0].0.connection.envelope_sender, None);
}

#[tokio::test]
async fn smtputf8_is_needed_for_addresses_beyond_ascii_and_is_answered_in_kind() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.expect("EHLO client.example", "250-").await;
    client
        .expect("MAIL FROM:<zoé@example.com>", "553 5.6.7")
        .await;
    client.expect("MAIL FROM:<ann@example.com>", "250").await;
    client
        .expect("RCPT TO:<é@sms.example.com>", "553 5.6.7")
        .await;
    client.expect("RSET", "250").await;
    client
        .expect("MAIL FROM:<zoé@example.com> SMTPUTF8", "250")
        .await;
    client.expect("RCPT TO:<é@sms.example.com>", "250").await;
    client.expect("DATA", "354").await;
    client
        .expect("refuse\r\n.", "550 5.7.1 Not accepted: été")
        .await;
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut expected = vec!["250-"];
    let mut batch = String::from("EHLO client.example\r\n");
    for _ in 0..300 {
        batch += "MAIL FROM:<>\r\nRCPT TO:<1@sms.example.com>\r\nRCPT TO:<nobody@sms.example.com>\r\nRSET\r\n";
        expected.extend(["250", "250", "550", "250"]);
    }
    batch += "MAIL FROM:<>\r\nRCPT TO:<1@sms.example.com>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n";
    expected.extend(["250", "250", "354", "250 2.0.0 Taken", "221"]);
    client.send(batch).await;
    for begin in expected {
        let reply = client.reply().await;
        assert!(reply.starts_with(begin), "{reply:?}, not {begin:?}");
    }
    client.hung_up().await;
    assert_eq!(server.bodies(), [b"hello\r\n"]);
}

#[tokio::test]
async fn a_command_with_a_bare_line_end_is_refused_whole() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.expect("EHLO client.example", "250-").await;
    client
        .expect("MAIL FROM:<>\nRCPT TO:<1@sms.example.com>", "500 5.5.2")
        .await;
    client.expect("NOOP\rMAIL FROM:<>", "500 5.5.2").await;
    client
        .expect("MAIL FROM:<a\0@example.com>", "500 5.5.2")
        .await;
    client
        .expect("RCPT TO:<1@sms.example.com>", "503 5.5.1")
        .await;
    // Whoever never sends CR LF hears it at once, not after a time-out.
    client.send("EHLO client.example\n").await;
    assert!(client.reply().await.starts_with("500 5.5.2"));
}
