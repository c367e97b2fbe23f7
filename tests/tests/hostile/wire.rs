//! Clients made to hurt: what they send between the mails, how slowly, and how many they are.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::{Client, PHONE, connect_from, deliver};
use crate::mails::mail;
use crate::process::{Gateway, USER};

type Case = (&'static str, fn(&Gateway));

/// A crowd holds nobody up for this long. Far more than it takes: the machine may be busy with other things.
const ANSWERED: Duration = Duration::from_secs(30);
/// By then a client that drips has long been let go; it may send for 20 and 25 s.
const LET_GO: Duration = Duration::from_secs(90);

pub(crate) const CASES: &[Case] = &[
    ("60 MB, announced", announced),
    ("5,000 recipients", recipients),
    ("bare line ends and forged ends of a mail", smuggled),
    ("NUL octets", nul),
    ("odd octets in commands", odd_commands),
    ("a command line of 10 MB", endless_command),
    ("commands without end", many_commands),
    ("a client that takes no answers", deaf),
    ("a greeting that is another's address", greeting),
    ("TLS where none was begun", tls_unasked),
    ("what is no TLS after STARTTLS", tls_garbage),
    (
        "commands before the handshake, in STARTTLS' packet",
        tls_injected,
    ),
    (
        "1,000 idle connections, and a hundred mails that stop half-way",
        crowd,
    ),
];

fn announced(gateway: &Gateway) {
    let mut client = Client::new(gateway);
    client.expect("EHLO client.example", "250 SIZE 40000000");
    for size in [
        "60000000",
        "40000001",
        "18446744073709551615",
        "99999999999999999999",
    ] {
        client.expect(&format!("MAIL FROM:<{USER}> SIZE={size}"), "552 5.3.4");
    }
    client.expect(&format!("MAIL FROM:<{USER}> SIZE=40000000"), "250");
}

fn recipients(gateway: &Gateway) {
    let mut client = Client::new(gateway);
    client.expect("EHLO client.example", "250 ");
    client.expect(&format!("MAIL FROM:<{USER}>"), "250");
    let mut sender = client.stream().try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        for n in 0..5_000 {
            write!(sender, "RCPT TO:<06123{n:05}@sms.example.com>\r\n").unwrap();
        }
    });
    for n in 0..5_000 {
        client.must_say(if n < 100 { "250 2.0.0" } else { "452 4.5.3" });
    }
    sending.join().unwrap();
    client.expect("DATA", "354");
    // Of those that were taken, the account's own limit is 50.
    let (answer, took) = client.mail(&mail("recipients", "", "to all of them"));
    assert!(answer.starts_with("550 5.5.3"), "{answer}");
    assert!(took < ANSWERED, "{took:?}");
}

/// Nothing but CR LF . CR LF ends a mail, so no second one hides in the first.
fn smuggled(gateway: &Gateway) {
    let inner = format!(
        "MAIL FROM:<{USER}>\r\nRCPT TO:<{PHONE}>\r\nDATA\r\nFrom: {USER}\r\n\r\nsmuggled\r\n"
    );
    for end in [
        "\n.\n",
        "\r.\r",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r\n",
        "\r\n.\r",
        "\r\r\n.\r\r\n",
        "\n\n.\n\n",
    ] {
        let mut client = Client::new(gateway);
        client.envelope(USER);
        client.send(format!("From: {USER}\r\n\r\nouter{end}{inner}"));
        client.send("\r\n.\r\n");
        client.must_say("554 5.6.0");
        client.expect("NOOP", "250");
    }
    assert!(
        gateway
            .texts()
            .iter()
            .all(|t| t["text"] != "smuggled" && t["text"] != "outer")
    );
}

fn nul(gateway: &Gateway) {
    for raw in [
        &b"From: ann@company.example\r\n\r\na\0b"[..],
        b"\0\r\n\r\nx",
        b"From: a\0@b\r\n\r\nx\r\n.\0\r\n",
    ] {
        let (answer, _) = deliver(gateway, raw);
        assert!(answer.starts_with("554 5.6.0"), "{answer}");
    }
}

