//! One client's session: which command is allowed when, what is answered, and when it ends.
//!
//! Must not know what is decided about a mail.

mod login;
mod receive;
mod report;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use postel_core::evidence::{Connection, Login};
use postel_core::measure;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Server;
use super::command::{Command, Mail, NEEDS_UTF8, parse};
use super::data::Fault;
use super::line::{LineFault, Lines};
use super::relay::{Handover, Report};
use super::reply::Reply;
use super::sasl;
use super::wire::Wire;

const OK: Reply = Reply::fixed(250, 0, 0, "OK");
const BYE: Reply = Reply::fixed(221, 0, 0, "Goodbye");
const HELP: Reply = Reply::fixed(
    214,
    0,
    0,
    "Mail to a phone number becomes a text: RFC 5321 says how to send it",
);
const CANNOT_VERIFY: Reply = Reply::fixed(252, 0, 0, "Send the mail, and you will hear");
const READY_FOR_TLS: Reply = Reply::fixed(220, 0, 0, "Start the TLS handshake");
const NO_TLS: Reply = Reply::fixed(502, 5, 1, "STARTTLS is not offered here");
const IS_TLS: Reply = Reply::fixed(503, 5, 1, "TLS has been started");
const HELLO_FIRST: Reply = Reply::fixed(503, 5, 1, "Say EHLO first");
const ONE_MAIL: Reply = Reply::fixed(503, 5, 1, "MAIL FROM was said already; RSET begins anew");
const MAIL_FIRST: Reply = Reply::fixed(503, 5, 1, "Say MAIL FROM first");
const NO_RECIPIENT: Reply = Reply::fixed(554, 5, 1, "There is no valid recipient");
const NEEDS_EHLO: Reply = Reply::fixed(555, 5, 4, "Parameters need EHLO instead of HELO");
const MANY_RECIPIENTS: Reply = Reply::fixed(
    452,
    5,
    3,
    "Too many recipients; send the rest in another mail",
);
const TOO_LONG: Reply = Reply::fixed(500, 5, 2, "The line is too long");
const BARE_END: Reply = Reply::fixed(
    500,
    5,
    2,
    "End lines in CR LF, and use no control characters",
);
const FAILED: Reply = Reply::fixed(
    451,
    3,
    0,
    "The mail could not be handled now; try again later",
);
const MANY_ERRORS: Reply = Reply::fixed(421, 7, 0, "Too many errors");
const MANY_MAILS: Reply = Reply::fixed(421, 7, 0, "Enough mails for one connection; connect again");
const TOO_SLOW: Reply = Reply::fixed(421, 4, 2, "That took too long");
const CLOSING: Reply = Reply::fixed(421, 3, 2, "The server is being stopped; try again later");

/// Why a session ends.
enum End {
    /// With this as the last word.
    Said(Reply),
    /// The client is gone.
    Gone,
}

/// A mail between MAIL and the end of DATA.
struct Transaction {
    connection: Connection,
    /// Where it came through a relay: what is known of that, for when the mail has come.
    handover: Option<Handover>,
    recipients: Vec<String>,
    refused: usize,
}

/// How the client greeted.
struct Hello {
    name: String,
    extended: bool,
}

struct Session {
    server: Arc<Server>,
    ip: IpAddr,
    wire: Wire,
    lines: Lines,
    closing: watch::Receiver<bool>,
    ends_at: Instant,
    secured: bool,
    hello: Option<Hello>,
    /// What a relay said by XCLIENT.
    xclient: Option<Report>,
    /// What a relay said by XFORWARD, for the next mail.
    xforward: Option<Report>,
    login: Option<Login>,
    failed_logins: usize,
    transaction: Option<Transaction>,
    /// The mail at hand was announced with SMTPUTF8.
    utf8: bool,
    errors: usize,
    begun: usize,
    accepted: usize,
}

