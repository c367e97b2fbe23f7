//! The running process: listener, spool, workers, sweep and pages over one home, until told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use postel_auth::Authenticator;
use postel_auth::dns::Dns;
use postel_core::dispatch::Dispatcher;
use postel_core::intake::Intake;
use postel_core::ledger::State;
use postel_core::measure;
use postel_core::ports::{Clock, Ids, MailOut};
use postel_core::sweep::Sweeper;
use postel_local::home as local;
use postel_local::mailer::{MailFolder, Smarthost};
use postel_local::smtp::{self, Limits, MailHandler, Options};
use postel_local::spool::Spool;
use postel_web::{Health, WebState};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, reason};
use crate::exit::Failure;
use crate::home::{self, Home};
use crate::providers;
use crate::system::{SystemClock, SystemIds};
use crate::watching::{Figures, Watch, Watched};

/// How often what is due is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// What workers may still take once nothing new comes in.
const GRACE: Duration = Duration::from_secs(20);

/// Sockets that are listened on, so that nothing else fails once mail is taken.
pub(crate) struct Sockets {
    /// Where mail comes in.
    pub(crate) smtp: Vec<TcpListener>,
    /// Where pages are served.
    pub(crate) web: TcpListener,
    /// Where figures are read, if anywhere.
    pub(crate) metrics: Option<TcpListener>,
}

impl Sockets {
    /// The configured ones.
    pub(crate) async fn configured(config: &Config) -> Result<Self, Failure> {
        let mut smtp = Vec::new();
        for address in &config.smtp.listen {
            smtp.push(bind(*address, "[smtp] listen").await?);
        }
        let metrics = match config.metrics {
            Some(address) => Some(bind(address, "[metrics] listen").await?),
            None => None,
        };
        Ok(Self {
            smtp,
            web: bind(config.web.listen, "[web] listen").await?,
            metrics,
        })
    }
}

async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = match e.kind() {
            std::io::ErrorKind::AddrInUse => format!("something else listens there: stop it, or write another port in {setting}"),
            std::io::ErrorKind::PermissionDenied => format!("ports below 1024 need a privilege: write a higher one in {setting}, or grant CAP_NET_BIND_SERVICE (infra/postel-port25.conf)"),
            _ => format!("write another address in {setting}"),
        };
        Failure::Trouble(format!("{address} cannot be listened on ({}); {hint}", reason(&e)))
    })
}

/// The spool of a data folder and what the last stop left in it. Whoever holds it is the only one to serve the folder.
pub(crate) struct Claimed {
    spool: Spool,
    pending: Vec<postel_local::spool::Entry>,
}

impl Claimed {
    /// Claims the configured data folder.
    ///
    /// # Errors
    /// Where another process serves it.
    pub(crate) fn folder(config: &Config) -> Result<Self, Failure> {
        home::make_folder(&config.gateway.data)?;
        let (spool, pending) =
            Spool::open(&home::spool(config)).map_err(|e| Failure::Trouble(e.to_string()))?;
        Ok(Self { spool, pending })
    }
}

