//! Refusals: answers that say no, with a stable code, a plain sentence in two languages, when it lifts, and what to do instead.
//!
//! Codes are part of the API (RFC 9457 `type`), of pages and of evidence: never renamed.

use std::collections::BTreeMap;
use std::fmt;

use crate::ids::SeatId;
use crate::time::{Interval, Timestamp};

/// An answer that says no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Which rule.
    pub code: Code,
    /// What the rule looked at, by name; values are shown to the caller.
    pub data: BTreeMap<&'static str, String>,
    /// When it no longer holds, if that is known.
    pub lifts_at: Option<Timestamp>,
    /// The nearest things that would be possible.
    pub alternatives: Vec<Alternative>,
}

/// Something that would be possible instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Alternative {
    /// Which seat.
    pub seat: SeatId,
    /// When.
    pub during: Interval,
}

impl Refusal {
    /// A refusal with nothing but its code.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            data: BTreeMap::new(),
            lifts_at: None,
            alternatives: Vec::new(),
        }
    }

    /// The same with one more datum.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.data.insert(name, value.to_string());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.name())
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $ja:literal $en:literal;)*) => {
        /// Which rule refused.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code { $(#[doc = $en] $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The stable name.
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }
            /// HTTP status (RFC 9110 §15).
            pub fn status(self) -> u16 { match self { $(Self::$variant => $status,)* } }
            /// One plain sentence in Japanese.
            pub fn ja(self) -> &'static str { match self { $(Self::$variant => $ja,)* } }
            /// One plain sentence in English.
            pub fn en(self) -> &'static str { match self { $(Self::$variant => $en,)* } }
        }
    };
}

