//! Words of the pages for who runs sites, in both languages. A word that lacks one does not compile.

use sekisho_domain::access::Change;
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::snapshot::Class;

use super::when::Wall;
use crate::http::lang::Lang;

macro_rules! texts {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub struct SiteTexts { $(pub $name: &'static str,)* }
        const JA: SiteTexts = SiteTexts { $($name: $ja,)* };
        const EN: SiteTexts = SiteTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub fn site_texts(lang: Lang) -> &'static SiteTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

texts! {
    nav "メニュー" "Menu";
    nav_bookings "予約一覧" "My bookings";
    nav_today "今日の施設" "Today at the site";
    nav_people "利用者" "People";
    nav_settings "施設の設定" "Site settings";
    to_approve "要承認" "To approve";
    groups "団体予約" "Group bookings";
    group_here "団体予約" "Book for a group";
    nav_evidence "証跡" "Evidence";
    choose_site "施設を選ぶ" "Choose a site";
    no_site "運営している施設はまだありません。" "You run no site yet.";
    details "詳しく見る" "Details";
    of_capacity "定員" "room for";

    doors_normal "すべて通常" "all normal";
    devices_up "すべて応答あり" "all answer";
    devices_silent "応答なし" "silent";
    sealed "確定" "final";
    sealed_late "遅れ" "late";
    sealed_held "停止中" "stopped";

    attention "対応が必要なこと" "Needs a human";
    attention_none "対応が必要なことはありません。" "Nothing needs you.";
    cause "原因" "Cause";
    cure "対処" "What to do";
    since_at_before "" "since ";
    since_at_after "から" "";
    visitors "来訪者" "Visitors";
    unconfirmed "速報(記録の到着待ち)" "advance notice, its record has not come yet";
    acknowledged "確認済み" "acknowledged";
    acknowledge "確認済みにする" "Acknowledge";
    acknowledge_reason "どう対処したか" "What was done";
    held_back "操作中のため、自動更新を止めています" "paused while you work here";
    why "理由を見る" "Why";

    roll_call "在館者確認(避難時)" "Roll-call";
    crowded "人数が多いため、ここでは在室がはっきりしない人の氏名だけを表示します。全員の氏名は在館者確認にあります。" "With so many people inside, only those whose state is unclear are named here. The roll-call names everybody.";
    crowded_go "在館者確認で全員を見る" "See everybody on the roll-call";
    roll_call_go "在館者確認を印刷する" "Print the roll-call";
    roll_call_print "印刷する" "Print";
    roll_call_lead "館内にいる可能性がある人を、すべて載せています。所在を確かめたら、左の欄に印を付けてください。" "Everybody who may be inside is on this list. Tick the box when you have seen them.";
    roll_call_count "確認する人数" "People to account for";
    roll_call_seen "確認" "Seen";
    roll_call_name "名前" "Name";
    roll_call_where "区画" "Zone";
    roll_call_place "席・区画" "Seat, zone";
    roll_call_state "状態" "State";
    roll_call_since "いつから" "Since";
    roll_call_unknown "分からないこと" "What is not known";
    roll_call_known "記録はすべて届いています。" "Every record has arrived.";
    roll_call_link "ゲートウェイと通信できません。次の時刻より後に出入りした人は分かりません" "The gateway cannot be reached. Who came or went after this time is not known";
    roll_call_no_gateway "ゲートウェイが登録されていないため、出入りの記録がありません。" "No gateway is enrolled: nothing is known of who came or went.";
    roll_call_tailgate "入室の許可より多い人数が通った疑いがあります" "More people may have passed than were let in";
    roll_call_silent "応答のない機器があります" "Devices that do not answer";
    roll_call_button "退室ボタンで出た人は名前が分かりません。「退室した可能性あり」の人も確認してください。" "Who left by the button has no name. Account for everybody who \u{201c}may have left\u{201d} too.";
    roll_call_expected "予約・訪問の時間中で、入室の記録がない人" "Booked or visiting now, no entry recorded";
    roll_call_expected_note "開いていた扉から、または同行して入った可能性があります。" "They may have come in through an open door, or beside somebody.";
    roll_call_nobody "館内にいる可能性がある人の記録はありません。" "No record says that anybody is inside.";
    roll_call_blank "名簿にない人" "People who are not on the list";
    state_arrived "扉を解錠(通過は未確認)" "door released, passage not seen";
    state_present "在室" "inside";
    state_away "退室した可能性あり" "may have left";
    state_unknown_inside "在室(入室の記録なし)" "inside, entry not seen";
    state_departed "退室済み" "left";
    state_expected "来館予定" "expected";
    visitor "来訪者" "visitor";

    equipment "扉・機器・通信" "Doors, devices, link";
    gateway "ゲートウェイ" "Gateway";
    software "ソフトウェア" "Software";
    snapshot_epoch "権限一覧の版" "Snapshot";
    revocation_epoch "失効一覧の版" "Revocation list";
    reader_in "読取機(入室)" "reader, way in";
    reader_out "読取機(退室)" "reader, way out";
    lock "電気錠" "lock";
    seat_sensor "座席センサー" "seat sensor";
    people_counter "人数計測器" "people counter";
    answers "応答あり" "answers";
    silent "応答なし" "silent";
    revoked "失効" "revoked";
    enrolled_at "登録" "enrolled";
    no_doors "扉はまだありません。" "There are no doors yet.";
    leads_to "入る先" "leads to";

    record_title "入室できなかった理由" "Why entry was refused";
    record_other "記録の内容" "A record";
    record_who "だれが" "Who";
    record_where "どこで" "Where";
    record_when "いつ" "When";
    record_err "時計の誤差" "clock error up to";
    record_clock_synced "時計は同期済み" "clock in step";
    record_clock_holdover "時計は自走中" "clock running alone";
    record_clock_untrusted "時計は信頼できない状態" "clock not trusted";
    record_who_hidden "表示する権限がありません" "you may not see this";
    record_who_unknown "特定できませんでした" "could not be told";
    record_reasons "満たさなかった条件(確認した順)" "What failed, in the order of checking";
    record_cure "こうであれば入室できました" "What would have let them in";
    record_cure_rest "入館証そのものを確認できなかったため、ほかの条件は確認していません。" "The credential itself failed, so nothing after it was looked at.";
    record_cure_none "ここで分かる範囲では、入室できる条件がありません。受付で確認してください。" "Nothing known here would have opened the door; ask at the desk.";
    record_facts "ゲートウェイが見たもの" "What the gateway looked at";
    record_grants "比べた権限" "Rights that were considered";
    record_no_grants "この入館証に結び付く権限はありませんでした。" "No right stood behind this pass.";
    record_always "いつでも" "at any time";
    record_snapshot "権限一覧" "Snapshot";
    record_epoch "第" "number ";
    record_epoch_after "版" "";
    record_fresh "最後に最新と確認してから" "last known to be current";
    record_fresh_after "秒" " s before";
    record_never_fresh "最新と確認できたことがありません" "never known to be current";
    record_form "入館証の種類" "How it was shown";
    form_static "印刷した入館証(K1)" "printed pass (K1)";
    form_carried "スマートフォンの入館証(K2)" "pass on a phone (K2)";
    form_reference "スマートフォンの入館証(K3)" "pass on a phone (K3)";
    form_none "読み取れないコード" "an unreadable code";
    way_in "入室" "way in";
    way_out "退室" "way out";
    record_evidence "証跡での位置" "Where it stands in the evidence";
    record_stream "系列" "Stream";
    record_seq "番号" "Number";
    record_log "台帳" "Log";
    record_leaf "葉" "Leaf";
    record_seal "封印" "Seal";
    record_hash "葉のハッシュ" "Leaf hash";
    record_waiting "この記録は、まだ台帳に確定していません。少し待って開き直してください。" "This record is not in the log yet. Open the page again in a moment.";
    record_replay "判定を同じ事実でやり直し、同じ結果になりました。" "Decided again from the same facts: the same answer.";
    record_replay_not "判定をやり直した結果が記録と異なります。証跡一式を検証してください。" "Decided again, the answer differs from the record. Export and verify the evidence.";
    record_policy_unknown "当時の施設の方針が分からないため、判定をやり直せません。" "The policy of that time is not known here, so the decision cannot be repeated.";

    people_title "利用者" "People";
    people_search "名前・企業・メールアドレスで探す" "Search by name, company or address";
    people_search_go "探す" "Search";
    people_none "該当する利用者はいません。" "Nobody matches.";
    people_empty "利用者はまだいません。" "There are no people yet.";
    people_more "次を表示する" "Next";
    people_all "すべて表示する" "Show all";
    webhooks "外部への通知(Webhook)" "Webhooks";
    person_active "利用中" "active";
    person_suspended "利用停止中" "suspended";
    person_now "いまの状態" "Now";
    person_nowhere "館内にいる記録はありません。" "No record says that they are inside.";
    person_bookings "これからの予約" "Bookings from now on";
    person_no_bookings "これからの予約はありません。" "No bookings from now on.";
    person_refusals "入室できなかった記録" "Refused at a door";
    person_records "最近の記録" "Latest records";
    person_no_records "記録はまだありません。" "Nothing recorded yet.";
    organisation "組織" "Organisation";

    evidence_title "証跡" "Evidence";
    evidence_lead "扉と設備で起きたことは、すべて署名され、後から書き換えられない台帳に入ります。" "Everything that happens at doors is signed and enters a log that nobody can rewrite unseen.";
    evidence_size "台帳の大きさ" "Size of the log";
    evidence_seals "封印" "seals";
    evidence_head "台帳の確定点" "Checkpoint";
    evidence_year "年度" "fiscal year";
    evidence_witness "外部の証人・時刻の証明" "Witnesses and time stamps";
    evidence_witness_none "まだありません(記録のみ: L1)" "none yet (logged only: L1)";
    evidence_gaps "欠け" "Gaps";
    evidence_gaps_none "ありません" "none";
    evidence_gap "欠けている記録" "missing records";
    evidence_gap_declared "申告された欠け" "declared as dropped";
    evidence_stopped "停止中の系列" "stopped stream";
    evidence_receipts "ゲートウェイと受領証" "Gateways and receipts";
    evidence_receipts_none "ゲートウェイはまだありません。" "There is no gateway yet.";
    evidence_last_logged "受領証の届く封印" "Covered by a receipt";
    evidence_telemetry "計測値" "telemetry";
    evidence_records "記録" "records";
    evidence_vkey "検証鍵" "Verifier key";
    evidence_policy "信頼ファイルをダウンロードする" "Download the trust file";
    evidence_policy_note "検証には証跡一式とこのファイルを使います。できれば、施設以外の人から受け取ったものと同じか確かめてください。" "The verifier needs the bundle and this file. Better still, compare it with one that you got from somebody else.";
    evidence_none "証跡台帳はまだありません。ゲートウェイを登録すると始まります。" "There is no log yet. It begins when a gateway is enrolled.";
    export_title "証跡一式" "Evidence bundle";
    export_lead "台帳の始まりから今までを、1つのファイルにします。ゲートウェイに区切りを依頼するため、最大15秒ほどかかります。" "One file with the log from its beginning until now. Gateways are asked for a cut, which takes up to 15 seconds.";
    export_go "証跡一式を作成する" "Make an evidence bundle";
    export_nonce "審査員の番号(任意)" "The auditor's number (optional)";
    export_nonce_hint "16進数32桁。審査員が決めた番号を入れると、その後に作られたことを証明できます。" "32 hexadecimal digits. With a number that the auditor chose, the bundle proves that it was made after the question.";
    export_past "作成した証跡一式" "Bundles made so far";
    export_past_none "まだ作成していません。" "None so far.";
    export_kept_before "ファイルは" "Files are deleted after ";
    export_kept_after "日後に削除されます。いつでも作り直せます。" " days. A new one can be made at any time.";
    export_running "作成しています" "Being made";
    export_done "できました" "Ready";
    export_failed "作成できませんでした" "Failed";
    export_removed "ファイルは削除済み" "file deleted";
    export_stage_cuts "ゲートウェイに区切りを依頼し、台帳に入るのを待っています。" "Waiting for the gateways' cuts to enter the log.";
    export_stage_writing "台帳を書き出しています。" "Writing the log to the file.";
    export_again "この画面は自動で更新されます。閉じても作成は続きます。" "This page updates by itself. You may close it; the work goes on.";
    export_download "証跡一式をダウンロードする" "Download the bundle";
    export_findings "指摘" "Findings";
    export_findings_none "ありません。すべての区切りが台帳に入っています。" "None. Every cut is in the log.";
    export_findings_note "ゲートウェイがつながってから作り直すと、含められます。" "What came after that is not proved. Make another bundle when the gateway is connected again.";
    export_verify "検証のしかた" "How to verify";
    export_verify_lead "インターネットも、このサーバーも要りません。次の1行を実行します。" "Neither the internet nor this server is needed. Run this one line.";
    export_verdicts "終了コード: 0 合格 / 1 指摘あり / 2 不合格 / 3 検証不能" "Exit codes: 0 PASS, 1 FINDINGS, 2 FAIL, 3 CANNOT-VERIFY";
    export_leaves "葉の数" "Leaves";
    export_bytes "大きさ" "Size";
    export_asked "依頼" "Asked for";
    export_ended "完了" "Finished";
    export_failed_note "もう一度作成してください。続けて失敗するときは、サーバーの記録を確認してください。" "Try again. If it fails again, look at the server's log.";
    export_back "証跡へ戻る" "Back to the evidence";
}

/// One change that would have let somebody in, as a sentence.
pub fn change(change: Change, wall: &Wall, lang: Lang) -> String {
    let (ja, en) = match change {
        Change::Come(during) => {
            let span = wall.span(during);
            return match lang {
                Lang::Ja => format!("次の時間内に来館する: {span}"),
                Lang::En => format!("Come within {span}"),
            };
        }
        Change::FreshCode => (
            "入館証を表示し直し、新しいコードをかざす",
            "Show the pass again, with a fresh code",
        ),
        Change::Host => (
            "受入担当者が先に入室しているか、同行する",
            "Have the host inside first, or come together",
        ),
        Change::Phone => (
            "印刷ではなく、スマートフォンの入館証を使う",
            "Use the pass on the phone, not a printed one",
        ),
        Change::ReadableCode => (
            "読み取れるコードをかざす(画面を明るく、汚れのない状態で)",
            "Show a code that can be read: bright screen, clean paper",
        ),
        Change::RegisteredPhone => (
            "登録したスマートフォンの入館証を使う",
            "Use the pass on the registered phone",
        ),
        Change::NewPass => ("新しい入館証を受け取る", "Get a new pass"),
        Change::BookZone => ("この区画の席を予約する", "Book a seat in this zone"),
        Change::Book => (
            "この施設のこの時間の席を予約する",
            "Book a seat at this site for this time",
        ),
        Change::KnownPass => (
            "ゲートウェイに予約が届くのを待つ(通信が必要)",
            "Wait until the gateway has heard of the booking, which takes a connection",
        ),
        Change::OpenDoor => (
            "扉の状態を「通常」に戻す",
            "Put the door back into normal mode",
        ),
        Change::FresherKnowledge => (
            "ゲートウェイとサーバーの通信を回復させる",
            "Bring back the connection between gateway and server",
        ),
        Change::RightClock => (
            "ゲートウェイの時計を合わせる",
            "Set the gateway's clock right",
        ),
        Change::RecordSpace => (
            "ゲートウェイの記録の空きを確保する",
            "Make room for records in the gateway",
        ),
    };
    match lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
    .to_owned()
}

/// What a class of rights is called.
pub fn class(class: Class, lang: Lang) -> &'static str {
    match (class, lang) {
        (Class::Carried, Lang::Ja) => "入館証に書かれた権限",
        (Class::Carried, Lang::En) => "written in the pass",
        (Class::Guest, Lang::Ja) => "来訪者",
        (Class::Guest, Lang::En) => "visitor",
        (Class::Member, Lang::Ja) => "予約",
        (Class::Member, Lang::En) => "booking",
        (Class::Staff, Lang::Ja) => "施設の職員",
        (Class::Staff, Lang::En) => "staff",
        (Class::Emergency, Lang::Ja) => "緊急",
        (Class::Emergency, Lang::En) => "emergency",
    }
}

/// Which way somebody went.
pub fn way(direction: Direction, t: &'static SiteTexts) -> &'static str {
    match direction {
        Direction::In => t.way_in,
        Direction::Out => t.way_out,
    }
}
