//! `postel check provider`: whether each configured provider would take texts.

use std::path::Path;
use std::sync::Arc;

use postel_core::ports::{Clock, Store};
use postel_core::testing::MemoryStore;
use postel_sms::Standing;

use crate::exit::{Answer, Outcome};
use crate::output::{Colour, Output, paint};
use crate::providers;
use crate::system::SystemClock;

/// Asks each of them. Needs no data folder: nothing is sent or stored.
pub(super) async fn run(config: Option<&Path>, out: &mut Output) -> Outcome {
    let config = crate::home::load(config)?;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut answer = Answer::Yes;
    for provider in providers::probes(&config, &store, &clock)? {
        let (colour, words) = match provider.standing().await {
            Standing::Works(words) => (Colour::Good, format!("works: {words}")),
            Standing::Refused(words) => {
                answer = Answer::No;
                (
                    Colour::Bad,
                    format!("does not work: {words} in [{}]", provider.name()),
                )
            }
            Standing::CannotTell(words) => {
                if answer == Answer::Yes {
                    answer = Answer::Unknown;
                }
                (Colour::Warn, format!("cannot be asked now: {words}"))
            }
        };
        out.field(provider.name(), paint(colour, &words))?;
    }
    Ok(answer)
}
