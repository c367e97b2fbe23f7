//! STARTTLS (RFC 3207).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postel_local::smtp::{Limits, Options};
use postel_local::tls;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Client, Server};
use crate::log::Log;

type Pair = rcgen::CertifiedKey<rcgen::KeyPair>;

fn pair() -> Pair {
    rcgen::generate_simple_self_signed(["sms.example.com".to_owned()]).unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("postel-starttls-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Trusts exactly this certificate.
fn trusting(pair: &Pair) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    Arc::new(client).into()
}

/// A server with a certificate of its own, and a client configuration that trusts it.
pub(crate) async fn server(name: &str) -> (Server, TlsConnector) {
    let (folder, pair) = (folder(name), pair());
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let certificate = tls::Certificate::open(&cert, &key).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    (with(certificate).await, trusting(&pair))
}

async fn with(certificate: Arc<tls::Certificate>) -> Server {
    let options = Options {
        hostname: "sms.example.com".into(),
        tls: Some(certificate),
        relays: vec![],
        limits: Limits {
            handshake: Duration::from_secs(2),
            failed_logins_per_client: 4,
            ..Limits::default()
        },
        incoming: crate::client::incoming(),
    };
    Server::new(options).await
}

pub(crate) async fn handshake(
    client: Client<TcpStream>,
    connector: &TlsConnector,
) -> Client<TlsStream<TcpStream>> {
    let name = ServerName::try_from("sms.example.com").unwrap();
    Client::over(connector.connect(name, client.stream).await.unwrap())
}

#[tokio::test]
async fn a_mail_goes_through_tls_and_what_was_said_before_is_forgotten() {
    let (server, connector) = server("mail").await;
    let mut client = server.client().await;
    assert!(
        client
            .ask("EHLO client.example")
            .await
            .contains("250-STARTTLS|")
    );
    client.expect("MAIL FROM:<before@example.com>", "250").await;
    client.expect("STARTTLS now", "501 5.5.4").await;
    client.expect("STARTTLS", "220 2.0.0").await;
    let mut client = handshake(client, &connector).await;
    client.expect("RCPT TO:<1@sms.example.com>", "503").await;
    client.expect("MAIL FROM:<after@example.com>", "503").await;
    assert!(!client.ask("EHLO client.example").await.contains("STARTTLS"));
    client.expect("STARTTLS", "503 5.5.1").await;
    client.envelope().await;
    client.expect("hello\r\n.", "250").await;
    client.expect("QUIT", "221").await;
    client.hung_up().await;
    assert_eq!(server.bodies(), [b"hello\r\n"]);
}

#[tokio::test]
async fn commands_injected_before_the_handshake_are_thrown_away() {
    let (server, connector) = server("injection").await;
    let mut client = server.client().await;
    client.expect("EHLO client.example", "250-").await;
    client.send("STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<1@sms.example.com>\r\n").await;
    assert!(client.reply().await.starts_with("220 2.0.0"));
    let mut client = handshake(client, &connector).await;
    client.expect("RCPT TO:<2@sms.example.com>", "503").await;
    client.envelope().await;
    client.expect("mine\r\n.", "250").await;
    let (envelope, _) = server.mails().remove(0);
    assert_eq!(envelope.recipients, ["+33612345678@sms.example.com"]);
    assert_eq!(envelope.connection.helo, "client.example");
}

#[tokio::test]
async fn a_failed_handshake_ends_the_session() {
    let (server, _) = server("failure").await;
    let mut rude = server.client().await;
    rude.expect("STARTTLS", "220").await;
    rude.send("NOOP\r\nNOOP\r\nNOOP\r\n").await;
    let mut silent = server.client().await;
    silent.expect("STARTTLS", "220").await;
    silent.hung_up().await;
    let said = tokio::io::AsyncReadExt::read(&mut rude.stream, &mut [0; 100]).await;
    assert!(!matches!(said, Ok(n) if n > 7), "at most a TLS alert");
}

/// Whether a handshake with the server succeeds.
async fn accepted(server: &Server, connector: &TlsConnector) -> bool {
    let mut client = server.client().await;
    client.expect("STARTTLS", "220").await;
    let name = ServerName::try_from("sms.example.com").unwrap();
    connector.connect(name, client.stream).await.is_ok()
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let folder = folder("change");
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let (old, new) = (pair(), pair());
    std::fs::write(&cert, old.cert.pem()).unwrap();
    std::fs::write(&key, old.signing_key.serialize_pem()).unwrap();
    let certificate = tls::Certificate::looked_at_every(Duration::ZERO, &cert, &key).unwrap();
    let server = with(certificate).await;
    let (trusts_old, trusts_new) = (trusting(&old), trusting(&new));
    assert!(accepted(&server, &trusts_old).await && !accepted(&server, &trusts_new).await);
    // Half of the new file, then the whole of it beside the old key, then nothing at all.
    let text = new.cert.pem();
    std::fs::write(&cert, &text.as_bytes()[..text.len() / 2]).unwrap();
    for _ in 0..4 {
        assert!(accepted(&server, &trusts_old).await);
    }
    assert_eq!(log.text().matches("alarm:").count(), 1, "{}", log.text());
    std::fs::write(&cert, &text).unwrap();
    assert!(accepted(&server, &trusts_old).await);
    std::fs::remove_file(&cert).unwrap();
    assert!(accepted(&server, &trusts_old).await);
    assert_eq!(log.text().matches("alarm:").count(), 1, "{}", log.text());
    // As certbot does it: a link to other files.
    std::fs::write(folder.join("cert2.pem"), &text).unwrap();
    std::os::unix::fs::symlink("cert2.pem", &cert).unwrap();
    std::fs::write(&key, new.signing_key.serialize_pem()).unwrap();
    assert!(accepted(&server, &trusts_new).await && !accepted(&server, &trusts_old).await);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(accepted(&server, &trusts_new).await);
}
