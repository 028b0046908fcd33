//! Words of screens and of the page that manages them, in both languages. A word that lacks one does not compile. `{}` is a time;
//! the script of the screen gets the words as they are.

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        #[derive(serde::Serialize)]
        pub struct DisplayTexts {
            $(#[doc = $en] pub $name: &'static str,)*
        }
        const JA: DisplayTexts = DisplayTexts { $($name: $ja,)* };
        const EN: DisplayTexts = DisplayTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub fn display_texts(lang: Lang) -> &'static DisplayTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

words! {
    free "空き {}まで" "Free until {}";
    taken "予約あり {}まで" "Taken until {}";
    closed_until "閉館中 {}から" "Closed until {}";
    closed "閉館中" "Closed";
    unknown "わかりません" "Not known";
    free_stale "{}時点の予定では空き" "Free as planned at {}, not certain now";
    taken_stale "{}時点の予定では予約あり" "Taken as planned at {}";
    closed_stale "{}時点の予定では閉館中" "Closed as planned at {}";
    stale "通信できません。{} から更新されていません。" "No connection. Not updated since {}.";
    at "{} 現在" "As of {}";
    next "次の予約" "Next bookings";
    next_none "この先の予約はありません" "No further bookings";
    seats "席の状況" "Seats";
    book "予約するには、スマートフォンで読み取ってください" "To book, scan this with your phone";
    code "予約ページの QR コード" "QR code of the booking page";

    title "入口の表示" "Screens";
    lead "扉、個室、受付の端末に、空きと予約の時間を表示できます。だれの予約かは表示しません。" "A tablet at a door, a room or the counter can show what is free and what is taken, and never by whom.";
    none "表示用の端末はまだありません。" "There are no screens yet.";
    since "作成" "Made";
    all_seats "施設のすべての席" "All seats of the site";
    add "表示を追加する" "Add a screen";
    name "設置場所" "Where it hangs";
    seat "表示する席" "What it shows";
    add_go "表示用アドレスを作る" "Make its address";
    new_title "表示用アドレスができました" "The screen's address is ready";
    new_once "このアドレスが表示されるのは今だけです。端末のブラウザーで開いてください。電子ペーパーでは末尾に ?eink=1 を付けます。" "It is shown only now. Open it in the tablet's browser; on electronic paper add ?eink=1.";
    address "表示用アドレス" "Address";
    offline "通信が切れている間は、最後に受け取った予定を、いつのものかを示して表示します。" "While the connection is gone, the screen goes on with the last schedule and says from when it is.";
    stop "表示を止める" "Switch it off";
    back "施設の設定へ" "Back to the settings";
}