/// Talks to one client until the end.
pub(super) async fn run(server: Arc<Server>, wire: Wire, ip: IpAddr) {
    let mut session = Session {
        ip,
        wire,
        lines: Lines::new(server.limits.command_line),
        closing: server.closing.clone(),
        ends_at: Instant::now() + server.limits.session,
        secured: false,
        hello: None,
        xclient: None,
        xforward: None,
        login: None,
        failed_logins: 0,
        transaction: None,
        utf8: false,
        errors: 0,
        begun: 0,
        accepted: 0,
        server,
    };
    session.greet();
    let end = loop {
        if let Err(end) = session.turn().await {
            break end;
        }
    };
    tracing::info!(
        accepted = session.accepted,
        begun = session.begun,
        errors = session.errors,
        tls = session.secured,
        "session ended"
    );
    if let End::Said(reply) = end {
        session.say(&reply);
        session.wire.close().await;
    }
}

impl Session {
    /// One command and its answer.
    async fn turn(&mut self) -> Result<(), End> {
        match self.line().await? {
            Ok(line) => match parse(&line) {
                Ok(command) => self.obey(command).await,
                Err(reply) => self.fault(reply),
            },
            Err(LineFault::TooLong) => self.fault(TOO_LONG),
            Err(LineFault::Control) => self.fault(BARE_END),
        }
    }

    /// The next line. Replies that are waiting are sent before we wait.
    async fn line(&mut self) -> Result<Result<Vec<u8>, LineFault>, End> {
        let idle = self.server.limits.idle;
        if self.wire.is_full() {
            let flushed = timeout(idle, self.wire.flush()).await;
            flushed.map_err(|_| End::Gone)?.map_err(|_| End::Gone)?;
        }
        // One byte now and then is no command.
        let until = self.ends_at.min(Instant::now() + idle);
        loop {
            if *self.closing.borrow() {
                return Err(End::Said(CLOSING));
            }
            let (taken, line) = self.lines.feed(self.wire.arrived());
            self.wire.take(taken);
            if let Some(line) = line {
                return Ok(line);
            }
            tokio::select! {
                more = self.wire.more() => match more {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return Err(End::Gone),
                },
                () = sleep_until(until) => return Err(End::Said(TOO_SLOW)),
                _ = self.closing.wait_for(|closing| *closing) => return Err(End::Said(CLOSING)),
            }
        }
    }

    fn greet(&mut self) {
        let greeting = format!("220 {} ESMTP Postel\r\n", self.server.hostname);
        self.wire.write(greeting.as_bytes());
    }

    fn say(&mut self, reply: &Reply) {
        reply.render(self.utf8, self.wire.out());
    }

    /// A refusal that counts: nobody may try without end.
    fn fault(&mut self, reply: Reply) -> Result<(), End> {
        self.errors += 1;
        if reply.code() == 421 {
            return Err(End::Said(reply));
        }
        self.say(&reply);
        if self.errors >= self.server.limits.errors {
            return Err(End::Said(MANY_ERRORS));
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.transaction = None;
        self.xforward = None;
        self.utf8 = false;
    }

    async fn obey(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Hello { name, extended } => self.hello(name, extended),
            Command::Mail(mail) => return self.mail(mail),
            Command::Rcpt { address, ascii } => return self.rcpt(address, ascii),
            Command::Data => return self.data().await,
            Command::StartTls => return self.start_tls().await,
            Command::Auth { mechanism, initial } => return self.auth(mechanism, initial).await,
            Command::Report { of, attributes } => return self.report(of, &attributes),
            Command::Rset => {
                self.reset();
                self.say(&OK);
            }
            Command::Noop => self.say(&OK),
            Command::Vrfy => self.say(&CANNOT_VERIFY),
            Command::Help => self.say(&HELP),
            Command::Quit => return Err(End::Said(BYE)),
        }
        Ok(())
    }

    /// The only replies without an enhanced code (RFC 2034 4), the greeting and 354 apart.
    fn hello(&mut self, name: String, extended: bool) {
        self.reset();
        self.hello = Some(Hello { name, extended });
        let mut lines = vec![self.server.hostname.clone()];
        if extended {
            lines.extend(
                ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"].map(str::to_owned),
            );
            if self.server.tls.is_some() && !self.secured {
                lines.push("STARTTLS".to_owned());
            }
            if self.server.tls.is_some() && self.secured {
                lines.push(sasl::OFFERED.to_owned());
            }
            lines.extend(self.offered_to_relays());
            lines.push(format!("SIZE {}", self.server.limits.mail_bytes));
        }
        let last = lines.len() - 1;
        for (i, line) in lines.iter().enumerate() {
            let mark = if i == last { ' ' } else { '-' };
            self.wire.write(format!("250{mark}{line}\r\n").as_bytes());
        }
    }

