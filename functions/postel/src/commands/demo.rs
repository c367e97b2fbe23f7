//! `postel demo`: everything on this machine, with a simulated phone: one mail goes in by SMTP and
//! comes out as a text. Nothing leaves the machine; all of it is forgotten at the end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use postel_auth::dns::Dns;
use postel_auth::testing::{Zone, ZoneServer};
use postel_core::model::{AccountId, HandsetText, Sender};
use postel_core::ports::Ids as _;
use tokio::net::TcpListener;

use super::serve::asked_to_stop;
use crate::config::Config;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::Home;
use crate::output::{Colour, Output, paint};
use crate::serving::{self, Claimed, Sockets};
use crate::system::SystemIds;

/// The gateway of the demo. `example` names exist nowhere (RFC 2606).
const GATEWAY: &str = "sms.example.com";
/// The user's domain, whose SPF record the demo's own name server holds.
const DOMAIN: &str = "company.example";
/// The user.
const USER: &str = "ann@company.example";
/// The recipient. Any number would do: the phone is simulated.
const RECIPIENT: &str = "0612345678@sms.example.com";
/// The account.
const ACCOUNT: &str = "demo";
/// How long the text may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    /// First port to try for mail; the next free one is taken
    #[arg(long, default_value_t = 2525, value_parser = clap::value_parser!(u16).range(1024..))]
    smtp_port: u16,
    /// First port to try for the pages; the next free one is taken
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1024..))]
    web_port: u16,
}

/// The folder of a demo; it goes when the demo ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the demo's folder is left behind");
        }
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, out: &mut Output) -> Outcome {
    let stop = asked_to_stop()?;
    let sockets = Sockets {
        smtp: vec![next_free(arguments.smtp_port).await?],
        web: next_free(arguments.web_port).await?,
        metrics: None,
    };
    let folder =
        Folder(std::env::temp_dir().join(format!("postel-demo-{}", hex(&SystemIds.secret()))));
    let (smtp, page) = addresses(&sockets)?;
    let config = configuration(&folder, smtp, page)?;
    crate::log::start(&config.log);
    let zone = Zone::new()
        .txt(DOMAIN, "v=spf1 ip4:127.0.0.1 -all")
        .txt(&format!("_dmarc.{DOMAIN}"), "v=DMARC1; p=reject");
    let names = ZoneServer::start(zone)
        .await
        .map_err(|e| Failure::Trouble(format!("no port for DNS: {e}")))?;
    let dns = Dns::server(names.address()).map_err(|e| Failure::Trouble(e.to_string()))?;
    let home = Arc::new(Home::open(config)?);
    let claimed = Claimed::folder(&home.config)?;
    prepare(&home).await?;
    out.line(paint(
        Colour::Bold,
        "Postel's demo: an ordinary mail becomes a text message.",
    ))?;
    out.line("The phone is simulated and nothing leaves this machine.")?;
    out.line("")?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = serving::run(Arc::clone(&home), claimed, dns, sockets, async {
        // Sent or dropped: it is over either way.
        drop(ended.await);
    });
    let serving = tokio::spawn(serving);
    let shown = show(&home, smtp, page, out).await;
    if shown.is_ok() {
        stop.await;
    }
    drop(end);
    serving
        .await
        .map_err(|_| Failure::Trouble("the demo ended by an internal fault".to_owned()))??;
    drop(folder);
    shown.map(|()| Answer::Yes)
}

/// Sends the mail and prints what came of it.
async fn show(
    home: &Home,
    smtp: SocketAddr,
    page: SocketAddr,
    out: &mut Output,
) -> Result<(), Failure> {
    out.field("mail from", USER)?;
    out.field("mail to", RECIPIENT)?;
    send(smtp).await?;
    let text = arrival(home).await?;
    out.field("text to", text.to.as_e164())?;
    out.field("text from", &text.from)?;
    out.field("parts", format!("{} ({})", text.parts, text.encoding))?;
    out.line("")?;
    out.line(paint(Colour::Good, &text.text))?;
    out.line("")?;
    out.field("the phone's page", format!("http://{page}/handset"))?;
    out.field("SMTP", smtp.to_string())?;
    out.line("")?;
    out.line("Send one yourself, for instance with swaks:")?;
    out.line(format!(
        "  swaks --server {smtp} --from {USER} --to {RECIPIENT} --body 'Hello'"
    ))?;
    out.line("Stop with Ctrl-C.")?;
    Ok(())
}