fn odd_commands(gateway: &Gateway) {
    let mut client = Client::new(gateway);
    for (command, answer) in [
        (&b"NOOP\0\r\n"[..], "500 5.5.2"),
        (b"NOOP\nQUIT\r\n", "500 5.5.2"),
        (b"NO\rOP\r\n", "500 5.5.2"),
        (b"\x1b[2J\r\n", "500 5.5.2"),
        (b"NOOP\xff\xfe\r\n", "500 5.5.2"),
        (b"\r\n", "500 5.5.1"),
        (b"MAIL FROM:<>\r\n", "503 5.5.1"),
        (b"EHLO client.example\r\n", "250 "),
        (b"MAIL FROM:<a@b\r\n", "501 5.5.4"),
        (b"MAIL FROM:<a@b.example> SIZE=-1\r\n", "501 5.5.4"),
        (b"RCPT TO:<0612345678@sms.example.com>\r\n", "503 5.5.1"),
        (b"NOOP\r\n", "250 "),
    ] {
        assert!(client.send(command));
        client.must_say(answer);
    }
}

fn endless_command(gateway: &Gateway) {
    let mut client = Client::new(gateway);
    assert!(client.send(vec![b'x'; 10_000_000]));
    client.must_say("500 5.5.2");
    assert!(client.send("\r\n"));
    client.expect("NOOP", "250");
}

/// Faulty commands end the session; good ones are answered, and nothing is kept of them.
fn many_commands(gateway: &Gateway) {
    let mut client = Client::new(gateway);
    client.send("X\r\n".repeat(50_000));
    for _ in 0..20 {
        client.must_say("500 5.5.1");
    }
    client.must_say("421 4.7.0");
    let mut client = Client::new(gateway);
    let mut sender = client.stream().try_clone().unwrap();
    let sending =
        std::thread::spawn(move || sender.write_all("NOOP\r\n".repeat(20_000).as_bytes()));
    for _ in 0..20_000 {
        client.must_say("250");
    }
    sending.join().unwrap().unwrap();
}

/// Answers pile up no further than the sockets' own buffers: then its commands are no longer read.
fn deaf(gateway: &Gateway) {
    let mut client = Client::new(gateway);
    let stream = client.stream();
    stream
        .set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let commands = "HELP\r\n".repeat(10_000);
    let mut sent = 0;
    while sent < 60_000_000 && stream.write_all(commands.as_bytes()).is_ok() {
        sent += commands.len();
    }
    assert!(sent < 60_000_000, "all of it was read");
}

/// What a client calls itself is no evidence of where it is: the account trusts that network, and still refuses.
fn greeting(gateway: &Gateway) {
    gateway.run(&["network", "add", "acme", "203.0.113.0/24"]);
    for name in [
        "[203.0.113.9]",
        "203.0.113.9",
        "[IPv6:::ffff:203.0.113.9]",
        "mx.example ([203.0.113.9])",
        "a](b [203.0.113.9",
        "mx.example\" [203.0.113.9] by sms.example.com; x",
        "[[[[203.0.113.9]]]]",
    ] {
        let mut client = Client::from(gateway, Ipv4Addr::new(127, 0, 0, 9));
        client.expect(&format!("EHLO {name}"), "250 ");
        client.expect(&format!("MAIL FROM:<{USER}>"), "250");
        client.expect(&format!("RCPT TO:<{PHONE}>"), "250");
        client.expect("DATA", "354");
        let (answer, _) = client.mail(&mail(
            "greeting",
            "Received: from x ([203.0.113.9]) by sms.example.com",
            "forged",
        ));
        assert!(answer.starts_with("550 5.7.1"), "{name}: {answer}");
    }
    let long = format!("EHLO {}", "[".repeat(300));
    Client::new(gateway).expect(&long, "501 5.5.4");
    let log = gateway.log();
    assert!(!log.contains("203.0.113"), "a greeting stands in the log");
    gateway.run(&["network", "delete", "acme", "203.0.113.0/24", "--yes"]);
}

fn tls_unasked(gateway: &Gateway) {
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0x0a; 505]].concat();
    let mut client = Client::new(gateway);
    client.send(&hello);
    client.must_say("500 5.5.2");
    // Where the garbage ends, a command is one again.
    client.send("\r\n");
    client.expect("NOOP", "250");
}

