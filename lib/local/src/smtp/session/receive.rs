//! A mail's way from DATA to its answer.
//!
//! Must not know what is decided about it.

use std::sync::Arc;
use std::time::Duration;

use postel_core::measure;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;

use super::{CLOSING, End, FAILED, MAIL_FIRST, NO_RECIPIENT, Session, TOO_SLOW, Transaction};
use crate::smtp::data::{Collector, Fault, Received};
use crate::smtp::incoming::OnDisk;
use crate::smtp::limits::Held;
use crate::smtp::relay::{HEAD, Handover};
use crate::smtp::reply::Reply;
use crate::smtp::wire::Wire;
use crate::smtp::{Envelope, Server};

/// To whoever waits for an answer to a mail that ended in its own way only.
const NO_END: Reply = Reply::fixed(
    421,
    4,
    2,
    "The mail has bare CR or LF and no end: lines end in CR LF, the mail in CR LF . CR LF",
);

impl Session {
    /// DATA: takes the mail, hears what becomes of it, and says so.
    pub(super) async fn data(&mut self) -> Result<(), End> {
        let Some(transaction) = self.transaction.take_if(|t| !t.recipients.is_empty()) else {
            let reply = if self.transaction.is_some() {
                NO_RECIPIENT
            } else {
                MAIL_FIRST
            };
            return self.fault(reply);
        };
        let limits = &self.server.limits;
        let (memory, disk) = (self.server.budget.hold(), self.server.incoming.clone());
        let mut collector = Collector::new(limits.mail_bytes, memory, disk);
        if !collector.begin() {
            self.say(&Reply::no_room());
            return Ok(());
        }
        self.wire
            .write(b"354 Send the mail, and end it with a dot on a line of its own\r\n");
        let until = self.ends_at.min(Instant::now() + limits.data);
        let collected = tokio::select! {
            collected = collect(&mut self.wire, &mut collector, limits.idle) => collected,
            reply = patience(self.closing.clone(), until, limits.grace) => Err(End::Said(reply)),
        };
        match collected {
            Err(End::Said(reply))
                if reply == TOO_SLOW && collector.fault() == Some(Fault::BareEnd) =>
            {
                return Err(End::Said(NO_END));
            }
            collected => collected?,
        }
        match collector.finish() {
            Ok(received) => {
                let Transaction {
                    connection,
                    handover,
                    recipients,
                    ..
                } = transaction;
                let reply = self
                    .decide(
                        Envelope {
                            connection,
                            recipients,
                        },
                        handover,
                        received,
                    )
                    .await?;
                self.accepted += usize::from(reply.is_success());
                if reply.code() == 421 {
                    return Err(End::Said(reply));
                }
                self.say(&reply);
            }
            Err(fault) => {
                tracing::info!(reason = fault.word(), "a mail was refused");
                measure::MAILS_REFUSED.count(&[fault.word()]);
                match fault {
                    Fault::BareEnd | Fault::Nul => self.fault(fault.reply())?,
                    Fault::TooBig | Fault::NoRoom => self.say(&fault.reply()),
                }
            }
        }
        self.reset();
        Ok(())
    }

    /// The handler's answer. It works in a task of its own, so that its panic is not ours and a
    /// client that leaves does not stop it half-way; the memory is held as long as it works.
    async fn decide(
        &mut self,
        mut envelope: Envelope,
        handover: Option<Handover>,
        received: Received,
    ) -> Result<Reply, End> {
        let server = Arc::clone(&self.server);
        let work = async move {
            let (raw, held) = match received {
                Received::Small(raw, held) => (raw, held),
                Received::Big(disk) => match fetch(&server, disk).await {
                    Ok(fetched) => fetched,
                    Err(reply) => return reply,
                },
            };
            if let Some(handover) = handover {
                let head = raw.get(..HEAD.min(raw.len())).unwrap_or_default();
                let origin = handover.origin(&server.relays, head);
                envelope.connection.client_ip = origin.ip;
                envelope.connection.helo = origin.helo;
            }
            let reply = server.handler.mail(envelope, raw).await;
            drop(held);
            reply
        };
        let task = tokio::spawn(work.in_current_span());
        let limits = &self.server.limits;
        let until = Instant::now() + limits.answer;
        tokio::select! {
            done = task => Ok(match done {
                Ok(reply) if matches!(reply.class(), 2 | 4 | 5) => reply,
                Ok(_) | Err(_) => {
                    tracing::error!("handling a mail failed");
                    measure::MAILS_REFUSED.count(&["broken"]);
                    FAILED
                }
            }),
            reply = patience(self.closing.clone(), until, limits.grace) => {
                tracing::error!("handling a mail took too long");
                measure::MAILS_REFUSED.count(&["broken"]);
                if *self.closing.borrow() { Err(End::Said(reply)) } else { Ok(FAILED) }
            }
        }
    }
}

/// A big mail into memory, where there is room in time.
async fn fetch(server: &Server, disk: OnDisk) -> Result<(Vec<u8>, Held), Reply> {
    let room = server.big.wait_for(disk.len());
    let Ok(held) = timeout(server.limits.big_mail_wait, room).await else {
        tracing::warn!("too many big mails at one time; one was put off");
        return Err(Reply::no_room());
    };
    match disk.read().await {
        Ok(raw) => Ok((raw, held)),
        Err(error) => {
            tracing::error!(%error, "alarm: a big mail cannot be read back; its sender tries again");
            Err(Reply::no_room())
        }
    }
}

/// Reads until the mail's end.
async fn collect(wire: &mut Wire, collector: &mut Collector, idle: Duration) -> Result<(), End> {
    loop {
        let taken = collector.feed(wire.arrived());
        wire.take(taken);
        if collector.wants_disk() {
            collector.write().await;
            continue;
        }
        if collector.ended() {
            return Ok(());
        }
        match timeout(idle, wire.more()).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false) | Err(_)) => return Err(End::Gone),
            Err(_) => return Err(End::Said(TOO_SLOW)),
        }
    }
}

/// Waits as long as a mail may take; gives the reply that ends the session then.
async fn patience(mut closing: watch::Receiver<bool>, until: Instant, grace: Duration) -> Reply {
    tokio::select! {
        () = sleep_until(until) => return TOO_SLOW,
        _ = closing.wait_for(|closing| *closing) => {}
    }
    sleep_until(until.min(Instant::now() + grace)).await;
    CLOSING
}