/// The account, with one user who has accepted.
async fn prepare(home: &Home) -> Result<(), Failure> {
    let never = |e: &dyn ToString| Failure::Trouble(e.to_string());
    let id: AccountId = ACCOUNT.parse().map_err(|e| never(&e))?;
    let user: Sender = USER
        .parse()
        .map_err(|e: postel_core::model::SenderError| never(&e))?;
    home.settings
        .add_account(home.new_account(id.clone()), ACCOUNT)
        .await?;
    home.settings.add_user(&id, user.clone(), ACCOUNT).await?;
    home.settings.accept_for(&id, &user, ACCOUNT).await?;
    Ok(())
}

/// A mail as a mail program writes it, over real SMTP.
async fn send(smtp: SocketAddr) -> Result<(), Failure> {
    let trouble = |e: &dyn ToString| {
        Failure::Trouble(format!(
            "the demo's mail could not be sent: {}",
            e.to_string()
        ))
    };
    let mailbox = |address: &str| address.parse::<Mailbox>().map_err(|e| trouble(&e));
    let mail = Message::builder()
        .from(mailbox(&format!("Ann Example <{USER}>"))?)
        .to(mailbox(RECIPIENT)?)
        .subject("Hall 2")
        .message_id(Some(format!("<{}@{DOMAIN}>", hex(&SystemIds.secret()))))
        .body(BODY.to_owned())
        .map_err(|e| trouble(&e))?;
    let sender = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.ip().to_string())
        .port(smtp.port())
        .timeout(Some(PATIENCE))
        .build();
    sender.send(mail).await.map(drop).map_err(|e| trouble(&e))
}

/// What the user typed, and what her mail program adds and the text leaves out.
const BODY: &str = "Hello,\n\nthe compressor in hall 2 has stopped \u{2013} please call me, it\u{2019}s urgent.\n\n\
    -- \nAnn Example\nCompany Ltd\n\nSent from my iPhone\n";

/// Waits for the text.
async fn arrival(home: &Home) -> Result<HandsetText, Failure> {
    let wait = async {
        loop {
            if let Some(text) = home.store.texts(1).await?.pop() {
                return Ok(text);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let late =
        || Failure::Trouble("the mail was taken, but no text arrived within 20 seconds".to_owned());
    tokio::time::timeout(PATIENCE, wait)
        .await
        .map_err(|_| late())?
}

/// The first port from here on that is free on 127.0.0.1.
async fn next_free(from: u16) -> Result<TcpListener, Failure> {
    for port in from..=u16::MAX {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok(listener),
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(e) => {
                return Err(Failure::Trouble(format!(
                    "127.0.0.1:{port} cannot be listened on: {}",
                    crate::config::reason(&e)
                )));
            }
        }
    }
    Err(Failure::Trouble(format!("no port from {from} on is free")))
}

fn addresses(sockets: &Sockets) -> Result<(SocketAddr, SocketAddr), Failure> {
    let smtp = sockets
        .smtp
        .first()
        .ok_or_else(|| Failure::Trouble("no port for mail".to_owned()))?;
    Ok((smtp.local_addr()?, sockets.web.local_addr()?))
}

/// The settings of a demo, written as the environment would have them so that the one reader checks them.
fn configuration(folder: &Folder, smtp: SocketAddr, page: SocketAddr) -> Result<Config, Failure> {
    let settings = BTreeMap::from([
        ("POSTEL_GATEWAY_DOMAINS".to_owned(), GATEWAY.to_owned()),
        (
            "POSTEL_GATEWAY_DATA".to_owned(),
            folder.0.display().to_string(),
        ),
        ("POSTEL_SMTP_LISTEN".to_owned(), smtp.to_string()),
        ("POSTEL_WEB_LISTEN".to_owned(), page.to_string()),
        ("POSTEL_LOG_LEVEL".to_owned(), "warn".to_owned()),
    ]);
    Config::from_values(&settings).map_err(|faults| Failure::Configuration(faults, None))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(8).map(|b| format!("{b:02x}")).collect()
}
