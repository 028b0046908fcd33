//! Words of the pages about what becomes of a booking: changing it, having come, waiting for a seat. In both languages; a word
//! that lacks one does not compile.

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct ChangeTexts { $(pub(super) $name: &'static str,)* }
        const JA: ChangeTexts = ChangeTexts { $($name: $ja,)* };
        const EN: ChangeTexts = ChangeTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn change_texts(lang: Lang) -> &'static ChangeTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

words! {
    change "時間や席を変更する" "Change time or seat";
    change_title "予約の変更" "Change your booking";
    changed_title "予約を変更しました" "Your booking is changed";
    now_is "現在の予約" "As it is now";
    new_times "新しい時間" "New times";
    from_day "開始日" "From (day)";
    to_day "終了日" "To (day)";
    only_end "予約の時間が始まっているため、変更できるのは終わりの時刻だけです。" "The booking has begun: only its end can be changed.";
    look "この時間の空きを見る" "Show what is free then";
    this_seat_before "" "Keep ";
    this_seat_after "のまま、この時間に変更する" " and change to these times";
    other_seat_before "" "Move to ";
    other_seat_after "に変更する" "";
    own "現在の席" "your seat now";
    pass_note "入館証は新しいものになります。変更したあと、入館証の画面を一度開いてください。" "There is a new pass after a change: please open the pass page once.";
    keeps "変更できなかった場合、元の予約はそのまま残ります。" "If the change is refused, your booking stays as it is.";
    undo "変更を元に戻す" "Take the change back";
    undo_before "" "You can take this back until ";
    undo_after "まで元に戻せます。" ".";
    undone_title "予約を変更前に戻しました" "Your booking is as it was before";
    back "変更せずに戻る" "Back without a change";

    join_title "空き待ち" "Wait for a seat";
    join_about "席が空くと、登録の早い順にメールでご案内し、期限まで席をお取りしておきます。" "When a seat becomes free it is held for the first in line, who gets a mail and some time to answer.";
    join "空き待ちに登録する" "Join the line";
    zone_word "区画" "Zone";
    any_zone "すべての区画" "any zone";
    kind_word "席の種類" "Kind of seat";
    any_seat "すべての席" "any seat";
    waiting_title "空き待ちの内容" "Your place in the line";
    wanted "ご希望" "Wanted";
    ahead "前にお待ちの方" "People before you";
    offered_seat "ご案内中の席" "Offered seat";
    until_before "" "This seat is held for you until ";
    until_after "まで席をお取りしています。" ".";
    accept "この席を予約する" "Book this seat";
    decline "この席を見送る" "Let this seat go";
    wait_about "席が空いたらメールでお知らせします。この画面でも確認できます。" "A mail tells you when a seat is free; this page does too.";
    leave "空き待ちを取り消す" "Leave the line";
    my_bookings "予約一覧" "My bookings";
    waits "空き待ち中" "waiting";
    offered "席をご案内中" "a seat is offered";
    accepted "予約済み" "booked";
    declined "見送り済み" "declined";
    lapsed "期限切れ" "not answered in time";
    withdrawn "取消済み" "left";
    expired "空きが出ませんでした" "no seat became free";
    waiting_list "空き待ち" "Waiting for a seat";
    all_taken "席がすべて予約済みのときは、空き待ちに登録できます。" "When all seats are taken you can wait for one.";
    offered_note "この席は空き待ちのご案内です。期限までに予約を確定してください。" "This seat is held for you from the waiting list; book it in time.";
}
