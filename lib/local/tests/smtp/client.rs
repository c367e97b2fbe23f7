//! A server with a handler that remembers, and a client that sends bytes exactly as told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use postel_core::evidence::{Connection, Login};
use postel_local::smtp::{self, Envelope, Limits, MailHandler, Options, Reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Takes every mail, unless its first line says what to do instead.
#[derive(Default)]
pub(crate) struct Memory {
    mails: Mutex<Vec<(Envelope, Vec<u8>)>>,
}

#[async_trait]
impl MailHandler for Memory {
    fn recipient(&self, _connection: &Connection, address: &str) -> Result<(), Reply> {
        match address.split('@').next().unwrap_or_default() {
            "nobody" => Err(Reply::refused(1, 1, "No such number")),
            "later" => Err(Reply::try_again(4, 3, "Later")),
            "nonsense" => Err(Reply::accepted("not a refusal")),
            "panic" => panic!("as asked"),
            _ => Ok(()),
        }
    }

    async fn login(&self, name: &str, password: &str) -> Result<Option<Login>, Reply> {
        match (name, password) {
            ("ann@example.com", "right") => Ok(Some(Login {
                account: "acme".parse().unwrap(),
                address: "ann@example.com".parse().unwrap(),
            })),
            ("ann@example.com", "later") => Err(Reply::new(454, 7, 0, "Later")),
            _ => Ok(None),
        }
    }

    async fn mail(&self, envelope: Envelope, raw: Vec<u8>) -> Reply {
        match raw.split(|b| *b == b'\r').next().unwrap_or_default() {
            b"refuse" => return Reply::refused(7, 1, "Not accepted: été"),
            b"later" => return Reply::try_again(4, 3, "DNS does not answer"),
            b"nonsense" => return Reply::new(354, 0, 0, "Go on"),
            b"goodbye" => return Reply::new(421, 3, 2, "The store is being moved"),
            b"panic" => panic!("as asked"),
            b"slow" => tokio::time::sleep(Duration::from_millis(700)).await,
            // Seen from its beginning on.
            b"slowest" => {
                self.mails.lock().unwrap().push((envelope, raw));
                tokio::time::sleep(Duration::from_secs(4)).await;
                return Reply::accepted("Taken");
            }
            b"never" => std::future::pending().await,
            _ => {}
        }
        self.mails.lock().unwrap().push((envelope, raw));
        Reply::accepted("Taken")
    }
}

/// Where the server under test puts big mails.
pub(crate) fn incoming() -> std::path::PathBuf {
    env!("CARGO_TARGET_TMPDIR").into()
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    memory: Arc<Memory>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::new(Options {
            hostname: "sms.example.com".into(),
            tls: None,
            relays: vec![],
            limits,
            incoming: incoming(),
        })
        .await
    }

    pub(crate) async fn new(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let memory = Arc::new(Memory::default());
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let running = tokio::spawn(smtp::serve(
            listener,
            Arc::<Memory>::clone(&memory),
            options,
            shutdown,
        ));
        Self {
            address,
            memory,
            stop: Some(stop),
            running,
        }
    }

    pub(crate) fn mails(&self) -> Vec<(Envelope, Vec<u8>)> {
        self.memory.mails.lock().unwrap().clone()
    }

    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.mails().into_iter().map(|(_, raw)| raw).collect()
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until `serve` has returned.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(Duration::from_secs(20), self.running)
            .await
            .unwrap()
            .unwrap();
    }

    /// A client that has read the greeting.
    pub(crate) async fn client(&self) -> Client<TcpStream> {
        let mut client = self.silent_client().await;
        assert_eq!(client.reply().await, "220 sms.example.com ESMTP Postel");
        client
    }

    pub(crate) async fn silent_client(&self) -> Client<TcpStream> {
        Client {
            stream: TcpStream::connect(self.address).await.unwrap(),
            seen: Vec::new(),
        }
    }

    /// A client that has begun a mail and been asked for it.
    pub(crate) async fn in_data(&self) -> Client<TcpStream> {
        let mut client = self.client().await;
        client.envelope().await;
        client
    }
}

/// The other end.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    seen: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            seen: Vec::new(),
        }
    }

    /// Sends octets as they are.
    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// One reply, its lines joined by `|`; empty at the end of the stream.
    pub(crate) async fn reply(&mut self) -> String {
        let mut lines: Vec<String> = Vec::new();
        loop {
            while let Some(end) = self.seen.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.seen.drain(..=end).collect();
                lines.push(
                    String::from_utf8(line)
                        .unwrap()
                        .trim_end_matches("\r\n")
                        .to_owned(),
                );
                if lines.last().unwrap().as_bytes()[3] == b' ' {
                    return lines.join("|");
                }
            }
            let mut piece = [0; 4096];
            let read = tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut piece));
            match read.await.expect("no reply in time") {
                Ok(0) | Err(_) => return lines.join("|"),
                Ok(n) => self.seen.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// Sends a command and gives its reply.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n")).await;
        self.reply().await
    }

    /// Sends a command whose reply must begin so.
    pub(crate) async fn expect(&mut self, command: &str, begin: &str) {
        let reply = self.ask(command).await;
        assert!(
            reply.starts_with(begin),
            "{command:?} was answered {reply:?}, not {begin:?}"
        );
    }

    /// Up to the 354.
    pub(crate) async fn envelope(&mut self) {
        self.expect("EHLO client.example", "250-sms.example.com")
            .await;
        self.expect("MAIL FROM:<ann@example.com>", "250 2.0.0")
            .await;
        self.expect("RCPT TO:<+33612345678@sms.example.com>", "250 2.0.0")
            .await;
        self.expect("DATA", "354 ").await;
    }

    /// Asserts that the server has hung up, after at most these replies.
    pub(crate) async fn hung_up(&mut self) {
        assert_eq!(self.reply().await, "");
    }
}
