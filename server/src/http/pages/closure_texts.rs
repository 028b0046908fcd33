//! Words about closures, in both languages. A word that lacks one does not compile.

use crate::http::lang::Lang;
use crate::store::closures::Bookings;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct ClosureTexts { $(pub(super) $name: &'static str,)* }
        const JA: ClosureTexts = ClosureTexts { $($name: $ja,)* };
        const EN: ClosureTexts = ClosureTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn closure_texts(lang: Lang) -> &'static ClosureTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

impl ClosureTexts {
    /// What becomes of bookings.
    pub(super) fn kind(&self, bookings: Bookings) -> &'static str {
        match bookings {
            Bookings::Keep => self.keep,
            Bookings::Move => self.moves,
            Bookings::Cancel => self.cancel,
        }
    }
}

words! {
    title "臨時休館" "Closures";
    lead "施設全体または区画を閉める期間です。該当する予約の利用者にはメールで知らせます。扉の出口側は、閉館中も必ず開きます。" "When the site, or a zone of it, is closed. Whoever has a booking then is told by mail. The way out of a door is never closed.";
    none "予定されている休館はありません。" "No closure is planned.";
    new "休館を加える" "Add a closure";
    new_hint "開始を空欄にすると、いますぐ閉館します(緊急)。" "Without a beginning the site is closed from now on: an emergency.";
    zone "場所" "Where";
    whole "施設全体" "all of the site";
    from_day "開始日" "From, date";
    from "開始時刻" "From, time";
    to_day "終了日" "Until, date";
    to "終了時刻" "Until, time";
    reason_ja "理由(日本語)" "Reason, in Japanese";
    reason_en "理由(英語)" "Reason, in English";
    bookings "該当する予約" "Bookings that it meets";
    keep "そのまま残す" "stay";
    moves "別の席か時間に移し、できなければ取り消す" "move to another seat or time, else are cancelled";
    cancel "取り消す" "are cancelled";
    look "該当する予約を確かめる" "See whom it meets";
    preview "休館の確認" "Before it is closed";
    meets "該当する予約" "Bookings that it meets";
    meets_none "該当する予約はありません。" "It meets no booking.";
    confirm "閉館を確定する" "Close";
    back "やめる" "Do not close";
    saved "受け付けました。" "Done.";
    end "いま終える" "End it now";
    undo "元に戻す(60秒以内)" "Undo (within 60 seconds)";
    working "予約を処理しています" "dealing with bookings";
    undoing "元に戻しています" "being taken back";
    undone "取りやめ" "taken back";
    over "終了" "over";
    in_force "有効" "in force";
    kept "そのまま" "kept";
    moved "移動" "moved";
    cancelled "取り消し" "cancelled";
    restored "復元" "restored";
    not_restored "復元できず" "could not be restored";
    settings "設定に戻る" "Back to the settings";
    state_none "予定なし" "none planned";
    state_some "予定あり" "planned";
}
