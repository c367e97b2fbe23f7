//! Twins of the ports that act: a clock that is set by hand, ids that count, a provider that
//! answers as told, a mailer that keeps what it was given, evidence that is known beforehand.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::address::{Domain, EmailAddress};
use crate::evidence::{Connection, Dmarc, DmarcResult, Evidence, Spf, SpfResult, SpfWidth};
use crate::model::{MailId, OutgoingMail};
use crate::ports::{
    Clock, Ids, LookUp, MailOut, MailOutError, ProviderLimits, SenderEvidence, Sms, SmsOutcome,
    SmsProvider,
};

/// The value under a lock, whatever became of its former holder: a failed test must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the clock, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        *lock(&self.0) = now;
    }

    /// Moves the clock on; past the end of time it stays at the end.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = lock(&self.0);
        *now = now.checked_add(by).unwrap_or(Timestamp::MAX);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

/// Ids that count from one: the same in every run, unique within one value.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl CountingIds {
    /// Starts at one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Ids for CountingIds {
    fn mail_id(&self, now: Timestamp) -> MailId {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let mut tail = [0; 10];
        for (to, from) in tail.iter_mut().rev().zip(self.next().to_le_bytes()) {
            *to = from;
        }
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid();
        MailId(id.hyphenated().to_string())
    }

    fn secret(&self) -> [u8; 32] {
        Sha256::digest(self.next().to_be_bytes()).into()
    }
}

/// A provider that gives the answers it was told to give, in order, and keeps every text it was
/// handed. Once the script is used up, every text is taken.
pub struct ScriptedProvider {
    name: &'static str,
    limits: ProviderLimits,
    delay: Duration,
    script: Mutex<VecDeque<SmsOutcome>>,
    texts: Mutex<Vec<Sms>>,
    looked_up: Mutex<Option<LookUp>>,
}

impl ScriptedProvider {
    /// A provider of this name with these answers. Its limits are wide: 20 parts, 72 hours, no originator needed.
    #[must_use]
    pub fn new(name: &'static str, script: impl IntoIterator<Item = SmsOutcome>) -> Self {
        Self {
            name,
            limits: ProviderLimits {
                max_parts: 20,
                max_validity_hours: 72,
                needs_originator: false,
                looks_up: false,
            },
            delay: Duration::ZERO,
            script: Mutex::new(script.into_iter().collect()),
            texts: Mutex::default(),
            looked_up: Mutex::default(),
        }
    }

    /// The same provider with these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ProviderLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same provider, which thinks this long before each answer.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds an answer to the end of the script.
    pub fn then(&self, outcome: SmsOutcome) {
        lock(&self.script).push_back(outcome);
    }

    /// The same provider, which can be asked what became of a text.
    #[must_use]
    pub fn with_look_up(mut self) -> Self {
        self.limits.looks_up = true;
        self
    }

    /// What every look-up from now on is answered; at first nothing is seen.
    pub fn answers_look_ups(&self, answer: LookUp) {
        *lock(&self.looked_up) = Some(answer);
    }

    /// Every text handed over so far, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<Sms> {
        lock(&self.texts).clone()
    }
}

#[async_trait]
impl SmsProvider for ScriptedProvider {
    fn name(&self) -> &'static str {
        self.name
    }

    fn limits(&self) -> ProviderLimits {
        self.limits
    }

    async fn send(&self, sms: &Sms) -> SmsOutcome {
        let count = {
            let mut texts = lock(&self.texts);
            texts.push(sms.clone());
            texts.len()
        };
        let answer = lock(&self.script).pop_front();
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        answer.unwrap_or_else(|| SmsOutcome::Sent {
            provider_ref: Some(format!("{}-{count}", self.name)),
        })
    }

    async fn look_up(&self, _sms: &Sms, _taken: Range<Timestamp>) -> LookUp {
        if !self.limits.looks_up {
            return LookUp::Unsupported;
        }
        let answer = lock(&self.looked_up).clone();
        answer.unwrap_or_else(|| LookUp::Seen(Vec::new()))
    }
}

/// A mailer that keeps every mail it took; told to fail, it fails as often as it was told.
#[derive(Debug, Default)]
pub struct RecordingMailOut {
    mails: Mutex<Vec<OutgoingMail>>,
    failures: Mutex<VecDeque<MailOutError>>,
}

impl RecordingMailOut {
    /// A mailer that takes everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one of the next tries fail so: the first that has no failure yet.
    pub fn fail(&self, error: MailOutError) {
        lock(&self.failures).push_back(error);
    }

    /// Every mail that was taken, in order.
    #[must_use]
    pub fn mails(&self) -> Vec<OutgoingMail> {
        lock(&self.mails).clone()
    }
}

#[async_trait]
impl MailOut for RecordingMailOut {
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailOutError> {
        if let Some(error) = lock(&self.failures).pop_front() {
            return Err(error);
        }
        lock(&self.mails).push(mail.clone());
        Ok(())
    }
}

/// What is found of a mail without signature and policy, of whose envelope SPF says this.
#[must_use]
pub fn spf_alone(result: SpfResult, domain: Domain) -> Evidence {
    let why = "Because.".to_owned();
    Evidence {
        spf: Spf {
            result,
            domain: Some(domain),
            width: Some(SpfWidth::Range {
                prefix: 32,
                v6: false,
            }),
            lookups: 0,
            explanation: None,
            why: why.clone(),
        },
        dkim: vec![],
        dmarc: Dmarc {
            result: DmarcResult::None,
            policy: None,
            why,
        },
    }
}

/// Evidence that is the same for every mail, and counts how often it was asked for.
#[derive(Debug)]
pub struct FixedEvidence {
    evidence: Mutex<Evidence>,
    asked: AtomicU64,
}

impl FixedEvidence {
    /// Answers every mail with this.
    #[must_use]
    pub fn new(evidence: Evidence) -> Self {
        Self {
            evidence: Mutex::new(evidence),
            asked: AtomicU64::new(0),
        }
    }

    /// Answers with this from now on.
    pub fn set(&self, evidence: Evidence) {
        *lock(&self.evidence) = evidence;
    }

    /// How often evidence was asked for: strangers must cost no DNS.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl SenderEvidence for FixedEvidence {
    async fn evidence(&self, _: &Connection, _: &EmailAddress, _: &[u8], _: Timestamp) -> Evidence {
        self.asked.fetch_add(1, Ordering::Relaxed);
        lock(&self.evidence).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_sort_by_time_and_repeat_from_run_to_run() {
        let (early, late) = (
            Timestamp::from_second(1_000).unwrap(),
            Timestamp::from_second(2_000).unwrap(),
        );
        let (a, b) = (CountingIds::new(), CountingIds::new());
        let ids = [a.mail_id(early), a.mail_id(early), a.mail_id(late)];
        assert!(ids.is_sorted_by(|x, y| x < y), "{ids:?}");
        assert_eq!(ids[0], b.mail_id(early));
        assert_eq!(
            uuid::Uuid::parse_str(&ids[0].0).unwrap().get_version_num(),
            7
        );
        assert_ne!(a.secret(), a.secret());
    }

    #[test]
    fn the_clock_moves_only_when_moved() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.advance(SignedDuration::from_secs(90));
        assert_eq!(clock.now().as_second(), 90);
        clock.set(Timestamp::MAX);
        clock.advance(SignedDuration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
