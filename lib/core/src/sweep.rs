//! The sweep: due rows, mails of our own, warnings, retention. Run every minute or oftener, by
//! several at once if need be; each run is bounded, the rest waits for the next.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::dispatch::Dispatcher;
use crate::ledger::limits::{Ceilings, account_counters};
use crate::notice::Notices;
use crate::ports::{Clock, MailOut, MailOutError, Store, StoreError};

/// How long a mail of ours is lent to one sweep.
const LENT_FOR: SignedDuration = SignedDuration::from_mins(5);
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

    /// Up to `limit` due rows, one after the other.
    ///
    /// # Errors
    /// The store's: what was not done stays due.
    pub async fn rows(&self, limit: usize) -> Result<usize, StoreError> {
        let due = self.store.due(self.clock.now(), limit).await?;
        let count = due.len();
        for row in due {
            self.dispatcher.attend(row).await?;
        }
        Ok(count)
    }

    /// Up to `limit` due mails of our own.
    ///
    /// # Errors
    /// The store's: what was not settled is lent out and due again later.
    pub async fn mails(&self, limit: usize) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let until = now.checked_add(LENT_FOR).unwrap_or(now);
        let due = self.store.take_due(now, until, limit).await?;
        let count = due.len();
        for mut mail in due {
            mail.attempts = mail.attempts.saturating_add(1);
            let sent = self.mail_out.send(&mail).await;
            let now = self.clock.now();
            let (due, note) = match sent {
                Ok(()) => (None, "sent".to_owned()),
                Err(MailOutError::Permanent(said)) => (None, format!("refused: {said}")),
                Err(MailOutError::Temporary(said)) if now >= mail.expires_at => {
                    (None, format!("given up: {said}"))
                }
                Err(MailOutError::Temporary(said)) => {
                    let wait =
                        SignedDuration::from_secs(30 << mail.attempts.min(7)).min(LONGEST_WAIT);
                    (now.checked_add(wait).ok(), format!("not now: {said}"))
                }
            };
            (mail.due, mail.note) = (due, Some(note));
            if mail.due.is_none() && mail.note.as_deref() != Some("sent") {
                tracing::error!(mail = %mail.id, attempts = mail.attempts, "alarm: a mail of ours could not be delivered");
            }
            self.store.settle(&mail).await?;
        }
        Ok(count)
    }

    /// Warnings at 80 and 100 % of an account's day and month.
    ///
    /// # Errors
    /// The store's: the next run warns.
    pub async fn warn(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for account in self.store.accounts().await? {
            if account.admins.is_empty() {
                continue;
            }
            let counters = account_counters(&account, &self.ceilings, now);
            let names: Vec<String> = counters.iter().map(|(_, name, _)| name.clone()).collect();
            let used = self.store.counters(&names).await?;
            for ((limit, name, ceiling), used) in counters.iter().zip(used) {
                let percent = u64::from(used) * 100 / u64::from((*ceiling).max(1));
                for step in [80, 100] {
                    if percent >= u64::from(step) {
                        self.notices
                            .limit_warning(&account, (*limit, name), step, now)
                            .await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// One whole run.
    ///
    /// # Errors
    /// The store's.
    pub async fn run(&self, limit: usize) -> Result<Swept, StoreError> {
        let rows = self.rows(limit).await?;
        self.warn().await?;
        let mails = self.mails(limit).await?;
        let forgotten = self.store.forget(self.clock.now(), limit).await?;
        Ok(Swept {
            rows,
            mails,
            forgotten,
        })
    }
}
