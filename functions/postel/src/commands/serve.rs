//! `postel serve`: the one process, until SIGINT or SIGTERM.

use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::check::resolver;
use crate::config::Log;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::{Home, public_url};
use crate::output::Output;
use crate::serving::{self, Claimed, Sockets};

/// Runs the command.
pub(crate) async fn run(config: Option<&Path>, out: &mut Output) -> Outcome {
    let config = crate::home::load(config)?;
    start_log(&config.log);
    let dns = resolver(config.dns_server)?;
    let home = Arc::new(Home::open(config)?);
    let claimed = Claimed::folder(&home.config)?;
    let sockets = Sockets::configured(&home.config).await?;
    for listener in &sockets.smtp {
        out.field("mail", listener.local_addr()?.to_string())?;
    }
    out.field("pages", public_url(&home.config))?;
    serving::run(home, claimed, dns, sockets, asked_to_stop()?).await?;
    Ok(Answer::Yes)
}

/// Libraries that log the names they look up; names hold local parts where SPF macros ask for them.
const SILENT: &str = "hickory_resolver=off,hickory_net=off,hickory_proto=off";

/// Log lines go to standard error.
pub(crate) fn start_log(log: &Log) {
    let filter = EnvFilter::new(format!("{},{SILENT}", log.level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Only one log can be started in a process; a second start changes nothing.
    drop(if log.json {
        builder.json().try_init()
    } else {
        builder.with_ansi(false).try_init()
    });
}

/// Resolves at SIGINT (Ctrl-C) or SIGTERM.
pub(crate) fn asked_to_stop() -> Result<impl Future<Output = ()>, Failure> {
    let failed = |e: std::io::Error| Failure::Trouble(format!("signals cannot be received: {e}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
