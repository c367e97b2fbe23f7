//! Hands mails to the server that sends them on: one connection a mail, the null envelope sender,
//! the mail's octets as they are.
//!
//! Only what the server says of this very mail is ever permanent; whatever concerns the connection,
//! TLS or the login is mended by the operator, and the mail waits. Must not know when to try again.

use std::error::Error as _;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use postel_core::model::OutgoingMail;
use postel_core::ports::{MailOut, MailOutError};

use super::url::{SmarthostError, Tls, Url};

/// What one mail may take in all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A smarthost.
pub struct Smarthost {
    url: Url,
    hello: ClientId,
    tls: TlsParameters,
    patience: Duration,
}

impl fmt::Debug for Smarthost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smarthost({:?})", self.url)
    }
}

impl Smarthost {
    /// `url`: `smtps://user:password@host:465` (TLS from the start) or
    /// `smtp://user:password@host:587?tls=required` (STARTTLS; also `opportunistic` and `none`,
    /// neither with a password unless on this machine). `hello`: this host's name. `trust`: a PEM
    /// file of certificates to trust beside the public authorities'.
    ///
    /// # Errors
    /// [`SmarthostError`] says what to write instead.
    pub fn new(url: &str, hello: &str, trust: Option<&Path>) -> Result<Self, SmarthostError> {
        let url = Url::parse(url)?;
        let mut tls = TlsParameters::builder(url.host.clone());
        if let Some(path) = trust {
            tls = trusting(tls, path)?;
        }
        if url.tls == Tls::Opportunistic {
            tls = tls.dangerous_accept_invalid_certs(true);
        }
        let tls = tls
            .build_rustls()
            .map_err(|e| SmarthostError::Library(e.to_string()))?;
        Ok(Self {
            url,
            hello: ClientId::Domain(hello.to_owned()),
            tls,
            patience: PATIENCE,
        })
    }

    /// What one mail may take in all, instead of a minute.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A connection that is ready for a mail.
    async fn connect(&self) -> Result<AsyncSmtpConnection, MailOutError> {
        let implicit = (self.url.tls == Tls::Implicit).then(|| self.tls.clone());
        let place = (self.url.host.as_str(), self.url.port);
        let connected = AsyncSmtpConnection::connect_tokio1(
            place,
            Some(self.patience),
            &self.hello,
            implicit,
            None,
        )
        .await;
        let mut connection = connected.map_err(|e| waits("cannot be reached", &e))?;
        match (self.url.tls, connection.can_starttls()) {
            (Tls::Required, _) | (Tls::Opportunistic, true) => {
                let secured = connection.starttls(self.tls.clone(), &self.hello).await;
                secured.map_err(|e| waits("cannot be talked to through TLS", &e))?;
            }
            (Tls::Implicit | Tls::None, _) | (Tls::Opportunistic, false) => {}
        }
        if let Some((user, password)) = &self.url.credentials {
            let credentials = Credentials::new(user.clone(), password.clone());
            let login = connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await;
            login.map_err(|e| waits("refuses the login", &e))?;
        }
        Ok(connection)
    }

    async fn hand_over(&self, envelope: &Envelope, raw: &[u8]) -> Result<(), MailOutError> {
        let mut connection = self.connect().await?;
        // The end of the mail brings its own CR LF.
        let raw = raw.strip_suffix(b"\r\n").unwrap_or(raw);
        match connection.send(envelope, raw).await {
            Ok(_) => {
                // The mail is theirs, whether they hear the goodbye or not.
                if let Err(error) = connection.quit().await {
                    tracing::debug!(reply = reply(&error), "the smarthost did not say goodbye");
                }
                Ok(())
            }
            Err(error) if error.is_permanent() => {
                Err(MailOutError::Permanent(said("refuses the mail", &error)))
            }
            Err(error) if error.is_client() => {
                connection.abort().await;
                // The one thing lettre finds out itself: 8BITMIME or SMTPUTF8 is needed and not offered.
                Err(MailOutError::Permanent(
                    "the smarthost does not take mails or addresses beyond ASCII".to_owned(),
                ))
            }
            Err(error) => Err(waits("does not take the mail now", &error)),
        }
    }
}

#[async_trait]
impl MailOut for Smarthost {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailOutError> {
        let to = Address::new(mail.to.local(), mail.to.domain().as_str());
        let envelope = to.ok().and_then(|to| Envelope::new(None, vec![to]).ok());
        let envelope = envelope.ok_or_else(|| {
            MailOutError::Permanent("the recipient's address cannot be mailed to".to_owned())
        })?;
        match tokio::time::timeout(self.patience, self.hand_over(&envelope, &mail.raw)).await {
            Ok(done) => done,
            Err(_) => Err(MailOutError::Temporary(
                "the smarthost took too long".to_owned(),
            )),
        }
    }
}

fn trusting(
    tls: TlsParametersBuilder,
    path: &Path,
) -> Result<TlsParametersBuilder, SmarthostError> {
    let fault = |why: String| SmarthostError::Trust {
        path: path.to_owned(),
        why,
    };
    let pem = std::fs::read(path).map_err(|e| fault(e.to_string()))?;
    if !pem.windows(27).any(|w| w == b"-----BEGIN CERTIFICATE-----") {
        return Err(fault("there is no certificate in it".to_owned()));
    }
    let certificates = Certificate::from_pem(&pem).map_err(|e| fault(e.to_string()))?;
    Ok(tls.add_root_certificate(certificates))
}

fn waits(what: &str, error: &Error) -> MailOutError {
    MailOutError::Temporary(said(what, error))
}

fn said(what: &str, error: &Error) -> String {
    format!("the smarthost {what} ({})", reply(error))
}

/// What went wrong, without the server's words: those like to repeat the address.
fn reply(error: &Error) -> String {
    let Some(code) = error.status() else {
        let kind = match error {
            e if e.is_timeout() => "it took too long",
            e if e.is_tls() => "TLS failed: its certificate, most likely",
            e if e.is_client() => "it does not offer what is needed",
            e if e.is_response() => "its answer makes no sense",
            _ => "the connection failed",
        };
        return kind.to_owned();
    };
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let enhanced = words.split_whitespace().next().filter(|first| {
        let mut parts = first.split('.');
        let digits = |p: Option<&str>| {
            p.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
        };
        digits(parts.next())
            && digits(parts.next())
            && digits(parts.next())
            && parts.next().is_none()
    });
    match enhanced {
        Some(enhanced) => format!("{code} {enhanced}"),
        None => code.to_string(),
    }
}
