//! Cases for who is listed where: defaults, look-ups by address, invitations.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::Arc;

use super::race;
use super::samples::{account, account_id, at, audit, email, invited, sender, user};
use crate::model::{Sender, User, UserStatus};
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
    for account in store.accounts(None, 100).await.unwrap() {
        match store.user(&account.id, &sender(written)).await.unwrap() {
            Some(user) if user.default => found.push(account.id.to_string()),
            _ => {}
        }
    }
    found
}

/// The first listing is the default though it does not say so; the second is not.
pub async fn the_first_listing_is_the_default(store: Shared) {
    listed(&store, "ann@example.com", &["acme", "globex"]).await;
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
}

/// The defaults of two senders do not touch each other.
pub async fn each_sender_has_its_own_default(store: Shared) {
    listed(&store, "ann@example.com", &["acme", "globex"]).await;
    listed(&store, "bob@example.com", &["globex", "acme"]).await;
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
    assert_eq!(defaults(&store, "bob@example.com").await, ["globex"]);
    let (globex, bob) = (account_id("globex"), sender("bob@example.com"));
    store.delete_user(&globex, &bob, &[]).await.unwrap();
    assert_eq!(defaults(&store, "ann@example.com").await, ["acme"]);
    assert_eq!(defaults(&store, "bob@example.com").await, ["acme"]);
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
