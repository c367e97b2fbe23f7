//! `postel serve`: the one process, until SIGINT or SIGTERM.

use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::check::resolver;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::{Home, public_url};
use crate::output::Output;
use crate::serving::{self, Claimed, Sockets};

/// Runs the command.
pub(crate) async fn run(config: Option<&Path>, out: &mut Output) -> Outcome {
    let config = crate::home::load(config)?;
    crate::log::start(&config.log);
    let dns = resolver(config.dns_server)?;
    // Before the database: no other process's may be upgraded under its feet.
    let claimed = Claimed::folder(&config)?;
    let home = Arc::new(Home::open(config)?);
    let sockets = Sockets::configured(&home.config).await?;
    for listener in &sockets.smtp {
        out.field("mail", listener.local_addr()?.to_string())?;
    }
    out.field("pages", public_url(&home.config))?;
    serving::run(home, claimed, dns, sockets, asked_to_stop()?).await?;
    Ok(Answer::Yes)
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
