//! The invitation page, as invited people, mail scanners and mistyped links meet it.
use crate::support::{Site, acme, token};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use jiff::SignedDuration;
use postel_core::model::Language::{En, Fr};
use postel_core::ports::Directory;

async fn accepted(site: &Site) -> bool {
    let ann = "ann@example.com".parse().unwrap();
    let user = site.store.user(&acme(), &ann).await.unwrap();
    user.unwrap().is_accepted()
}

#[tokio::test]
async fn opening_the_link_shows_a_page_and_changes_nothing() {
    let site = Site::new();
    let path = format!("/invitation/{}", site.invite(En).await);
    for method in ["GET", "HEAD", "GET"] {
        let answer = site.send(method, &path, "en").await;
        assert_eq!(answer.status, StatusCode::OK, "{method}");
        assert!(!accepted(&site).await, "{method}");
    }
    let page = site.get(&path).await.body;
    for words in [
        "acme",
        "ann@example.com",
        "0639981234@sms.example.com",
        "Pending",
        "Saturday 28 November 2026",
        r#"<form method="post">"#,
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<script"));
}

#[tokio::test]
async fn the_button_accepts_once() {
    let site = Site::new();
    let path = format!("/invitation/{}", site.invite(En).await);
    let answer = site.send("POST", &path, "en").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("User accepted"));
    assert!(accepted(&site).await);

    for method in ["GET", "POST"] {
        let again = site.send(method, &path, "en").await;
        assert_eq!(again.status, StatusCode::GONE);
        assert!(again.body.contains("If you have accepted already"));
    }
    let audit = site.store.audit(&acme(), 10).await.unwrap();
    let accepts = audit.iter().filter(|e| e.what == "user.accept").count();
    assert_eq!(accepts, 1);
}

#[tokio::test]
async fn the_account_language_stands_above_the_browser() {
    let site = Site::new();
    let path = format!("/invitation/{}", site.invite(Fr).await);
    let page = site.send("GET", &path, "en").await.body;
    for words in [
        r#"<html lang="fr">"#,
        "En attente",
        "samedi 28 novembre 2026",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let page = site.send("POST", &path, "en").await.body;
    assert!(page.contains("Utilisateur accepté"));
    // Whose the used link was is not known any more: the browser decides.
    let page = site.send("GET", &path, "en").await.body;
    assert!(page.contains(r#"<html lang="en">"#));
}

#[tokio::test]
async fn an_expired_or_replaced_link_says_what_to_do() {
    let site = Site::new();
    let first = format!("/invitation/{}", site.invite(En).await);
    let ann = "ann@example.com".parse().unwrap();
    site.settings.resend(&acme(), &ann, "cli").await.unwrap();
    let second = format!("/invitation/{}", token(2));
    assert_eq!(site.get(&first).await.status, StatusCode::GONE);
    assert_eq!(site.get(&second).await.status, StatusCode::OK);

    site.clock.advance(SignedDuration::from_hours(7 * 24));
    for method in ["GET", "POST"] {
        let answer = site.send(method, &second, "fr").await;
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(answer.body.contains("renvoyer l’invitation"));
    }
    assert!(!accepted(&site).await);
}

#[tokio::test]
async fn what_is_no_token_is_never_looked_up() {
    let site = Site::new();
    let good = site.invite(En).await;
    // A store that fails shows whether it was asked.
    site.store.set_broken(true);
    let long = "a".repeat(60_000);
    for bad in [
        &good[1..],
        "x",
        "%FF",
        "%00",
        "..%2f",
        "%3Cscript%3E",
        &long,
    ] {
        for method in ["GET", "POST"] {
            let answer = site.send(method, &format!("/invitation/{bad}"), "en").await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{bad:.20}");
            assert!(answer.body.contains("This link is not complete"));
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_no_used_link() {
    let site = Site::new();
    let path = format!("/invitation/{}", site.invite(En).await);
    site.store.set_broken(true);
    for method in ["GET", "POST"] {
        let answer = site.send(method, &path, "en").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "30");
    }
    site.store.set_broken(false);
    assert!(!accepted(&site).await);
    assert_eq!(site.get(&path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_button_sends_no_long_body() {
    let site = Site::new();
    let path = format!("/invitation/{}", site.invite(En).await);
    let request = Request::post(&path).body(Body::from(vec![b'a'; 5_000]));
    let answer = site.ask(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("Nothing was changed"));
    assert!(!accepted(&site).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_presses_at_once_accept_once() {
    for _ in 0..50 {
        let site = Arc::new(Site::new());
        let path = format!("/invitation/{}", site.invite(En).await);
        let press = || {
            let (site, path) = (site.clone(), path.clone());
            tokio::spawn(async move { site.send("POST", &path, "en").await.status })
        };
        let (one, other) = (press(), press());
        let mut statuses = [one.await.unwrap(), other.await.unwrap()];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::OK, StatusCode::GONE]);
        assert!(accepted(&site).await);
    }
}
