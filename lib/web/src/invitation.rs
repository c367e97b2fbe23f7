//! The invitation: `GET` shows it and changes nothing (mail scanners open links), the button's `POST` accepts.
//!
//! What an invitation is and how long it lasts is [`postel_core::settings`]'s to say.

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::TimeZone;
use postel_core::model::{Account, Language, User, UserStatus};
use postel_core::ports::StoreError;
use postel_core::settings::SettingsError;

use crate::language::Reader;
use crate::notice::{Notice, store_failed};
use crate::page::{Words, render};
use crate::{WebState, example};
use postel_core::when;

/// A token is 32 bytes in hexadecimal.
const TOKEN_LENGTH: usize = 64;

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    w: Words,
    account: String,
    address: String,
    example: String,
    until: String,
}

#[derive(Template)]
#[template(path = "accepted.html")]
struct AcceptedPage {
    w: Words,
    account: String,
    address: String,
    example: String,
}

type TokenPath = Result<Path<String>, PathRejection>;

/// `GET /invitation/{token}`.
pub(crate) async fn show(
    State(state): State<WebState>,
    Reader(language): Reader,
    token: TokenPath,
) -> Response {
    match shown(&state, token).await {
        Ok(page) => render(StatusCode::OK, &page),
        Err(notice) => notice.page(language),
    }
}

async fn shown(state: &WebState, token: TokenPath) -> Result<InvitationPage, Notice> {
    let token = whole(token)?;
    let user = state.settings.invitation(&token).await.map_err(refused)?;
    let (account, language) = account_of(state, &user).await?;
    let zone = TimeZone::get(&account.preferences.time_zone).unwrap_or(TimeZone::UTC);
    let until = match &user.status {
        UserStatus::Pending(invitation) => when::day(invitation.expires_at, &zone, language),
        UserStatus::Accepted { .. } => return Err(Notice::InvitationGone),
    };
    Ok(InvitationPage {
        w: Words(language),
        account: account.id.to_string(),
        address: user.sender.to_string(),
        example: example(state, &account),
        until,
    })
}

/// `POST /invitation/{token}`.
pub(crate) async fn accept(
    State(state): State<WebState>,
    Reader(language): Reader,
    token: TokenPath,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let taken = match body {
        Ok(_) => accepted(&state, token).await,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Notice::TooLarge)
        }
        Err(_) => Err(Notice::BadRequest),
    };
    match taken {
        Ok(page) => render(StatusCode::OK, &page),
        Err(notice) => notice.page(language),
    }
}

async fn accepted(state: &WebState, token: TokenPath) -> Result<AcceptedPage, Notice> {
    let token = whole(token)?;
    // All that the page shows is read first: nothing may fail once it is accepted.
    let user = state.settings.invitation(&token).await.map_err(refused)?;
    let (account, language) = account_of(state, &user).await?;
    match state.settings.accept(&token).await {
        // The button was pressed twice at once, or an admin was faster: the second look tells which.
        Err(SettingsError::Store(StoreError::Conflict)) => state.settings.accept(&token).await,
        once => once,
    }
    .map_err(refused)?;
    tracing::info!(account = %account.id, "an invitation was accepted");
    Ok(AcceptedPage {
        w: Words(language),
        account: account.id.to_string(),
        address: user.sender.to_string(),
        example: example(state, &account),
    })
}

/// The token, where it can be one at all.
fn whole(token: TokenPath) -> Result<String, Notice> {
    let Path(token) = token.map_err(|_| Notice::InvitationCut)?;
    if token.len() == TOKEN_LENGTH && token.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(token)
    } else {
        Err(Notice::InvitationCut)
    }
}

fn refused(error: SettingsError) -> Notice {
    match error {
        SettingsError::Store(error) => store_failed(&error),
        SettingsError::NoInvitation
        | SettingsError::NoAccount(_)
        | SettingsError::NoUser(_)
        | SettingsError::AccountExists(_)
        | SettingsError::UserExists(_)
        | SettingsError::PublicDomain(_)
        | SettingsError::NoProof { .. }
        | SettingsError::NumberTaken(..)
        | SettingsError::Invalid(_) => Notice::InvitationGone,
    }
}

/// The account that invites, and the language it speaks.
async fn account_of(state: &WebState, user: &User) -> Result<(Account, Language), Notice> {
    let account = state
        .settings
        .account(&user.account)
        .await
        .map_err(refused)?;
    let language = account.preferences.language;
    Ok((account, language))
}

/// How the account's people would write an address of a phone.
fn example(state: &WebState, account: &Account) -> String {
    example::of_account(&state.gateway, account.preferences.country)
}

/// Both pages with everything on them hostile, for the test that renders all pages.
#[cfg(test)]
pub(crate) fn samples(w: Words, words: &str) -> [String; 2] {
    let invitation = InvitationPage {
        w,
        account: words.to_owned(),
        address: words.to_owned(),
        example: words.to_owned(),
        until: words.to_owned(),
    };
    let accepted = AcceptedPage {
        w,
        account: words.to_owned(),
        address: words.to_owned(),
        example: words.to_owned(),
    };
    [invitation.render().unwrap(), accepted.render().unwrap()]
}
