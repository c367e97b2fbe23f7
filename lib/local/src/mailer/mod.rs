//! Mails of our own on their way out: to a smarthost, or to a folder where none is set.
//!
//! Must not know what the mails say or when they are due.

mod folder;
mod smarthost;
mod url;

pub use self::folder::MailFolder;
pub use self::smarthost::Smarthost;
pub use self::url::SmarthostError;
