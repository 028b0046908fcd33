//! Every word on the pages, in both languages. A word that lacks one does not compile.

use sekisho_domain::access::Mode;
use sekisho_domain::wire::code::EventCode;

use crate::http::lang::Lang;
use crate::store::seats::SeatKind;

macro_rules! texts {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub struct Texts { $(pub $name: &'static str,)* }
        const JA: Texts = Texts { $($name: $ja,)* };
        const EN: Texts = Texts { $($name: $en,)* };
    };
}

/// The words of a language.
pub fn texts(lang: Lang) -> &'static Texts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

texts! {
    skip "本文へ移動" "Skip to the content";
    home "ホーム" "Home";
    sign_in "サインインする" "Sign in";
    sign_out "サインアウトする" "Sign out";
    signed_out "サインアウトしました。" "You are signed out.";
    language "表示言語" "Language";
    refresh "最新の状態を表示する" "Show the latest state";
    back_home "ホームへ戻る" "Back to the home page";
    cancel "予約を取り消す" "Cancel this booking";

    sign_in_title "サインイン" "Sign in";
    sign_in_lead "登録されたメールアドレスに、サインイン用のリンクをお送りします。" "We send a sign-in link to your registered mail address.";
    email "メールアドレス" "Mail address";
    send_link "リンクを受け取る" "Send me a link";
    link_sent_title "メールをご確認ください" "Please look at your mail";
    link_sent "このアドレスが登録されている場合、リンクをお送りしました。15分以内にお使いください。" "If this address is registered, a link is on its way. Use it within 15 minutes.";
    link_sent_none "届かないときは、迷惑メールのフォルダーをご確認のうえ、所属組織の管理者にお問い合わせください。" "If nothing arrives, look into the junk folder, then ask your organisation's manager.";
    link_title "サインインの確認" "Confirm the sign-in";
    link_lead "次のボタンを押すと、この端末でサインインします。" "Press the button to sign in on this device.";
    link_dead "このリンクは使えません。すでに使われたか、期限が切れています。" "This link does not work: it was used before, or its time is over.";
    link_again "新しいリンクを受け取る" "Ask for a new link";
    not_set_up "初期設定がまだ終わっていません。サーバーで sekisho setup-link を実行し、表示されたリンクを開いてください。" "The first set-up is not done yet. Run sekisho setup-link on the server and open the link that it prints.";

    setup_title "初期設定" "First set-up";
    setup_lead "施設を運営する組織と、その管理者を登録します。" "Register the organisation that runs the sites, and its owner.";
    organisation "組織の名前" "Name of the organisation";
    your_name "あなたの名前" "Your name";
    setup_go "登録して始める" "Register and begin";
    setup_dead "この初期設定リンクは使えません。サーバーで sekisho setup-link をもう一度実行してください。" "This set-up link does not work. Run sekisho setup-link on the server again.";

    next_booking "次の予約" "Next booking";
    inside_now "在室中" "You are inside";
    later_bookings "その後の予約" "Later bookings";
    no_booking "予約はまだありません。" "You have no booking yet.";
    book_first "使える施設から、席を予約できます。" "Book a seat at one of your sites.";
    your_sites "使える施設" "Your sites";
    no_sites "使える施設がまだありません。所属組織の管理者にお問い合わせください。" "There is no site for you yet. Ask your organisation's manager.";
    book_here "席を予約する" "Book a seat";
    visitors "来訪者" "Visitors";
    today_here "今日の施設" "Today at the site";
    show_booking "予約を見る" "See the booking";
    way "席までの行き方" "The way to your seat";
    site_word "施設" "Site";
    until "まで" "until";

    book_title "席を予約する" "Book a seat";
    day "日" "Day";
    from "開始" "From";
    to "終了" "Until";
    show_free "この時間の空きを見る" "Show what is free then";
    local_time "時刻は施設の現地時刻です" "Times are local to the site";
    hours "開館時間" "Opening hours";
    closed_day "この日は休館です。別の日をお選びください。" "The site is closed on this day. Please choose another one.";
    no_seats "この施設には、まだ席がありません。" "This site has no seats yet.";
    book_this "この席を予約する" "Book this seat";
    free "空き" "Free";
    taken "予約済み" "Taken";
    taken_at "予約済みの時間" "Taken";
    all_free "この日は終日空いています" "Free all day";
    bad_times "開始と終了の時刻を確かめてください。" "Please check the times.";

    booked_title "予約しました" "Your seat is booked";
    booking_title "予約の内容" "Your booking";
    cancelled_title "予約を取り消しました" "The booking is cancelled";
    state_word "状態" "State";
    state_held "仮予約" "held";
    state_confirmed "予約済み" "booked";
    state_present "在室中" "inside";
    state_left "退室済み" "left";
    state_released "解放済み" "released";
    state_cancelled "取消済み" "cancelled";
    for_whom "利用者" "Person";

    pass "入館証" "Your pass";
    pass_reads "扉の読取機にかざすコード" "The code that a door's reader reads";
    pass_offline "通信なしでも使えます" "Works without a connection";
    pass_bright "読み取れないときは、画面を明るくしてください" "If the reader does not take it, turn the screen brighter";
    pass_own_clock "端末の時計で表示しています。入れないときは、一度通信してください" "Shown by this phone's own clock. If a door refuses it, connect once";
    pass_wait "準備しています。" "Getting ready.";
    pass_register_title "このスマートフォンを登録します" "Register this phone";
    pass_register "このスマートフォンの中に鍵を作ります。鍵は取り出せません。登録は一度だけです。" "A key is made inside this phone and cannot leave it. You do this once.";
    pass_register_go "このスマートフォンを登録する" "Register this phone";
    pass_other_title "別のスマートフォンが登録されています" "Another phone is registered";
    pass_other "入館証を表示できるのは1台だけです。このスマートフォンを登録すると、前のスマートフォンの入館証は使えなくなります。" "Only one phone can show your pass. If you register this one, the pass on the other phone stops working.";
    pass_early_title "まだ使えません" "Too early";
    pass_early_before "" "This pass opens doors from ";
    pass_early_after " から扉が開きます。" ".";
    pass_ended_title "この予約は終わりました" "This booking is over";
    pass_cancelled_title "この予約は取り消されています" "This booking was cancelled";
    pass_cancelled "入館証は使えません。" "Its pass opens nothing.";
    pass_revoked_title "この入館証は失効しました" "This pass was revoked";
    pass_revoked "扉は開きません。入館証をもう一度受け取ってください。受け取れないときは、所属組織の管理者にお問い合わせください。" "It opens nothing. Get the pass once more; if that is refused, ask your organisation's manager.";
    pass_again "入館証をもう一度受け取る" "Get the pass once more";
    pass_clock_title "端末の時計が正しくありません" "This phone's clock is wrong";
    pass_clock "日付と時刻の自動設定をオンにして、通信できる場所で開き直してください。" "Turn on automatic date and time, then open this page again where there is a connection.";
    pass_first_title "通信が必要です" "A connection is needed once";
    pass_first "このスマートフォンには、この予約の入館証がまだありません。一度受け取ると、通信なしでも使えます。" "This phone does not hold the pass for this booking yet. Once it does, it works without a connection.";
    pass_refused_title "入館証を受け取れませんでした" "The pass could not be issued";
    pass_unsupported_title "このブラウザーでは表示できません" "This browser cannot show it";
    pass_unsupported "安全な鍵を作れないため、入館証のコードを表示できません。新しいブラウザーで、https のアドレスから開いてください。" "It cannot make a safe key. Open this page in a current browser, at an https address.";
    pass_no_script_title "このままでは表示できません" "Script is needed";
    pass_no_script "入館証のコードはスマートフォンが5秒ごとに署名して作るため、JavaScript が必要です。" "Your phone signs a new code every five seconds, which takes JavaScript.";
    pass_print_instead "印刷した入館証でも、次の扉が一度だけ開きます" "A printed pass opens these doors, once each time it is issued";
    pass_print_never "この施設の扉は、印刷した入館証では開きません。受付にお声がけください。" "No door on your way takes a printed pass. Please ask at the site.";
    pass_print_go "印刷用の入館証へ" "To the printed pass";
    pass_print_title "印刷用の入館証" "Printed pass";
    pass_print_once "一度だけ使えます。写しを人に渡さないでください。" "It opens once. Give nobody a copy.";
    pass_print_doors "使える扉" "Doors";
    pass_print_issue "印刷用の入館証を発行する" "Issue a printed pass";
    pass_print_anew "新しく発行する" "Issue another one";
    pass_from "扉が開く時刻" "Opens doors from";
    try_again "もう一度試す" "Try again";

    refused_title "予約できませんでした" "This could not be booked";
    not_done_title "できませんでした" "That was not possible";
    failed_title "処理できませんでした" "Something went wrong";
    instead "代わりに予約できるもの" "What is possible instead";
    lifts "次の時刻から予約できます" "It becomes possible at";
    ask_manager "所属組織の管理者にお問い合わせください。" "Ask your organisation's manager.";
    reference "お問い合わせ番号" "Reference";
    choose_again "選び直す" "Choose again";

    today_title "今日の施設" "Today at the site";
    inside "在室" "Inside";
    people_word "名" "";
    in_list "在室者" "Who is inside";
    nobody "在室者はいません。" "Nobody is inside.";
    since "入室" "since";
    zone_unknown "区画不明" "zone unknown";
    expected "これから来る人" "Expected, not here yet";
    nobody_expected "これから来る予定の人はいません。" "Nobody else is expected today.";
    doors "扉" "Doors";
    door "扉" "Door";
    door_orders "扉の操作" "Door control";
    door_orders_note "操作は10秒以内に実行されます。間に合わないときは実行されません。退室はいつでもできます。" "An order is carried out within ten seconds or not at all. The way out is always free.";
    unlock "解錠" "Release once";
    unlock_go "解錠する" "Unlock the door";
    mode_word "扉の状態" "Mode";
    mode_go "状態を変更する" "Change the mode";
    order_word "操作" "Order";
    order_reason "理由" "Reason";
    order_reason_hint "理由は200文字まで。記録に残ります。" "Give a reason of up to 200 characters; it is kept with the record.";
    order_executed "実行しました" "Done";
    order_executed_note "ゲートウェイが実行し、記録しました。" "The gateway carried it out and recorded it.";
    order_expired "間に合わず、実行されませんでした" "Too late: nothing was done";
    order_expired_note "10秒以内に届かなかったため、ゲートウェイは実行しませんでした。必要であれば、もう一度操作してください。" "It did not arrive within ten seconds, so it was not carried out. Give the order again if it is still needed.";
    order_rejected "ゲートウェイが受け付けませんでした" "The gateway did not accept it";
    order_rejected_note "錠が接続されていないか、扉がまだゲートウェイに伝わっていません。機器の状態を確かめてください。" "No lock is connected at this door, or the gateway does not know the door yet. Look at the devices.";
    order_waiting "応答を待っています" "Waiting for the gateway";
    order_waiting_note "ゲートウェイの応答を待っています。" "The gateway has not answered yet.";
    order_unanswered "応答がありませんでした" "No answer came";
    order_unanswered_note "実行されたかどうかは、ゲートウェイの記録が届くと分かります。現地で扉を確かめてください。" "Whether it was carried out will be known when the gateway's record arrives. Have somebody look at the door.";
    devices "機器" "Devices";
    devices_none "登録された機器はありません" "no devices";
    link "通信" "Link";
    link_up "接続中" "connected";
    link_down "通信断" "cut off";
    link_down_note "表示は最後に届いた記録までのものです。扉は施設側の判断で動き続けます。" "What you see is as of the last record received. Doors go on deciding on site.";
    link_none "ゲートウェイ未登録" "no gateway yet";
    last_heard "最後の通信" "last heard";
    evidence "証跡" "Evidence";
    last_checkpoint "最終確定" "last checkpoint";
    records "封印" "seals";
    evidence_none "まだ記録がありません" "nothing recorded yet";
    refusals "入室できなかった記録" "Refused at a door";
    no_refusals "入室できなかった記録はありません。" "Nobody was refused.";
    latest "最新の記録" "Latest records";
    no_events "まだ記録がありません。" "Nothing recorded yet.";
    unknown_person "不明" "unknown";
    as_of_before "" "as of ";
    as_of_after " 現在" "";
    clock_error "時計の誤差" "clock error";
    auto_refresh "自動更新中" "updating by itself";
}

/// What a kind of seat is called.
pub fn seat_kind(kind: SeatKind, lang: Lang) -> &'static str {
    match (kind, lang) {
        (SeatKind::Desk, Lang::Ja) => "デスク",
        (SeatKind::Desk, Lang::En) => "Desk",
        (SeatKind::Booth, Lang::Ja) => "ブース",
        (SeatKind::Booth, Lang::En) => "Booth",
        (SeatKind::Room, Lang::Ja) => "個室",
        (SeatKind::Room, Lang::En) => "Room",
        (SeatKind::PhoneBox, Lang::Ja) => "通話ボックス",
        (SeatKind::PhoneBox, Lang::En) => "Phone box",
    }
}

