//! The configured providers: what they take, and the clients for them. Adding one means a name in
//! `config/providers.rs` and an arm here.

use std::sync::Arc;

use postel_core::ports::{Clock, ProviderLimits, SmsProvider, Store};
use postel_sms::{Esendex, Handset, Options, Probe, SetupError, Twilio, twilio};

use crate::config::Config;
use crate::exit::Failure;

/// What the configured providers take, without making their clients.
pub(crate) fn limits(config: &Config) -> impl Iterator<Item = ProviderLimits> {
    let esendex = config.esendex.as_ref().map(|e| e.settings.limits());
    let twilio = config.twilio.as_ref().map(|_| twilio::LIMITS);
    let handset = config.providers.iter().any(|p| p == "handset");
    let handset = handset.then_some(Handset::LIMITS);
    esendex.into_iter().chain(twilio).chain(handset)
}

/// The configured providers in the order asked, to send.
///
/// # Errors
/// Where TLS cannot be set up.
pub(crate) fn all(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<dyn SmsProvider>>, Failure> {
    let providers = probes(config, store, clock)?.into_iter();
    Ok(providers.map(|p| p as Arc<dyn SmsProvider>).collect())
}

/// The same, to be asked about our standing.
///
/// # Errors
/// Where TLS cannot be set up.
pub(crate) fn probes(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<dyn Probe>>, Failure> {
    let mut providers: Vec<Arc<dyn Probe>> = Vec::new();
    for name in &config.providers {
        let failed = |e: SetupError| Failure::Trouble(format!("[{name}]: {e}"));
        match (name.as_str(), &config.esendex, &config.twilio) {
            ("esendex", Some(esendex), _) => {
                let options = options(esendex.trust.as_deref());
                let client = Esendex::new(esendex.settings.clone(), &options, Arc::clone(clock));
                providers.push(Arc::new(client.map_err(failed)?));
            }
            ("twilio", _, Some(twilio)) => {
                let options = options(twilio.trust.as_deref());
                let client = Twilio::new(twilio.settings.clone(), &options, Arc::clone(clock));
                providers.push(Arc::new(client.map_err(failed)?));
            }
            _ => providers.push(Arc::new(Handset::new(Arc::clone(store), Arc::clone(clock)))),
        }
    }
    Ok(providers)
}

fn options(trust: Option<&[u8]>) -> Options {
    Options {
        trust: trust.map(<[u8]>::to_vec),
        ..Options::default()
    }
}
