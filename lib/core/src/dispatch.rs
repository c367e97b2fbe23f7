//! Sending a row: claim it, ask a provider once, record what came of it (DESIGN 4.5).
//!
//! What follows an answer is [`crate::ledger::policy`]'s to say.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::ledger::policy::{Next, SENDING_IS_STALE_AFTER, after};
use crate::ledger::{Row, State};
use crate::model::Language;
use crate::notice::{self, Notices};
use crate::ports::{
    Clock, LookUp, OptOut, OptOutSource, Sms, SmsOutcome, SmsProvider, Store, StoreError,
};

/// How often recording an answer is tried before the row is left for the sweep.
const RECORD_TRIES: u32 = 3;

/// When telling a sender is tried again, where it failed.
const TELL_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// After this a sender is not told any more: it is no news, and the outbox may have forgotten that it was told.
const TELL_FOR: SignedDuration = SignedDuration::from_hours(72);

/// Sends rows.
pub struct Dispatcher {
    store: Arc<dyn Store>,
    /// In the order in which they are asked.
    providers: Vec<Arc<dyn SmsProvider>>,
    clock: Arc<dyn Clock>,
    notices: Notices,
}

impl Dispatcher {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        providers: Vec<Arc<dyn SmsProvider>>,
        clock: Arc<dyn Clock>,
        notices: Notices,
    ) -> Self {
        Self {
            store,
            providers,
            clock,
            notices,
        }
    }

    /// Does what is due about a row: sends it, closes it as expired, or settles a stale attempt.
    /// Safe to call for any row, by several at once: whoever loses the compare-and-set does nothing.
    ///
    /// # Errors
    /// The store's: the row is looked at again when it is due.
    pub async fn attend(&self, row: Row) -> Result<(), StoreError> {
        match row.state {
            State::Waiting => self.send(row).await,
            State::Sending => self.settle_stale(row).await,
            State::Sent
            | State::Delivered
            | State::Undelivered
            | State::Refused
            | State::Failed
            | State::Expired
            | State::Unknown => self.finish(row).await,
        }
    }

    async fn send(&self, mut row: Row) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now >= row.valid_until {
            row.reservations.clear();
            row.enter(
                State::Expired,
                None,
                now,
                "its validity ended before it could be sent",
            );
            return self.close(row).await;
        }
        if self.store.opt_out(&row.account, &row.to).await?.is_some() {
            row.reservations.clear();
            row.enter(
                State::Refused,
                None,
                now,
                match row.language {
                    Language::En => "the recipient opted out meanwhile",
                    Language::Fr => "le destinataire s’est désabonné entre-temps",
                },
            );
            return self.close(row).await;
        }
        // A row is due from the first only once it has waited: before that, the decision has just looked.
        let waited = row.due.is_none_or(|due| due <= now);
        if waited && !self.notices.has_user(&row).await? {
            row.reservations.clear();
            row.enter(State::Refused, None, now, "the user was deleted meanwhile");
            return self.close(row).await;
        }
        for (index, provider) in self.providers.iter().enumerate() {
            let now = self.clock.now();
            let stale = now.checked_add(SENDING_IS_STALE_AFTER).unwrap_or(now);
            row.attempts = row.attempts.saturating_add(1);
            row.provider = Some(provider.name().to_owned());
            row.enter(
                State::Sending,
                Some(stale),
                now,
                format!("handed to {}", provider.name()),
            );
            if !self.store.update(&row).await? {
                return Ok(()); // Somebody else was faster and sends it.
            }
            row.version += 1;
            let answer = provider.send(&sms(&row)).await;
            let outcome = self.looked_up(provider.as_ref(), &row, answer).await;
            let next = after(&outcome, row.attempts, self.clock.now(), row.valid_until);
            if next.alarm {
                tracing::error!(row = %row.id, provider = provider.name(), attempts = row.attempts, state = next.state.as_str(), note = %next.note, "alarm: the operator must look at this provider");
            }
            if next.failover && index + 1 < self.providers.len() {
                row.enter(State::Sending, Some(stale), self.clock.now(), next.note);
                continue;
            }
            return self.record(row, &outcome, &next).await;
        }
        tracing::error!(row = %row.id, "no provider is configured");
        Ok(())
    }

    /// An ambiguous answer is looked up at the provider, where that can be done.
    async fn looked_up(
        &self,
        provider: &dyn SmsProvider,
        row: &Row,
        outcome: SmsOutcome,
    ) -> SmsOutcome {
        if !matches!(outcome, SmsOutcome::Ambiguous { .. }) {
            return outcome;
        }
        match provider.look_up(&row.id).await {
            LookUp::Found { provider_ref } => SmsOutcome::Sent {
                provider_ref: Some(provider_ref),
            },
            LookUp::CannotTell => outcome,
        }
    }

    /// Writes the answer down. Where the store fails, the row stays in `sending` and is settled as stale:
    /// it is never sent again.
    async fn record(
        &self,
        mut row: Row,
        outcome: &SmsOutcome,
        next: &Next,
    ) -> Result<(), StoreError> {
        if let SmsOutcome::Sent { provider_ref } = outcome {
            row.provider_ref.clone_from(provider_ref);
        }
        if next.suppress {
            let opt_out = OptOut {
                at: self.clock.now(),
                source: OptOutSource::Provider,
            };
            self.store
                .set_opt_out(&row.account, &row.to, Some(&opt_out))
                .await?;
        }
        if next.give_back {
            row.reservations.clear();
        }
        row.enter(next.state, next.due, self.clock.now(), next.note.clone());
        self.close(row).await
    }

    /// Stores a row and tells its sender where it ended. Until that is told the row stays due, so
    /// that a failure or a crash in between silences nothing.
    async fn close(&self, mut row: Row) -> Result<(), StoreError> {
        let tell = notice::is_told(&row);
        if tell {
            row.due = self.clock.now().checked_add(TELL_AGAIN_AFTER).ok();
        }
        if !self.stored(&row).await? {
            tracing::warn!(row = %row.id, state = row.state.as_str(), "somebody else changed the row meanwhile");
            return Ok(());
        }
        tracing::info!(row = %row.id, mail = %row.mail, account = %row.account, state = row.state.as_str(), attempts = row.attempts, parts = row.parts, "row");
        if tell {
            row.version += 1;
            self.finish(row).await?;
        }
        Ok(())
    }

    /// [`crate::ports::Ledger::update`], tried again where the store may answer the next time.
    async fn stored(&self, row: &Row) -> Result<bool, StoreError> {
        let mut tries = 1;
        loop {
            match self.store.update(row).await {
                Err(error) if error.is_temporary() && tries < RECORD_TRIES => tries += 1,
                result => return result,
            }
        }
    }

    /// The process that sent it died between claim and record: looked up, else unknown. Never sent again.
    async fn settle_stale(&self, mut row: Row) -> Result<(), StoreError> {
        let now = self.clock.now();
        if row.due.is_none_or(|due| due > now) {
            return Ok(());
        }
        let provider = self
            .providers
            .iter()
            .find(|p| Some(p.name()) == row.provider.as_deref());
        let found = match provider {
            Some(provider) => provider.look_up(&row.id).await,
            None => LookUp::CannotTell,
        };
        match found {
            LookUp::Found { provider_ref } => {
                row.provider_ref = Some(provider_ref);
                row.enter(
                    State::Sent,
                    None,
                    now,
                    "found at the provider after an interruption",
                );
            }
            LookUp::CannotTell => {
                tracing::error!(row = %row.id, "alarm: interrupted while sending; outcome unknown, not sent again");
                row.enter(
                    State::Unknown,
                    None,
                    now,
                    "interrupted while it was being sent; not sent again",
                );
            }
        }
        self.close(row).await
    }

    /// What is left to do about an ended row: its sender is told, its text forgotten in time.
    /// May be done again: the same end is told once.
    async fn finish(&self, mut row: Row) -> Result<(), StoreError> {
        let now = self.clock.now();
        let told_until = row
            .events
            .last()
            .and_then(|end| end.at.checked_add(TELL_FOR).ok());
        if told_until.is_none_or(|until| now < until) {
            self.notices.row_ended(&row, now).await?;
        }
        if now >= row.text_expires_at {
            row.text.clear();
        }
        row.due = row.forget_text_at();
        self.store.update(&row).await?;
        Ok(())
    }
}

fn sms(row: &Row) -> Sms {
    Sms {
        reference: row.id.clone(),
        to: row.to.clone(),
        originator: row.originator.clone(),
        text: row.text.clone(),
        encoding: row.encoding,
        parts: row.parts,
        valid_until: row.valid_until,
    }
}
