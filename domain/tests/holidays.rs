//! The public holidays of Japan against two programs that share no code with ours: the PyPI packages `holidays` and `jpholiday`,
//! every day of 1955 to 2050. `tests/oracle/holidays.py` judges.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::civil::date;
use sekisho_domain::booking::holidays_from;

/// The Python that has both packages: the environment that tests/run makes, else that of the machine.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle/bin/python3");
    let able = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", "import holidays, jpholiday"]);
        command.output().is_ok_and(|out| out.status.success())
    };
    [made, PathBuf::from("python3")].into_iter().find(able)
}

#[test]
fn two_programs_agree_about_every_holiday_of_a_century() {
    let Some(python) = python() else {
        let line = "NOT RUN: public holidays need tests/oracle/requirements.txt in target/oracle";
        assert!(std::env::var_os("CI").is_none(), "{line}");
        return eprintln!("{line}");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/holidays.py");
    let mut child = Command::new(python)
        .arg(script)
        .args(["1955", "2050"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdin.take().unwrap();
    let days = holidays_from(date(1955, 1, 1), 3000);
    let days: Vec<_> = days.iter().filter(|it| it.date.year() <= 2050).collect();
    assert!(days.len() > 1300, "{}", days.len());
    for it in days {
        writeln!(out, "{} {}", it.date, it.ja).unwrap();
    }
    drop(out);
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    eprintln!("{said}");
    assert!(done.status.success(), "{said}");
    assert!(said.contains("\"differences\": 0"), "{said}");
}
