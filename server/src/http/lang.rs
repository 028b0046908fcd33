//! In which language an answer is written: Japanese unless the caller asks for English.

use axum::http::{HeaderMap, header};
use sekisho_domain::access::Reason;
use sekisho_domain::refusal::Code;

/// A language of pages, mails and sentences.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lang {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

/// Name of the cookie that the switch on every page sets.
pub const COOKIE: &str = "lang";

impl Lang {
    /// The code in HTML, cookies and the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "ja" => Some(Self::Ja),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// What a caller wants: the cookie of the switch, else `Accept-Language` (RFC 9110 §12.5.4), else Japanese.
    pub fn of(headers: &HeaderMap) -> Self {
        let chosen = super::session::cookie(headers, COOKIE).and_then(Self::from_code);
        chosen.unwrap_or_else(|| {
            headers
                .get(header::ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok())
                .map_or(Self::Ja, Self::accepted)
        })
    }

    /// The better of the two in an `Accept-Language` list; a tie or silence is Japanese.
    fn accepted(list: &str) -> Self {
        let (mut ja, mut en) = (0, 0);
        for item in list.split(',').take(16) {
            let (tag, quality) = item.split_once(';').unwrap_or((item, ""));
            let weight = permille(quality.trim());
            match tag.trim().to_ascii_lowercase().split('-').next() {
                Some("ja") => ja = ja.max(weight),
                Some("en") => en = en.max(weight),
                _ => {}
            }
        }
        if en > ja { Self::En } else { Self::Ja }
    }

    /// The sentence of a refusal.
    pub fn refusal(self, code: Code) -> &'static str {
        match self {
            Self::Ja => code.ja(),
            Self::En => code.en(),
        }
    }

    /// The sentence of a door's reason.
    pub fn reason(self, reason: Reason) -> &'static str {
        match self {
            Self::Ja => reason.ja(),
            Self::En => reason.en(),
        }
    }
}

/// `q=0.8` as 800; no weight is 1000, nonsense is 0.
fn permille(quality: &str) -> u32 {
    if quality.is_empty() {
        return 1000;
    }
    let Some(value) = quality.strip_prefix("q=") else {
        return 0;
    };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let fraction: u32 = format!("{fraction:0<3}")
        .get(..3)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    match whole {
        "1" => 1000,
        "0" => fraction,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_unless_english_is_wanted_more() {
        for (list, lang) in [
            ("en-GB,en;q=0.9", Lang::En),
            ("ja,en;q=0.9", Lang::Ja),
            ("en;q=0.5, ja;q=0.4", Lang::En),
            ("fr, de;q=0.9", Lang::Ja),
            ("en;q=banana", Lang::Ja),
            ("*", Lang::Ja),
            ("EN-us", Lang::En),
            ("", Lang::Ja),
        ] {
            assert_eq!(Lang::accepted(list), lang, "{list}");
        }
    }
}
