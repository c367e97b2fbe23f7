//! HTML to text: bounded, without control characters, and no word of a page that is only words is lost.

use postel_mail::cut::{CutOptions, cut};
use postel_mail::{html_to_marked_text, html_to_text};

use super::cut::adds_up;

/// The bound that the reader promises.
const LONGEST: usize = 256 * 1024;

/// See the module.
pub fn holds(data: &[u8]) {
    let html = String::from_utf8_lossy(data);
    let (text, marks) = html_to_marked_text(&html);
    assert!(text.len() <= LONGEST, "{} bytes", text.len());
    assert!(!text.contains(['\r', '\0']));
    assert_eq!(html_to_text(&html), text);
    assert!(marks.iter().all(|mark| mark.lines.start <= mark.lines.end));
    let options = CutOptions {
        marks: &marks,
        ..CutOptions::default()
    };
    adds_up(&text, &cut(&text, &options));

    let escaped = html
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let page = format!("<html><body><p>{escaped}</p></body></html>");
    let letters = |s: &str| -> String { s.chars().filter(char::is_ascii_alphanumeric).collect() };
    let shown = html_to_text(&page);
    assert!(shown.len() + 8 >= LONGEST || letters(&shown) == letters(&html));
}
