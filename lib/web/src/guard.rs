//! The headers every answer carries, unless its route set its own.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// Nothing but our own style and icon; forms go back here; nobody frames us.
const STRICT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// As `STRICT`, and our own script, which asks us for the page again.
pub(crate) const WITH_SCRIPT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, STRICT),
    (header::REFERRER_POLICY, "no-referrer"), // an invitation's token is part of its address
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"), // browsers without frame-ancestors
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

pub(crate) async fn headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}
