//! AUTH (RFC 4954): within TLS only, few failures, each as slow as the other.
//!
//! Must not know who may log in.

use postel_core::measure;
use tokio::time::{Instant, sleep_until, timeout};

use super::{BARE_END, End, HELLO_FIRST, Session};
use crate::smtp::line::LineFault;
use crate::smtp::reply::Reply;
use crate::smtp::sasl::{self, Credentials, Mechanism, Said};

const DONE: Reply = Reply::fixed(235, 7, 0, "Logged in");
const NOT_OFFERED: Reply = Reply::fixed(502, 5, 1, "AUTH is not offered here");
const NEEDS_TLS: Reply = Reply::fixed(
    538,
    7,
    11,
    "Say STARTTLS first: passwords go encrypted only",
);
const DONE_ALREADY: Reply = Reply::fixed(503, 5, 1, "You are logged in");
const NOT_NOW: Reply = Reply::fixed(503, 5, 1, "Not within a mail; RSET begins anew");
const MECHANISM: Reply = Reply::fixed(504, 5, 4, "PLAIN and LOGIN are the mechanisms here");
const CANCELLED: Reply = Reply::fixed(501, 7, 0, "Cancelled");
const NOT_BASE64: Reply = Reply::fixed(501, 5, 2, "That is not base64");
const LINE: Reply = Reply::fixed(500, 5, 6, "The line is too long");
const WRONG: Reply = Reply::fixed(535, 7, 8, "Name and password do not fit");
const NO_MORE: Reply = Reply::fixed(421, 7, 0, "Too many failed logins");
const TOO_OFTEN: Reply = Reply::fixed(
    454,
    7,
    0,
    "Too many failed logins from your address; try again later",
);
const NOT_KNOWN: Reply = Reply::fixed(454, 7, 0, "Logging in does not work now; try again later");

impl Session {
    pub(super) async fn auth(
        &mut self,
        mechanism: Option<Mechanism>,
        initial: Option<Said>,
    ) -> Result<(), End> {
        let refused = if self.server.tls.is_none() {
            Some(NOT_OFFERED)
        } else if !self.secured {
            Some(NEEDS_TLS)
        } else if !self.hello.as_ref().is_some_and(|h| h.extended) {
            Some(HELLO_FIRST)
        } else if self.login.is_some() {
            Some(DONE_ALREADY)
        } else if self.transaction.is_some() {
            Some(NOT_NOW)
        } else {
            None
        };
        if let Some(reply) = refused {
            return self.fault(reply);
        }
        let Some(mechanism) = mechanism else {
            return self.fault(MECHANISM);
        };
        match self.credentials(mechanism, initial).await? {
            Ok(credentials) => self.check(credentials).await,
            Err(reply) => self.fault(reply),
        }
    }

    /// Asks for what has not been said yet. What is well-formed but holds no name and password is `None`.
    async fn credentials(
        &mut self,
        mechanism: Mechanism,
        initial: Option<Said>,
    ) -> Result<Result<Option<Credentials>, Reply>, End> {
        let first = match initial {
            Some(said) => sasl::decoded(&said.0).ok_or(NOT_BASE64),
            None if mechanism == Mechanism::Plain => self.answer("").await?,
            // "Username:"
            None => self.answer("VXNlcm5hbWU6").await?,
        };
        let first = match first {
            Ok(first) => first,
            Err(reply) => return Ok(Err(reply)),
        };
        if mechanism == Mechanism::Plain {
            return Ok(Ok(sasl::plain(&first)));
        }
        // "Password:"
        let second = self.answer("UGFzc3dvcmQ6").await?;
        Ok(second.map(|second| sasl::login(&first, &second)))
    }

    /// One challenge and its answer.
    async fn answer(&mut self, challenge: &str) -> Result<Result<Said, Reply>, End> {
        self.wire.write(format!("334 {challenge}\r\n").as_bytes());
        Ok(match self.line().await? {
            Ok(line) if line == b"*" => Err(CANCELLED),
            Ok(line) => sasl::decoded(&line).ok_or(NOT_BASE64),
            Err(LineFault::TooLong) => Err(LINE),
            Err(LineFault::Control) => Err(BARE_END),
        })
    }

    async fn check(&mut self, credentials: Option<Credentials>) -> Result<(), End> {
        let began = Instant::now();
        let limits = &self.server.limits;
        let client = self.handover().map_or(Some(self.ip), |h| h.speaker());
        // Whom a relay does not name counts as the relay.
        let client = client.unwrap_or(self.ip);
        if !self.server.logins.begin(client, limits, began) {
            tracing::warn!("a client has failed to log in too often");
            measure::SMTP_AUTH.count(&["refused"]);
            return self.fault(TOO_OFTEN);
        }
        let known = match &credentials {
            Some(Credentials { name, password }) => {
                let asked = self.server.handler.login(name, password);
                timeout(limits.answer, asked)
                    .await
                    .unwrap_or(Err(NOT_KNOWN))
            }
            None => Ok(None),
        };
        match known {
            Ok(Some(login)) => {
                self.server.logins.worked(client);
                self.login = Some(login);
                measure::SMTP_AUTH.count(&["accepted"]);
                self.say(&DONE);
                Ok(())
            }
            Err(reply) => {
                self.server.logins.worked(client);
                self.fault(reply)
            }
            Ok(None) => {
                tracing::info!("a login failed");
                measure::SMTP_AUTH.count(&["refused"]);
                self.failed_logins += 1;
                let last = self.failed_logins >= limits.failed_logins;
                sleep_until(began + limits.login_wait).await;
                self.fault(if last { NO_MORE } else { WRONG })
            }
        }
    }
}