codes! {
    SeatTaken "seat_taken" 409 "この席は、その時間すでに予約されています。" "This seat is already booked at that time.";
    SeatOutOfService "seat_out_of_service" 409 "この席は、その時間使用できません。" "This seat is out of service at that time.";
    PoolFull "pool_full" 409 "その時間に空いている席がありません。" "None of these seats is free at that time.";
    SeatInUse "seat_in_use" 409 "この席にはこれからの予約があるため、変更できません。" "This seat has bookings to come, so this cannot be changed.";
    SeatsOverlap "seats_overlap" 409 "席が重なる位置には置けません。" "Two seats cannot stand in the same spot.";
    PersonBusy "person_busy" 409 "その時間には、すでに別の予約があります。" "This person already has a booking at that time.";
    OutsideOpeningHours "outside_opening_hours" 422 "開館時間の外です。" "That is outside the opening hours.";
    ClosedThatDay "closed_that_day" 422 "その日は休館日です。" "The site is closed on that day.";
    ClosedThen "closed_then" 409 "その時間は閉館しています。" "The site, or this part of it, is closed at that time.";
    ClosureOver "closure_over" 409 "この休館はすでに終わっています。" "This closure is over already.";
    IntervalEmpty "interval_empty" 422 "終わりの時刻は、始まりより後にしてください。" "The end has to be after the start.";
    OffGrid "off_grid" 422 "予約できる時刻の区切りに合っていません。" "The times do not fit the site's booking grid.";
    TooLong "too_long" 422 "一度に予約できる長さを超えています。" "The booking is longer than allowed.";
    InThePast "in_the_past" 422 "過ぎた時間は予約できません。" "The time has already passed.";
    TooFarAhead "too_far_ahead" 422 "まだ予約できない先の日時です。" "That is further ahead than can be booked.";
    SiteNotOpen "site_not_open" 409 "この施設はまだ利用を開始していません。" "This site is not in operation yet.";
    SiteNotAvailable "site_not_available" 403 "所属する企業は、この施設を利用できません。" "The company has no access to this site at that time.";
    QuotaReached "quota_reached" 409 "予約できる上限に達しています。" "That is more than may be booked: a limit is reached.";
    PersonSuspended "person_suspended" 403 "利用が停止されています。" "Use is suspended for this person.";
    BookingEnded "booking_ended" 409 "この予約はすでに終わっています。" "This booking has already ended.";
    BookingCancelled "booking_cancelled" 409 "この予約は取り消されています。" "This booking was cancelled.";
    BookingNotCancelled "booking_not_cancelled" 409 "この予約は取り消されていません。" "This booking is not cancelled.";
    UndoTooLate "undo_too_late" 409 "取り消しから60秒が過ぎたため、元に戻せません。" "More than 60 seconds have passed since the cancellation.";
    HoldTooLong "hold_too_long" 422 "席を仮に押さえられる長さを超えています。" "A seat cannot be held that long at this site.";
    HoldExpired "hold_expired" 409 "仮予約の期限が過ぎています。" "The time for which this was held is over.";
    BookingHeld "booking_held" 409 "この予約はまだ確定していません。" "This booking is not confirmed yet.";
    BookingNotHeld "booking_not_held" 409 "この予約はすでに確定しています。" "This booking is already confirmed.";
    ApprovalAwaited "approval_awaited" 409 "この予約は承認を待っています。" "This booking waits for an approval.";
    ApprovalTooLate "approval_too_late" 409 "この予約には承認が必要ですが、始まるまでに承認を受けられません。" "This booking needs an approval, and there is no time left for one before it begins.";
    ApprovalAnswered "approval_answered" 409 "この承認依頼はすでに回答されています。" "Somebody has already answered this.";
    OwnApproval "own_approval" 403 "ご自身が申し込んだ予約は、ご自身では承認できません。" "Nobody approves what they asked for or what is for themselves.";
    BookingBegun "booking_begun" 409 "予約の時間が始まっているため、席と開始時刻は変更できません。" "The booking has begun: its seat and its start no longer change.";
    ChangeNeedsApproval "change_needs_approval" 409 "この変更には承認が必要です。新しい予約としてお申し込みください。" "This change needs an approval; ask for it as a booking of its own.";
    NothingToUndo "nothing_to_undo" 409 "元に戻せる変更はありません。変更を元に戻せるのは60秒以内です。" "There is no change to take back; a change can be taken back for 60 seconds.";
    SeatFree "seat_free" 409 "その時間に空いている席があります。空き待ちではなく、席を予約してください。" "A seat is free at that time; book it instead of waiting for one.";
    NoSuchSeat "no_such_seat" 422 "この条件に合う席は、この施設にありません。" "The site has no seat of that kind.";
    TooManyWaiting "too_many_waiting" 409 "空き待ちの登録が多すぎます。不要な空き待ちを取り消してください。" "There are too many entries in the waiting list; leave one of them first.";
    AlreadyWaiting "already_waiting" 409 "この時間の空き待ちには、すでに登録されています。" "This person already waits for a seat at that time.";
    WaitingOver "waiting_over" 409 "この空き待ちはすでに終わっています。" "This entry in the waiting list is over.";
    NoOffer "no_offer" 409 "この空き待ちに、ご案内中の席はありません。" "No seat is being offered to this entry.";
    OfferEnded "offer_ended" 409 "ご案内の期限が過ぎたため、席は次の方へご案内しました。" "The offer has ended and the seat was passed on to the next in line.";
    NoApprover "no_approver" 409 "この予約を承認できる人が、申し込んだ本人のほかにいません。" "This booking needs an approval, and nobody but who asks could give it.";
    GroupSize "group_size" 422 "団体予約は2名から50名までです。" "A group has 2 to 50 people.";
    GroupTwice "group_twice" 422 "同じ利用者または同じ席が二度選ばれています。" "A person or a seat is named twice.";
    GroupCompany "group_company" 422 "団体予約の利用者は、同じ企業に所属している必要があります。" "Everybody in a group has to belong to one company.";
    GroupEnded "group_ended" 409 "この団体予約には、取り消せる予約がありません。" "Nothing of this group is left to cancel.";
    NotEnoughSeats "not_enough_seats" 409 "その時間に、人数分の席が空いていません。" "There are not enough free seats at that time.";
    NoHolderKey "no_holder_key" 409 "スマートフォンの鍵が登録されていません。" "No phone is registered for this person.";
    StaticNotAccepted "static_not_accepted" 409 "この施設では印刷した入館証を使えません。" "No door of this site accepts a printed pass.";
    HolderProofInvalid "holder_proof_invalid" 422 "鍵の登録を確認できませんでした。やり直してください。" "The proof of the phone's key is not valid; start again.";
    PassNotActive "pass_not_active" 409 "この入館証はすでに使えません。" "This pass is not active.";
    GatewayExists "gateway_exists" 409 "この施設にはすでにゲートウェイがあります。" "This site already has a gateway.";
    CodeInvalid "code_invalid" 403 "登録コードが正しくないか、期限が切れています。" "The enrolment code is wrong, used or expired.";
    ProofInvalid "proof_invalid" 422 "鍵の所持を確認できませんでした。" "The proof of possession is not valid.";
    LinkInvalid "link_invalid" 403 "このリンクは使えません。新しいリンクをお求めください。" "This link is wrong, used or expired; ask for a new one.";
    EmailTaken "email_taken" 409 "このメールアドレスはすでに登録されています。" "This address is already registered.";
    NotAllowed "not_allowed" 403 "この操作を行う権限がありません。" "Your role does not allow this.";
    NotFound "not_found" 404 "見つかりません。" "There is nothing here.";
    NotSignedIn "not_signed_in" 401 "サインインしてください。" "Please sign in.";
    InvalidInput "invalid_input" 422 "入力を確かめてください。" "Something in the input is not right.";
    IdempotencyMismatch "idempotency_mismatch" 422 "同じ Idempotency-Key が別の内容で使われています。" "This Idempotency-Key was used with another body.";
    VersionMismatch "version_mismatch" 412 "ほかの人が先に変更しました。読み込み直してください。" "Somebody changed this first; load it again.";
    UnknownTimeZone "unknown_time_zone" 422 "時間帯の名前が正しくありません。" "This is not the name of a time zone.";
    LocalTimeSkipped "local_time_skipped" 422 "時計の切り替えのため、その日のその時刻は存在しません。" "The clocks skip that local time on that day.";
    RuleInvalid "rule_invalid" 422 "繰り返しの指定を読み取れません。" "This is not a rule of repetition.";
    RuleUnsupported "rule_unsupported" 422 "この繰り返しの指定には対応していません。" "This kind of repetition is not supported.";
    SeriesEndless "series_endless" 422 "繰り返しには、終わりの日か回数が必要です。" "A repetition needs a last day or a number of times.";
    SeriesTooLong "series_too_long" 422 "繰り返しが上限を超えています。" "The repetition is longer than allowed.";
    SeriesEmpty "series_empty" 422 "繰り返しに当てはまる日がありません。" "No day fits this repetition.";
    SeriesNotPossible "series_not_possible" 409 "予約できない日があるため、どの日も予約していません。" "Some days cannot be booked, so none was.";
    SeriesCancelled "series_cancelled" 409 "この繰り返し予約は取り消されています。" "This series was cancelled.";
    SeriesNotCancelled "series_not_cancelled" 409 "この繰り返し予約は取り消されていません。" "This series is not cancelled.";
    AlreadySetUp "already_set_up" 409 "初期設定はすでに終わっています。" "The first set-up is already done.";
    SiteHeld "site_held" 409 "復元後の確認が終わっていないため、この施設では新しい権限を発行できません。" "Nothing is signed or granted at this site: this server was restored from a backup that is not confirmed to be the newest.";
    KeyringAway "keyring_away" 409 "鍵束の署名鍵がこのサーバーにありません。管理者が鍵を戻すまで、この操作はできません。" "The key that signs keyrings is not on this server; this has to wait until an administrator puts it back.";
    GatewayUnreachable "gateway_unreachable" 409 "ゲートウェイと通信できません。" "The gateway cannot be reached.";
    MethodNotAllowed "method_not_allowed" 405 "この操作はできません。" "This cannot be done here.";
    BodyTooLarge "body_too_large" 413 "送信された内容が大きすぎます。" "That is more than is accepted here.";
    CrossSite "cross_site" 403 "別のサイトから送られた操作は受け付けません。この画面を開き直してください。" "This came from another site and was not accepted; open this page again.";
    RequestRunning "request_running" 409 "同じ Idempotency-Key の処理が進行中です。" "A request with this Idempotency-Key is still running.";
    VisitTooLong "visit_too_long" 422 "来訪は24時間以内にしてください。" "A visit lasts 24 hours at most.";
    HostNotThere "host_not_there" 409 "受入担当者がその時間に施設を利用する予約がありません。" "The host has no booking there at that time.";
    ZoneClosedToVisitors "zone_closed_to_visitors" 403 "この区画には来訪者を案内できません。" "Visitors are not admitted to this zone.";
    TooManyVisitors "too_many_visitors" 409 "同じ時間に受け入れられる来訪者の人数を超えています。" "The host has as many visitors at that time as the site allows.";
    TooManyInvitations "too_many_invitations" 409 "この受入担当者の招待が多すぎます。しばらくしてからやり直してください。" "This host has invited as many visitors as one may for now.";
    TooManyPasses "too_many_passes" 409 "この予約または来訪の入館証は、これ以上発行できません。受付にお声がけください。" "No more passes are issued for this booking or visit; ask at the desk.";
    TooManyPassesToday "too_many_passes_today" 409 "この人の入館証は、24時間に発行できる枚数に達しました。受付にお声がけください。" "This person has had as many passes as are issued within 24 hours; ask at the desk.";
    VisitEnded "visit_ended" 409 "この来訪はすでに終わっています。" "This visit is over.";
    VisitCancelled "visit_cancelled" 409 "この来訪は取り消されています。" "This visit was cancelled.";
    VisitorNotHere "visitor_not_here" 409 "この来訪者の入館の記録がありません。" "Nothing says that this visitor is inside.";
    TooManyRequests "too_many_requests" 429 "しばらくしてからやり直してください。" "Too many requests; try again later.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_own_name_a_status_and_both_sentences() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let name = code.name();
            assert!(
                (400..500).contains(&code.status()),
                "{name}: a refusal is an answer, not a failure"
            );
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert!(
                code.ja().ends_with('。') && !code.ja().is_ascii(),
                "{name}: a Japanese sentence"
            );
            assert!(
                code.en().ends_with('.') && code.en().is_ascii(),
                "{name}: an English sentence"
            );
        }
    }

    #[test]
    fn data_and_code_are_kept() {
        let refusal = Refusal::new(Code::OffGrid).with("grid_seconds", 900);
        assert_eq!(
            (
                refusal.to_string().as_str(),
                refusal.data["grid_seconds"].as_str()
            ),
            ("off_grid", "900")
        );
    }
}
