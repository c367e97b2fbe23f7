//! Cases for accounts, users and the audit log.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::Arc;

use super::race;
use super::samples::{ODD, account, account_id, at, audit, email, invited, sender, user};
use crate::model::{AcceptedMail, User};
use crate::ports::{Store, StoreError};

type Shared = Arc<dyn Store>;

/// An empty store answers with nothing, not with errors.
pub async fn nothing_is_there_at_first(store: Shared) {
    let acme = account_id("acme");
    assert_eq!(store.account(&acme).await.unwrap(), None);
    assert_eq!(store.accounts(None, 10).await.unwrap(), vec![]);
    assert_eq!(store.users(&acme).await.unwrap(), vec![]);
    assert_eq!(
        store.user(&acme, &sender("ann@example.com")).await.unwrap(),
        None
    );
    assert!(
        store
            .listings(&email("ann@example.com"))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.invited("00").await.unwrap(), None);
    assert_eq!(store.audit(&acme, 10).await.unwrap(), vec![]);
    assert_eq!(store.outbox(10).await.unwrap(), vec![]);
    assert_eq!(store.texts(10).await.unwrap(), vec![]);
    assert_eq!(store.recent_mails(None, 10).await.unwrap(), vec![]);
    assert_eq!(store.due(at(0), 10).await.unwrap(), vec![]);
    assert_eq!(store.forget(at(0), 10).await.unwrap(), 0);
}

