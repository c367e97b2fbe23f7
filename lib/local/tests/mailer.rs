//! Mails of our own, handed to a scripted smarthost over real sockets and to a folder.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use postel_core::model::OutgoingMail;
use postel_core::ports::{MailOut, MailOutError};
use postel_local::mailer::{MailFolder, Smarthost};
use postel_local::tls;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("postel-mailer-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn mail(id: &str, to: &str, raw: &[u8]) -> OutgoingMail {
    OutgoingMail {
        id: id.to_owned(),
        to: to.parse().unwrap(),
        raw: raw.to_vec(),
        due: None,
        attempts: 0,
        expires_at: Timestamp::UNIX_EPOCH,
        note: None,
    }
}

/// A server that plays a script: what it answers where a line begins so; `250` to all else. `EHLO`
/// is answered with the extensions given under `EHLO`.
#[derive(Clone, Default)]
struct Script {
    answers: Vec<(&'static str, &'static str)>,
    heard: Arc<Mutex<Vec<String>>>,
    tls: Option<TlsAcceptor>,
    implicit: bool,
}

impl Script {
    fn new(answers: &[(&'static str, &'static str)]) -> Self {
        Self {
            answers: answers.to_vec(),
            ..Self::default()
        }
    }

    /// Starts it; gives `host:port`.
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let script = script.clone();
                tokio::spawn(async move {
                    let tls = script.tls.clone().filter(|_| script.implicit);
                    let ended = match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => script.play(Box::new(stream), true).await,
                            Err(error) => Err(error),
                        },
                        None => script.play(Box::new(stream), false).await,
                    };
                    if let Err(error) = ended {
                        script.heard.lock().unwrap().push(format!("ended: {error}"));
                    }
                });
            }
        });
        address
    }

    async fn play(&self, stream: Box<dyn Duplex>, secured: bool) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        if !secured || self.implicit {
            self.answer("CONNECT", "220 hello", &mut stream).await?;
        }
        let mut data = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            self.heard.lock().unwrap().push(line.clone());
            if data {
                if line == ".\r\n" {
                    data = false;
                    self.answer(".", "250 taken", &mut stream).await?;
                }
                continue;
            }
            let verb = line
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            data = verb == "DATA" && !self.answers.iter().any(|(v, _)| *v == "DATA");
            self.answer(&verb, if data { "354 go" } else { "250 OK" }, &mut stream)
                .await?;
            if verb == "QUIT" {
                return Ok(());
            }
            if verb == "STARTTLS" && !secured {
                let tls = self.tls.clone().unwrap();
                let stream = tls.accept(stream.into_inner()).await?;
                return Box::pin(self.play(Box::new(stream), true)).await;
            }
        }
    }

    async fn answer(
        &self,
        verb: &str,
        otherwise: &str,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<()> {
        let scripted = self
            .answers
            .iter()
            .find(|(v, _)| *v == verb)
            .map(|(_, answer)| *answer);
        let answer = scripted.unwrap_or(otherwise);
        if answer == "silence" {
            std::future::pending::<()>().await;
        }
        if answer == "hang up" {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        stream.flush().await
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().concat()
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A server certificate for `127.0.0.1`, and the file with which it is trusted.
fn certificate(name: &str) -> (TlsAcceptor, PathBuf) {
    let folder = folder(name);
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    (tls::load(&cert, &key).unwrap().into(), cert)
}

async fn send(url: &str, raw: &[u8]) -> Result<(), MailOutError> {
    let smarthost = Smarthost::new(url, "sms.example.com", None).unwrap();
    smarthost
        .within(Duration::from_secs(2))
        .send(&mail("1", "ann@example.com", raw))
        .await
}

#[tokio::test]
async fn a_mail_leaves_as_it_is_with_the_null_sender() {
    let script = Script::new(&[("EHLO", "250-hello\r\n250 8BITMIME")]);
    let place = script.start().await;
    let raw = b"Subject: x\r\n\r\n.dot\r\n..dots\r\n\r\nlast\r\n";
    send(&format!("smtp://{place}?tls=none"), raw)
        .await
        .unwrap();
    assert_eq!(
        script.heard(),
        "EHLO sms.example.com\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n\
         Subject: x\r\n\r\n..dot\r\n...dots\r\n\r\nlast\r\n.\r\nQUIT\r\n"
    );
}

#[tokio::test]
async fn only_what_concerns_the_mail_is_permanent() {
    for (verb, answer, permanent, words) in [
        (
            "RCPT",
            "550 5.1.1 <ann@example.com> unknown",
            true,
            "550 5.1.1",
        ),
        (
            "RCPT",
            "450 4.2.0 ann@example.com greylisted",
            false,
            "450 4.2.0",
        ),
        ("MAIL", "552 too big", true, "552"),
        ("DATA", "421 closing", false, "421"),
        (".", "554 5.6.0 no", true, "554 5.6.0"),
        (".", "451 later", false, "451"),
        (".", "hang up", false, "does not take the mail now"),
        (".", "rubbish", false, "makes no sense"),
        ("CONNECT", "554 go away", false, "554"),
        ("EHLO", "550 who?", false, "550"),
        ("CONNECT", "silence", false, "too long"),
        (".", "silence", false, "too long"),
    ] {
        let place = Script::new(&[(verb, answer)]).start().await;
        let error = send(&format!("smtp://{place}?tls=none"), b"x\r\n")
            .await
            .unwrap_err();
        assert_eq!(
            matches!(error, MailOutError::Permanent(_)),
            permanent,
            "{verb} {answer}: {error}"
        );
        assert!(
            error.to_string().contains(words),
            "{verb} {answer}: {error}"
        );
        assert!(
            !error.to_string().contains("ann@"),
            "no address in a message: {error}"
        );
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let error = send(&format!("smtp://{nobody}?tls=none"), b"x\r\n")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, MailOutError::Temporary(w) if w.contains("cannot be reached")),
        "{error}"
    );
}

#[tokio::test]
async fn text_beyond_ascii_needs_a_server_that_takes_it() {
    let plain = Script::default().start().await;
    let error = send(&format!("smtp://{plain}?tls=none"), "é\r\n".as_bytes())
        .await
        .unwrap_err();
    assert!(matches!(error, MailOutError::Permanent(_)), "{error}");
}

#[tokio::test]
async fn tls_is_used_as_the_url_says() {
    let (acceptor, trusted) = certificate("tls");
    let offers = ("EHLO", "250-hello\r\n250-AUTH PLAIN\r\n250 STARTTLS");
    let script = Script {
        tls: Some(acceptor.clone()),
        ..Script::new(&[offers, ("STARTTLS", "220 go")])
    };
    let place = script.start().await;
    let send = async |url: String, trust: Option<&PathBuf>| {
        let smarthost =
            Smarthost::new(&url, "sms.example.com", trust.map(PathBuf::as_path)).unwrap();
        smarthost
            .within(Duration::from_secs(2))
            .send(&mail("1", "ann@example.com", b"x\r\n"))
            .await
    };
    send(format!("smtp://ann:secret@{place}"), Some(&trusted))
        .await
        .unwrap();
    let heard = script.heard();
    assert!(
        heard.starts_with("EHLO sms.example.com\r\nSTARTTLS\r\nEHLO sms.example.com\r\nAUTH PLAIN"),
        "{heard}"
    );
    send(format!("smtp://{place}?tls=opportunistic"), None)
        .await
        .unwrap();
    assert_eq!(script.heard().matches("STARTTLS").count(), 2);
    let error = send(format!("smtp://{place}"), None).await.unwrap_err();
    assert!(
        matches!(&error, MailOutError::Temporary(w) if w.contains("TLS")),
        "an unknown certificate: {error}"
    );

    let bare = Script::default();
    let place = bare.start().await;
    let error = send(format!("smtp://ann:secret@{place}"), Some(&trusted))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, MailOutError::Temporary(w) if w.contains("TLS")),
        "STARTTLS taken away: {error}"
    );
    assert_eq!(bare.heard(), "EHLO sms.example.com\r\n");
    send(format!("smtp://{place}?tls=opportunistic"), None)
        .await
        .unwrap();

    let implicit = Script {
        tls: Some(acceptor),
        implicit: true,
        ..Script::default()
    };
    let place = implicit.start().await;
    send(format!("smtps://{place}"), Some(&trusted))
        .await
        .unwrap();
    assert!(implicit.heard().contains("MAIL FROM:<>"));
    std::fs::remove_dir_all(trusted.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn a_refused_login_waits_for_the_operator() {
    let script = Script::new(&[
        ("EHLO", "250-hello\r\n250 AUTH PLAIN LOGIN"),
        ("AUTH", "535 5.7.8 no"),
    ]);
    let place = script.start().await;
    let error = send(&format!("smtp://ann:secret@{place}?tls=none"), b"x\r\n")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, MailOutError::Temporary(w) if w.contains("login (535 5.7.8)")),
        "{error}"
    );
}

