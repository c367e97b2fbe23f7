//! The parts of the one-process home, put together as the configuration says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postel_core::address::EmailAddress;
use postel_core::decision::Gateway;
use postel_core::intake::Rules;
use postel_core::model::{Account, AccountId};
use postel_core::notice::Notices;
use postel_core::ports::{Store, StoreError};
use postel_core::settings::{Settings, SettingsError};
use postel_local::spool::Spool;
use postel_local::sqlite::SqliteStore;
use postel_local::sqlite::restore::INTERRUPTED;

use crate::config::{self, Config};
use crate::exit::Failure;
use crate::providers;
use crate::system::{SystemClock, SystemIds};

/// Who the audit log says it was.
pub(crate) const ACTOR: &str = "cli";

/// The database's file in the data folder.
const DATABASE: &str = "postel.sqlite";

/// The database's file.
pub(crate) fn database(config: &Config) -> PathBuf {
    config.gateway.data.join(DATABASE)
}

/// The spool's folder.
pub(crate) fn spool(config: &Config) -> PathBuf {
    config.gateway.data.join("spool")
}

/// What every command that touches accounts works with.
pub(crate) struct Home {
    /// The configuration.
    pub(crate) config: Config,
    /// The database, as a port.
    pub(crate) store: Arc<dyn Store>,
    /// The same, to be closed at the end.
    pub(crate) database: Arc<SqliteStore>,
    /// Writes mails of our own.
    pub(crate) notices: Notices,
    /// Changes settings.
    pub(crate) settings: Arc<Settings>,
}

impl Home {
    /// Opens the database that an earlier command made: looking must not leave an empty one behind.
    ///
    /// # Errors
    /// Where there is none yet, says where it was looked for.
    pub(crate) fn existing(config: Config) -> Result<Self, Failure> {
        let file = config.gateway.data.join(DATABASE);
        match file.try_exists() {
            Ok(false) if !half_restored(&file) => Err(Failure::Refused(format!(
                "there is no database in {} yet; `postel account add NAME` makes it with the first account. Is the folder \
                 another one? See [gateway] data in the configuration",
                absolute(&config.gateway.data).display()
            ))),
            // What cannot be seen, opening explains.
            Ok(_) | Err(_) => Self::beside(config),
        }
    }

    /// [`Home::open`] for a command that may run beside the process that serves the folder: it must not upgrade the
    /// database under an older one.
    pub(crate) fn beside(config: Config) -> Result<Self, Failure> {
        // What cannot be read, opening explains.
        let current = SqliteStore::is_current(&database(&config)).unwrap_or(true);
        if !current && Spool::is_taken(&spool(&config)) {
            return Err(Failure::Refused(
                "the `postel serve` that runs is an older version, and this one would upgrade its database: restart it first \
                 (systemctl restart postel)"
                    .to_owned(),
            ));
        }
        Self::open(config)
    }

    /// Opens the database in the configured data folder, making both where they are absent.
    pub(crate) fn open(config: Config) -> Result<Self, Failure> {
        let folder = &config.gateway.data;
        make_folder(folder)?;
        is_no_remains(&config)?;
        let database = SqliteStore::open(&folder.join(DATABASE))
            .map_err(|e| Failure::Trouble(e.to_string()))?;
        let database = Arc::new(database);
        let store: Arc<dyn Store> = Arc::<SqliteStore>::clone(&database);
        let notices = Notices::new(
            Arc::clone(&store),
            own_address(&config)?,
            loop_mark(&config),
        );
        let settings = Settings::new(
            Arc::clone(&store),
            Arc::new(SystemClock),
            Arc::new(SystemIds),
            notices.clone(),
            &public_url(&config),
        );
        let settings = Arc::new(settings.with_gateway_domains(&config.gateway.domains));
        Ok(Self {
            config,
            store,
            database,
            notices,
            settings,
        })
    }

    /// A new account as the configuration has them begin.
    pub(crate) fn new_account(&self, id: AccountId) -> Account {
        let mut account = Account::new(id);
        account.preferences.language = self.config.accounts.language;
        account.preferences.country = self.config.accounts.country;
        account
            .preferences
            .time_zone
            .clone_from(&self.config.accounts.time_zone);
        account
    }
}