/// Every setting survives; the version counts up.
pub async fn an_account_comes_back_as_saved(store: Shared) {
    let mut acme = account("acme");
    acme.admins = vec![email("boss@example.com")];
    acme.accept = AcceptedMail::AnyServer;
    acme.preferences.signature = Some(ODD.to_owned());
    acme.networks = vec![
        "192.0.2.0/24".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    acme.limits.parts_per_day = u32::MAX;
    store.save_account(&acme, &[]).await.unwrap();
    acme.version = 1;
    assert_eq!(store.account(&acme.id).await.unwrap(), Some(acme.clone()));
    acme.retention.days = 3650;
    store.save_account(&acme, &[]).await.unwrap();
    acme.version = 2;
    assert_eq!(store.account(&acme.id).await.unwrap(), Some(acme));
}

/// Accounts are listed by name, not by age, in pages of any size.
pub async fn accounts_come_by_name(store: Shared) {
    for name in ["globex", "acme", "zed", "a-1"] {
        store.save_account(&account(name), &[]).await.unwrap();
    }
    let after = |name: &'static str, limit: usize| {
        let store = store.clone();
        async move {
            let after = (!name.is_empty()).then(|| account_id(name));
            let page = store.accounts(after.as_ref(), limit).await.unwrap();
            page.iter().map(|a| a.id.to_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(after("", 10).await, ["a-1", "acme", "globex", "zed"]);
    assert_eq!(after("", 2).await, ["a-1", "acme"]);
    assert_eq!(after("acme", 2).await, ["globex", "zed"]);
    assert_eq!(after("b", 1).await, ["globex"]);
    assert!(after("zed", 2).await.is_empty());
}

/// Version 0 means new: it replaces nothing, and nothing else makes an account.
pub async fn an_account_is_made_once(store: Shared) {
    let mut acme = account("acme");
    acme.version = 3;
    assert_eq!(
        store.save_account(&acme, &[]).await,
        Err(StoreError::Conflict)
    );
    acme.version = 0;
    assert_eq!(store.save_account(&acme, &[]).await, Ok(()));
    assert_eq!(
        store.save_account(&acme, &[]).await,
        Err(StoreError::Conflict)
    );
}

/// A refused change leaves no trace in the audit log.
pub async fn a_stale_account_is_refused_with_its_audit(store: Shared) {
    let mut acme = account("acme");
    store
        .save_account(&acme, &[audit("acme", 1, "account.add")])
        .await
        .unwrap();
    acme.version = 1;
    store
        .save_account(&acme, &[audit("acme", 2, "limits")])
        .await
        .unwrap();
    let stale = store.save_account(&acme, &[audit("acme", 3, "lost")]).await;
    assert_eq!(stale, Err(StoreError::Conflict));
    let log: Vec<_> = store
        .audit(&acme.id, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.what)
        .collect();
    assert_eq!(log, ["limits", "account.add"]);
}

/// Sixteen changes of one version: one is stored, with its audit entry; the rest are conflicts.
pub async fn of_concurrent_account_changes_one_wins(store: Shared) {
    store.save_account(&account("acme"), &[]).await.unwrap();
    let answers = race(16, |i| {
        let store = Arc::clone(&store);
        let mut acme = account("acme");
        acme.version = 1;
        acme.retention.days = i + 1;
        async move {
            store
                .save_account(&acme, &[audit("acme", 1, &acme.retention.days.to_string())])
                .await
        }
    })
    .await;
    let won: Vec<_> = (1..)
        .zip(&answers)
        .filter(|(_, a)| a.is_ok())
        .map(|(days, _)| days)
        .collect();
    assert_eq!(won.len(), 1);
    let lost = answers
        .iter()
        .filter(|a| **a == Err(StoreError::Conflict))
        .count();
    assert_eq!(lost, 15);
    let acme = store.account(&account_id("acme")).await.unwrap().unwrap();
    assert_eq!(
        (acme.version, acme.retention.days),
        (2, won.first().copied().unwrap())
    );
    let log = store.audit(&acme.id, 10).await.unwrap();
    assert_eq!(
        log,
        vec![audit("acme", 1, &acme.retention.days.to_string())]
    );
}

/// Entries come newest first, only so many, only the account's own, and whole.
pub async fn the_audit_log_is_newest_first(store: Shared) {
    let entries: Vec<_> = (0..10)
        .map(|i| audit("acme", i, &format!("change-{i}")))
        .collect();
    store
        .save_account(&account("acme"), &entries)
        .await
        .unwrap();
    store
        .save_account(&account("globex"), &[audit("globex", 99, "other")])
        .await
        .unwrap();
    let log = store.audit(&account_id("acme"), 3).await.unwrap();
    let newest: Vec<_> = entries.into_iter().rev().take(3).collect();
    assert_eq!(log, newest);
}

/// Entries of one moment come in the reverse of the order in which they were written.
pub async fn the_audit_log_of_one_moment_is_last_written_first(store: Shared) {
    let entry = |what| audit("acme", 7, what);
    let mut acme = account("acme");
    store
        .save_account(&acme, &[entry("a"), entry("b")])
        .await
        .unwrap();
    acme.version = 1;
    store.save_account(&acme, &[entry("c")]).await.unwrap();
    let log: Vec<_> = store
        .audit(&acme.id, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.what)
        .collect();
    assert_eq!(log, ["c", "b", "a"]);
}

/// Accepted, pending and domain listings survive whole; the version counts up.
pub async fn a_user_comes_back_as_saved(store: Shared) {
    let pending = invited("acme", "bob@example.com", "abcd");
    for mut listing in [
        user("acme", "ann@example.com"),
        pending,
        user("acme", "@example.com"),
    ] {
        store.save_user(&listing, &[]).await.unwrap();
        listing.version = 1;
        listing.default = true;
        let stored = store.user(&listing.account, &listing.sender).await.unwrap();
        assert_eq!(stored, Some(listing));
    }
}

/// Version 0 means new, for users as for accounts.
pub async fn a_user_is_made_once(store: Shared) {
    let mut ann = user("acme", "ann@example.com");
    ann.version = 1;
    assert_eq!(store.save_user(&ann, &[]).await, Err(StoreError::Conflict));
    ann.version = 0;
    assert_eq!(store.save_user(&ann, &[]).await, Ok(()));
    assert_eq!(store.save_user(&ann, &[]).await, Err(StoreError::Conflict));
}

/// A refused change of a user leaves neither user nor audit entry.
pub async fn a_stale_user_is_refused_with_its_audit(store: Shared) {
    let mut ann = user("acme", "ann@example.com");
    store
        .save_user(&ann, &[audit("acme", 1, "user.add")])
        .await
        .unwrap();
    ann.signature = None;
    let stale = store.save_user(&ann, &[audit("acme", 2, "lost")]).await;
    assert_eq!(stale, Err(StoreError::Conflict));
    let stored = store
        .user(&ann.account, &ann.sender)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.signature.as_deref(), Some(ODD));
    assert_eq!(store.audit(&ann.account, 10).await.unwrap().len(), 1);
}

/// Sixteen changes of one version of a user: one is stored.
pub async fn of_concurrent_user_changes_one_wins(store: Shared) {
    store
        .save_user(&user("acme", "ann@example.com"), &[])
        .await
        .unwrap();
    let answers = race(16, |i| {
        let store = Arc::clone(&store);
        let changed = User {
            version: 1,
            signature: Some(i.to_string()),
            ..user("acme", "ann@example.com")
        };
        async move {
            store
                .save_user(&changed, &[audit("acme", 1, "signature")])
                .await
        }
    })
    .await;
    let won: Vec<_> = (0..)
        .zip(&answers)
        .filter(|(_, a)| a.is_ok())
        .map(|(i, _): (u32, _)| i)
        .collect();
    let lost = answers
        .iter()
        .filter(|a| **a == Err(StoreError::Conflict))
        .count();
    assert_eq!((won.len(), lost), (1, 15));
    let stored = store
        .user(&account_id("acme"), &sender("ann@example.com"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.signature, won.first().map(ToString::to_string));
    assert_eq!(
        store.audit(&account_id("acme"), 100).await.unwrap().len(),
        1
    );
}

/// Users are listed by address, only the account's own.
pub async fn users_come_by_address(store: Shared) {
    for written in [
        "zoe@example.com",
        "ann@example.org",
        "@example.com",
        "ann@example.com",
    ] {
        store.save_user(&user("acme", written), &[]).await.unwrap();
    }
    store
        .save_user(&user("globex", "max@example.com"), &[])
        .await
        .unwrap();
    let users = store.users(&account_id("acme")).await.unwrap();
    let written: Vec<_> = users.iter().map(|u| u.sender.to_string()).collect();
    assert_eq!(
        written,
        [
            "@example.com",
            "ann@example.com",
            "ann@example.org",
            "zoe@example.com"
        ]
    );
}