    fn mail(&mut self, mail: Mail) -> Result<(), End> {
        // Said of this mail, whatever becomes of it.
        let handover = self.handover();
        self.xforward = None;
        let limits = &self.server.limits;
        let Some(hello) = &self.hello else {
            return self.fault(HELLO_FIRST);
        };
        if self.transaction.is_some() {
            return self.fault(ONE_MAIL);
        }
        if mail.extended && !hello.extended {
            return self.fault(NEEDS_EHLO);
        }
        if self.begun >= limits.mails {
            return Err(End::Said(MANY_MAILS));
        }
        self.begun += 1;
        let size = usize::try_from(mail.size.unwrap_or(0)).unwrap_or(usize::MAX);
        if size > limits.mail_bytes {
            tracing::info!(reason = "too-big", bytes = size, "a mail was refused");
            measure::MAILS_REFUSED.count(&["too-big"]);
            self.say(&Fault::TooBig.reply());
            return Ok(());
        }
        if size > self.server.budget.left().max(self.server.incoming.left()) {
            tracing::info!(reason = "no-room", bytes = size, "a mail was put off");
            measure::MAILS_REFUSED.count(&["no-room"]);
            self.say(&Reply::no_room());
            return Ok(());
        }
        let helo = hello.name.clone();
        let connection = Connection {
            client_ip: Some(self.ip).filter(|_| handover.is_none()),
            relay: handover.as_ref().map(|h| h.peer),
            helo,
            envelope_sender: mail.from,
            authenticated: self.login.clone(),
        };
        self.utf8 = mail.utf8;
        self.transaction = Some(Transaction {
            connection,
            handover,
            recipients: Vec::new(),
            refused: 0,
        });
        self.say(&OK);
        Ok(())
    }

    fn rcpt(&mut self, address: String, ascii: bool) -> Result<(), End> {
        let Some(transaction) = &mut self.transaction else {
            return self.fault(MAIL_FIRST);
        };
        if !ascii && !self.utf8 {
            return self.fault(NEEDS_UTF8);
        }
        if transaction.recipients.len() + transaction.refused >= self.server.limits.recipients {
            self.say(&MANY_RECIPIENTS);
            return Ok(());
        }
        let handler = &self.server.handler;
        let judge = AssertUnwindSafe(|| handler.recipient(&transaction.connection, &address));
        let reply = match std::panic::catch_unwind(judge) {
            Ok(Ok(())) => {
                transaction.recipients.push(address);
                self.say(&OK);
                return Ok(());
            }
            Ok(Err(reply)) if matches!(reply.class(), 4 | 5) => reply,
            Ok(Err(_)) | Err(_) => {
                tracing::error!("judging a recipient failed");
                FAILED
            }
        };
        transaction.refused += 1;
        self.say(&reply);
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<(), End> {
        let Some(certificate) = self.server.tls.clone() else {
            return self.fault(NO_TLS);
        };
        if self.secured {
            return self.fault(IS_TLS);
        }
        self.say(&READY_FOR_TLS);
        let acceptor = certificate.now().await.into();
        let handshake = timeout(self.server.limits.handshake, self.wire.secure(&acceptor)).await;
        if !matches!(handshake, Ok(Ok(()))) {
            tracing::info!("the TLS handshake failed");
            measure::SMTP_TLS.count(&["failed"]);
            return Err(End::Gone);
        }
        measure::SMTP_TLS.count(&["done"]);
        // RFC 3207 4.2: nothing said before counts. XCLIENT stays: it has made the session that of a
        // client, who must not undo that.
        self.secured = true;
        self.hello = None;
        self.lines = Lines::new(self.server.limits.command_line);
        self.reset();
        Ok(())
    }
}
