//! `format=flowed` (RFC 3676): soft line breaks taken out again.
//!
//! Knows lines only; whether a part is flowed at all says its `Content-Type`.

/// Joins flowed lines; quote marks come out as `> `, `>> `, … in front of each joined line. With `delsp`
/// (RFC 3676 4.2) the blank before a soft break is taken out with it. Line ends come out as `\n`. Linear.
pub fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The quote depth of the paragraph that is still open, if one is.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        let content = content.strip_prefix(' ').unwrap_or(content);
        let signature = content == "-- ";
        let flowed = content.ends_with(' ') && !signature;
        if open != Some(depth) || signature {
            if open.is_some() {
                end_line(&mut out);
            }
            if depth > 0 {
                out.extend(std::iter::repeat_n('>', depth));
                out.push(' ');
            }
        }
        out.push_str(if flowed && delsp {
            content.strip_suffix(' ').unwrap_or(content)
        } else {
            content
        });
        if flowed {
            open = Some(depth);
        } else {
            out.push('\n');
            open = None;
        }
    }
    if open.is_some() {
        end_line(&mut out);
    }
    out
}

/// Ends a paragraph whose last line promised more that never came.
fn end_line(out: &mut String) {
    let kept = out.trim_end_matches(' ').len();
    out.truncate(kept);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flowed_text() {
        let cases = [
            ("one \r\ntwo\r\nthree\r\n", false, "one two\nthree\n"),
            ("one \ntwo\n", true, "onetwo\n"),
            (
                ">one \n>two\n>> deep\nme",
                false,
                "> one two\n>> deep\nme\n",
            ),
            ("text \n-- \nname \n", false, "text\n-- \nname\n"),
            (
                " >not a quote\n From here\n",
                false,
                ">not a quote\nFrom here\n",
            ),
            ("end \n> quote", false, "end\n> quote\n"),
            ("a\n\n \nb", false, "a\n\n\nb\n"),
            ("", false, ""),
        ];
        for (text, delsp, wanted) in cases {
            assert_eq!(unflow(text, delsp), wanted, "{text:?}");
        }
    }
}
