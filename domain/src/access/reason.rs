//! Why a door stays shut. Codes are on the wire and in the log: never renamed, never re-used.

macro_rules! reasons {
    ($($code:literal $variant:ident $name:literal $ja:literal $en:literal;)*) => {
        /// One reason, in the fixed order of evaluation.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Reason {
            $(#[doc = $en] $variant = $code,)*
        }

        impl Reason {
            /// Every reason, in the order in which reasons are reported.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One plain sentence in Japanese.
            pub fn ja(self) -> &'static str {
                match self { $(Self::$variant => $ja,)* }
            }

            /// One plain sentence in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }

            /// The reason of a number; unknown ones are [`Self::Other`] to a reader.
            pub fn from_u8(code: u8) -> Self {
                match code { $($code => Self::$variant,)* _ => Self::Other }
            }

            /// The reason of a stable name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Place in the order of evaluation.
            pub fn rank(self) -> usize {
                Self::ALL.iter().position(|reason| *reason == self).unwrap_or(usize::MAX)
            }
        }
    };
}

reasons! {
    1 DoorLockdown "door_lockdown" "この扉は現在、入室を停止しています。" "Entry through this door is stopped at the moment.";
    2 DoorInterlock "door_interlock" "もう一方の扉が閉まるのを待っています。" "The other door has to close first.";
    3 DoorBlocked "door_blocked" "この扉は入口として使われていません。" "This door is not in use as an entrance.";
    4 CredentialUnknown "credential_unknown" "この入館証は登録されていません。" "This pass is not known here.";
    5 CredentialMalformed "credential_malformed" "コードを読み取れませんでした。" "The code could not be read.";
    6 AssuranceTooLow "assurance_too_low" "この扉では、印刷された入館証は使えません。スマートフォンの入館証をお使いください。" "This door needs the pass on the phone; a printed one is not enough.";
    7 IssuerUnknown "issuer_unknown" "この入館証の発行元を確認できません。" "The issuer of this pass is not known.";
    8 IssuerRevoked "issuer_revoked" "この入館証の発行鍵は失効しています。" "The key that issued this pass is revoked.";
    9 SignatureBad "signature_bad" "入館証の署名が正しくありません。" "The signature of this pass is not valid.";
    10 PassNotYetValid "pass_not_yet_valid" "この入館証はまだ使えません。" "This pass is not valid yet.";
    11 PassExpired "pass_expired" "この入館証の有効期限は終わりました。" "This pass has expired.";
    12 PassStale "pass_stale" "コードが古くなっています。入館証を表示し直してください。" "The code is too old; show the pass again.";
    13 PassFuture "pass_future" "スマートフォンの時計が進んでいます。時刻を確かめてください。" "The phone's clock is ahead; check its time.";
    14 PassReplayed "pass_replayed" "このコードはすでに使われました。" "This code has already been used.";
    15 WrongSite "wrong_site" "この入館証は別の施設のものです。" "This pass is for another site.";
    16 CredentialDisabled "credential_disabled" "この入館証は停止されています。" "This pass is disabled.";
    17 CredentialRevoked "credential_revoked" "この入館証は失効しています。" "This pass is revoked.";
    18 CredentialExpired "credential_expired" "この入館証の有効期限は終わりました。" "This credential has expired.";
    19 PersonSuspended "person_suspended" "利用が停止されています。" "Use is suspended for this person.";
    20 CompanySuspended "company_suspended" "所属する企業の利用が停止されています。" "Use is suspended for this company.";
    21 NoGrant "no_grant" "この施設に入る予約または権限がありません。" "There is no booking or right for this site.";
    22 ZoneNotGranted "zone_not_granted" "この区画に入る権限がありません。" "This zone is not part of the booking.";
    23 OutsideSchedule "outside_schedule" "入室できる時間ではありません。" "It is not within the time of the booking.";
    24 BookingCancelled "booking_cancelled" "この予約は取り消されています。" "The booking was cancelled.";
    25 PinWrong "pin_wrong" "暗証番号が違います。" "The PIN is wrong.";
    26 PinLocked "pin_locked" "暗証番号の誤りが続いたため、停止しています。" "The PIN is locked after too many errors.";
    27 SecondPersonMissing "second_person_missing" "二人目の確認が必要です。" "A second person is needed.";
    28 EscortMissing "escort_missing" "受入担当者の同行が必要です。" "The visitor's host has to come along.";
    29 ApbViolation "apb_violation" "すでに入室の記録があります。" "This pass is already inside.";
    30 OccupancyFull "occupancy_full" "区画の定員に達しています。" "The zone is full.";
    31 ClockUntrusted "clock_untrusted" "設備の時計を確認できないため、時間制の入室を停止しています。" "The gateway's clock is not trusted; passes with times are stopped.";
    32 StalePolicy "stale_policy" "設備の情報が古いため、この入館証を確認できません。" "The gateway's information is too old for this pass.";
    33 AuditUnavailable "audit_unavailable" "記録を保存できないため、入室を停止しています。" "Entry is stopped because no record can be written.";
    35 StaleRead "stale_read" "読み取りが遅れました。もう一度かざしてください。" "The reading came too late; please show the code again.";
    36 Lockout "lockout" "読み取りの失敗が続いたため、しばらく停止しています。" "The reader pauses after too many failures.";
    34 Other "other" "入室できません。受付にお問い合わせください。" "Entry is not possible; please ask at the desk.";
}
