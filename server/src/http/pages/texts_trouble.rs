//! Cause and cure of what needs a human, in both languages.

use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;

use super::attention::Trouble;
use super::when::Wall;
use crate::http::lang::Lang;

/// Cause and cure of an alarm, by its event.
#[expect(clippy::too_many_lines, reason = "a table of sentences")]
pub fn alarm(code: EventCode, lang: Lang) -> (&'static str, &'static str) {
    let (ja, en) = match code {
        EventCode::DoorForcedOpen => (
            (
                "解錠していない扉が開きました。",
                "現地で扉と周囲を確かめ、閉めてください。",
            ),
            (
                "The door opened though nothing had released it.",
                "Look at the door and around it, and close it.",
            ),
        ),
        EventCode::DoorHeldOpen | EventCode::DoorHeldWarning => (
            (
                "扉が開いたままです。",
                "扉を閉めてください。閉まらないときは、扉の部品を点検してください。",
            ),
            (
                "The door has been open too long.",
                "Close it. If it does not close, have it looked at.",
            ),
        ),
        EventCode::FireAlarm => (
            (
                "火災信号が入り、扉は解錠されています。",
                "避難を優先し、在館者確認を印刷してください。",
            ),
            (
                "The fire input is on and doors are released.",
                "People first: evacuate and print the roll-call.",
            ),
        ),
        EventCode::DeviceOffline | EventCode::DeviceStale => (
            (
                "機器から応答がありません。電源かケーブルの可能性があります。",
                "機器の電源とケーブルを確かめてください。戻らないときは交換してください。",
            ),
            (
                "The device does not answer; power or cable, most likely.",
                "Check its power and cable. If it stays silent, replace it.",
            ),
        ),
        EventCode::CredentialLockoutStarted => (
            (
                "読み取れないコードが続いたため、読取機を休ませています。",
                "読取機の前の人に声をかけ、いたずらでないか確かめてください。自動で再開します。",
            ),
            (
                "Too many unreadable codes; the reader pauses.",
                "Speak to whoever stands there. It resumes by itself.",
            ),
        ),
        EventCode::ClockUntrusted => (
            (
                "ゲートウェイの時計を確認できません。時間制の入館証は使えません。",
                "ゲートウェイの時刻同期(NTP)を直してください。",
            ),
            (
                "The gateway's clock is not trusted; passes with times do not work.",
                "Repair the time synchronisation (NTP) of the gateway.",
            ),
        ),
        EventCode::JournalNearlyFull | EventCode::JournalFull => (
            (
                "送れない記録がゲートウェイにたまっています。いっぱいになると入室できません。",
                "サーバーとの通信を回復させてください。",
            ),
            (
                "Records pile up in the gateway; when it is full nobody enters.",
                "Bring back its connection to the server.",
            ),
        ),
        EventCode::JournalForkDetected => (
            (
                "同じ番号で内容の違う封印が届きました。両方を保管しています。",
                "証跡一式を作成して検証し、ゲートウェイを調べてください。複製された可能性があります。",
            ),
            (
                "Two different seals came under one number; both are kept.",
                "Export and verify the evidence and examine the gateway: it may have been copied.",
            ),
        ),
        EventCode::TailgateSuspected => (
            (
                "許可した人数より多くの人が通った疑いがあります。",
                "館内の人数を確かめてください。",
            ),
            (
                "More people passed than were let in.",
                "Check who is inside.",
            ),
        ),
        EventCode::TamperReader
        | EventCode::TamperEnclosure
        | EventCode::TamperInputShort
        | EventCode::TamperInputOpen => (
            (
                "機器が開けられたか、配線に触れられました。",
                "現地で機器を点検してください。",
            ),
            (
                "A device was opened or its wires were touched.",
                "Have the device looked at on site.",
            ),
        ),
        _ => (
            (
                "機器が異常を知らせています。",
                "現地で機器を確かめてください。",
            ),
            ("A device reports a fault.", "Look at it on site."),
        ),
    };
    match lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
}

