//! The sweep: due rows, mails of our own, warnings, retention. Run every minute or oftener, by
//! several at once if need be; each run is bounded, the rest waits for the next.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use jiff::SignedDuration;

use crate::dispatch::Dispatcher;
use crate::ledger::limits::{Ceilings, account_counters};
use crate::ledger::{Row, RowId, State};
use crate::measure;
use crate::model::{Account, OutgoingMail};
use crate::notice::Notices;
use crate::ports::{AccountPages, Clock, MailOut, MailOutError, Store, StoreError};

/// How long a mail of ours is lent to one sweep.
const LENT_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Rows attended to at one time: a provider that answers slowly must not hold up the rest.
const ROWS_AT_ONCE: usize = 16;
/// When a row is looked at again that cannot be attended to whatever the store does: rows that never can be must
/// not stand before all others.
const PUT_OFF: SignedDuration = SignedDuration::from_mins(15);
/// Longest wait between two tries of a mail.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(60);

/// What one run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows attended to.
    pub rows: usize,
    /// Mails handed over.
    pub mails: usize,
    /// Records forgotten.
    pub forgotten: usize,
}

/// Does what is due.
pub struct Sweeper {
    store: Arc<dyn Store>,
    dispatcher: Arc<Dispatcher>,
    mail_out: Arc<dyn MailOut>,
    clock: Arc<dyn Clock>,
    notices: Notices,
    ceilings: Ceilings,
}

impl Sweeper {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        dispatcher: Arc<Dispatcher>,
        mail_out: Arc<dyn MailOut>,
        clock: Arc<dyn Clock>,
        notices: Notices,
        ceilings: Ceilings,
    ) -> Self {
        Self {
            store,
            dispatcher,
            mail_out,
            clock,
            notices,
            ceilings,
        }
    }

    /// Up to `limit` due rows, several at a time. One that fails holds up none of the others.
    ///
    /// # Errors
    /// The store's, the first of them: what was not done stays due.
    pub async fn rows(&self, limit: usize) -> Result<usize, StoreError> {
        let due = self.store.due(self.clock.now(), limit).await?;
        let count = due.len();
        let tasks: Vec<_> = due.into_iter().map(|row| self.attend(row)).collect();
        let mut attended = stream::iter(tasks).buffer_unordered(ROWS_AT_ONCE);
        let mut result = Ok(count);
        while let Some(done) = attended.next().await {
            result = result.and_then(|count| done.map(|()| count));
        }
        result
    }

    async fn attend(&self, row: Row) -> Result<(), StoreError> {
        let id = row.id.clone();
        // A row whose handling panics is put off like one that fails for good: it would stand before all others again.
        let attending = AssertUnwindSafe(self.dispatcher.attend(row)).catch_unwind();
        let Ok(done) = attending.await else {
            tracing::error!(row = %id, "alarm: handling a row broke down; it is put off");
            return self.put_off(&id).await;
        };
        if let Err(error) = &done {
            tracing::error!(row = %id, %error, "a row could not be attended to; it stays due");
            if !error.is_temporary() {
                self.put_off(&id).await?;
            }
        }
        done
    }

    async fn put_off(&self, id: &RowId) -> Result<(), StoreError> {
        let now = self.clock.now();
        if let Some(mut row) = self.store.row(id).await?
            && row.state != State::Sending
            && row.due.is_some_and(|due| due <= now)
        {
            row.due = now.checked_add(PUT_OFF).ok();
            self.store.update(&row).await?;
        }
        Ok(())
    }

    /// Up to `limit` due mails of our own. One that fails holds up none of the others.
    ///
    /// # Errors
    /// The store's, the first of them: what was not settled is lent out and due again later.
    pub async fn mails(&self, limit: usize) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let until = now.checked_add(LENT_FOR).unwrap_or(now);
        let due = self.store.take_due(now, until, limit).await?;
        let mut result = Ok(0);
        for mail in due {
            if self.clock.now() >= until {
                break; // The rest is due again, perhaps for somebody else.
            }
            let done = self.mail(mail).await;
            result = result.and_then(|count| done.map(|()| count + 1));
        }
        result
    }

    async fn mail(&self, mut mail: OutgoingMail) -> Result<(), StoreError> {
        mail.attempts = mail.attempts.saturating_add(1);
        let sent = self.mail_out.send(&mail).await;
        let now = self.clock.now();
        let (due, note) = match sent {
            Ok(()) => {
                measure::OWN_MAILS.count(&["sent"]);
                (None, "sent".to_owned())
            }
            Err(MailOutError::Permanent(said)) => {
                measure::OWN_MAILS.count(&["refused"]);
                (None, format!("refused: {said}"))
            }
            Err(MailOutError::Temporary(said)) if now >= mail.expires_at => {
                measure::OWN_MAILS.count(&["given-up"]);
                (None, format!("given up: {said}"))
            }
            Err(MailOutError::Temporary(said)) => {
                measure::OWN_MAILS.count(&["put-off"]);
                let wait = SignedDuration::from_secs(30 << mail.attempts.min(7)).min(LONGEST_WAIT);
                (now.checked_add(wait).ok(), format!("not now: {said}"))
            }
        };
        (mail.due, mail.note) = (due, Some(note));
        if mail.due.is_none() && mail.note.as_deref() != Some("sent") {
            tracing::error!(mail = %mail.id, attempts = mail.attempts, "alarm: a mail of ours could not be delivered");
        }
        self.store.settle(&mail).await
    }

    /// Warnings at 80 and 100 % of an account's day and month. An account that fails holds up none of the others.
    ///
    /// # Errors
    /// The store's, the first of them: the next run warns.
    pub async fn warn(&self) -> Result<(), StoreError> {
        let mut result = Ok(());
        let mut pages = AccountPages::new(self.store.as_ref());
        while let Some(accounts) = pages.next().await? {
            for account in accounts.iter().filter(|a| !a.admins.is_empty()) {
                result = result.and(self.warn_of(account).await);
            }
        }
        result
    }

    async fn warn_of(&self, account: &Account) -> Result<(), StoreError> {
        let now = self.clock.now();
        let counters = account_counters(account, &self.ceilings, now);
        let names: Vec<String> = counters.iter().map(|(_, name, _)| name.clone()).collect();
        let used = self.store.counters(&names).await?;
        for ((limit, name, ceiling), used) in counters.iter().zip(used) {
            let percent = u64::from(used) * 100 / u64::from((*ceiling).max(1));
            for step in [80, 100] {
                if percent >= u64::from(step) {
                    self.notices
                        .limit_warning(account, (*limit, name), step, now)
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// Up to `limit` of each kind of what is too old is forgotten; says how many in all.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget(&self, limit: usize) -> Result<usize, StoreError> {
        self.store.forget(self.clock.now(), limit).await
    }

    /// One whole run. A step that fails holds up none of the others.
    ///
    /// # Errors
    /// The store's, the first of them.
    pub async fn run(&self, limit: usize) -> Result<Swept, StoreError> {
        let rows = self.rows(limit).await;
        let warned = self.warn().await;
        let mails = self.mails(limit).await;
        let forgotten = self.forget(limit).await;
        warned?;
        Ok(Swept {
            rows: rows?,
            mails: mails?,
            forgotten: forgotten?,
        })
    }
}
