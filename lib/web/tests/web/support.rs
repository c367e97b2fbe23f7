//! A router over the in-memory twins, and what a browser sees of it.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use jiff::tz::TimeZone;
use postel_core::model::{Account, AccountId, HandsetText, Language};
use postel_core::notice::Notices;
use postel_core::ports::{Handset, Ids};
use postel_core::settings::Settings;
use postel_core::testing::{CountingIds, ManualClock, MemoryStore};
use postel_core::text::measure;
use postel_web::{WebState, router};
use tower::ServiceExt;

/// One account, one user invited, the handset on.
pub(crate) struct Site {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) state: WebState,
}

/// An answer as a browser gets it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Site {
    /// An empty handset, times in Paris, English where the browser does not say.
    pub(crate) fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new("2026-11-21T17:33:43Z".parse().unwrap()));
        let from = "postel@sms.example.com".parse().unwrap();
        let settings = Arc::new(Settings::new(
            store.clone(),
            clock.clone(),
            Arc::new(CountingIds::new()),
            Notices::new(store.clone(), from, "mark".to_owned()),
            "https://sms.example.com",
        ));
        let state = WebState {
            store: store.clone(),
            settings: settings.clone(),
            gateway: "sms.example.com".parse().unwrap(),
            handset: true,
            smtp: Some("127.0.0.1:2525".to_owned()),
            time_zone: TimeZone::get("Europe/Paris").unwrap(),
            language: Language::En,
            health: Arc::new(|| Ok(())),
        };
        Self {
            store,
            clock,
            settings,
            state,
        }
    }

    /// Invites ann@example.com to an account that speaks this language; the token of the link.
    pub(crate) async fn invite(&self, language: Language) -> String {
        let mut account = Account::new("acme".parse().unwrap());
        account.preferences.language = language;
        self.settings.add_account(account, "cli").await.unwrap();
        let ann = "ann@example.com".parse().unwrap();
        self.settings.add_user(&acme(), ann, "cli").await.unwrap();
        token(1)
    }

    /// A text arrives.
    pub(crate) async fn text(&self, from: &str, words: &str) {
        let measured = measure(words);
        let text = HandsetText {
            at: postel_core::ports::Clock::now(&*self.clock),
            to: "+33639981234".parse().unwrap(),
            from: from.to_owned(),
            text: words.to_owned(),
            encoding: measured.encoding,
            parts: measured.parts,
            reference: "row".to_owned(),
        };
        self.store.arrive(&text).await.unwrap();
    }

    pub(crate) fn router(&self) -> Router {
        router(self.state.clone())
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, language: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT_LANGUAGE, language);
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "en").await
    }
}

pub(crate) fn acme() -> AccountId {
    "acme".parse().unwrap()
}

/// The nth token that a site's ids make.
pub(crate) fn token(nth: usize) -> String {
    let ids = CountingIds::new();
    let secret = (0..nth).map(|_| ids.secret()).last().unwrap();
    secret.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
