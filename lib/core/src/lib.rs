//! The rules and the use cases; no vendor type, no network, no clock.
