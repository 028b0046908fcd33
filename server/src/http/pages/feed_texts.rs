//! Words of the pages about calendar feeds, in both languages. A word that lacks one does not compile.

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct FeedTexts { $(pub(super) $name: &'static str,)* }
        const JA: FeedTexts = FeedTexts { $($name: $ja,)* };
        const EN: FeedTexts = FeedTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn feed_texts(lang: Lang) -> &'static FeedTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

words! {
    title "予約をカレンダーに表示" "Your bookings in your calendar";
    lead "お使いのカレンダーに購読用アドレスを登録すると、予約、変更、取り消しが自動で反映されます。" "Give your calendar program this address once. Bookings, changes and cancellations then show up there by themselves.";
    none "購読用アドレスはまだありません。" "There is no address yet.";
    made "購読用アドレスを使用中です" "An address is in use";
    since "作成" "Made";
    create "購読用アドレスを作る" "Make an address";
    renew "新しいアドレスに替える" "Replace the address";
    renew_note "これまでのアドレスはすぐに使えなくなります。登録済みのカレンダーには新しいアドレスを登録し直してください。" "The present address ends at once; calendars that use it need the new one.";
    stop "アドレスを無効にする" "End the address";
    stop_note "登録済みのカレンダーには、以後の変更が届かなくなります。" "Calendars that use it hear of no further change.";
    new_title "購読用アドレスができました" "Your address is ready";
    new_once "このアドレスが表示されるのは今だけです。カレンダーに登録してください。" "It is shown only now. Give it to your calendar program.";
    address "購読用アドレス" "Address";
    secret_title "取り扱いのご注意" "Handle with care";
    secret "このアドレスを知っている人は、サインインせずに予約の日時と場所を読めます。人に知られたときは、新しいアドレスに替えてください。" "Whoever has this address can read when and where you have bookings, without signing in. If somebody else got it, replace it.";
    how_title "登録のしかた" "How to use it";
    how_google "Google カレンダー: 他のカレンダー → URL で追加" "Google Calendar: Other calendars → From URL";
    how_apple "iPhone / Mac: カレンダー → 照会カレンダーを追加" "iPhone and Mac: Calendar → Add subscription calendar";
    how_outlook "Outlook: 予定表の追加 → インターネットから" "Outlook: Add calendar → Subscribe from web";
    how_late "反映までの時間はカレンダー側で決まり、数時間かかることがあります。急ぎの確認は予約一覧をご覧ください。" "How soon a change shows is up to the calendar program and can take hours. When it matters, look at your bookings.";
    cancelled_kept "取り消した予約は消さずに「取り消し」として残します。" "A cancelled booking stays there as cancelled instead of vanishing.";
    back "予約一覧へ" "Back to your bookings";
    seats_title "席のカレンダーと予約の一覧" "Calendars of seats, table of bookings";
    table_title "予約の一覧をダウンロード" "Download the bookings";
    table_lead "ひと月の予約を表計算用の CSV ファイルで受け取れます。利用者の氏名を含むため、書き出したことは記録に残ります。" "The bookings of a month as a CSV file for spreadsheets. It has people's names, so that it was made is recorded.";
    table_month "月" "Month";
    table_go "CSV をダウンロード" "Download the CSV";
    seats_lead "席ごとに、予約がある時間だけを示す購読用アドレスを作れます。だれの予約かは示しません。" "Each seat can have an address that shows when it is taken, and never by whom.";
    seats_secret "このアドレスを知っている人は、サインインせずに席の予約状況を読めます。" "Whoever has such an address can read when the seat is taken, without signing in.";
    seats_none "席がまだありません。" "There are no seats yet.";
    seat_off "アドレスなし" "No address";
    back_site "施設の状況へ" "Back to the site";
}
