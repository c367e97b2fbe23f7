//! Cases for accounts, users and the audit log.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::Arc;

use super::race;
use super::samples::{ODD, account, account_id, at, audit, email, invited, sender, user};
use crate::model::{AcceptedMail, Sender, User, UserStatus};
use crate::ports::{Store, StoreError};

type Shared = Arc<dyn Store>;

/// Saves accounts and their listings of one sender, in this order, each listed a second later.
async fn listed(store: &Shared, written: &str, accounts: &[&str]) {
    for (name, second) in accounts.iter().zip(0..) {
        if store.account(&account_id(name)).await.unwrap().is_none() {
            store.save_account(&account(name), &[]).await.unwrap();
        }
        let listing = User {
            added_at: at(second),
            ..user(name, written)
        };
        store.save_user(&listing, &[]).await.unwrap();
    }
}

/// The accounts whose listing of this sender is the default.
async fn defaults(store: &Shared, written: &str) -> Vec<String> {
    let mut found = Vec::new();
    for account in store.accounts().await.unwrap() {
        match store.user(&account.id, &sender(written)).await.unwrap() {
            Some(user) if user.default => found.push(account.id.to_string()),
            _ => {}
        }
    }
    found
}

/// An empty store answers with nothing, not with errors.
pub async fn nothing_is_there_at_first(store: Shared) {
    let acme = account_id("acme");
    assert_eq!(store.account(&acme).await.unwrap(), None);
    assert_eq!(store.accounts().await.unwrap(), vec![]);
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

/// Accounts are listed by name, not by age.
pub async fn accounts_come_by_name(store: Shared) {
    for name in ["globex", "acme", "zed", "a-1"] {
        store.save_account(&account(name), &[]).await.unwrap();
    }
    let names: Vec<_> = store
        .accounts()
        .await
        .unwrap()
        .iter()
        .map(|a| a.id.to_string())
        .collect();
    assert_eq!(names, ["a-1", "acme", "globex", "zed"]);
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

/// The first listing is the default though it does not say so; the second is not.
pub async fn the_first_listing_is_the_default(store: Shared) {
    listed(&store, "ann@example.com", &["acme", "globex"]).await;
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
}

/// Saving another listing as default takes the mark from the former, as a change of it: a stale save does not take it back.
pub async fn another_listing_takes_the_default_over(store: Shared) {
    listed(&store, "ann@example.com", &["acme", "globex"]).await;
    let ann = sender("ann@example.com");
    let former = store
        .user(&account_id("acme"), &ann)
        .await
        .unwrap()
        .unwrap();
    let mut next = store
        .user(&account_id("globex"), &ann)
        .await
        .unwrap()
        .unwrap();
    next.default = true;
    store
        .save_user(&next, &[audit("globex", 1, "default")])
        .await
        .unwrap();
    assert_eq!(defaults(&store, "ann@example.com").await, ["globex"]);
    assert_eq!(
        store.save_user(&former, &[]).await,
        Err(StoreError::Conflict)
    );
    assert_eq!(defaults(&store, "ann@example.com").await, ["globex"]);
}

/// There is always a default: it can be taken, not dropped.
pub async fn the_default_is_not_given_up_by_saving(store: Shared) {
    listed(&store, "ann@example.com", &["acme", "globex"]).await;
    let mut acme = store
        .user(&account_id("acme"), &sender("ann@example.com"))
        .await
        .unwrap()
        .unwrap();
    acme.default = false;
    store.save_user(&acme, &[]).await.unwrap();
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
}

/// Sixteen accounts list one new sender at once: all are stored, one is the default.
pub async fn concurrent_first_listings_leave_one_default(store: Shared) {
    for i in 0..16 {
        store
            .save_account(&account(&format!("a{i:02}")), &[])
            .await
            .unwrap();
    }
    let answers = race(16, |i| {
        let store = Arc::clone(&store);
        async move {
            store
                .save_user(&user(&format!("a{i:02}"), "ann@example.com"), &[])
                .await
        }
    })
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(
        store
            .listings(&email("ann@example.com"))
            .await
            .unwrap()
            .len(),
        16
    );
    assert_eq!(defaults(&store, "ann@example.com").await.len(), 1);
}

/// Eight listings are saved as default at once, each redone where it was changed meanwhile: one is in the end.
pub async fn concurrent_takers_leave_one_default(store: Shared) {
    let names: Vec<_> = (0..8).map(|i| format!("a{i:02}")).collect();
    listed(
        &store,
        "ann@example.com",
        &names.iter().map(String::as_str).collect::<Vec<_>>(),
    )
    .await;
    let answers = race(8, |i| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..100 {
                let id = account_id(&format!("a{i:02}"));
                let mut user = store.user(&id, &sender("ann@example.com")).await?.unwrap();
                user.default = true;
                match store.save_user(&user, &[]).await {
                    Err(StoreError::Conflict) => {}
                    answer => return answer,
                }
            }
            Err(StoreError::Conflict)
        }
    })
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(defaults(&store, "ann@example.com").await.len(), 1);
}