/// What a mode of a door is called.
pub fn mode(mode: Mode, lang: Lang) -> &'static str {
    match (mode, lang) {
        (Mode::Normal, Lang::Ja) => "通常",
        (Mode::Normal, Lang::En) => "Normal",
        (Mode::Lockdown, Lang::Ja) => "入室停止(緊急)",
        (Mode::Lockdown, Lang::En) => "Lockdown: nobody enters",
        (Mode::Blocked, Lang::Ja) => "使用停止",
        (Mode::Blocked, Lang::En) => "Out of use",
    }
}

/// What an event is called on a page; codes that people rarely see keep their stable name.
#[expect(clippy::too_many_lines, reason = "a table of words")]
pub fn event(code: u16, lang: Lang) -> &'static str {
    let Some(code) = EventCode::from_u16(code) else {
        return "?";
    };
    let (ja, en) = match code {
        EventCode::AccessGranted => ("解錠しました", "Door released"),
        EventCode::AccessDenied => ("入室できません", "Refused"),
        EventCode::AccessTaken => ("入室しました", "Came in"),
        EventCode::AccessNotTaken => ("解錠後、通りませんでした", "Released, but nobody came in"),
        EventCode::AccessExitFree => ("退室しました", "Went out"),
        EventCode::DoorOpened => ("扉が開きました", "Door opened"),
        EventCode::DoorClosed => ("扉が閉まりました", "Door closed"),
        EventCode::DoorLocked => ("施錠しました", "Door locked"),
        EventCode::DoorUnlocked => ("電気錠が開きました", "Lock opened"),
        EventCode::DoorForcedOpen => ("扉がこじ開けられました", "Door forced open"),
        EventCode::DoorModeChanged => ("扉の状態が変わりました", "Door mode changed"),
        EventCode::AccessOverride => ("遠隔で解錠しました", "Released from afar"),
        EventCode::CommandOrdered => ("扉の操作が指示されました", "Door order given"),
        EventCode::CommandExecuted => ("指示を実行しました", "Order carried out"),
        EventCode::CommandExpired => ("指示が間に合いませんでした", "Order came too late"),
        EventCode::CommandRejected => ("指示を受け付けませんでした", "Order not accepted"),
        EventCode::DoorHeldOpen => ("扉が開いたままです", "Door held open"),
        EventCode::DoorRexPressed => ("退室ボタンが押されました", "Exit button pressed"),
        EventCode::FireAlarm => ("火災信号", "Fire input"),
        EventCode::FireCleared => ("火災信号が解除されました", "Fire input cleared"),
        EventCode::DeviceOnline => ("機器がつながりました", "Device online"),
        EventCode::DeviceOffline => ("機器の通信が切れました", "Device offline"),
        EventCode::DeviceEnrolled => ("機器を登録しました", "Device enrolled"),
        EventCode::DeviceRevoked => ("機器を失効させました", "Device revoked"),
        EventCode::GatewayStarted => ("ゲートウェイが起動しました", "Gateway started"),
        EventCode::GatewayAdded => ("ゲートウェイを追加しました", "Gateway added"),
        EventCode::GatewayEnrolled => ("ゲートウェイを登録しました", "Gateway enrolled"),
        EventCode::SyncOnline => ("サーバーとつながりました", "Connected to the server"),
        EventCode::SyncOffline => ("サーバーとの通信が切れました", "Cut off from the server"),
        EventCode::SyncTierChanged => ("通信断の段階が変わりました", "Staleness tier changed"),
        EventCode::SnapshotApplied => ("権限一覧を適用しました", "Snapshot applied"),
        EventCode::SnapshotRejected => ("権限一覧を拒否しました", "Snapshot rejected"),
        EventCode::CredentialRevokedApplied => ("失効一覧を適用しました", "Revocations applied"),
        EventCode::PolicyActivated => ("施設の方針を適用しました", "Policy activated"),
        EventCode::BookingMade => ("予約されました", "Booked"),
        EventCode::BookingHeld => ("席を仮に押さえました", "Seat held"),
        EventCode::BookingConfirmed => ("予約が確定しました", "Booking confirmed"),
        EventCode::BookingHoldExpired => ("仮予約の期限が過ぎました", "Hold ran out"),
        EventCode::ApprovalRequested => ("承認が依頼されました", "Approval asked for"),
        EventCode::ApprovalGranted => ("予約が承認されました", "Booking approved"),
        EventCode::ApprovalDeclined => ("予約が承認されませんでした", "Booking declined"),
        EventCode::ApprovalRuleSet => ("承認の条件を変更しました", "Rules of approval changed"),
        EventCode::GroupMade => ("団体予約が作成されました", "Group booked"),
        EventCode::BookingCancelled => ("予約が取り消されました", "Booking cancelled"),
        EventCode::BookingRefused => ("予約できませんでした", "Booking refused"),
        EventCode::BookingReleased => ("席が返されました", "Seat given back"),
        EventCode::BookingRestored => ("予約が元に戻りました", "Booking restored"),
        EventCode::BookingExtended => ("予約が延長されました", "Booking extended"),
        EventCode::BookingChanged => ("予約が変更されました", "Booking changed"),
        EventCode::BookingChangeUndone => ("予約の変更が元に戻りました", "Change taken back"),
        EventCode::WaitingJoined => ("空き待ちに登録しました", "Joined the line"),
        EventCode::WaitingLeft => ("空き待ちを取り消しました", "Left the line"),
        EventCode::WaitingOffered => ("空いた席をご案内しました", "Seat offered"),
        EventCode::WaitingAccepted => ("ご案内の席が予約されました", "Offer taken"),
        EventCode::WaitingDeclined => ("ご案内が見送られました", "Offer declined"),
        EventCode::WaitingLapsed => ("ご案内の期限が過ぎました", "Offer ran out"),
        EventCode::WaitingExpired => ("空き待ちが終わりました", "Waiting ended"),
        EventCode::WaitingRefused => ("空き待ちを受け付けませんでした", "Waiting refused"),
        EventCode::VisitInvited => ("来訪者を招きました", "Visitor invited"),
        EventCode::VisitCancelled => ("来訪が取り消されました", "Visit cancelled"),
        EventCode::VisitRefused => ("来訪者を招けませんでした", "Visit refused"),
        EventCode::VisitArrived => ("来訪者が到着しました", "Visitor arrived"),
        EventCode::VisitLeft => ("来訪者が退館しました", "Visitor left"),
        EventCode::QuotaSet => ("利用上限を定めました", "Limit set"),
        EventCode::QuotaChanged => ("利用上限を変更しました", "Limit changed"),
        EventCode::QuotaEnded => ("利用上限をやめました", "Limit ended"),
        EventCode::PlanCreated => ("プランを作りました", "Plan created"),
        EventCode::PlanGiven => ("プランを割り当てました", "Plan given"),
        EventCode::PlanTaken => ("プランの割り当てをやめました", "Plan taken away"),
        EventCode::SiteAccessEnded => ("企業の施設利用を終えました", "Site closed to a company"),
        EventCode::CalendarSet => ("開館日時を変更しました", "Opening hours changed"),
        EventCode::ClosureMade => ("休館にしました", "Closed for a time"),
        EventCode::ClosureEnded => ("休館を終えました", "Closure ended"),
        EventCode::ClosureUndone => ("休館を取りやめました", "Closure taken back"),
        EventCode::CompanyPolicySet => (
            "企業の利用条件を変更しました",
            "Conditions of a company changed",
        ),
        EventCode::FairUseSet => (
            "公平な利用の決まりを変更しました",
            "Rules of fair use changed",
        ),
        EventCode::VisitorPolicySet => ("来訪者の条件を変更しました", "Rules for visitors changed"),
        EventCode::PassIssued => ("入館証を発行しました", "Pass issued"),
        EventCode::PassRevoked => ("入館証を失効させました", "Pass revoked"),
        EventCode::HolderKeyRegistered => ("スマートフォンの鍵を登録しました", "Phone registered"),
        EventCode::HolderKeyReplaced => ("スマートフォンの鍵を置き換えました", "Phone replaced"),
        EventCode::SiteCreated => ("施設を登録しました", "Site added"),
        EventCode::ZoneCreated => ("区画を登録しました", "Zone added"),
        EventCode::DoorCreated => ("扉を登録しました", "Door added"),
        EventCode::SeatCreated => ("席を登録しました", "Seat added"),
        EventCode::SiteAccessGranted => ("企業に施設を開放しました", "Site opened to a company"),
        EventCode::RequestRefused => ("操作を受け付けませんでした", "Request refused"),
        EventCode::PersonSuspended => ("利用を停止しました", "Person suspended"),
        EventCode::LogOpened => ("証跡台帳を開きました", "Log opened"),
        EventCode::LogCut => ("証跡を区切りました", "Log cut"),
        EventCode::OpeningRead => ("名前を表示しました", "Names were looked at"),
        EventCode::EvidenceExported => ("証跡一式を作成しました", "Evidence exported"),
        EventCode::PresenceArrived => ("来館しました", "Arrived"),
        EventCode::PresenceDeparted => ("退館しました", "Departed"),
        EventCode::DoorForcedOpenCleared => {
            ("こじ開けられた扉が閉まりました", "Forced door closed")
        }
        EventCode::DoorHeldWarning => ("扉が開いています", "Door still open"),
        EventCode::DoorHeldCleared => ("開いたままの扉が閉まりました", "Held door closed"),
        EventCode::DoorLockFault => ("電気錠の異常", "Lock fault"),
        EventCode::TailgateSuspected => ("同伴入室の疑い", "Tailgating suspected"),
        EventCode::CredentialLockoutStarted => ("読取機を休止しました", "Reader paused"),
        EventCode::CredentialLockoutEnded => ("読取機を再開しました", "Reader resumed"),
        EventCode::TamperReader => ("読取機に触れられました", "Reader tampered with"),
        EventCode::TamperEnclosure => ("機器の箱が開けられました", "Enclosure opened"),
        EventCode::TamperInputShort => ("配線の短絡", "Wires shorted"),
        EventCode::TamperInputOpen => ("配線の断線", "Wires cut"),
        EventCode::DeviceFault => ("機器の異常", "Device fault"),
        EventCode::DeviceStale => ("機器の応答がありません", "Device silent"),
        EventCode::ClockSynced => ("時計が合いました", "Clock in step"),
        EventCode::ClockHoldover => ("時計が自走しています", "Clock running alone"),
        EventCode::ClockUntrusted => ("時計を信頼できません", "Clock not trusted"),
        EventCode::ClockStepped => ("時計が飛びました", "Clock stepped"),
        EventCode::JournalNearlyFull => (
            "記録の空きが少なくなりました",
            "Room for records runs short",
        ),
        EventCode::JournalFull => ("記録の空きがありません", "No room for records"),
        EventCode::JournalSpaceRestored => ("記録の空きが戻りました", "Room for records again"),
        EventCode::JournalForkDetected => ("封印の食い違い", "Two seals under one number"),
        EventCode::GatewayStopping => ("ゲートウェイが停止しました", "Gateway stopped"),
        EventCode::GatewayRevoked => ("ゲートウェイを失効させました", "Gateway revoked"),
        EventCode::AlarmAcknowledged => ("警報を確認しました", "Alarm acknowledged"),
        EventCode::FeedCreated => ("カレンダー用アドレスを作りました", "Calendar address made"),
        EventCode::FeedRotated => (
            "カレンダー用アドレスを替えました",
            "Calendar address replaced",
        ),
        EventCode::FeedRevoked => (
            "カレンダー用アドレスを無効にしました",
            "Calendar address ended",
        ),
        EventCode::WebhookAdded => ("通知先を追加しました", "Webhook added"),
        EventCode::WebhookChanged => ("通知先を変更しました", "Webhook changed"),
        EventCode::WebhookDisabled => (
            "通知先を停止しました(失敗が続いたため)",
            "Webhook switched off after failures",
        ),
        EventCode::WebhookReplayed => ("通知を送り直しました", "Webhook messages sent again"),
        EventCode::DisplayAdded => ("入口の表示を追加しました", "Screen added"),
        EventCode::DisplayRevoked => ("入口の表示を止めました", "Screen switched off"),
        EventCode::BookingsExported => ("予約の一覧を書き出しました", "Bookings exported"),
        EventCode::AuditGap => ("記録の欠け", "Gap in the records"),
        EventCode::AuditGrantAfterRevocation => {
            ("失効後に解錠されました", "Released after the revocation")
        }
        other => (other.name(), other.name()),
    };
    match lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
}
