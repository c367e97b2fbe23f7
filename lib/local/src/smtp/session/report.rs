//! XCLIENT and XFORWARD: what a relay reports of its clients.
//!
//! Must not know what is made of it.

use super::{End, Session};
use crate::smtp::command::Reporting;
use crate::smtp::relay::{self, Handover, Report};
use crate::smtp::reply::Reply;

const OK: Reply = Reply::fixed(250, 0, 0, "OK");
const NOT_YOU: Reply = Reply::fixed(550, 7, 0, "Only the operator's own relays may say that");
const NOT_NOW: Reply = Reply::fixed(503, 5, 1, "Not within a mail; RSET begins anew");

impl Session {
    /// What is known of where the session's mails come from, where a relay hands them over.
    pub(super) fn handover(&self) -> Option<Handover> {
        let relays = &self.server.relays;
        relay::trusted(self.ip, relays).then(|| Handover {
            peer: self.ip,
            hello: self
                .hello
                .as_ref()
                .map_or_else(String::new, |h| h.name.clone()),
            xclient: self.xclient.clone(),
            xforward: self.xforward.clone(),
        })
    }

    /// Whether a relay speaks, and not a client that it has named: behind a proxy that passes on what
    /// its client says, the client must not report anybody.
    fn is_relays(&self) -> bool {
        self.handover()
            .is_some_and(|h| h.is_relays(&self.server.relays))
    }

    /// What only relays are offered with EHLO.
    pub(super) fn offered_to_relays(&self) -> Vec<String> {
        if !self.is_relays() {
            return Vec::new();
        }
        vec![
            format!("XCLIENT {}", relay::XCLIENT.join(" ")),
            format!("XFORWARD {}", relay::XFORWARD.join(" ")),
        ]
    }

    pub(super) fn report(&mut self, of: Reporting, attributes: &str) -> Result<(), End> {
        if !self.is_relays() {
            return self.fault(NOT_YOU);
        }
        if self.transaction.is_some() {
            return self.fault(NOT_NOW);
        }
        let known: &[&str] = match of {
            Reporting::Session => &relay::XCLIENT,
            Reporting::NextMail => &relay::XFORWARD,
        };
        let report = match Report::read(attributes, known) {
            Ok(report) => report,
            Err(reply) => return self.fault(reply),
        };
        match of {
            Reporting::Session => {
                self.xclient.get_or_insert_default().add(report);
                // As after connecting.
                self.hello = None;
                self.login = None;
                self.reset();
                self.greet();
            }
            Reporting::NextMail => {
                self.xforward.get_or_insert_default().add(report);
                self.say(&OK);
            }
        }
        Ok(())
    }
}
