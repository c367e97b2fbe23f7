//! Bytes to mail and back: parse, body to text, quote and signature cutting, compose.
//!
//! Pure: no clock, no network, nothing of accounts or decisions. Every byte is taken for hostile: nothing panics, and
//! time, memory and nesting are bounded. Header fields and parts are split by this crate's own readers, one for
//! all, so that what decides who sent a mail cannot differ from what is shown; mail-parser lends dates and charsets,
//! html5ever the tokens of HTML, mail-builder the writing.

mod address;
mod automatic;
mod body;
mod charset;
mod clearsigned;
pub mod compose;
pub mod cut;
mod flowed;
mod headers;
mod html;
mod mime;
mod params;
mod parse;
mod transfer;
mod words;

pub use address::{AddrSpec, FromFault, FromField};
pub use automatic::{Automatic, AutomaticKind, Bulk, BulkHeader};
pub use body::{Attachment, Body, BodyOrigin};
pub use flowed::unflow;
pub use html::{html_to_marked_text, html_to_text};
pub use parse::{LOOP_HEADER, Mail, Unreadable, parse};
