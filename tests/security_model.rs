//! docs/SECURITY-MODEL.md names, for each promise, the test that holds it: each of them is there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_security_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("docs/SECURITY-MODEL.md")).unwrap();
    let mut named = 0;
    for code in text.split('`').skip(1).step_by(2) {
        let (path, function) = code.split_once("::").unwrap_or((code, ""));
        if Path::new(path).extension().is_none_or(|it| it != "rs") {
            continue;
        }
        let source = fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(!source.is_empty(), "no file {path}");
        let head = format!("fn {function}(");
        assert!(
            function.is_empty() || source.contains(&head),
            "no test {code}"
        );
        named += usize::from(!function.is_empty());
    }
    assert!(named > 40, "{named}");
}