/// Title, cause and cure of a trouble that is no gateway's alarm.
#[expect(clippy::too_many_lines, reason = "a table of sentences")]
pub fn trouble(kind: Trouble, lang: Lang) -> (&'static str, &'static str, &'static str) {
    let (ja, en) = match kind {
        Trouble::NoGateway => (
            (
                "ゲートウェイがありません",
                "この施設の扉を判断するゲートウェイが、まだ登録されていません。",
                "サーバーで sekisho gateway add を実行し、表示されたコードを施設のゲートウェイで使ってください。",
            ),
            (
                "No gateway",
                "Nothing decides at the doors of this site yet.",
                "Run sekisho gateway add on the server and use the code that it prints on the gateway.",
            ),
        ),
        Trouble::LinkCut => (
            (
                "ゲートウェイと通信できません",
                "施設の回線か電源、またはゲートウェイが止まっています。扉は施設側の判断で動き続けます。",
                "回線と電源を確かめてください。この間の記録は、つながると届きます。",
            ),
            (
                "The gateway cannot be reached",
                "The site's line, its power or the gateway itself is down. Doors go on deciding on site.",
                "Check line and power. Its records arrive when it is back.",
            ),
        ),
        Trouble::SnapshotRefused => (
            (
                "ゲートウェイが権限一覧を拒否しました",
                "署名か版が、ゲートウェイの知るものと合いません。新しい予約が扉に届いていません。",
                "サーバーで sekisho doctor を実行してください。",
            ),
            (
                "The gateway refused the snapshot",
                "Its signature or number does not fit what the gateway knows. New bookings do not reach the doors.",
                "Run sekisho doctor on the server.",
            ),
        ),
        Trouble::Restored => (
            (
                "台帳の確定を止めています",
                "バックアップから復元したため、ゲートウェイと確認が取れるまで、新しい権限と証跡の確定を止めています。",
                "ゲートウェイがつながれば、自動で再開します。扉はこれまでの権限で動いています。",
            ),
            (
                "The log is stopped",
                "This server was restored from a backup: until the gateway has been heard, nothing is signed and no new right is given.",
                "It goes on by itself once the gateway connects. Doors work with the rights they have.",
            ),
        ),
        Trouble::Ahead => (
            (
                "台帳の確定を止めています",
                "このサーバーの記録は、ゲートウェイが確認した記録より古いものです。新しい権限と証跡の確定を止めています。",
                "より新しいバックアップを復元してください。詳しくは、サーバーで sekisho doctor を実行してください。扉はこれまでの権限で動き、ゲートウェイの記録は失われません。",
            ),
            (
                "The log is stopped",
                "This server holds less than its gateway has seen: nothing is signed and no new right is given. A restored backup?",
                "Restore a newer backup; run sekisho doctor on the server for details. Doors work with the rights they have, and the gateway keeps its records.",
            ),
        ),
        Trouble::LogQuiet => (
            (
                "台帳が進んでいません",
                "ゲートウェイはつながっていますが、15分以上、台帳に何も入っていません。",
                "サーバーで sekisho doctor を実行し、サーバーの記録を確かめてください。",
            ),
            (
                "The log does not grow",
                "The gateway is connected, but nothing has entered the log for more than 15 minutes.",
                "Run sekisho doctor on the server and look at its log.",
            ),
        ),
        Trouble::Gap => (
            (
                "届いていない記録があります",
                "番号の続きにない記録があります。ゲートウェイに再送を依頼しています。",
                "しばらく続くときは、証跡一式を作成して検証してください。",
            ),
            (
                "Records are missing",
                "Numbers are missing in a row of records; the gateway was asked to send them again.",
                "If it lasts, export and verify the evidence.",
            ),
        ),
        Trouble::Stopped => (
            (
                "記録の受け取りを止めた系列があります",
                "このサーバーの知らない版の封印が届いたため、この系列を止めました。",
                "サーバーを新しい版に更新してください。届いた封印は失われません。",
            ),
            (
                "A stream is stopped",
                "Seals of a version that this server does not know came in.",
                "Upgrade the server. No seal is lost.",
            ),
        ),
        Trouble::Overdue => (
            (
                "来訪者が予定の時間を過ぎて館内にいます",
                "訪問の予定は終わりましたが、退館の記録がありません。",
                "受入担当者に連絡し、退館したら来訪者の画面で記録してください。",
            ),
            (
                "A visitor is still inside",
                "The visit is over, and no record says that they left.",
                "Call the host; when they have left, say so on the visitor's page.",
            ),
        ),
        Trouble::Approvals => (
            (
                "承認を待っている予約があります",
                "施設の承認が必要な予約です。期限までに回答がないと、席は解放されます。",
                "この画面の上の「要承認」から、承認または却下してください。",
            ),
            (
                "Bookings wait for an approval",
                "They need an approval of the site. Without an answer in time their seats are given up.",
                "Approve or decline them under “To approve” at the top of this page.",
            ),
        ),
    };
    match lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
}

/// What could not be had, as the exporter says it, in the reader's language and time: in English as it is.
pub fn finding(text: &str, wall: &Wall, lang: Lang) -> String {
    let parts = text
        .strip_prefix("gateway ")
        .and_then(|rest| rest.split_once(": unproven since "));
    let Some((what, since)) = parts.filter(|_| lang == Lang::Ja) else {
        return text.to_owned();
    };
    let (gateway, why) = what.split_once(' ').unwrap_or((what, ""));
    let why = match why {
        "did not answer" => "から応答がありませんでした",
        "heard of the cut too late" => "への区切りの依頼が間に合いませんでした",
        "refused the cut" => "が区切りを拒否しました",
        "has cut, but the seal has not come in" => "は区切りましたが、その封印が届いていません",
        _ => "の区切りを確認できませんでした",
    };
    let since = Timestamp::parse_rfc3339(since).map_or_else(
        |_| "始まり".to_owned(),
        |at| format!("{} {}", wall.date(at), wall.seconds(at)),
    );
    format!("ゲートウェイ {gateway} {why}。{since}より後は証明できません。")
}
