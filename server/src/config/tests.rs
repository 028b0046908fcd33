#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

#[test]
fn the_example_is_the_default_and_names_every_key() {
    let defaults = Config::parse("", Path::new("/base")).unwrap();
    assert_eq!(
        Config::parse(EXAMPLE, Path::new("/base")).unwrap(),
        defaults
    );
    // Optional keys are commented out; uncommenting them must still be understood.
    let all: String = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix("#! ").unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let keys = toml::from_str::<Config>(&all).unwrap();
    assert!(
        keys.database.url.is_some()
            && keys.database.url_file.is_some()
            && keys.http.public_url.is_some()
    );
    assert!(keys.http.tls_cert_file.is_some() && keys.http.tls_key_file.is_some());
    assert_eq!(defaults.mail.dir, Path::new("/base/data/mail"));
    assert_eq!(
        defaults.database_url().unwrap(),
        "sqlite:/base/data/sekisho.db"
    );
    assert_eq!(defaults.public_url(), "http://127.0.0.1:8080");
}

#[test]
fn what_cannot_work_is_refused_with_key_value_and_cure() {
    for (text, part) in [
        (
            "[http]\nlisten = \"0.0.0.0:80\"",
            "http.listen = \"0.0.0.0:80\" cannot work: without TLS",
        ),
        (
            "[http]\npublic_url = \"https://a.example/\"",
            "without a slash at the end",
        ),
        ("[http]\ntls_cert_file = \"a.pem\"", "belong together"),
        (
            "[database]\nurl = \"mysql://me:secret@h/d\"",
            "database.url = \"mysql…\" cannot work: write sqlite:PATH or",
        ),
        ("[machines]\nnames = []", "machines.names"),
        ("[gateways]\nfreshness_s = 0", "write 1 to 60"),
        ("[gateways]\nstart_wait_s = 601", "write 0 to 600"),
        ("[gateways]\nfreshnes_s = 1", "unknown field `freshnes_s`"),
        (
            "[webhooks]\nallow = [\"10.0.0.0/99\"]",
            "webhooks.allow = \"10.0.0.0/99\" cannot work: write networks",
        ),
        ("[uplink]\nmode = \"none\"", "unknown variant `none`"),
    ] {
        let error = Config::parse(text, Path::new("")).unwrap_err().to_string();
        assert!(error.contains(part), "{error} does not say {part}");
    }
}
