//! Every limit, and its code.

use std::time::Duration;

use postel_local::smtp::Limits;
use tokio::io::AsyncWriteExt as _;

use crate::client::Server;
use crate::log::Log;

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn connections() {
    let server = Server::with(Limits {
        connections_per_client: 2,
        ..Limits::default()
    })
    .await;
    let (a, _b) = (server.client().await, server.client().await);
    let mut c = server.silent_client().await;
    assert!(c.reply().await.starts_with("421 4.7.0"));
    c.hung_up().await;
    drop(a);
    while !server
        .silent_client()
        .await
        .reply()
        .await
        .starts_with("220")
    {
        tokio::time::sleep(SHORT / 10).await;
    }

    let server = Server::with(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let _a = server.client().await;
    assert!(
        server
            .silent_client()
            .await
            .reply()
            .await
            .starts_with("421 4.3.2")
    );
}

#[tokio::test]
async fn recipients_refused_ones_included() {
    let server = Server::with(Limits {
        recipients: 2,
        ..Limits::default()
    })
    .await;
    let mut client = server.client().await;
    client.expect("EHLO client.example", "250-").await;
    for _ in 0..2 {
        client.expect("MAIL FROM:<>", "250").await;
        client.expect("RCPT TO:<1@sms.example.com>", "250").await;
        client
            .expect("RCPT TO:<nobody@sms.example.com>", "550")
            .await;
        client
            .expect("RCPT TO:<2@sms.example.com>", "452 4.5.3")
            .await;
        client.expect("DATA", "354").await;
        client.expect("x\r\n.", "250").await;
    }
    assert_eq!(server.mails()[1].0.recipients, ["1@sms.example.com"]);
}

#[tokio::test]
async fn size_announced_and_in_the_flow() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let server = Server::with(Limits {
        mail_bytes: 100,
        ..Limits::default()
    })
    .await;
    let mut client = server.client().await;
    client.expect("EHLO client.example", "250-").await;
    client.expect("MAIL FROM:<> SIZE=101", "552 5.3.4").await;
    client
        .expect("MAIL FROM:<> SIZE=99999999999999999999", "552 5.3.4")
        .await;
    for (size, answer) in [
        (98, "250 2.0.0"),
        (99, "552 5.3.4"),
        (50_000, "552 5.3.4"),
        (98, "250 2.0.0"),
    ] {
        client.expect("MAIL FROM:<> SIZE=100", "250").await;
        client.expect("RCPT TO:<1@sms.example.com>", "250").await;
        client.expect("DATA", "354").await;
        client
            .expect(&format!("{}\r\n.", "x".repeat(size)), answer)
            .await;
    }
    assert_eq!(server.mails().len(), 2);
    let said = log.text();
    assert_eq!(said.matches("reason=\"too-big\"").count(), 4, "{said}");
    assert!(!said.contains("1@sms"), "{said}");
}

