//! The handset: a simulated phone, so that Postel can be tried and tested without a provider.
//!
//! Not a network: whatever is sent "arrives" at once in the store, for any number, and is shown on
//! the handset page. Must not know that page.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use postel_core::ledger::Originator;
use postel_core::model::HandsetText;
use postel_core::ports::{Clock, LookUp, ProviderLimits, Sms, SmsOutcome, SmsProvider, Store};

use crate::probe::{Probe, Standing};

/// The most parts a concatenated text can have (3GPP TS 23.040 9.2.3.24.1: the count is one octet).
const MAX_PARTS: u32 = 255;

/// A month: nothing waits in a simulated phone, so the account's own limit is what counts.
const MAX_VALIDITY_HOURS: u32 = 30 * 24;

/// How many of the newest texts a look-up reads.
const LOOKED_THROUGH: usize = 1_000;

/// What is shown as the sender where neither a number nor a name of ours is used.
const SHARED_ORIGINATOR: &str = "Postel";

/// The simulated phone as a provider: takes every text for every number.
pub struct Handset {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Handset {
    /// A phone whose memory is the store and whose time is the clock's.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// What it takes at most.
    pub const LIMITS: ProviderLimits = ProviderLimits {
        max_parts: MAX_PARTS,
        max_validity_hours: MAX_VALIDITY_HOURS,
        needs_originator: false,
        looks_up: true,
    };
}

#[async_trait]
impl SmsProvider for Handset {
    fn name(&self) -> &'static str {
        "handset"
    }

    fn limits(&self) -> ProviderLimits {
        Self::LIMITS
    }

    /// Stores the text. A store that fails has not taken it: [`SmsOutcome::NotSent`], tried again.
    async fn send(&self, sms: &Sms) -> SmsOutcome {
        let text = HandsetText {
            at: self.clock.now(),
            to: sms.to.clone(),
            from: shown(&sms.originator),
            text: sms.text.clone(),
            encoding: sms.encoding,
            parts: sms.parts,
            reference: sms.reference.to_string(),
        };
        match self.store.arrive(&text).await {
            Ok(()) => SmsOutcome::Sent {
                provider_ref: Some(text.reference),
            },
            Err(error) => SmsOutcome::NotSent {
                detail: error.to_string(),
            },
        }
    }

    /// Finds the text by its row among the newest. Not found is no proof: it may be older than those.
    async fn look_up(&self, sms: &Sms, _taken: Range<Timestamp>) -> LookUp {
        match self.store.texts(LOOKED_THROUGH).await {
            Ok(texts) => {
                let reference = sms.reference.to_string();
                let here = texts.iter().any(|t| t.reference == reference);
                LookUp::Seen(here.then_some(reference).into_iter().collect())
            }
            Err(error) => LookUp::NotNow {
                detail: error.to_string(),
            },
        }
    }
}

#[async_trait]
impl Probe for Handset {
    async fn standing(&self) -> Standing {
        match self.store.texts(1).await {
            Ok(_) => Standing::Works("a simulated phone, not a real network".to_owned()),
            Err(error) => Standing::CannotTell(error.to_string()),
        }
    }
}

/// The originator as the phone shows it.
fn shown(originator: &Originator) -> String {
    match originator {
        Originator::Number(number) => number.to_string(),
        Originator::Name(name) => name.as_str().to_owned(),
        Originator::Shared => SHARED_ORIGINATOR.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use postel_core::ledger::RowId;
    use postel_core::ports::Handset as _;
    use postel_core::testing::{ManualClock, MemoryStore};
    use postel_core::text;

    use super::*;

    fn sms(id: &str, originator: Originator, words: &str) -> Sms {
        let measured = text::measure(words);
        Sms {
            reference: RowId(id.to_owned()),
            to: "+33612345678".parse().unwrap(),
            originator,
            text: measured.text,
            encoding: measured.encoding,
            parts: measured.parts,
            valid_until: Timestamp::MAX,
        }
    }

    fn phone() -> (Arc<MemoryStore>, Arc<ManualClock>, Handset) {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new("2026-11-21T18:00:00Z".parse().unwrap()));
        let handset = Handset::new(store.clone(), clock.clone());
        (store, clock, handset)
    }

    #[tokio::test]
    async fn a_text_arrives_as_it_was_sent() {
        let (store, clock, handset) = phone();
        let words = "Bonjour,\nà bientôt 👋";
        let outcome = handset.send(&sms("row-1", Originator::Shared, words)).await;
        let taken = SmsOutcome::Sent {
            provider_ref: Some("row-1".to_owned()),
        };
        assert_eq!(outcome, taken);
        let texts = store.texts(10).await.unwrap();
        let [text] = texts.as_slice() else {
            panic!("{} texts", texts.len())
        };
        assert_eq!(text.text, words);
        assert_eq!(text.at, clock.now());
        assert_eq!(text.to.as_e164(), "+33612345678");
        assert_eq!((text.encoding, text.parts), (text::Encoding::Ucs2, 1));
        assert_eq!(text.from, "Postel");
    }

    #[tokio::test]
    async fn the_sender_is_shown_as_a_phone_shows_it() {
        let (store, _, handset) = phone();
        let number = Originator::Number("+33755512345".parse().unwrap());
        let name = Originator::Name("Mairie".parse().unwrap());
        handset.send(&sms("a", number, "a")).await;
        handset.send(&sms("b", name, "b")).await;
        let mut from: Vec<_> = store.texts(10).await.unwrap();
        from.sort_by(|a, b| a.text.cmp(&b.text));
        let from: Vec<_> = from.iter().map(|t| t.from.as_str()).collect();
        assert_eq!(from, ["+33755512345", "Mairie"]);
    }

    #[tokio::test]
    async fn a_store_that_fails_has_not_taken_it() {
        let (store, _, handset) = phone();
        let text = sms("row-1", Originator::Shared, "secret words");
        store.set_broken(true);
        let SmsOutcome::NotSent { detail } = handset.send(&text).await else {
            panic!("it must wait and be tried again")
        };
        assert!(!detail.contains("secret") && !detail.contains("336"));
        let asked = handset.look_up(&text, Timestamp::MIN..Timestamp::MAX).await;
        assert!(matches!(asked, LookUp::NotNow { .. }), "{asked:?}");
        store.set_broken(false);
        assert_eq!(store.texts(10).await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn a_text_that_arrived_is_found_again() {
        let (_, _, handset) = phone();
        let text = sms("row-1", Originator::Shared, "a");
        handset.send(&text).await;
        let found = LookUp::Seen(vec!["row-1".to_owned()]);
        assert_eq!(
            handset.look_up(&text, Timestamp::MIN..Timestamp::MAX).await,
            found
        );
        let other = sms("row-2", Originator::Shared, "a");
        let none = LookUp::Seen(Vec::new());
        assert_eq!(
            handset
                .look_up(&other, Timestamp::MIN..Timestamp::MAX)
                .await,
            none
        );
    }
}