/// The path as it is from anywhere; where the current folder is not known, as it is written.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether a restore was interrupted before its database took its place.
fn half_restored(file: &Path) -> bool {
    let mut name = file.as_os_str().to_owned();
    name.push(INTERRUPTED);
    Path::new(&name).exists()
}

/// What must not be taken for a new beginning: a new database would know no account, and nothing that was sent.
fn is_no_remains(config: &Config) -> Result<(), Failure> {
    let file = database(config);
    let shown = absolute(&file);
    if half_restored(&file) {
        return Err(Failure::Trouble(format!(
            "a restore of {} was interrupted: run `postel restore FILE` again",
            shown.display()
        )));
    }
    let empty = std::fs::metadata(&file).map_or(true, |found| found.len() == 0);
    if empty && has_mails(&spool(config)) {
        return Err(Failure::Trouble(format!(
            "{} is empty or gone, but the spool beside it holds mails: restore the last backup (postel restore FILE). To begin \
             anew without it, move {} away",
            shown.display(),
            absolute(&spool(config)).display()
        )));
    }
    Ok(())
}

fn has_mails(spool: &Path) -> bool {
    let files = std::fs::read_dir(spool).into_iter().flatten().flatten();
    files
        .map(|file| file.path())
        .any(|path| path.extension().is_some_and(|e| e == "mail"))
}

/// Makes a folder that only its owner may enter.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| {
        Failure::Trouble(format!(
            "the data folder {} cannot be made: {}; name another in [gateway] data",
            folder.display(),
            config::reason(&e)
        ))
    })
}

/// The operator's settings that intake needs.
pub(crate) fn rules(config: &Config) -> Rules {
    Rules {
        gateway: Gateway {
            domains: config.gateway.domains.clone(),
            loop_mark: loop_mark(config),
            any_server: config.operator.any_server,
        },
        ceilings: config.operator.ceilings,
        stranger_days: config.operator.stranger_days,
        needs_originator: providers::limits(config).any(|l| l.needs_originator),
        max_parts: providers::limits(config)
            .map(|l| l.max_parts)
            .min()
            .unwrap_or(u32::MAX),
    }
}

/// Marks our own mails, so that they are known when they come back.
fn loop_mark(config: &Config) -> String {
    config
        .gateway
        .domains
        .first()
        .map_or_else(String::new, |d| d.as_str().to_owned())
}

/// Who our own mails are from.
fn own_address(config: &Config) -> Result<EmailAddress, Failure> {
    if let Some(from) = &config.mail_out.from {
        return Ok(from.clone());
    }
    let domain = config.gateway.domains.first().map_or("", |d| d.as_str());
    EmailAddress::new("postel", domain).map_err(|e| {
        Failure::Refused(format!(
            "[mail_out] from is empty and [gateway] domains names none: {e}"
        ))
    })
}

/// Where our own mails are written while no smarthost is set.
pub(crate) fn outbox_folder(config: &Config) -> PathBuf {
    let named = config.mail_out.folder.clone();
    named.unwrap_or_else(|| config.gateway.data.join("outbox"))
}

/// What keeps an invitation from reaching whom it is for, in words for the operator.
pub(crate) fn invitations_fail(config: &Config) -> Vec<String> {
    let mut why = Vec::new();
    if config.mail_out.smarthost.is_none() {
        why.push(format!(
            "Mind: [mail_out] smarthost is empty, so our own mails go nowhere: they are written into {}.",
            absolute(&outbox_folder(config)).display()
        ));
    }
    if config.web.public_url.is_none() {
        why.push(format!(
            "Mind: [web] public_url is empty, so links in invitations begin with {}, which people elsewhere can hardly open.",
            public_url(config)
        ));
    }
    why
}

/// Where the pages are, without a slash at the end.
pub(crate) fn public_url(config: &Config) -> String {
    config
        .web
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://{}", config.web.listen))
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        let next = if e.is_temporary() { "; try again" } else { "" };
        Self::Trouble(format!("{e}{next}"))
    }
}

impl From<SettingsError> for Failure {
    fn from(e: SettingsError) -> Self {
        match e {
            SettingsError::Store(e) => e.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// The checked configuration, or all its faults.
pub(crate) fn load(given: Option<&Path>) -> Result<Config, Failure> {
    Config::load(given, &config::environment())
        .map(|(config, _)| config)
        .map_err(|faults| Failure::Configuration(faults, None))
}