/// Serves until `shutdown` resolves, then lets what was begun end.
pub(crate) async fn run(
    home: Arc<Home>,
    claimed: Claimed,
    dns: Dns,
    sockets: Sockets,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let config = &home.config;
    let hostname = hostname(config);
    tell_unfinished(&home).await?;
    let Claimed { spool, pending } = claimed;
    let figures = match &sockets.metrics {
        Some(_) => Some(Figures::begin()?),
        None => None,
    };
    let watch = Watch::new(figures);
    let watched = Watched {
        database: Arc::clone(&home.database),
        spool: spool.clone(),
        data: config.gateway.data.clone(),
        workers: Arc::new(AtomicBool::new(true)),
    };
    let working = Arc::clone(&watched.workers);
    let parts = parts(&home, spool, dns, &hostname)?;
    let options = Options {
        hostname,
        tls: tls(config)?,
        relays: config.smtp.relays.clone(),
        limits: limits(config),
        // Beside the accepted ones, for big mails while they come in.
        incoming: home::spool(config),
    };
    let (close, closing) = watch::channel(false);
    let (stop, stopping) = watch::channel(false);
    let (door, mut workers) = parts.start(pending, closing);

    let mut doors = JoinSet::new();
    let first = sockets.smtp.first().and_then(|l| l.local_addr().ok());
    for listener in sockets.smtp {
        let handler: Arc<dyn MailHandler> = Arc::<local::Door>::clone(&door);
        doors.spawn(smtp::serve(
            listener,
            handler,
            options.clone(),
            told(stopping.clone()),
        ));
    }
    let router = postel_web::router(pages(&home, first, watch.health())?);
    doors.spawn(http(sockets.web, router, stopping.clone()));
    if let (Some(listener), Some(router)) = (sockets.metrics, watch.router()) {
        doors.spawn(http(listener, router, stopping.clone()));
    }
    tracing::info!("serving");
    watch.ready(&watched).await;
    doors.spawn(watch.pulse(watched, stopping));
    tokio::select! {
        () = shutdown => {}
        () = mind(&mut workers, &working) => {}
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    // A browser that holds its connection must not hold up the end.
    drop(tokio::time::timeout(GRACE, async { while doors.join_next().await.is_some() {} }).await);
    drop(door);
    close.send_replace(true);
    let ended = tokio::time::timeout(GRACE, async {
        while workers.join_next().await.is_some() {}
    })
    .await;
    if ended.is_err() {
        tracing::warn!("some texts were still on their way; the next start settles them");
    }
    home.database.close().await?;
    Ok(())
}

/// Notes when a worker ends before its time. The replay of the spool ends by itself, once. Never resolves.
async fn mind(workers: &mut JoinSet<()>, working: &AtomicBool) {
    let mut replayed = false;
    while let Some(ended) = workers.join_next().await {
        if ended.is_err() || replayed {
            working.store(false, Ordering::Relaxed);
            tracing::error!("alarm: a worker ended before its time; restart postel");
        }
        replayed = true;
    }
    std::future::pending().await
}

/// Serves pages or figures until the process is to end.
async fn http(listener: TcpListener, router: Router, stopping: watch::Receiver<bool>) {
    let served = axum::serve(listener, router).with_graceful_shutdown(told(stopping));
    if let Err(error) = served.await {
        tracing::error!(%error, "the pages are no longer served");
    }
}

async fn told(mut stopping: watch::Receiver<bool>) {
    // The sender being gone means the same.
    drop(stopping.wait_for(|stop| *stop).await);
}

/// Rows looked at for what a crash left.
const LOOKED_AT: usize = 10_000;

/// Logs how many texts were handed to a provider when the last process ended, so that whoever looks
/// after a crash knows of them: the sweep looks them up, or else calls them unknown.
async fn tell_unfinished(home: &Home) -> Result<(), Failure> {
    let open = home.store.due(Timestamp::MAX, LOOKED_AT).await?;
    let texts = open.iter().filter(|r| r.state == State::Sending).count();
    if texts > 0 {
        tracing::warn!(
            texts,
            "the last process ended while texts were being sent; each is looked up, or else becomes unknown and is never sent again"
        );
    }
    Ok(())
}

/// The use cases over the home's store.
fn parts(home: &Home, spool: Spool, dns: Dns, hostname: &str) -> Result<local::Home, Failure> {
    let config = &home.config;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    let providers = providers::all(config, &home.store, &clock)?;
    let names: Vec<&str> = providers.iter().map(|p| p.name()).collect();
    measure::begin(&names, env!("CARGO_PKG_VERSION"));
    let dispatcher = Arc::new(Dispatcher::new(
        Arc::clone(&home.store),
        providers,
        Arc::clone(&clock),
        home.notices.clone(),
    ));
    let intake = Arc::new(Intake::new(
        Arc::clone(&home.store),
        Arc::new(Authenticator::new(dns, hostname)),
        Arc::clone(&clock),
        ids,
        home.notices.clone(),
        home::rules(config),
    ));
    let sweeper = Arc::new(Sweeper::new(
        Arc::clone(&home.store),
        Arc::clone(&dispatcher),
        mail_out(config, hostname)?,
        Arc::clone(&clock),
        home.notices.clone(),
        config.operator.ceilings,
    ));
    Ok(local::Home {
        intake,
        dispatcher,
        sweeper,
        spool,
        clock,
        workers: usize::try_from(config.workers).unwrap_or(1),
        sweep_every: SWEEP_EVERY,
        store: Arc::clone(&home.store),
    })
}

fn mail_out(config: &Config, hostname: &str) -> Result<Arc<dyn MailOut>, Failure> {
    if let Some(smarthost) = &config.mail_out.smarthost {
        let sender = Smarthost::new(&smarthost.url.0, hostname, smarthost.trust.as_deref())
            .map_err(|e| Failure::Trouble(e.to_string()))?;
        return Ok(Arc::new(sender));
    }
    let folder = home::outbox_folder(config);
    let sender = MailFolder::new(&folder).map_err(|e| {
        Failure::Trouble(format!(
            "the folder {} cannot be made: {e}",
            folder.display()
        ))
    })?;
    Ok(Arc::new(sender))
}

fn hostname(config: &Config) -> String {
    let named = config
        .smtp
        .hostname
        .as_ref()
        .or(config.gateway.domains.first());
    named.map_or_else(|| "localhost".to_owned(), |d| d.as_str().to_owned())
}

fn tls(config: &Config) -> Result<Option<Arc<postel_local::tls::Certificate>>, Failure> {
    let tls = config.smtp.tls.as_ref();
    tls.map(|t| postel_local::tls::Certificate::open(&t.certificate, &t.key))
        .transpose()
        .map_err(|e| Failure::Trouble(e.to_string()))
}

fn limits(config: &Config) -> Limits {
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    Limits {
        connections: size(config.smtp.max_connections),
        connections_per_client: size(config.smtp.max_connections_per_address),
        recipients: size(config.smtp.max_recipients),
        mail_bytes: size(config.smtp.max_mail_megabytes).saturating_mul(1_000_000),
        idle: Duration::from_secs(u64::from(config.smtp.idle_seconds)),
        data: Duration::from_secs(u64::from(config.smtp.data_seconds)),
        ..Limits::default()
    }
}

fn pages(home: &Home, smtp: Option<SocketAddr>, health: Health) -> Result<WebState, Failure> {
    let config = &home.config;
    let gateway = config.gateway.domains.first().cloned();
    let gateway =
        gateway.ok_or_else(|| Failure::Usage("[gateway] domains names none".to_owned()))?;
    Ok(WebState {
        store: Arc::clone(&home.store),
        settings: Arc::clone(&home.settings),
        gateway,
        handset: config.providers.iter().any(|p| p == "handset"),
        smtp: smtp.map(|a| a.to_string()),
        time_zone: TimeZone::get(&config.accounts.time_zone).unwrap_or(TimeZone::UTC),
        language: config.accounts.language,
        health,
    })
}
