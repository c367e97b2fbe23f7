//! The commands, one file each: their arguments and the wiring to the libraries.

pub(crate) mod check;
pub(crate) mod config;