/// The heir is who was listed first, whatever its account is called; the change counts its version up.
pub async fn deleting_the_default_hands_it_to_the_oldest(store: Shared) {
    listed(
        &store,
        "ann@example.com",
        &["m-first", "z-second", "a-third"],
    )
    .await;
    let ann = sender("ann@example.com");
    let before = store
        .user(&account_id("z-second"), &ann)
        .await
        .unwrap()
        .unwrap();
    store
        .delete_user(
            &account_id("m-first"),
            &ann,
            &[audit("m-first", 1, "user.delete")],
        )
        .await
        .unwrap();
    assert_eq!(
        store.user(&account_id("m-first"), &ann).await.unwrap(),
        None
    );
    assert_eq!(defaults(&store, "ann@example.com").await, ["z-second"]);
    assert_eq!(
        store.save_user(&before, &[]).await,
        Err(StoreError::Conflict)
    );
    assert_eq!(
        store.audit(&account_id("m-first"), 9).await.unwrap(),
        [audit("m-first", 1, "user.delete")]
    );
}

/// Deleting who is not the default changes no other listing.
pub async fn deleting_another_listing_leaves_the_default(store: Shared) {
    listed(&store, "ann@example.com", &["acme", "globex", "initech"]).await;
    store
        .delete_user(&account_id("globex"), &sender("ann@example.com"), &[])
        .await
        .unwrap();
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
    assert_eq!(
        store
            .listings(&email("ann@example.com"))
            .await
            .unwrap()
            .len(),
        2
    );
}

/// Deleting nobody is no error, no change and no audit entry.
pub async fn deleting_who_is_not_there_does_nothing(store: Shared) {
    listed(&store, "ann@example.com", &["acme"]).await;
    let (acme, bob) = (account_id("acme"), sender("bob@example.com"));
    store
        .delete_user(&acme, &bob, &[audit("acme", 1, "user.delete")])
        .await
        .unwrap();
    store
        .delete_user(&account_id("globex"), &sender("ann@example.com"), &[])
        .await
        .unwrap();
    assert_eq!(store.users(&acme).await.unwrap().len(), 1);
    assert_eq!(store.audit(&acme, 9).await.unwrap(), []);
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
}

/// After a deletion the sender is new again, and its own default.
pub async fn a_deleted_user_may_be_listed_again(store: Shared) {
    listed(&store, "ann@example.com", &["acme"]).await;
    store
        .delete_user(&account_id("acme"), &sender("ann@example.com"), &[])
        .await
        .unwrap();
    store
        .save_user(&user("acme", "ann@example.com"), &[])
        .await
        .unwrap();
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
}

