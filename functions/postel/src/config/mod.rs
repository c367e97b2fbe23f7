//! The operator's configuration: found, read and checked once, into a value.
//!
//! Precedence: environment, file, default. All faults are told at once. Nothing behind this
//! module reads files or variables for settings.

mod providers;
mod settings;
mod source;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use postel_core::address::{Domain, EmailAddress};
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Language, Network};
use postel_core::number::Country;

pub(crate) use source::{Fault, File};
pub(crate) use words::{country, reason, server};

/// The commented file that `postel config example` prints; a test holds it to the defaults.
pub(crate) const EXAMPLE: &str = include_str!("postel.toml");

/// A secret read from a file. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Everything that can be configured, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// `[gateway]`
    pub(crate) gateway: Gateway,
    /// `[accounts]`
    pub(crate) accounts: NewAccounts,
    /// `[smtp]`
    pub(crate) smtp: Smtp,
    /// `[dns] server`; `None`: the system's.
    pub(crate) dns_server: Option<SocketAddr>,
    /// `[web]`
    pub(crate) web: Web,
    /// `[metrics] listen`; `None`: figures are not kept.
    pub(crate) metrics: Option<SocketAddr>,
    /// `[mail_out]`
    pub(crate) mail_out: MailOut,
    /// `[sms] providers`, in the order asked.
    pub(crate) providers: Vec<String>,
    /// `[esendex]`, where it is listed.
    pub(crate) esendex: Option<Carrier<postel_sms::esendex::Settings>>,
    /// `[twilio]`, where it is listed.
    pub(crate) twilio: Option<Carrier<postel_sms::twilio::Settings>>,
    /// `[sms] workers`
    pub(crate) workers: u32,
    /// `[operator]`
    pub(crate) operator: Operator,
    /// `[log]`
    pub(crate) log: Log,
}

/// Whose mail becomes texts, and where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gateway {
    /// At least one; the first is our own.
    pub(crate) domains: Vec<Domain>,
    /// Data folder.
    pub(crate) data: PathBuf,
}

/// What a new account begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewAccounts {
    /// Of its mails and pages.
    pub(crate) language: Language,
    /// Where bare digits are read.
    pub(crate) country: Country,
    /// IANA name.
    pub(crate) time_zone: String,
}

/// The files of certificate chain and key (PEM), seen to fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The chain.
    pub(crate) certificate: PathBuf,
    /// The key.
    pub(crate) key: PathBuf,
}

/// The SMTP listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Smtp {
    /// At least one.
    pub(crate) listen: Vec<SocketAddr>,
    /// `None`: the first gateway domain.
    pub(crate) hostname: Option<Domain>,
    /// `None`: no STARTTLS.
    pub(crate) tls: Option<Tls>,
    /// The operator's own servers in front.
    pub(crate) relays: Vec<Network>,
    /// Megabytes.
    pub(crate) max_mail_megabytes: u32,
    /// In all.
    pub(crate) max_connections: u32,
    /// From one address.
    pub(crate) max_connections_per_address: u32,
    /// Of one mail.
    pub(crate) max_recipients: u32,
    /// Seconds of silence.
    pub(crate) idle_seconds: u32,
    /// Of one mail, from DATA to its end.
    pub(crate) data_seconds: u32,
}

/// The pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Web {
    /// Where they are served.
    pub(crate) listen: SocketAddr,
    /// Without a trailing slash; `None`: from `listen`.
    pub(crate) public_url: Option<String>,
}

/// How our own mails leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailOut {
    /// `None`: into the folder.
    pub(crate) smarthost: Option<Smarthost>,
    /// Folder of `.eml` files; `None`: `outbox` in the data folder.
    pub(crate) folder: Option<PathBuf>,
    /// `None`: `postel@` and the first gateway domain.
    pub(crate) from: Option<EmailAddress>,
}

/// The server that takes our own mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Smarthost {
    /// With user and password in it.
    pub(crate) url: Secret,
    /// PEM file of certificates to trust beside the public authorities'.
    pub(crate) trust: Option<PathBuf>,
}

/// A provider reached over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carrier<S> {
    /// Where it is and who we are there.
    pub(crate) settings: S,
    /// Certificates (PEM) to trust beside the system's authorities.
    pub(crate) trust: Option<Vec<u8>>,
}

/// What stands above the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    /// Whether accounts may accept unproven mail.
    pub(crate) any_server: bool,
    /// Above every account's limits.
    pub(crate) ceilings: Ceilings,
    /// Days for which strangers' metadata is kept.
    pub(crate) stranger_days: u32,
}

/// How the log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// One JSON object per line.
    pub(crate) json: bool,
    /// A filter for tracing.
    pub(crate) level: String,
}

impl Config {
    /// Finds, reads and checks the configuration: `given` (from `--config` or `POSTEL_CONFIG`), else
    /// `./postel.toml`, else `/etc/postel/postel.toml`, else the environment alone.
    ///
    /// # Errors
    /// Every fault of file and environment.
    pub(crate) fn load(
        given: Option<&Path>,
        environment: &BTreeMap<String, String>,
    ) -> Result<(Self, Option<PathBuf>), Vec<Fault>> {
        let file = find(given).map_err(|fault| vec![fault])?;
        let config = settings::read(file.as_ref(), environment).map_err(|mut faults| {
            // Without a file, a domain that no variable names either is not a fault of its own.
            let before = faults.len();
            faults.retain(|f| f.place != DOMAINS || environment.contains_key(DOMAINS));
            if file.is_none() && faults.len() < before {
                let what = "neither ./postel.toml nor /etc/postel/postel.toml is there; \
                            `postel config example > postel.toml` writes one to begin with";
                let place = "no configuration file".to_owned();
                faults.insert(
                    0,
                    Fault {
                        place,
                        what: what.to_owned(),
                    },
                );
            }
            faults
        })?;
        Ok((config, file.map(|f| f.path)))
    }

    /// The configuration that these variables alone make.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn from_values(environment: &BTreeMap<String, String>) -> Result<Self, Vec<Fault>> {
        settings::read(None, environment)
    }
}

/// The variable of the one setting that has no default.
const DOMAINS: &str = "POSTEL_GATEWAY_DOMAINS";

fn find(given: Option<&Path>) -> Result<Option<File>, Fault> {
    let candidates = match given {
        Some(path) => vec![path],
        None => vec![
            Path::new("postel.toml"),
            Path::new("/etc/postel/postel.toml"),
        ],
    };
    for path in candidates {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                return Ok(Some(File {
                    path: path.to_owned(),
                    text,
                }));
            }
            Err(e) if given.is_none() && e.kind() == std::io::ErrorKind::NotFound => {}
            // The service's user may not look into the folder where somebody stands: nothing says that a file is there.
            Err(e)
                if given.is_none()
                    && path.is_relative()
                    && e.kind() == std::io::ErrorKind::PermissionDenied
                    && std::fs::metadata(path).is_err() => {}
            Err(e) => {
                let next = match e.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "give its group to the user that runs postel: chgrp postel FILE; chmod 640 FILE"
                    }
                    _ => "`postel config example` prints one to begin with",
                };
                return Err(Fault {
                    place: path.display().to_string(),
                    what: format!(
                        "the configuration file cannot be read ({}); {next}",
                        reason(&e)
                    ),
                });
            }
        }
    }
    Ok(None)
}

/// The variables of this process that may hold settings.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        })
        .filter(|(name, _)| name.starts_with("POSTEL_"))
        .collect()
}
