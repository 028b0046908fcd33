//! Words of the pages about webhooks, in both languages. A word that lacks one does not compile.

use crate::http::lang::Lang;
use crate::store::webhook_messages::MessageState;
use crate::store::webhooks::WebhookState;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct WebhookTexts { $(pub(super) $name: &'static str,)* }
        const JA: WebhookTexts = WebhookTexts { $($name: $ja,)* };
        const EN: WebhookTexts = WebhookTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn webhook_texts(lang: Lang) -> &'static WebhookTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

impl WebhookTexts {
    /// Word and shape of an address's state.
    pub(super) fn state(&self, state: WebhookState, failures: i64) -> (&'static str, &'static str) {
        match state {
            WebhookState::Active if failures > 0 => (self.failing, "halt"),
            WebhookState::Active => (self.active, "yes"),
            WebhookState::Paused => (self.paused, "wait"),
            WebhookState::Disabled => (self.disabled, "no"),
            WebhookState::Ended => (self.ended, "wait"),
        }
    }

    /// Word and shape of a message's state.
    pub(super) fn message(&self, state: MessageState) -> (&'static str, &'static str) {
        match state {
            MessageState::Waiting => (self.waiting, "wait"),
            MessageState::Delivered => (self.delivered, "yes"),
            MessageState::GivenUp => (self.given_up, "no"),
        }
    }
}

words! {
    title "外部への通知(Webhook)" "Webhooks";
    lead "予約、来訪、入館証の出来事を、お使いのシステムへ署名付きで知らせます。送るのは識別番号と時刻だけです。" "Tells your own systems, signed, what becomes of bookings, visits and passes. Only ids and times are sent.";
    none "通知先はまだありません。" "There are no addresses yet.";
    add "通知先を追加する" "Add an address";
    name "用途" "What it is for";
    url "送り先(https)" "Address (https)";
    events "知らせる出来事" "Events";
    events_hint "名前をカンマで区切ります。例: booking.*, visit.*, checkin.done" "Names separated by commas, such as booking.*, visit.*, checkin.done";
    add_go "追加する" "Add it";
    save "変更を保存する" "Save the changes";
    active "通知中" "At work";
    failing "再送中" "Trying again";
    paused "停止中" "Paused";
    disabled "失敗が続いたため停止しました" "Switched off after failures";
    ended "終了" "Ended";
    failing_since "失敗が続いている時刻" "Failing since";
    disabled_note "送り先を直してから再開すると、たまっている通知から順に送ります(30日まで)。" "Mend the receiver, then go on: what waits is sent in order (kept for 30 days).";
    secret_title "署名の鍵" "Signing secret";
    secret_once "この鍵が表示されるのは今だけです。受け取る側に設定してください。" "It is shown only now. Set it at the receiver.";
    secret "鍵" "Secret";
    secret_note "鍵を替えると、24時間は新旧両方の鍵で署名します。" "After a change, messages are signed with both secrets for 24 hours.";
    rotate "鍵を替える" "Change the secret";
    test "試しに送る" "Send a test";
    pause "一時停止する" "Pause";
    resume "再開する" "Go on";
    end "通知先を削除する" "End this address";
    end_note "たまっている通知も捨てます。" "What waits is thrown away.";
    log "送信の記録" "Messages";
    log_none "まだ何も送っていません。" "Nothing was sent yet.";
    waiting "送信待ち" "Waiting";
    delivered "届きました" "Delivered";
    given_up "受け取りを拒まれました" "Refused by the receiver";
    tries "回" "tries";
    again "もう一度送る" "Send again";
    since "この日以降をすべて送り直す" "Send everything again since";
    since_go "送り直す" "Send again";
    back "通知先の一覧へ" "Back to the list";
    back_people "利用者へ" "Back to people";
}
