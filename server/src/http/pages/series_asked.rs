//! What the form for a repeating booking says, and the rule that it means.

use jiff::civil::Date;
use sekisho_domain::refusal::Code;
use serde::Deserialize;

use crate::flows::create_series::CreateSeries;
use crate::flows::series::{Mode, SITES_OWN};
use crate::http::problem::{Error, Result};
use crate::http::series_words::Words;
use crate::http::session::Me;

/// What the address bar or the form says: a booking to repeat, or everything by itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub(super) booking: String,
    pub(super) seat: String,
    pub(super) first: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) over: String,
    pub(super) every: String,
    pub(super) mo: String,
    pub(super) tu: String,
    pub(super) we: String,
    pub(super) th: String,
    pub(super) fr: String,
    pub(super) sa: String,
    pub(super) su: String,
    pub(super) until: String,
    pub(super) except: String,
    pub(super) mode: String,
}

pub(super) const EVERY: [&str; 5] = ["week", "weeks", "day", "month", "monthly"];

impl Asked {
    pub(super) fn weekdays(&self) -> [(&'static str, &str); 7] {
        [
            ("MO", &self.mo),
            ("TU", &self.tu),
            ("WE", &self.we),
            ("TH", &self.th),
            ("FR", &self.fr),
            ("SA", &self.sa),
            ("SU", &self.su),
        ]
    }

    pub(super) fn mark(&mut self, weekday: i8) {
        let slot = match weekday {
            0 => &mut self.mo,
            1 => &mut self.tu,
            2 => &mut self.we,
            3 => &mut self.th,
            4 => &mut self.fr,
            5 => &mut self.sa,
            _ => &mut self.su,
        };
        "1".clone_into(slot);
    }

    /// The rule that the form means.
    fn rule(&self) -> String {
        let until = self.until.replace('-', "");
        let days: Vec<&str> = self
            .weekdays()
            .iter()
            .filter(|(_, on)| !on.is_empty())
            .map(|(name, _)| *name)
            .collect();
        let by_day = if days.is_empty() {
            String::new()
        } else {
            format!(";BYDAY={}", days.join(","))
        };
        match self.every.as_str() {
            "weeks" => format!("FREQ=WEEKLY;INTERVAL=2{by_day};UNTIL={until}"),
            "day" => format!("FREQ=DAILY;UNTIL={until}"),
            "month" => format!("FREQ=MONTHLY;UNTIL={until}"),
            "monthly" => format!("FREQ=MONTHLY;BYDAY={};UNTIL={until}", self.nth()),
            _ => format!("FREQ=WEEKLY{by_day};UNTIL={until}"),
        }
    }

    /// `2TU`: which weekday of its month the first day is. The fifth is the last.
    fn nth(&self) -> String {
        let Ok(first) = self.first.parse::<Date>() else {
            return "1MO".to_owned();
        };
        let names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
        let weekday = usize::from(first.weekday().to_monday_zero_offset().unsigned_abs());
        let nth = (first.day() - 1) / 7 + 1;
        format!("{}{}", if nth == 5 { -1 } else { nth }, names[weekday])
    }

    pub(super) fn except(&self) -> Vec<String> {
        let days = self.except.split(',').filter(|day| !day.is_empty());
        days.map(str::to_owned).collect()
    }

    pub(super) fn wanted(&self, me: &Me) -> Result<CreateSeries> {
        let (rule, except) = (self.rule(), self.except());
        let words = Words {
            first: Some(&self.first),
            starts: &self.from,
            ends: &self.to,
            ends_days_later: u32::from(self.over == "1"),
            fold: sekisho_domain::booking::Fold::Earlier,
            rule: Some(&rule),
            days: &[],
            except: &except,
        };
        Ok(CreateSeries {
            person: me.id,
            seat: self.seat.parse().map_err(|_| Error::from(Code::NotFound))?,
            time_zone: SITES_OWN.to_owned(),
            pattern: words.pattern()?,
            mode: if self.mode == "possible" {
                Mode::Possible
            } else {
                Mode::All
            },
        })
    }

    pub(super) fn hidden(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("seat", &self.seat),
            ("first", &self.first),
            ("from", &self.from),
            ("to", &self.to),
            ("over", &self.over),
            ("every", &self.every),
            ("mo", &self.mo),
            ("tu", &self.tu),
            ("we", &self.we),
            ("th", &self.th),
            ("fr", &self.fr),
            ("sa", &self.sa),
            ("su", &self.su),
            ("until", &self.until),
            ("except", &self.except),
        ];
        let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
        said.map(|(name, value)| (name, value.clone())).collect()
    }

    /// The address of the same page with other exceptions.
    pub(super) fn address(&self, except: &str) -> String {
        let mut out = format!(
            "/series/new?seat={}&first={}&from={}&to={}&over={}&every={}&until={}",
            plain(&self.seat),
            plain(&self.first),
            plain(&self.from),
            plain(&self.to),
            plain(&self.over),
            plain(&self.every),
            plain(&self.until)
        );
        for (name, on) in self.weekdays() {
            if !on.is_empty() {
                out.push_str(&["&", &name.to_lowercase(), "=1"].concat());
            }
        }
        if !except.is_empty() {
            out.push_str(&["&except=", &plain(except)].concat());
        }
        out + "#preview"
    }
}

/// What may stand in an address as it is; what else somebody wrote is left out.
fn plain(text: &str) -> String {
    let known = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '_' | ',');
    text.chars().filter(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(every: &str, first: &str) -> Asked {
        Asked {
            every: every.to_owned(),
            first: first.to_owned(),
            until: "2027-03-31".to_owned(),
            mo: "1".to_owned(),
            fr: "1".to_owned(),
            ..Asked::default()
        }
    }

    #[test]
    fn the_form_means_a_rule() {
        for (every, first, rule) in [
            (
                "week",
                "2026-12-07",
                "FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20270331",
            ),
            (
                "weeks",
                "2026-12-07",
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;UNTIL=20270331",
            ),
            ("day", "2026-12-07", "FREQ=DAILY;UNTIL=20270331"),
            ("month", "2026-12-07", "FREQ=MONTHLY;UNTIL=20270331"),
            (
                "monthly",
                "2026-12-08",
                "FREQ=MONTHLY;BYDAY=2TU;UNTIL=20270331",
            ),
            (
                "monthly",
                "2026-12-31",
                "FREQ=MONTHLY;BYDAY=-1TH;UNTIL=20270331",
            ),
        ] {
            assert_eq!(asked(every, first).rule(), rule);
        }
    }

    #[test]
    fn an_address_holds_nothing_but_what_belongs_there() {
        let mut it = asked("week", "\"><script>&seat=x");
        it.except = "2026-12-14".to_owned();
        let address = it.address(&it.except);
        assert!(!address.contains(['"', '<', '>']), "{address}");
        assert!(
            address.ends_with("&mo=1&fr=1&except=2026-12-14#preview"),
            "{address}"
        );
    }
}
