//! What every page is made of: its words' language and its rendering.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use postel_core::model::Language;

/// The language of a page, as templates use it.
#[derive(Clone, Copy)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    /// For `<html lang>`.
    pub(crate) fn code(self) -> &'static str {
        self.t("en", "fr")
    }

    /// The text in this page's language.
    pub(crate) fn t<'a>(self, english: &'a str, french: &'a str) -> &'a str {
        match self.0 {
            Language::En => english,
            Language::Fr => french,
        }
    }
}

/// The page as an answer.
pub(crate) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handset, invitation, notice};

    /// What breaks out of text and of attributes.
    const HOSTILE: &str = r#"<b title='x' onclick="y()">&"#;

    fn all(language: Language) -> Vec<String> {
        let w = Words(language);
        let mut pages = Vec::from(notice::samples(w));
        pages.extend(invitation::samples(w, HOSTILE));
        pages.extend(handset::samples(w, HOSTILE));
        pages
    }

    /// Elements that are opened and not closed, or the other way round.
    fn unbalanced(page: &str) -> Vec<&str> {
        const VOID: [&str; 5] = ["!doctype", "meta", "link", "img", "br"];
        let mut open = Vec::new();
        for tag in page.split('<').skip(1) {
            let name = tag.split([' ', '>', '\n']).next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) if open.last() == Some(&name) => drop(open.pop()),
                Some(_) => open.push(name),
                None if VOID.contains(&name) => {}
                None => open.push(name),
            }
        }
        open
    }

    #[test]
    fn every_page_is_whole_in_every_language() {
        let (english, french) = (all(Language::En), all(Language::Fr));
        for (pages, code) in [(&english, "en"), (&french, "fr")] {
            for page in pages {
                assert!(page.starts_with("<!doctype html>"), "{page}");
                assert!(page.contains(&format!(r#"<html lang="{code}">"#)), "{page}");
                assert_eq!(page.matches("<h1>").count(), 1, "{page}");
                assert_eq!(page.matches("<title>").count(), 1, "{page}");
                assert!(!page.contains("<title> "), "{page}");
                assert!(
                    !page.contains("<b ") && !page.contains("onclick=\""),
                    "{page}"
                );
                assert!(!page.contains("{{") && !page.contains("{%"), "{page}");
                assert_eq!(unbalanced(page), Vec::<&str>::new(), "{page}");
            }
        }
        for (en, fr) in english.iter().zip(&french) {
            let title = |page: &str| page.split("<h1>").nth(1).map(str::to_owned);
            assert_ne!(title(en), title(fr));
        }
    }
}
