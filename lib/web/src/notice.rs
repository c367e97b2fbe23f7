//! The short pages: one title, what happened, what to do. Both languages side by side.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use postel_core::model::Language;
use postel_core::ports::StoreError;

use crate::page::{Words, render};

/// What a short page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Nothing is here, on purpose.
    Home,
    /// No such page.
    NotFound,
    /// The page exists, but not for this method.
    MethodNotAllowed,
    /// The body is longer than any route takes.
    TooLarge,
    /// The request could not be read.
    BadRequest,
    /// The invitation's link lost a piece on its way.
    InvitationCut,
    /// The invitation is used up, replaced or expired.
    InvitationGone,
    /// The store does not answer; later it may.
    Unavailable,
    /// What is stored cannot be used; later neither.
    Broken,
}

/// Title and what follows it, in one language.
struct Said(&'static str, &'static [&'static str]);

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage {
    w: Words,
    title: &'static str,
    paragraphs: &'static [&'static str],
}

impl Notice {
    /// The page that says it.
    pub(crate) fn page(self, language: Language) -> Response {
        let mut response = render(self.status(), &self.template(language));
        if self == Self::Unavailable {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        response
    }

    fn template(self, language: Language) -> NoticePage {
        let Said(title, paragraphs) = self.words(language);
        NoticePage {
            w: Words(language),
            title,
            paragraphs,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Home => StatusCode::OK,
            Self::NotFound | Self::InvitationCut => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::InvitationGone => StatusCode::GONE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(self, language: Language) -> Said {
        match language {
            Language::En => self.english(),
            Language::Fr => self.french(),
        }
    }

    fn english(self) -> Said {
        match self {
            Self::Home => Said(
                "Mail in, text message out",
                &[
                    "This gateway turns emails into text messages, and the answers back into emails. There is nothing to do on this page.",
                    "To send a text, write an email from an address that your account lists.",
                ],
            ),
            Self::NotFound => Said(
                "This page does not exist",
                &["Check the address, or follow the link from your mail again."],
            ),
            Self::MethodNotAllowed => Said(
                "This page cannot be used that way",
                &["Open it in a browser and use its button."],
            ),
            Self::TooLarge => Said(
                "That was too much",
                &["The request is larger than this page takes. Nothing was changed."],
            ),
            Self::BadRequest => Said(
                "The request could not be read",
                &["Nothing was changed. Go back and try again."],
            ),
            Self::InvitationCut => Said(
                "This link is not complete",
                &[
                    "A piece of it was lost, as happens when a long link is broken over two lines.",
                    "Open it from the invitation mail again, or copy all of it into the address bar.",
                ],
            ),
            Self::InvitationGone => Said(
                "This invitation is no longer open",
                &[
                    "Its link works once, for seven days, and only the newest one counts.",
                    "If you have accepted already, all is well: there is nothing more to do.",
                    "Otherwise ask whoever invited you to send the invitation again.",
                ],
            ),
            Self::Unavailable => Said(
                "Please try again in a moment",
                &[
                    "Something behind this page does not answer right now. Trying again does no harm.",
                ],
            ),
            Self::Broken => Said(
                "Something is broken on our side",
                &["Trying again will not help. Please tell whoever runs this gateway."],
            ),
        }
    }

    fn french(self) -> Said {
        match self {
            Self::Home => Said(
                "Un e-mail part, un SMS arrive",
                &[
                    "Cette passerelle transforme les e-mails en SMS, et les réponses en e-mails. Il n’y a rien à faire sur cette page.",
                    "Pour envoyer un SMS, écrivez un e-mail depuis une adresse inscrite sur votre compte.",
                ],
            ),
            Self::NotFound => Said(
                "Cette page n’existe pas",
                &["Vérifiez l’adresse, ou rouvrez le lien depuis votre e-mail."],
            ),
            Self::MethodNotAllowed => Said(
                "Cette page ne s’utilise pas ainsi",
                &["Ouvrez-la dans un navigateur et utilisez son bouton."],
            ),
            Self::TooLarge => Said(
                "C’est trop volumineux",
                &["La demande dépasse ce que cette page accepte. Rien n’a été modifié."],
            ),
            Self::BadRequest => Said(
                "La demande est illisible",
                &["Rien n’a été modifié. Revenez en arrière et réessayez."],
            ),
            Self::InvitationCut => Said(
                "Ce lien est incomplet",
                &[
                    "Il en manque un morceau, comme il arrive quand un long lien est coupé sur deux lignes.",
                    "Rouvrez-le depuis l’e-mail d’invitation, ou copiez-le en entier dans la barre d’adresse.",
                ],
            ),
            Self::InvitationGone => Said(
                "Cette invitation n’est plus valable",
                &[
                    "Son lien fonctionne une seule fois, pendant sept jours, et seul le plus récent compte.",
                    "Si vous avez déjà accepté, tout est en ordre\u{a0}: il n’y a plus rien à faire.",
                    "Sinon, demandez à la personne qui vous a invité de renvoyer l’invitation.",
                ],
            ),
            Self::Unavailable => Said(
                "Réessayez dans un instant",
                &[
                    "Un élément derrière cette page ne répond pas pour le moment. Réessayer est sans risque.",
                ],
            ),
            Self::Broken => Said(
                "Quelque chose est cassé de notre côté",
                &["Réessayer n’y changera rien. Prévenez la personne qui gère cette passerelle."],
            ),
        }
    }
}

/// What a reader is told where the store failed. Written to the log here, once.
pub(crate) fn store_failed(error: &StoreError) -> Notice {
    tracing::error!(%error, "a page could not be shown: the store failed");
    match error {
        StoreError::Conflict | StoreError::Unavailable(_) => Notice::Unavailable,
        StoreError::Corrupt(_) => Notice::Broken,
    }
}

/// Every short page, for the test that renders all pages.
#[cfg(test)]
pub(crate) fn samples(w: Words) -> [String; 9] {
    [
        Notice::Home,
        Notice::NotFound,
        Notice::MethodNotAllowed,
        Notice::TooLarge,
        Notice::BadRequest,
        Notice::InvitationCut,
        Notice::InvitationGone,
        Notice::Unavailable,
        Notice::Broken,
    ]
    .map(|notice| notice.template(w.0).render().unwrap())
}
