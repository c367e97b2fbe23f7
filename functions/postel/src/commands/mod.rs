//! The commands, one file each: their arguments and the wiring to the libraries.

pub(crate) mod accounts;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod mails;
pub(crate) mod outbox;
pub(crate) mod preview;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod spool;
