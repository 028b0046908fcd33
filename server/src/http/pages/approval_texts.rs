//! Words about bookings that do not count yet, in both languages. A word that lacks one does not compile.

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct ApprovalTexts { $(pub(super) $name: &'static str,)* }
        const JA: ApprovalTexts = ApprovalTexts { $($name: $ja,)* };
        const EN: ApprovalTexts = ApprovalTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn approval_texts(lang: Lang) -> &'static ApprovalTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

words! {
    held "この席を仮に押さえています" "This seat is held for you";
    held_note "確定するまで、入館証は使えません。" "There is no pass until you confirm it.";
    until "期限" "Until";
    left_before "残り" "";
    left_after "" " left";
    confirm "予約を確定する" "Confirm this booking";
    awaiting "承認を待っています" "Waiting for an approval";
    awaiting_note "承認されると予約が確定し、メールでお知らせします。" "The booking is confirmed once it is approved; a mail will tell you.";
    who "承認する人" "Who approves";
    by_site "施設の管理者" "who runs the site";
    by_company "所属企業の管理者" "who runs your company";
    said_yes "承認済み" "approved";
    said_nothing "回答待ち" "no answer yet";
    declined "承認されませんでした" "This was not approved";
    run_out "期限までに確定しなかったため、席は解放されました。" "It was not confirmed in time, so the seat was given up.";
    reason "理由" "Reason";

    title "要承認" "To approve";
    lead "承認が必要な予約です。期限までに回答がないときは、席は解放されます。" "These bookings need an approval. Without an answer in time the seat is given up.";
    none "承認を待っている予約はありません。" "No booking waits for an approval.";
    done_yes "承認しました。" "Approved.";
    done_no "却下しました。理由は利用者に伝わります。" "Declined. The person is told the reason.";
    approve "承認する" "Approve";
    decline "却下する" "Decline";
    decline_why "却下する理由" "Reason for declining";
    decline_hint "利用者に伝わります。200文字まで。" "The person is told it. Up to 200 characters.";
    own "ご自身に関わる予約のため、ほかの管理者が回答します。" "This concerns you, so another manager answers.";
    as_site "施設として" "for the site";
    as_company "企業として" "for the company";
    link_title "予約の承認" "Approve a booking";
    link_dead "このリンクは使えません。すでに回答されたか、期限が過ぎています。" "This link does not work: it was answered already, or its time is over.";
    to_list "要承認の一覧へ" "To all that waits";
    count_before "" "";
    count_after "件" " waiting";

    rules "承認の条件" "Rules of approval";
    rules_site_lead "この施設のどの予約に、施設の管理者の承認が必要かを決めます。すでにある予約は変わりません。" "Which bookings at this site have to be approved by who runs it. What is booked already stays as it is.";
    rules_company_lead "所属する利用者のどの予約に、企業の管理者の承認が必要かを決めます。どの施設の予約にも当てはまります。" "Which bookings of your people have to be approved by who runs the company, at whatever site.";
    rules_own "申し込んだ本人は承認できません。ほかに管理者がいないと、承認が必要な予約はできません。" "Nobody approves what they asked for. Without a second manager such a booking is refused.";
    all "すべての予約" "All bookings";
    kinds "席の種類" "Kinds of seats";
    outside "次の時間帯の外にかかる予約" "Bookings that reach outside these hours";
    outside_hint "空欄にすると、時間帯では決めません。" "Leave both empty for no rule about hours.";
    from "開始" "From";
    to "終了" "Until";
    answer "回答の期限(分)" "Time to answer, minutes";
    answer_hint "5分から10080分(7日)まで。予約の始まりより後にはなりません。" "5 to 10080 (7 days). Never later than the booking begins.";
    hold "席を仮に押さえられる時間(分)" "How long a seat can be held, minutes";
    hold_hint "1分から60分まで。" "1 to 60.";
    save "条件を保存する" "Save these rules";
    saved "保存しました。" "Saved.";
    rule_none "承認は不要" "no approval needed";
    rule_some "承認が必要な予約あり" "some bookings need one";
}