#[test]
fn a_file_to_trust_must_hold_certificates() {
    let folder = folder("trust");
    std::fs::write(folder.join("empty.pem"), "nothing").unwrap();
    for file in ["empty.pem", "absent.pem"] {
        let error = Smarthost::new("smtps://mx.example", "h", Some(&folder.join(file)))
            .unwrap_err()
            .to_string();
        assert!(error.contains(file), "{error}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_folder_holds_whole_mails_under_safe_names() {
    let path = folder("folder").join("mails");
    let mails = MailFolder::new(&path).unwrap();
    mails
        .send(&mail("../../x", "ann@example.com", b"old\r\n"))
        .await
        .unwrap();
    mails
        .send(&mail("../../x", "ann@example.com", b"new\r\n"))
        .await
        .unwrap();
    mails
        .send(&mail("invitation-1", "ann@example.com", b"b\r\n"))
        .await
        .unwrap();
    assert_eq!(std::fs::read(mails.file("../../x")).unwrap(), b"new\r\n");
    let mut names: Vec<_> = std::fs::read_dir(&path)
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["%2E.%2F..%2Fx.eml", "invitation-1.eml"]);
    #[cfg(unix)]
    for (made, wanted) in [(path.clone(), 0o700), (mails.file("../../x"), 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&made).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, wanted, "{}", made.display());
    }
    std::fs::remove_dir_all(&path).unwrap();
    let error = mails
        .send(&mail("a", "ann@example.com", b"b\r\n"))
        .await
        .unwrap_err();
    assert!(matches!(error, MailOutError::Temporary(_)));
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}