/// An address is covered by its own listing and its domain's; by no parent's, child's or namesake's.
pub async fn listings_cover_address_and_domain_but_no_parent(store: Shared) {
    for written in [
        "ann@mail.example.com",
        "@mail.example.com",
        "@example.com",
        "ann@example.com",
        "@com",
    ] {
        listed(&store, written, &["acme"]).await;
    }
    let of = async |address: &str| -> Vec<String> {
        let found = store.listings(&email(address)).await.unwrap();
        found
            .iter()
            .map(|(user, _)| user.sender.to_string())
            .collect()
    };
    assert_eq!(
        of("ANN@Mail.Example.com").await,
        ["ann@mail.example.com", "@mail.example.com"]
    );
    assert_eq!(of("bob@example.com").await, ["@example.com"]);
    assert_eq!(of("ann@other.mail.example.com").await, Vec::<String>::new());
    assert_eq!(of("ann@example.org").await, Vec::<String>::new());
    assert_eq!(of("ann+x@example.com").await, ["@example.com"]);
}

/// The address's own listings come before the domain's, the default first, each with its own account as it is stored.
pub async fn listings_put_the_default_first(store: Shared) {
    listed(&store, "@example.com", &["acme"]).await;
    listed(&store, "ann@example.com", &["acme", "globex", "initech"]).await;
    let mut third = store
        .user(&account_id("initech"), &sender("ann@example.com"))
        .await
        .unwrap()
        .unwrap();
    third.default = true;
    store.save_user(&third, &[]).await.unwrap();
    let found = store.listings(&email("ann@example.com")).await.unwrap();
    let written: Vec<_> = found
        .iter()
        .map(|(u, a)| (u.sender.clone(), a.id.to_string()))
        .collect();
    assert_eq!(written.len(), 4);
    assert_eq!(
        written.first(),
        Some(&(sender("ann@example.com"), "initech".to_owned()))
    );
    assert_eq!(
        written.last(),
        Some(&(sender("@example.com"), "acme".to_owned()))
    );
    for (user, account) in found {
        assert_eq!(user.account, account.id);
        assert_eq!(account.version, 1);
    }
}

/// Addresses of letters that queries and keys give a meaning to are addresses like others.
pub async fn odd_addresses_stay_apart(store: Shared) {
    let odd = [
        "o'hara@example.com",
        "%@example.com",
        "_@example.com",
        "a#b@example.com",
        "a/b@example.com",
        "a|b@example.com",
        "ünï@bücher.example",
        "🚀@example.com",
        "x@xn--bcher-kva.example",
    ];
    for written in odd {
        listed(&store, written, &["acme"]).await;
    }
    assert_eq!(
        store.users(&account_id("acme")).await.unwrap().len(),
        odd.len()
    );
    for written in odd {
        let found = store.listings(&email(written)).await.unwrap();
        let users: Vec<_> = found.into_iter().map(|(u, _)| u.sender).collect();
        assert_eq!(users, [Sender::Address(email(written))]);
    }
}

/// The pending user is found by exactly its hash, and no longer once accepted or deleted.
pub async fn an_invitation_is_found_by_its_hash(store: Shared) {
    store
        .save_user(&invited("acme", "ann@example.com", "aa11"), &[])
        .await
        .unwrap();
    store
        .save_user(&invited("acme", "bob@example.com", "bb22"), &[])
        .await
        .unwrap();
    let mut ann = store.invited("aa11").await.unwrap().unwrap();
    assert_eq!(ann.sender, sender("ann@example.com"));
    assert_eq!(store.invited("AA11").await.unwrap(), None);
    assert_eq!(store.invited("").await.unwrap(), None);
    ann.status = UserStatus::Accepted { at: at(9) };
    store.save_user(&ann, &[]).await.unwrap();
    assert_eq!(store.invited("aa11").await.unwrap(), None);
    store
        .delete_user(&account_id("acme"), &sender("bob@example.com"), &[])
        .await
        .unwrap();
    assert_eq!(store.invited("bb22").await.unwrap(), None);
}
