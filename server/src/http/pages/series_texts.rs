//! Words of the pages about series, in both languages. A word that lacks one does not compile.

use sekisho_domain::booking::AllocationState;
use sekisho_domain::booking::series::Verdict;

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct SeriesTexts { $(pub(super) $name: &'static str,)* }
        const JA: SeriesTexts = SeriesTexts { $($name: $ja,)* };
        const EN: SeriesTexts = SeriesTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn series_texts(lang: Lang) -> &'static SeriesTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

words! {
    title "繰り返し予約" "Repeating booking";
    made_title "繰り返し予約を登録しました" "Your repeating booking is made";
    cancelled_title "繰り返し予約を取り消しました" "The repeating booking is cancelled";
    new_title "この予約を繰り返す" "Repeat this booking";
    new_lead "席、時刻、曜日を選ぶと、日ごとに予約できるかどうかをお知らせします。時刻は施設の時計のもので、夏時間などで時計が変わっても変わりません。" "Choose times and days, and see for each day whether it can be booked. Times are those of the clock at the site and stay the same when the clocks change.";
    first "最初の日" "First day";
    from "開始" "From";
    to "終了" "To";
    over "終了の日" "Ends";
    over_same "開始と同じ日" "on the same day";
    over_next "翌日" "on the next day";
    every "繰り返し" "Repeats";
    every_week "毎週(曜日を選ぶ)" "every week, on the days below";
    every_two_weeks "隔週(曜日を選ぶ)" "every second week, on the days below";
    every_day "毎日(連日の利用)" "every day, for a stay of several days";
    every_month "毎月(同じ日付)" "every month, on the same date";
    every_month_weekday "毎月(同じ週の同じ曜日)" "every month, on the same weekday";
    weekdays "曜日" "Weekdays";
    until "最後の日" "Last day";
    check "日ごとの可否を確かめる" "See what is possible";
    preview "予約の内容" "What will be booked";
    none_written "まだ予約していません。" "Nothing is booked yet.";
    book_all "この内容で予約する" "Book these days";
    book_possible "予約できる日だけ予約する" "Book the days that are possible";
    some_refused "予約できない日があります。別の席や時間にするか、予約できる日だけを予約できます。" "Some days cannot be booked. Choose another seat or time for them, or book only the days that are possible.";
    leave_out "この日を除く" "Leave this day out";
    take_back_in "この日も含める" "Take this day back in";
    day "日" "Day";
    time "時刻" "Time";
    verdict "可否" "Verdict";
    what_else "できること" "What you can do";
    other_seat "別の席や時間を見る" "See other seats and times";
    could "予約できます" "can be booked";
    booked "予約済み" "booked";
    due_before "" "booked on ";
    due_after "に予約します" "";
    due_note "35日より先の日は、予約できる日になると自動で予約します。予約できなかったときはメールでお知らせします。" "Days more than 35 days ahead are booked by themselves once they can be. You get a mail where one could not.";
    refused "予約できません" "cannot be booked";
    excepted "除外" "left out";
    skipped "時計の切り替えのため、この日はありません" "the clocks skip it on this day";
    cancelled "取り消し済み" "cancelled";
    given_back "席を返却済み" "given back";
    shifted "時計の切り替えのため、時刻がずれています" "moved by the change of the clocks";
    not_moved "時刻の規則が変わりましたが、次の理由で元の時刻のままです" "the rules for local time changed, but it stays where it was";
    lifts "解除" "Lifts";
    see "予約を見る" "See the booking";
    cancel_all "繰り返し予約を取り消す" "Cancel this repeating booking";
    cancel_note "すでに始まった予約は残ります。取り消しは60秒以内なら元に戻せます。" "What has begun stays. You can take this back for 60 seconds.";
    cancel_from "この日以降を取り消す" "Cancel from this day on";
    undo "取り消しを元に戻す" "Take the cancellation back";
    undo_before "" "You can take this back until ";
    undo_after "まで元に戻せます。" ".";
    rule "繰り返しの規則" "Rule";
    listed "日を指定" "listed days";
    days "日ごとの状況" "Day by day";
    change_days "変更" "Change";
    part_of "繰り返し予約の内容を見る" "See the whole repeating booking";
}

/// What a weekday is called, from Monday.
pub(super) fn weekdays(lang: Lang) -> [&'static str; 7] {
    match lang {
        Lang::Ja => ["月", "火", "水", "木", "金", "土", "日"],
        Lang::En => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    }
}

/// What a verdict is called, and its mark.
pub(super) fn verdict(
    w: &SeriesTexts,
    verdict: Verdict,
    state: Option<AllocationState>,
) -> (&'static str, &'static str) {
    match (verdict, state) {
        (Verdict::Cancelled, _) | (Verdict::Booked, Some(AllocationState::Cancelled)) => {
            (w.cancelled, "none")
        }
        (Verdict::Booked, Some(AllocationState::Released)) => (w.given_back, "none"),
        (Verdict::Booked, _) => (w.booked, "yes"),
        (Verdict::Due, _) => ("", "wait"),
        (Verdict::Refused, _) => (w.refused, "no"),
        (Verdict::Excepted, _) => (w.excepted, "none"),
        (Verdict::Skipped, _) => (w.skipped, "none"),
    }
}
