//! Who is calling: a person with a session cookie, or a program with a token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use sekisho_domain::crypto::{Digest, same};
use sekisho_domain::ids::{OrganisationId, PersonId, TokenId};
use sekisho_domain::time::Timestamp;

use super::problem;
use crate::app::App;
use crate::flows::secret::hash_of;
use crate::flows::{Actor, Who};
use crate::store::{sessions, tokens};

/// The authenticated caller of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For flows.
    pub actor: Actor,
    /// The caller's organisation.
    pub organisation: OrganisationId,
    /// When the request came.
    pub at: Timestamp,
    /// The person behind a session; a token has none.
    pub person: Option<Me>,
}

/// The person of a session.
#[derive(Clone, Debug)]
pub struct Me {
    /// Who.
    pub id: PersonId,
    /// Their name, for the top of pages.
    pub name: String,
    /// Which session, for signing out.
    pub session: Digest,
    /// Whether their organisation operates sites: what the navigation offers. What they may do is decided elsewhere.
    pub operates: bool,
}

/// Layer: finds out who is calling and leaves a [`Caller`] for extractors. A wrong cookie or token is no caller at all.
pub async fn authenticate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&app, request.headers()).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
        }
        Ok(None) => {}
        Err(error) => return axum::response::IntoResponse::into_response(error),
    }
    next.run(request).await
}

async fn caller(app: &App, headers: &HeaderMap) -> problem::Result<Option<Caller>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // A request with a token is judged by the token alone, never by a cookie that came along.
        return by_token(app, value).await;
    }
    let Some(secret) = cookie(headers, cookie_name(app)) else {
        return Ok(None);
    };
    let Some(session) = hash_of(secret) else {
        return Ok(None);
    };
    let mut tx = app.db.read().await?;
    let found = sessions::find_session(&mut tx, session, app.now()).await?;
    Ok(found.map(|it| Caller {
        at: app.now(),
        actor: Actor {
            who: Who::Person(it.person),
            organisation: Some(it.organisation),
            role: it.role,
        },
        organisation: it.organisation,
        person: Some(Me {
            id: it.person,
            name: it.name,
            session,
            operates: it.operates,
        }),
    }))
}

async fn by_token(app: &App, value: &HeaderValue) -> problem::Result<Option<Caller>> {
    let Some((id, shown)) = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "))
        .and_then(split_token)
    else {
        return Ok(None);
    };
    let mut tx = app.db.read().await?;
    let found = tokens::find_token(&mut tx, id, app.now()).await?;
    Ok(found
        .filter(|(_, hash)| same(&hash.0, &shown.0))
        .map(|(token, _)| Caller {
            at: app.now(),
            actor: Actor {
                who: Who::Token(token.id),
                organisation: Some(token.organisation),
                role: token.role,
            },
            organisation: token.organisation,
            person: None,
        }))
}

/// `sek_<id>_<secret>`.
fn split_token(text: &str) -> Option<(TokenId, Digest)> {
    let (id, secret) = text.strip_prefix("sek_")?.split_once('_')?;
    Some((TokenId::parse_text(id).ok()?, hash_of(secret)?))
}

/// The value of a cookie; the first one wins when a name is sent twice.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// `__Host-sid` where pages come over TLS. Plain `sid` on loopback: browsers refuse the prefix without TLS.
fn cookie_name(app: &App) -> &'static str {
    if over_tls(app) { "__Host-sid" } else { "sid" }
}

fn over_tls(app: &App) -> bool {
    app.config.public_url().starts_with("https://")
}

/// `Set-Cookie` that hands out a session for as long as it lasts.
pub(super) fn start_cookie(app: &App, secret: &str) -> HeaderValue {
    set_cookie(app, secret, crate::flows::sign_in::SESSION_MS / 1000)
}

/// `Set-Cookie` that takes the session away.
pub(super) fn end_cookie(app: &App) -> HeaderValue {
    set_cookie(app, "", 0)
}

/// `Set-Cookie` for one page of ours alone. Name, value and path are letters, digits and `-_/`.
pub(super) fn page_cookie(
    app: &App,
    name: &str,
    value: &str,
    path: &str,
    max_age_s: i64,
) -> HeaderValue {
    let secure = if over_tls(app) { "; Secure" } else { "" };
    let text = format!(
        "{name}={value}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}"
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

fn set_cookie(app: &App, value: &str, max_age_s: i64) -> HeaderValue {
    let (name, secure) = (
        cookie_name(app),
        if over_tls(app) { "; Secure" } else { "" },
    );
    let text =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}");
    // Name and value are ours: letters, digits, `-` and `_`.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "xsid=1; sid=2;lang=en".parse().unwrap());
        headers.append(header::COOKIE, "sid=3".parse().unwrap());
        assert_eq!(cookie(&headers, "sid"), Some("2"));
        assert_eq!(cookie(&headers, "lang"), Some("en"));
        assert_eq!(cookie(&headers, "id"), None);
    }

    #[test]
    fn tokens_are_read_strictly() {
        let id = TokenId([7; 16]);
        let secret = "A".repeat(43);
        assert_eq!(
            split_token(&format!("sek_{}_{secret}", id.text())),
            Some((id, Digest::of(&[&[0; 32]])))
        );
        for bad in [
            "",
            "sek_",
            "sek__AAE",
            "sek_01_AAE",
            "sek_zz",
            &format!("sek_{}_AAE", id.text()),
            &format!("sek_{}_{secret}!", id.text()),
        ] {
            assert_eq!(split_token(bad), None, "{bad}");
        }
    }
}