fn tls_garbage(gateway: &Gateway) {
    for garbage in [
        b"NOOP\r\nMAIL FROM:<>\r\n".to_vec(),
        vec![0x16; 100_000],
        [&[0x16, 3, 1, 0xff, 0xff][..], &[0; 70_000]].concat(),
        vec![],
    ] {
        let mut client = Client::new(gateway);
        client.expect("STARTTLS", "220");
        client.send(&garbage);
        drop(client.stream().shutdown(std::net::Shutdown::Write));
        let mut rest = Vec::new();
        drop(client.stream().read_to_end(&mut rest));
        assert!(
            rest.len() <= 7 && !rest.starts_with(b"250"),
            "at most an alert"
        );
    }
}

/// What was sent before the handshake is not answered after it.
fn tls_injected(gateway: &Gateway) {
    let mut client = Client::new(gateway);
    client.expect("EHLO client.example", "250 ");
    client.send(format!(
        "STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<{USER}>\r\nRCPT TO:<{PHONE}>\r\n"
    ));
    client.must_say("220");
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(gateway.certificate()).unwrap())
        .unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = client.into_stream();
    stream.set_nonblocking(true).unwrap();
    let talk = async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let mut tls = connector.connect(name, stream).await.unwrap();
        tls.write_all(b"RCPT TO:<0612345678@sms.example.com>\r\nQUIT\r\n")
            .await
            .unwrap();
        let mut said = Vec::new();
        drop(tls.read_to_end(&mut said).await);
        String::from_utf8(said).unwrap()
    };
    let said = tokio::runtime::Handle::current().block_on(talk);
    assert!(said.starts_with("503 5.5.1"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

fn crowd(gateway: &Gateway) {
    let before = gateway.kilobytes("VmRSS");
    let from = |n: usize| Ipv4Addr::new(127, 0, 1, u8::try_from(n).unwrap());
    let idle: Vec<TcpStream> = (0..1_000)
        .map(|n| connect_from(gateway, from(n / 50)))
        .collect();
    let mut one_more = connect_from(gateway, from(0));
    let mut told = String::new();
    one_more.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("421 4.7.0"), "{told}");
    let resting = gateway.kilobytes("VmRSS").saturating_sub(before);
    println!("  1,000 idle connections: {resting} kB");
    assert!(resting < 60_000, "{resting} kB");

    let piece = mail("half", "", &"half a mail\r\n".repeat(80_000));
    let half: Vec<Client> = (0..100)
        .map(|n| {
            let mut client = Client::from(gateway, from(100 + n / 50));
            client.envelope(USER);
            assert!(client.send(&piece));
            client
        })
        .collect();
    let (answer, took) = deliver(gateway, &mail("crowd", "", "through the crowd"));
    assert!(answer.starts_with("250 2.0.0"), "{answer}");
    assert!(took < ANSWERED, "{took:?}");
    gateway.arrived("through the crowd");
    let held = gateway.kilobytes("VmRSS").saturating_sub(before + resting);
    println!("  a hundred mails of 1 MB half-way: {held} kB");
    assert!(held < 40_000, "{held} kB for 100 MB");
    drop((idle, half));
}

/// Clients that send one octet a second, each let go with 421 in its time; they run beside all else.
pub(crate) fn start_drips(gateway: &Gateway) -> Vec<(&'static str, JoinHandle<()>)> {
    let mut command = Client::new(gateway);
    let mut body = Client::new(gateway);
    body.envelope(USER);
    command.send("NO");
    body.send("Subject: ");
    let drip = |mut client: Client, most: Duration| {
        std::thread::spawn(move || {
            let start = Instant::now();
            let mut stream = client.stream().try_clone().unwrap();
            let ended = std::thread::spawn(move || {
                while stream.write_all(b"x").is_ok() {
                    std::thread::park_timeout(Duration::from_secs(1));
                }
            });
            client.must_say("421 4.4.2");
            assert!(start.elapsed() < most, "{:?}", start.elapsed());
            drop(client);
            ended.join().unwrap();
        })
    };
    vec![
        ("a command at one octet a second", drip(command, LET_GO)),
        ("a mail at one octet a second", drip(body, LET_GO)),
    ]
}
