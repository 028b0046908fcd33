//! Text from people: trimmed, bounded, printable.

use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::uplink::REASON_MAX;

/// Most characters of a name.
pub const NAME_MAX: usize = 120;

/// Most characters of an address (RFC 5321 §4.5.3.1.3, less the brackets).
pub const EMAIL_MAX: usize = 254;

/// Most characters of a visitor's purpose: with a name of [`NAME_MAX`] it always fits one opening, whatever the characters.
pub const PURPOSE_MAX: usize = 100;

/// A name of 1 to [`NAME_MAX`] characters without control characters, trimmed. `field` is named in the refusal.
pub fn name(field: &'static str, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NAME_MAX || text.chars().any(unprintable) {
        return Err(invalid(field));
    }
    Ok(text.to_owned())
}

/// Control characters, and those that turn the direction of what stands beside them on a page (Unicode TR9 §2).
fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An address that mail could go to, trimmed and in lower case. Whether mail arrives is found out by sending it.
pub fn email(text: &str) -> Result<String, Refusal> {
    let text = text.trim().to_lowercase();
    let sound = text.len() <= EMAIL_MAX
        && text.split_once('@').is_some_and(|(local, domain)| {
            let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
            !local.is_empty() && local.len() <= 64 && domain.split('.').all(label)
        })
        // No spaces, no brackets, no separators of mail headers.
        && text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"<>()[]\\,;:\"".contains(c));
    if sound {
        Ok(text)
    } else {
        Err(invalid("email"))
    }
}

/// Why something is done: 1 to [`REASON_MAX`] characters without control characters, trimmed.
pub fn reason(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REASON_MAX || text.chars().any(unprintable) {
        return Err(invalid("reason"));
    }
    Ok(text.to_owned())
}

/// What a visitor comes for: 1 to [`PURPOSE_MAX`] characters without control characters, trimmed.
pub fn purpose(text: &str) -> Result<String, Refusal> {
    reason(text)
        .ok()
        .filter(|text| text.chars().count() <= PURPOSE_MAX)
        .ok_or_else(|| invalid("purpose").with("max", PURPOSE_MAX))
}

/// What is wrong lies in `field`.
pub fn invalid(field: &'static str) -> Refusal {
    Refusal::new(Code::InvalidInput).with("field", field)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_trimmed_bounded_and_printable() {
        assert_eq!(
            name("name", "  松江テレワークオフィス ").unwrap(),
            "松江テレワークオフィス"
        );
        assert!(name("name", &"字".repeat(120)).is_ok());
        for bad in [
            "",
            "   ",
            "a\nb",
            "a\u{0}b",
            "a\u{202e}b",
            "a\u{2066}b",
            &"字".repeat(121),
        ] {
            assert_eq!(
                name("name", bad).unwrap_err().data["field"],
                "name",
                "{bad:?}"
            );
        }
    }

    #[test]
    fn reasons_are_trimmed_bounded_and_printable() {
        assert_eq!(reason(" 荷物の受け取り ").unwrap(), "荷物の受け取り");
        assert!(reason(&"字".repeat(200)).is_ok());
        for bad in ["", " \t ", "a\nb", "a\u{7f}", &"字".repeat(201)] {
            assert_eq!(reason(bad).unwrap_err().data["field"], "reason", "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_lower_case_and_plausible() {
        assert_eq!(
            email(" Hanako.Sato+x@Example.JP ").unwrap(),
            "hanako.sato+x@example.jp"
        );
        for bad in [
            "",
            "a",
            "@b.jp",
            "a@",
            "a@b@c.jp",
            "a b@c.jp",
            "a@b..jp",
            "<a@b.jp>",
            "a@b.jp\r\nBcc: c@d.jp",
            &format!("{}@b.jp", "a".repeat(65)),
        ] {
            assert_eq!(email(bad).unwrap_err().data["field"], "email", "{bad:?}");
        }
    }
}
