//! The SMTP listener (RFC 5321, with SIZE, 8BITMIME, PIPELINING, SMTPUTF8, ENHANCEDSTATUSCODES,
//! STARTTLS, AUTH within TLS, XCLIENT and XFORWARD for the operator's relays): takes mails off the wire and asks a [`MailHandler`] what becomes of them.
//!
//! Must not know what is decided about a mail or how it is kept. Logs carry a session number and
//! counts, never an address.

mod command;
mod data;
mod incoming;
mod limits;
mod line;
mod path;
mod received;
mod relay;
mod reply;
mod sasl;
mod session;
mod wire;

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use postel_core::evidence::{Connection, Login};
use postel_core::measure;
use postel_core::model::Network;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

use self::incoming::Incoming;
pub use self::limits::Limits;
use self::limits::{Budget, Connections, Crowded, Logins, Seat};
pub use self::reply::Reply;
use crate::tls::Certificate;

/// One mail's envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Who handed it over.
    pub connection: Connection,
    /// Everyone the handler let pass at RCPT, in order, as written (without needless quotes).
    pub recipients: Vec<String>,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({} recipients)", self.recipients.len())
    }
}

/// Decides what becomes of mails.
#[async_trait]
pub trait MailHandler: Send + Sync + 'static {
    /// At RCPT: `Err` refuses this recipient with that reply, the others go on. Must answer at
    /// once. The address is as written, without needless quotes; `postmaster` may stand without a domain.
    ///
    /// # Errors
    /// The reply that refuses, 4xx or 5xx.
    fn recipient(&self, connection: &Connection, address: &str) -> Result<(), Reply>;

    /// At the end of DATA: the answer for the whole mail. A 2xx makes the mail ours, so whatever
    /// must not be lost is durable before it is given. `raw`: lines end in CR LF, dots are
    /// unstuffed, nothing is added.
    ///
    /// A panic here is answered with 451 and ends nothing else. The client may be gone, or told
    /// 451 after [`Limits::answer`], before this returns: the same mail may then come again.
    async fn mail(&self, envelope: Envelope, raw: Vec<u8>) -> Reply;

    /// At AUTH: whose name and password these are; `None` where they do not fit. Unless a handler
    /// says otherwise, it has no users.
    ///
    /// # Errors
    /// The reply where that cannot be found out now, 4xx.
    async fn login(&self, _name: &str, _password: &str) -> Result<Option<Login>, Reply> {
        Ok(None)
    }
}

/// How to serve.
#[derive(Clone)]
pub struct Options {
    /// The name in the greeting: a host name.
    pub hostname: String,
    /// Offers STARTTLS where given, and AUTH within it.
    pub tls: Option<Arc<Certificate>>,
    /// The operator's own servers in front, which speak for their clients and never for themselves.
    pub relays: Vec<Network>,
    /// What a client may use up.
    pub limits: Limits,
    /// A folder for big mails while they come in, as nameless files; on the spool's disk, which
    /// then has room for them. It must be there.
    pub incoming: PathBuf,
}

/// What all sessions share.
struct Server {
    hostname: String,
    tls: Option<Arc<Certificate>>,
    relays: Vec<Network>,
    logins: Logins,
    limits: Limits,
    handler: Arc<dyn MailHandler>,
    /// Memory for mails that are being received.
    budget: Budget,
    /// Memory for big mails that are being decided.
    big: Budget,
    /// Disk for big mails that are being received.
    incoming: Incoming,
    /// Turns `true` at shutdown.
    closing: watch::Receiver<bool>,
}

impl Server {
    fn new(
        handler: Arc<dyn MailHandler>,
        options: Options,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let limits = options.limits;
        Self {
            hostname: options.hostname,
            tls: options.tls,
            relays: options.relays,
            logins: Logins::default(),
            budget: Budget::new(limits.memory_bytes),
            big: Budget::new(limits.big_mail_bytes.max(limits.mail_bytes)),
            incoming: Incoming::new(options.incoming, limits.disk_bytes),
            limits,
            handler,
            closing,
        }
    }
}

/// Serves until `shutdown` resolves; then accepts nothing more, lets mails that are being
/// received or decided end within [`Limits::grace`], tells everyone else 421, and returns once
/// all sessions are closed.
pub async fn serve(
    listener: TcpListener,
    handler: Arc<dyn MailHandler>,
    options: Options,
    shutdown: impl Future<Output = ()>,
) {
    let (close, closing) = watch::channel(false);
    let server = Arc::new(Server::new(handler, options, closing));
    server.incoming.sweep();
    let connections = Arc::new(Connections::default());
    let numbers = AtomicU64::new(1);
    let mut sessions = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = sessions.join_next() => report(&ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match connections.seat(peer.ip(), relay::trusted(peer.ip(), &server.relays), &server.limits) {
                    Ok(seat) => {
                        let span = tracing::info_span!("smtp", session = numbers.fetch_add(1, Ordering::Relaxed));
                        sessions.spawn(converse(Arc::clone(&server), stream, peer.ip(), seat).instrument(span));
                    }
                    Err(crowded) => turn_away(stream, crowded),
                },
                Err(error) => {
                    // Out of file descriptors, most likely: wait for sessions to end.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    close.send_replace(true);
    while let Some(ended) = sessions.join_next().await {
        report(&ended);
    }
}

/// One session over any stream, without a listener: for tests that talk to millions.
#[cfg(feature = "testing")]
pub async fn session_over(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    ip: IpAddr,
    handler: Arc<dyn MailHandler>,
    options: Options,
) {
    let (close, closing) = watch::channel(false);
    let server = Arc::new(Server::new(handler, options, closing));
    session::run(server, wire::Wire::new(stream), ip.to_canonical()).await;
    drop(close);
}

async fn converse(server: Arc<Server>, stream: TcpStream, ip: IpAddr, seat: Seat) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "replies may be slow");
    }
    measure::SMTP_SESSIONS_BEGUN.count(&[]);
    let counted = measure::SMTP_SESSIONS.during(&[]);
    session::run(server, wire::Wire::new(stream), ip.to_canonical()).await;
    drop(counted);
    drop(seat);
}

fn report(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a session broke down");
    }
}

/// Says 421 without ever waiting for the client.
fn turn_away(stream: TcpStream, crowded: Crowded) {
    let reply = match crowded {
        Crowded::Server => Reply::fixed(421, 3, 2, "Too many connections; try again later"),
        Crowded::Client => Reply::fixed(
            421,
            7,
            0,
            "Too many connections from your address; try again later",
        ),
    };
    tracing::warn!(limit = ?crowded, "a connection was turned away");
    measure::SMTP_TURNED_AWAY.count(&[match crowded {
        Crowded::Server => "server",
        Crowded::Client => "client",
    }]);
    let mut line = Vec::new();
    reply.render(false, &mut line);
    let told = stream
        .into_std()
        .and_then(|mut stream| stream.write_all(&line));
    if let Err(error) = told {
        tracing::debug!(%error, "could not say why");
    }
}
