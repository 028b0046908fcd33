//! Words about groups, in both languages. A word that lacks one does not compile.

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct GroupTexts { $(pub(super) $name: &'static str,)* }
        const JA: GroupTexts = GroupTexts { $($name: $ja,)* };
        const EN: GroupTexts = GroupTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn group_texts(lang: Lang) -> &'static GroupTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

words! {
    title "団体予約" "Group bookings";
    lead "同じ企業の2名から50名までの席を、まとめて予約します。全員分の席が取れないときは、誰の予約も作りません。" "Seats for 2 to 50 people of one company at once. If not all of them can have one, nobody is booked.";
    none "これからの団体予約はありません。" "No group is coming.";
    list "これからの団体予約" "Coming groups";
    new "団体予約をする" "Book for a group";
    name "名称" "Name";
    name_hint "例: 開発合宿。120文字まで。" "For example: team week. Up to 120 characters.";
    day "日" "Day";
    from "開始" "From";
    to "終了" "Until";
    people "利用者" "People";
    people_hint "2名から50名まで選んでください。" "Choose 2 to 50.";
    nobody "選べる利用者がいません。" "There is nobody to choose.";
    look "席を確かめる" "Look at the seats";
    seats "席の案" "Where they would sit";
    seats_note "同じ区画の近い席を選んでいます。確定するまで、席は押さえられていません。" "Seats of one zone, close together. Nothing is kept until you confirm.";
    confirm "全員分を予約する" "Book all of these seats";
    needs "承認が必要" "needs an approval";
    refused "全員分の予約はできません" "They cannot all be booked";
    about "該当" "About";
    free_before "この時間の空き: 施設全体で" "Free at that time: ";
    free_between "席、一つの区画では" " at the site, ";
    free_after "席まで" " in one zone at most";
    instead "代わりに予約できる時間" "Times at which it is possible";
    made "全員分を予約しました" "All of them are booked";
    members "利用者と席" "Who sits where";
    leave "この予約を取り消す" "Cancel this one";
    cancel "団体予約をすべて取り消す" "Cancel the whole group";
    cancelled "取り消しました" "Cancelled";
    undo "取り消しを元に戻す" "Take the cancellation back";
    undo_note "取り消してから60秒のあいだ、取り消した方が元に戻せます。" "Within 60 seconds, by whoever cancelled.";
    undone "元に戻しました" "Everything is back";
    join "利用者を追加する" "Add one person";
    join_note "ほかの方に近い席を選びます。" "They get the free seat nearest to the others.";
    joined "追加しました" "Added";
    to_list "団体予約の一覧" "All groups";
    bad_times "日付と時刻を確かめてください。" "Please check the day and the times.";
}
