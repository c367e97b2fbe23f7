//! One axum router for both homes: the invitation page, the handset page, health.
//!
//! Pages are rendered on the server, escaped, in English and French, and work without script.
//! What is decided is core's: a route asks [`postel_core::settings`] or the store and shows the
//! answer. Must not know which home it runs in, which store is behind it or who listens.

mod assets;
mod example;
mod guard;
mod handset;
mod invitation;
mod language;
mod notice;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use jiff::tz::TimeZone;
use postel_core::address::Domain;
use postel_core::model::Language;
use postel_core::ports::Store;
use postel_core::settings::Settings;

use crate::language::Reader;
use crate::notice::Notice;

/// The longest body any route takes, in bytes: a button sends none.
const MAX_BODY: usize = 4 * 1024;

/// What the pages need: made once by whoever wires a home.
#[derive(Clone)]
pub struct WebState {
    /// What the home remembers.
    pub store: Arc<dyn Store>,
    /// Accepts invitations.
    pub settings: Arc<Settings>,
    /// What stands after the `@`: shown where a page says how to send a text.
    pub gateway: Domain,
    /// Whether the simulated phone is shown. Its page shows every text to everybody who reaches it:
    /// only where the handset is the provider, for trying and testing.
    pub handset: bool,
    /// Where mail is handed in (`127.0.0.1:2525`), shown on the empty handset; `None`: as all mail, by the domain's MX.
    pub smtp: Option<String>,
    /// The zone of times on the handset page. An invitation's are its account's.
    pub time_zone: TimeZone,
    /// The language of a reader whose browser asks for neither English nor French.
    pub language: Language,
    /// Whether the home can do its work. Must answer at once: whoever wires it looks beforehand.
    pub health: Health,
}

/// What a home says of itself: `Err` names in one word what fails.
pub type Health = Arc<dyn Fn() -> Result<(), &'static str> + Send + Sync>;

/// Every route there is, with the headers all answers carry. Nothing is started or asked here.
pub fn router(state: WebState) -> Router {
    let mut router = Router::new()
        .route("/", get(home))
        .route("/healthz", get(health))
        .route(assets::STYLE_PATH, get(assets::style))
        .route("/icon.svg", get(assets::icon))
        .route(
            "/invitation/{token}",
            get(invitation::show).post(invitation::accept),
        );
    if state.handset {
        router = router
            .route("/handset", get(handset::page))
            .route("/handset.json", get(handset::json))
            .route(assets::SCRIPT_PATH, get(assets::script));
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::map_response(guard::headers))
        .with_state(state)
}

/// The handset where there is one, else a word to whoever strayed here.
async fn home(State(state): State<WebState>, Reader(language): Reader) -> Response {
    if state.handset {
        Redirect::to("/handset").into_response()
    } else {
        Notice::Home.page(language)
    }
}

/// For load balancers and supervisors: 200 while the home is well, else 503 and one word for what fails.
async fn health(State(state): State<WebState>) -> Response {
    let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    match (state.health)() {
        Ok(()) => (plain, "ok\n".to_owned()).into_response(),
        Err(fault) => {
            (StatusCode::SERVICE_UNAVAILABLE, plain, format!("{fault}\n")).into_response()
        }
    }
}

async fn not_found(Reader(language): Reader) -> Response {
    Notice::NotFound.page(language)
}

async fn method_not_allowed(Reader(language): Reader) -> Response {
    Notice::MethodNotAllowed.page(language)
}
