//! Sending a row: claim it, ask a provider once, record what came of it (DESIGN 4.5).
//!
//! What follows an answer is [`crate::ledger::policy`]'s to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::ledger::policy::{
    HOLD_WAIT, Next, PROBE_EVERY, SENDING_IS_STALE_AFTER, after, look_up_again, releases,
    taken_within,
};
use crate::ledger::{Row, RowId, State};
use crate::measure;
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
    /// Providers that hold the account, and when one row may find out whether they still do. What every process finds
    /// out for itself is not worth a store's memory.
    holds: Mutex<BTreeMap<&'static str, Timestamp>>,
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
            holds: Mutex::default(),
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
            State::Sending => self.settle(row).await,
            State::Sent
            | State::Delivered
            | State::Undelivered
            | State::Refused
            | State::Failed
            | State::Expired
            | State::Unknown => self.finish(row).await,
        }
    }

    /// [`Dispatcher::attend`] for the row of this id as it is now; nothing where there is none.
    ///
    /// # Errors
    /// The store's: the row is looked at again when it is due.
    pub async fn attend_to(&self, id: &RowId) -> Result<(), StoreError> {
        match self.store.row(id).await? {
            Some(row) => self.attend(row).await,
            None => Ok(()),
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
        let parts = row.parts;
        // Collected: a future that holds the closure is not `Send` enough to be spawned.
        let able: Vec<_> = self
            .providers
            .iter()
            .filter(|p| parts <= p.limits().max_parts)
            .collect();
        let mut able = able.into_iter().peekable();
        if able.peek().is_none() {
            let note = format!("no configured provider takes {parts} parts");
            row.reservations.clear();
            row.enter(State::Failed, None, now, note);
            return self.close(row).await;
        }
        while let Some(provider) = able.next() {
            let now = self.clock.now();
            let stale = now.checked_add(SENDING_IS_STALE_AFTER).unwrap_or(now);
            if self.holds(provider.as_ref(), now) {
                return self.wait_out_hold(row, provider.as_ref(), now).await;
            }
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
            let outcome = self.call(provider.as_ref(), &row, now).await;
            let now = self.clock.now();
            self.note_hold(provider.as_ref(), &outcome, now);
            let looks_up = provider.limits().looks_up;
            let next = after(&outcome, row.attempts, looks_up, now, row.valid_until);
            if next.alarm {
                tracing::error!(row = %row.id, provider = provider.name(), attempts = row.attempts, state = next.state.as_str(), note = %next.note, "alarm: the operator must look at this provider");
            }
            if next.failover && able.peek().is_some() {
                row.enter(State::Waiting, Some(stale), now, next.note);
                continue;
            }
            return self.record(row, &outcome, &next).await;
        }
        Ok(())
    }

    /// The one call to a provider, measured.
    async fn call(&self, provider: &dyn SmsProvider, row: &Row, now: Timestamp) -> SmsOutcome {
        if row.attempts == 1 {
            measure::TEXT_WAIT_SECONDS.took(&[], measure::between(row.accepted_at, now));
        }
        let name = provider.name();
        let calling = measure::PROVIDER_CALLS.during(&[name]);
        let outcome = provider.send(&sms(row)).await;
        drop(calling);
        measure::PROVIDER_SECONDS.took(&[name], measure::between(now, self.clock.now()));
        measure::PROVIDER_ANSWERS.count(&[name, outcome.class()]);
        outcome
    }

    /// Whether the provider holds the account, as far as is known. The first to ask once a probe is due is that probe.
    fn holds(&self, provider: &dyn SmsProvider, now: Timestamp) -> bool {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        match holds.get_mut(provider.name()) {
            // A probe that is further away than it was ever set: the clock was put back.
            Some(probe_at)
                if *probe_at <= now || now.duration_since(*probe_at).abs() > PROBE_EVERY =>
            {
                *probe_at = now.checked_add(PROBE_EVERY).unwrap_or(now);
                false
            }
            held => held.is_some(),
        }
    }

    fn note_hold(&self, provider: &dyn SmsProvider, outcome: &SmsOutcome, now: Timestamp) {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(outcome, SmsOutcome::AccountHold { .. }) {
            let probe_at = now.checked_add(PROBE_EVERY).unwrap_or(now);
            holds.insert(provider.name(), probe_at);
            measure::PROVIDER_HELD.set(&[provider.name()], 1.0);
        } else if releases(outcome) && holds.remove(provider.name()).is_some() {
            measure::PROVIDER_HELD.set(&[provider.name()], 0.0);
            tracing::info!(
                provider = provider.name(),
                "the provider takes texts again; what waits for it goes out as it comes due"
            );
        }
    }

    /// Puts a row off without asking a provider that holds the account.
    async fn wait_out_hold(
        &self,
        mut row: Row,
        provider: &dyn SmsProvider,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let due = now.checked_add(HOLD_WAIT).unwrap_or(now);
        let note = format!("{} holds the account", provider.name());
        let due = Some(due.min(row.valid_until));
        // Once in its trail: a row may wait so for a day.
        if row.state == State::Waiting && row.events.last().is_some_and(|e| e.note == note) {
            row.due = due;
        } else {
            row.enter(State::Waiting, due, now, note);
        }
        self.close(row).await
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
        count(&row);
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

    /// It may have been taken, because the answer was ambiguous or the process died before it was recorded: looked up,
    /// else unknown. Never sent again.
    async fn settle(&self, mut row: Row) -> Result<(), StoreError> {
        let now = self.clock.now();
        if row.due.is_none_or(|due| due > now) {
            return Ok(());
        }
        let since = row.sending_since().unwrap_or(now);
        let name = row.provider.as_deref();
        let provider = self.providers.iter().find(|p| Some(p.name()) == name);
        let answer = match provider {
            Some(provider) => provider.look_up(&sms(&row), taken_within(since)).await,
            None => LookUp::Unsupported,
        };
        let now = self.clock.now();
        let note = match answer {
            LookUp::Seen(refs) => {
                let Some(mut row) = self.hold_one_of(row.clone(), refs).await? else {
                    return Ok(()); // Somebody else settles it.
                };
                if row.provider_ref.is_some() {
                    row.enter(State::Sent, None, now, "found at the provider");
                    return self.close(row).await;
                }
                return self
                    .lose_sight_of(
                        row,
                        now,
                        "not seen at the provider, which is no proof; not sent again",
                    )
                    .await;
            }
            LookUp::NotNow { detail } => match look_up_again(since, now) {
                Some(due) => {
                    row.enter(
                        State::Sending,
                        Some(due),
                        now,
                        format!("cannot be looked up now: {detail}"),
                    );
                    return self.close(row).await;
                }
                None => "could not be looked up at the provider; not sent again",
            },
            LookUp::Unsupported => "the provider cannot say whether it took it; not sent again",
        };
        self.lose_sight_of(row, now, note).await
    }

    async fn lose_sight_of(
        &self,
        mut row: Row,
        now: Timestamp,
        note: &str,
    ) -> Result<(), StoreError> {
        tracing::error!(row = %row.id, provider = row.provider, note, "alarm: the outcome of a text is unknown");
        row.enter(State::Unknown, None, now, note);
        self.close(row).await
    }

    /// The row with the first of the provider's ids that no other row holds, now its own; without one where there is none.
    /// `None`: somebody else changed the row.
    async fn hold_one_of(
        &self,
        mut row: Row,
        refs: Vec<String>,
    ) -> Result<Option<Row>, StoreError> {
        let Some(provider) = row.provider.clone() else {
            return Ok(Some(row));
        };
        for provider_ref in refs {
            let holder = self.store.row_by_ref(&provider, &provider_ref).await?;
            if holder.is_none() {
                row.provider_ref = Some(provider_ref.clone());
                if !self.stored(&row).await? {
                    return Ok(None);
                }
                row.version += 1;
            }
            // Read again: of two rows that come for one id, the first has it.
            let holder = match holder {
                Some(holder) => Some(holder),
                None => self.store.row_by_ref(&provider, &provider_ref).await?,
            };
            if holder.as_ref() == Some(&row.id) {
                row.provider_ref = Some(provider_ref);
                return Ok(Some(row));
            }
        }
        row.provider_ref = None;
        Ok(Some(row))
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

/// A row that came into a state; one that is looked up again later stays in its own.
fn count(row: &Row) {
    if row.state != State::Sending {
        measure::TEXTS.count(&[row.state.as_str()]);
    }
    if row.state == State::Sent {
        measure::PARTS_SENT.add(&[], row.parts.into());
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
