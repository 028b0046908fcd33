//! The words about visitors, in both languages.

use sekisho_domain::visit::{Escort, Standing};

use crate::http::lang::Lang;

macro_rules! texts {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub struct Words { $(pub $name: &'static str,)* }
        const JA: Words = Words { $($name: $ja,)* };
        const EN: Words = Words { $($name: $en,)* };
    };
}

/// The words of a language.
pub fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

texts! {
    title "来訪者" "Visitors";
    list "来訪の一覧" "Visits";
    none "来訪の予定はありません。" "No visits are planned.";
    now_none "来訪者はいません。" "No visitors.";
    invite "来訪者を招く" "Invite a visitor";
    invite_lead "来訪者にアカウントは要りません。来訪中は、あなたが受入担当者です。" "A visitor needs no account. You are their host throughout the visit.";
    invite_go "来訪者を招く" "Invite this visitor";
    name "来訪者の名前" "Visitor's name";
    purpose "目的" "Purpose";
    email "メールアドレス(任意)" "Mail address (optional)";
    email_hint "入館証のページへのリンクを送ります。" "We send a link to the page with the pass.";
    day "日" "Day";
    from "開始" "From";
    to "終了" "Until";
    to_hint "開始より前の時刻は翌日になります。24時間以内です。" "A time before the beginning is on the next day. 24 hours at most.";
    zone "区画" "Zone";
    host "受入担当者" "Host";
    visitor "来訪者" "Visitor";
    when "日時" "Time";
    site "施設" "Site";
    state "状態" "State";
    escort "同行" "Escort";
    since "から" "since";
    booking_hint "来訪の時間を含む予約が必要です。" "You need a booking that covers the visit.";
    invited_title "来訪者の入館証ができました" "The visitor's pass is ready";
    link_lead "次のリンクは今だけ表示されます。来訪者だけに渡してください。" "This link is shown only now. Give it to the visitor and to nobody else.";
    link_gone "リンクはもう表示できません。来訪者がなくした場合は、新しい入館証を発行してください。" "The link can no longer be shown. If the visitor has lost it, issue another pass.";
    link_sent "リンクをメールで送りました。" "The link was sent by mail.";
    badge "入館証を印刷する" "Print the badge";
    badge_title "来訪者証" "Visitor";
    once "一度だけ入室できます。退室のときも同じコードをかざしてください。" "It lets in once. Show the same code again on the way out.";
    no_print "途中の扉は、印刷した入館証では開きません。受付にお声がけください。" "No door on the way takes a printed pass. Please ask at the desk.";
    code_alt "扉の読取機にかざすコード" "The code that a door's reader reads";
    escort_note "受入担当者と一緒に、または受入担当者の後に入室してください。" "Come in with your host, or after them.";
    not_active "この入館証は使えません。" "This pass opens nothing.";
    another "新しい入館証を発行する" "Issue another pass";
    another_note "前の入館証と来訪者のリンクは使えなくなります。" "The pass before stops working, and so does the visitor's link.";
    cancel "来訪を取り消す" "Cancel this visit";
    arrived "到着を記録する" "Record the arrival";
    left "退館を記録する" "Record the departure";
    overdue_note "来訪の時間が終わりましたが、退館の記録がありません。所在を確かめてください。" "The visit is over, and nothing says that they left. Please find out where they are.";
    show "来訪の内容を見る" "See the visit";
    pass_title "来訪者の入館証" "Your visitor pass";
    pass_dead_title "この入館証は使えません" "This pass does not work";
    pass_dead "リンクが正しくないか、来訪が終わったか、取り消されています。受入担当者にお問い合わせください。" "The link is wrong, or the visit is over or was cancelled. Please ask your host.";
    pass_early "来訪の時間になると使えます。" "It works from the beginning of the visit.";
    print_hint "このページは印刷できます。" "You can print this page.";
    back "来訪の一覧へ" "To the visits";
    bad_times "日と時刻を確かめてください。" "Please check the day and the times.";
}

/// What a state of a visit is called, and its mark: a state is never told by colour alone.
pub fn standing(standing: Standing, lang: Lang) -> (&'static str, &'static str) {
    let (ja, en, mark) = match standing {
        Standing::Invited => ("来訪予定", "expected", "wait"),
        Standing::Inside => ("在館中", "inside", "yes"),
        Standing::Overdue => ("退館未確認", "overdue: not seen leaving", "no"),
        Standing::Left => ("退館済み", "left", "wait"),
        Standing::Cancelled => ("取消済み", "cancelled", "no"),
        Standing::NotCome => ("来館なし", "did not come", "halt"),
    };
    match lang {
        Lang::Ja => (ja, mark),
        Lang::En => (en, mark),
    }
}

/// What an escort rule is called.
pub fn escort(escort: Escort, lang: Lang) -> &'static str {
    match (escort, lang) {
        (Escort::None, Lang::Ja) => "なし(ひとりで入室できます)",
        (Escort::None, Lang::En) => "None: may come in alone",
        (Escort::Escorted, Lang::Ja) => "あり(受入担当者の在館中だけ入室できます)",
        (Escort::Escorted, Lang::En) => "Escorted: only while the host is inside",
    }
}
