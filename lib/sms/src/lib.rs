//! SMS providers: sending and webhooks, one folder each.
