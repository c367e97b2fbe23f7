//! wiring only
fn main() {}
