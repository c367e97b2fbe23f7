//! SQLite, spool, SMTP in and out, worker: the one-process home.

pub mod home;
pub mod mailer;
mod pace;
pub mod smtp;
pub mod spool;
pub mod sqlite;
pub mod tls;