#[tokio::test]
async fn memory_and_disk_shared_by_all_sessions() {
    let limits = Limits {
        mail_bytes: 100_000,
        memory_bytes: 40_000,
        disk_bytes: 120_000,
        ..Limits::default()
    };
    let server = Server::with(limits).await;
    let mut first = server.in_data().await;
    first.send("x".repeat(90_000)).await;
    let mut second = server.client().await;
    second.expect("EHLO client.example", "250-").await;
    // Until the first mail's part has arrived, there is room.
    while !second
        .ask("MAIL FROM:<> SIZE=90000")
        .await
        .starts_with("452 4.3.1")
    {
        second.expect("RSET", "250").await;
        tokio::time::sleep(SHORT / 30).await;
    }
    second.expect("MAIL FROM:<>", "250").await;
    second.expect("RCPT TO:<1@sms.example.com>", "250").await;
    let data = second.ask("DATA").await;
    if data.starts_with("354") {
        second
            .expect(&format!("{}\r\n.", "y".repeat(90_000)), "452 4.3.1")
            .await;
    } else {
        assert!(data.starts_with("452 4.3.1"), "{data}");
    }
    first.expect("\r\n.", "250").await;
    second.envelope().await;
    second
        .expect(&format!("{}\r\n.", "y".repeat(90_000)), "250")
        .await;
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn big_mails_decided_at_one_time() {
    let server = Server::with(Limits {
        mail_bytes: 1_000_000,
        big_mail_bytes: 1_000_000,
        big_mail_wait: SHORT,
        ..Limits::default()
    })
    .await;
    let big = format!("\r\n{}\r\n", "x".repeat(600_000));
    let mut slow = server.in_data().await;
    slow.send(format!("slowest{big}.\r\n")).await;
    while server.bodies().is_empty() {
        tokio::time::sleep(SHORT / 30).await;
    }
    let mut late = server.in_data().await;
    late.expect(&format!("late{big}."), "452 4.3.1").await;
    // Small mails pass, and whoever comes later does, too.
    late.envelope().await;
    late.expect("small\r\n.", "250").await;
    assert!(slow.reply().await.starts_with("250"));
    late.envelope().await;
    late.expect(&format!("again{big}."), "250").await;
    let taken = server.bodies();
    assert_eq!(taken.len(), 3);
    assert!(taken.contains(&format!("again{big}").into_bytes()));
}

#[tokio::test]
async fn a_command_line() {
    let server = Server::with(Limits {
        command_line: 100,
        ..Limits::default()
    })
    .await;
    let mut client = server.client().await;
    client
        .expect(&format!("NOOP {}", "x".repeat(93)), "250")
        .await;
    client
        .expect(&format!("NOOP {}", "x".repeat(94)), "500 5.5.2")
        .await;
    client
        .expect(&format!("NOOP {}", "x".repeat(100_000)), "500 5.5.2")
        .await;
    client.expect("NOOP", "250").await;
}

#[tokio::test]
async fn errors_and_mails_of_a_session() {
    let server = Server::with(Limits {
        errors: 3,
        mails: 2,
        ..Limits::default()
    })
    .await;
    let mut client = server.client().await;
    client.expect("X", "500").await;
    client.expect("Y", "500").await;
    client.expect("Z", "500").await;
    assert!(client.reply().await.starts_with("421 4.7.0"));
    client.hung_up().await;

    let mut client = server.client().await;
    client.expect("EHLO client.example", "250-").await;
    for _ in 0..2 {
        client.expect("MAIL FROM:<>", "250").await;
        client.expect("RSET", "250").await;
    }
    client.expect("MAIL FROM:<>", "421 4.7.0").await;
    client.hung_up().await;
}

#[tokio::test]
async fn silence() {
    let server = Server::with(Limits {
        idle: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    let mut silent = server.client().await;
    let mut half = server.client().await;
    half.send("NOO").await;
    let mut in_data = server.in_data().await;
    in_data.send("half a mail").await;
    for client in [&mut silent, &mut half, &mut in_data] {
        assert!(client.reply().await.starts_with("421 4.4.2"));
        client.hung_up().await;
    }
}

#[tokio::test]
async fn a_trickle_of_a_command() {
    let server = Server::with(Limits {
        idle: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.client().await;
    for _ in 0..12 {
        if client.stream.write_all(b"N").await.is_err() {
            break;
        }
        tokio::time::sleep(SHORT / 6).await;
    }
    assert!(client.reply().await.starts_with("421 4.4.2"));
}

#[tokio::test]
async fn a_trickle_of_data_and_a_session_without_end() {
    let server = Server::with(Limits {
        data: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.in_data().await;
    for _ in 0..10 {
        client.send("x").await;
        tokio::time::sleep(SHORT / 6).await;
    }
    assert!(client.reply().await.starts_with("421 4.4.2"));

    let server = Server::with(Limits {
        session: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.client().await;
    let mut last = String::new();
    for _ in 0..20 {
        last = client.ask("NOOP").await;
        if !last.starts_with("250") {
            break;
        }
        tokio::time::sleep(SHORT / 6).await;
    }
    assert!(last.starts_with("421 4.4.2"), "{last}");
}

#[tokio::test]
async fn a_handler_without_end() {
    let server = Server::with(Limits {
        answer: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = server.in_data().await;
    client.expect("never\r\n.", "451 4.3.0").await;
    client.expect("NOOP", "250").await;
}

#[tokio::test]
async fn shutdown_lets_mails_end_and_dismisses_the_rest() {
    let mut server = Server::with(Limits {
        grace: Duration::from_secs(3),
        ..Limits::default()
    })
    .await;
    let mut idle = server.client().await;
    let mut receiving = server.in_data().await;
    receiving.send("received\r\n").await;
    let mut deciding = server.in_data().await;
    deciding.send("slow\r\n.\r\n").await;
    tokio::time::sleep(SHORT).await;
    server.stop();
    assert!(idle.reply().await.starts_with("421 4.3.2"));
    receiving.expect(".", "250 2.0.0").await;
    assert!(receiving.reply().await.starts_with("421 4.3.2"));
    assert!(deciding.reply().await.starts_with("250 2.0.0"));
    assert!(deciding.reply().await.starts_with("421 4.3.2"));
    assert_eq!(server.mails().len(), 2);
    let address = server.address;
    server.ended().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let mut server = Server::with(Limits {
        grace: SHORT,
        ..Limits::default()
    })
    .await;
    let mut receiving = server.in_data().await;
    let mut deciding = server.in_data().await;
    deciding.send("never\r\n.\r\n").await;
    tokio::time::sleep(SHORT).await;
    server.stop();
    for client in [&mut receiving, &mut deciding] {
        assert!(client.reply().await.starts_with("421 4.3.2"));
    }
    server.ended().await;
}
