//! The sample account: for one mail, a store of its own that lists whoever the mail says it is from.

use std::sync::Arc;

use postel_core::address::{Domain, EmailAddress};
use postel_core::decision::Gateway;
use postel_core::intake::Rules;
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Account, AccountId, Automated, Sender, User, UserStatus};
use postel_core::notice::Notices;
use postel_core::ports::{Clock as _, Directory as _, Store};
use postel_core::testing::MemoryStore;

use super::{Incoming, Setting};
use crate::exit::Failure;
use crate::system::SystemClock;

/// A store of its own for one mail: the account `sample`, its settings at their defaults, whose accepted user is the sender.
pub(super) async fn sample(
    incoming: &Incoming,
    from: Option<&EmailAddress>,
) -> Result<Setting, Failure> {
    let store = MemoryStore::new();
    let id: AccountId = "sample"
        .parse()
        .map_err(|_| Failure::Trouble("the sample account has no name".to_owned()))?;
    store.save_account(&Account::new(id.clone()), &[]).await?;
    let now = SystemClock.now();
    if let Some(sender) = from.and_then(|from| from.to_string().parse::<Sender>().ok()) {
        let user = User {
            account: id,
            sender,
            version: 0,
            status: UserStatus::Accepted { at: now },
            default: true,
            automated: Automated::Refuse,
            signature: None,
            password: None,
            added_at: now,
        };
        store.save_user(&user, &[]).await?;
    }
    let mut domains: Vec<Domain> = incoming
        .recipients
        .iter()
        .filter_map(|r| r.rsplit_once('@')?.1.parse().ok())
        .collect();
    domains.dedup();
    let store: Arc<dyn Store> = Arc::new(store);
    let own = EmailAddress::new("postel", "postel.invalid")
        .map_err(|e| Failure::Trouble(e.to_string()))?;
    let loop_mark = domains
        .first()
        .map_or_else(String::new, |d| d.as_str().to_owned());
    Ok(Setting {
        notices: Notices::new(Arc::clone(&store), own, loop_mark.clone()),
        rules: Rules {
            gateway: Gateway {
                domains,
                loop_mark,
                any_server: false,
            },
            ceilings: Ceilings::default(),
            stranger_days: 7,
            needs_originator: false,
            max_parts: u32::MAX,
        },
        store,
    })
}
