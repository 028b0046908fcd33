//! Words about when a site is open, in both languages. A word that lacks one does not compile.

use sekisho_domain::booking::HolidayPolicy;

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct HoursTexts { $(pub(super) $name: &'static str,)* }
        const JA: HoursTexts = HoursTexts { $($name: $ja,)* };
        const EN: HoursTexts = HoursTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn hours_texts(lang: Lang) -> &'static HoursTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

impl HoursTexts {
    /// What a policy is called.
    pub(super) fn policy(&self, policy: HolidayPolicy) -> &'static str {
        match policy {
            HolidayPolicy::AsUsual => self.as_usual,
            HolidayPolicy::Closed => self.closed,
            HolidayPolicy::Hours => self.own_hours,
        }
    }
}

words! {
    title "開館日時" "Opening hours";
    lead "予約できる時間を決めます。すでにある予約は変わりません。" "When this site can be booked. What is booked already stays as it is.";
    week "曜日ごとの時間" "Hours of the week";
    hint "例: 09:00-12:00,13:00-18:00。22:00-05:00 のように、終わりが始まり以前の時刻なら翌日までです。空欄は休館です。" "For example 09:00-12:00,13:00-18:00. What ends no later than it begins, as 22:00-05:00 does, ends on the day after. Empty means closed.";
    holidays "祝日" "Public holidays";
    as_usual "曜日どおり開館" "open as on other days";
    closed "休館" "closed";
    own_hours "祝日の時間で開館" "open at hours of their own";
    holiday_hours "祝日の時間" "Hours of a holiday";
    save "保存する" "Save";
    saved "保存しました。" "Saved.";
    bad_hours "時間を読み取れません。例: 09:00-12:00,13:00-18:00" "These hours cannot be read. For example: 09:00-12:00,13:00-18:00";
    bad_day "日付を読み取れません。例: 2026-12-29" "This date cannot be read. For example: 2026-12-29";
    days "特定の日" "Days of their own";
    days_lead "祝日や曜日の時間より優先されます。" "They come before holidays and the hours of the week.";
    no_days "特定の日の定めはありません。" "No day has hours of its own.";
    add_day "日を加える" "Add a day";
    date "日付" "Date";
    day_hours "時間(空欄は休館)" "Hours (empty: closed)";
    reason_ja "理由(日本語)" "Reason, in Japanese";
    reason_en "理由(英語)" "Reason, in English";
    remove "削除" "Remove";
    next "次の祝日" "The next public holidays";
    opens_next "次に開く日時" "Opens next";
    to_that_day "その日を見る" "Go to that day";
    back "設定に戻る" "Back to the settings";
}
