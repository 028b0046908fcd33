//! The switch between Japanese and English.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::see_other;
use crate::http::extract::Form;
use crate::http::lang::{COOKIE, Lang};
use crate::http::problem::{Error, Result};

/// The switch.
#[derive(Deserialize)]
pub struct Choice {
    lang: String,
    next: String,
}

/// `POST /language`.
pub async fn choose(Form(choice): Form<Choice>) -> Result<Response> {
    let lang = Lang::from_code(&choice.lang).ok_or_else(|| Error::invalid("lang: ja or en"))?;
    let mut response = see_other(local(&choice.next));
    let cookie = format!(
        "{COOKIE}={}; Path=/; SameSite=Lax; HttpOnly; Max-Age=31536000",
        lang.code()
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A path on this server, whatever a form says: never another host, never a header's end.
fn local(next: &str) -> &str {
    let is_path = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|b| b.is_ascii_graphic());
    if is_path { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_leads_nowhere_else() {
        assert_eq!(
            local("/sites/sit_x/book?day=2026-11-20"),
            "/sites/sit_x/book?day=2026-11-20"
        );
        for elsewhere in [
            "",
            "https://example.com/",
            "//example.com",
            "/\\example.com",
            "/a\r\nSet-Cookie: x",
            "sign-in",
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
