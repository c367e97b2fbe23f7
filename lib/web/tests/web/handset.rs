//! The simulated phone's page and its JSON.
use crate::support::Site;
use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

#[tokio::test]
async fn texts_are_shown_newest_first_with_what_is_billed() {
    let site = Site::new();
    site.text("Mairie", "Le premier").await;
    site.clock.advance(SignedDuration::from_hours(12));
    site.text("+33755512345", &"Bonjour ! ".repeat(20)).await;
    let page = site.get("/handset").await.body;
    for words in [
        "Simulated",
        "2 texts shown",
        "Saturday 21 November 2026",
        "18:33",
        "Sunday 22 November 2026",
        "06:33",
        "+33 7 55 51 23 45",
        "+33 6 39 98 12 34",
        "Mairie",
        "2 parts · GSM-7 · 200 units",
        "1 part · GSM-7 · 10 units",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.find("06:33") < page.find("18:33"));
    site.text("Mairie", "1").await;
    let page = site.get("/handset").await.body;
    assert!(page.contains("· 1 unit<"), "one unit is no units");
    let page = site.send("GET", "/handset", "fr").await.body;
    for words in ["Simulé", "dimanche 22 novembre 2026", "2 SMS · GSM-7"] {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test]
async fn line_breaks_and_emoji_stay() {
    let site = Site::new();
    site.text("Postel", "Bonjour,\nà bientôt 👋🏽\n  — Jérôme")
        .await;
    let page = site.get("/handset").await.body;
    assert!(page.contains(">Bonjour,\nà bientôt 👋🏽\n  — Jérôme</p>"));
    assert!(page.contains("1 part · UCS-2"));
}

#[tokio::test]
async fn the_empty_handset_says_how_to_send() {
    let site = Site::new();
    let page = site.get("/handset").await.body;
    assert!(page.contains("+33612345678@sms.example.com"));
    assert!(page.contains("127.0.0.1:2525"));
    assert!(page.contains(r#"<noscript><meta http-equiv="refresh" content="2"></noscript>"#));
    site.text("Postel", "a").await;
    assert!(!site.get("/handset").await.body.contains("127.0.0.1:2525"));
}

#[tokio::test]
async fn a_hostile_text_is_text() {
    let site = Site::new();
    let hostile = r#"</p><script>alert(1)</script><img src=x onerror="alert('1')">&amp; {{7*7}}"#;
    site.text(hostile, hostile).await;
    let page = site.get("/handset").await.body;
    assert_eq!(page.matches("<script").count(), 1, "only our own");
    assert!(!page.contains("<img src=x") && !page.contains("onerror=\""));
    assert!(page.contains("&#60;script&#62;alert(1)"));
    assert!(page.contains("{{7*7}}"));
    let listing: Value = serde_json::from_str(&site.get("/handset.json").await.body).unwrap();
    assert_eq!(listing["texts"][0]["text"], hostile);
}

#[tokio::test]
async fn json_says_the_same() {
    let site = Site::new();
    site.text("Mairie", "à bientôt €").await;
    let answer = site.get("/handset.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let listing: Value = serde_json::from_str(&answer.body).unwrap();
    let expected = json!({
        "gateway": "sms.example.com",
        "texts": [{
            "at": "2026-11-21T17:33:43Z",
            "from": "Mairie",
            "to": "+33639981234",
            "text": "à bientôt €",
            "parts": 1,
            "encoding": "UCS-2",
            "units": 11,
            "reference": "row",
        }],
    });
    assert_eq!(listing, expected);
}

#[tokio::test]
async fn only_the_newest_are_shown() {
    let site = Site::new();
    for n in 0..130 {
        site.text("Postel", &format!("text {n} ")).await;
    }
    let page = site.get("/handset").await.body;
    assert!(page.contains(">text 129 <") && page.contains(">text 30 <"));
    assert!(!page.contains(">text 29 <"));
}

#[tokio::test]
async fn where_it_is_off_there_is_none() {
    let mut site = Site::new();
    site.text("Postel", "private words").await;
    site.state.handset = false;
    for path in ["/handset", "/handset.json", "/handset.js"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(!answer.body.contains("private words"));
    }
    let home = site.get("/").await;
    assert_eq!(home.status, StatusCode::OK);
    assert!(home.body.contains("Mail in, text message out"));
}
