//! The style, the script and the icon: ours, from this origin, kept by browsers until they change.

use axum::http::{HeaderName, header};

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/handset.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// Where the style is.
pub(crate) const STYLE_PATH: &str = "/style.css";
/// Where the script of the handset page is.
pub(crate) const SCRIPT_PATH: &str = "/handset.js";

/// A year: pages name the version, so a changed file has another address.
const KEPT: &str = "public, max-age=31536000, immutable";

type Asset = ([(HeaderName, &'static str); 2], &'static str);

pub(crate) async fn style() -> Asset {
    asset("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn script() -> Asset {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(crate) async fn icon() -> Asset {
    asset("image/svg+xml", ICON)
}

fn asset(kind: &'static str, content: &'static str) -> Asset {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEPT)];
    (headers, content)
}

/// Changes with any of the files: what pages add to their addresses.
pub(crate) fn version() -> String {
    const VERSION: u64 = fnv(fnv(fnv(0xcbf2_9ce4_8422_2325, STYLE), SCRIPT), ICON);
    format!("{VERSION:016x}")
}

/// FNV-1a, 64 bits: names a version, protects nothing.
const fn fnv(mut hash: u64, content: &str) -> u64 {
    let mut rest = content.as_bytes();
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_has_another_version() {
        assert_eq!(fnv(0xcbf2_9ce4_8422_2325, "a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(version(), version());
        assert_eq!(version().len(), 16);
    }
}
