//! One axum router: invitation page, handset.
