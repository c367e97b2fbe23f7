//! The rules and the use cases of Postel: who may send, what text results, what happens to it.
//!
//! Facts in, decision out. This crate must not know any vendor, any network or what time it is:
//! time, ids and facts are arguments, and whatever acts or remembers stands behind a port
//! ([`ports`]).

pub mod address;
pub mod evidence;
pub mod number;
pub mod recipient;
pub mod text;
