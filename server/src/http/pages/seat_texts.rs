//! Words of the pages about one's own seat, in both languages. A word that lacks one does not compile.

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct SeatTexts { $(pub(super) $name: &'static str,)* }
        const JA: SeatTexts = SeatTexts { $($name: $ja,)* };
        const EN: SeatTexts = SeatTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn seat_texts(lang: Lang) -> &'static SeatTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

words! {
    running "予約の時間中です" "Your booking is running";
    left_before "残り" "";
    left_after "" " left";
    pass_offline "通信断でも入室できます" "Lets you in without a connection too";
    where_to "席までの行き方" "The way to your seat";
    your_seat "あなたの席" "your seat";
    extend "延長" "Stay longer";
    extend_before "" "Stay until ";
    extend_after "まで延長する" "";
    extend_only_before "" "Only possible: stay until ";
    extend_only_after "までなら延長できます" "";
    extend_not "この予約は、これ以上延長できません。" "This booking cannot be made longer.";
    extended_title "予約を延長しました" "Your booking is longer now";
    leave_early "早めの退室" "Leaving early";
    release "退室して席を返す" "Leave and give the seat back";
    release_note "席はほかの方が使えるようになり、入館証は使えなくなります。扉はそのまま出られます。" "Others can then book the seat and your pass ends. The way out is always free.";
    released_title "席を返しました" "The seat is given back";

    usual "いつもの席を予約する" "Book your usual seat";
    usual_other "いつもの席は予約済みのため、近くの席をご案内しています。" "Your usual seat is taken; this is one near it.";
    usual_book_before "" "Book ";
    usual_book_after "を予約する" "";
    today "今日" "Today";
    tomorrow "明日" "Tomorrow";
    other_seat "別の席や時間を選ぶ" "Choose another seat or time";

    offline_before "施設との通信が" "The site has been out of reach since ";
    offline_after "から切れています。在室の表示は最後に届いた記録までのものです。予約と入館証はそのまま使えます。" ". What is shown is as of the last record received. Bookings and passes go on working.";
    offline_unknown "しばらく前" "some time ago";
    held "この施設では、復元後の確認が終わるまで新しい入館証を発行できません。お持ちの入館証は使えます。" "No new pass can be issued at this site until its restored records are confirmed. A pass that you hold works.";

    my_bookings "予約一覧" "My bookings";
    coming "これからの予約" "Coming";
    past "これまでの予約" "Past";
    none_past "これまでの予約はありません。" "There is no past booking.";
    unused "来館の記録なし" "no visit recorded";
    older "さらに前の予約" "Older bookings";
    newest "新しい予約へ戻る" "Back to the newest";
    calendar "予約をカレンダーに表示" "Show them in your calendar";

    undo "取り消しを元に戻す" "Take the cancellation back";
    undo_before "" "You can take this back until ";
    undo_after "まで元に戻せます。" ".";
    undone_title "予約を元に戻しました" "The booking is yours again";
    undone_pass "入館証は新しいものになります。入館証の画面を一度開いてください。" "There is a new pass for it: please open the pass page once.";
    book_again "この席の空きを見る" "See whether this seat is free";

    map "座席図" "Map of the seats";
    list "席の一覧" "List of the seats";
    to_list "座席図を飛ばして席の一覧へ" "Skip the map, go to the list of seats";
    mark_free "空き" "free";
    mark_taken "予約済み" "taken";
    mark_chosen "選択中" "chosen";
    until_before "" "to ";
    until_after "まで" "";
    chosen "選んだ席" "The seat you chose";
    chosen_taken "この時間は、この席を予約できません。別の席か時間をお選びください。" "This seat is taken at that time. Choose another seat or time.";
    all_day "終日" "all day";
    day_line "この日の予約状況" "This day";
    wait "席がすべて予約済みのとき: 空き待ちに登録する" "All seats taken? Wait for one";
    gone_seat "選んだ席は見つかりません。" "The seat you chose is not there.";
    mark_out "使用停止" "out of service";
    other_floor "階の指定なし" "On no floor";
    all_floors "すべての階" "All floors";
    choose_floor "階を選ぶ" "Floor";
    narrow "条件で絞り込む" "Narrow it down";
    any_kind "すべて" "any";
    kind "種類" "Kind";
    visual "視線" "Eyes";
    acoustic "音" "Ears";
    monitor "モニターあり" "With a monitor";
    accessible "車いすで使える" "Usable in a wheelchair";
    sockets "コンセント(個以上)" "Sockets, at least";
    none_meets "条件に合う席がありません。" "No seat is like that.";
    show_all "すべての席を表示する" "Show all seats";
    any_of "席を選ばずに予約する" "Book any of some equal seats";
    free_of_before "空き " "";
    free_of_between " / 全" " of ";
    free_of_after "席" " free";
    book_any "空いている席を予約する" "Book a free one";
    full "満席" "full";
}
