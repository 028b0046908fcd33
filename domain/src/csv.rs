//! Tables as CSV (RFC 4180) that spreadsheets open as what they are: text, and no formula.

/// Byte order mark: without it some spreadsheets take UTF-8 for another encoding.
pub const BOM: &str = "\u{feff}";

/// One row with its line break.
pub fn row<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (n, field) in fields.into_iter().enumerate() {
        if n > 0 {
            line.push(',');
        }
        line.push_str(&cell(field));
    }
    line + "\r\n"
}

/// A field: what a spreadsheet would take for a formula gets an apostrophe in front, also in its full-width form.
fn cell(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r', '=', '+', '-', '@']);
    let guarded = if formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if guarded.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows() {
        assert_eq!(row(["a", "席 A-1", ""]), "a,席 A-1,\r\n");
        assert_eq!(
            row(["a,b", "say \"x\"", "1\r\n2"]),
            "\"a,b\",\"say \"\"x\"\"\",\"1\r\n2\"\r\n"
        );
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=1"] {
            assert_eq!(row([formula]), format!("'{formula}\r\n"));
        }
        assert_eq!(row(["\r=1"]), "\"'\r=1\"\r\n");
        assert_eq!(row(["=\"a\",1"]), "\"'=\"\"a\"\",1\"\r\n");
    }

    /// A reader of RFC 4180 that knows nothing of the writer.
    fn read(line: &str) -> Vec<String> {
        let mut fields = vec![String::new()];
        let mut chars = line.strip_suffix("\r\n").unwrap().chars().peekable();
        let mut quoted = false;
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    fields.last_mut().unwrap().push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        fields
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(fields in prop::collection::vec(any::<String>(), 1..5)) {
            let read = read(&row(fields.iter().map(String::as_str)));
            prop_assert_eq!(read.len(), fields.len());
            for (read, field) in read.iter().zip(&fields) {
                prop_assert_eq!(read.strip_prefix('\'').filter(|it| it == field).unwrap_or(read), field);
                prop_assert!(!read.starts_with(['=', '+', '-', '@']));
            }
        }
    }
}
