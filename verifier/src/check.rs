//! The numbered checks: what each one says when it holds.

macro_rules! checks {
    ($($id:ident $en:literal $ja:literal;)*) => {
        /// A check of this version.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Check {
            $(#[doc = $en] $id,)*
        }

        impl Check {
            /// Every check, in the order of the report.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];

            /// The stable id.
            pub fn id(self) -> &'static str {
                match self { $(Self::$id => stringify!($id),)* }
            }

            /// What holds when the check passes, in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$id => $en,)* }
            }

            /// What holds when the check passes, in Japanese.
            pub fn ja(self) -> &'static str {
                match self { $(Self::$id => $ja,)* }
            }
        }
    };
}

checks! {
    V01 "The bundle is a plain ZIP holding exactly the files of its manifest, byte for byte."
        "証跡一式は圧縮のない ZIP で、梱包表にあるファイルだけを、そのままの内容で含みます。";
    V02 "The head of the log is signed by a log of the trust file."
        "台帳の確定点は、信頼ファイルにある台帳の鍵で署名されています。";
    V03 "Every record was hashed again and gives every tile and the signed root."
        "すべての記録のハッシュを計算し直し、すべてのタイルと署名された根に一致しました。";
    V04 "The log begins with its opening record, and continues what was signed before."
        "台帳は開設の記録から始まり、前に署名された内容に続いています。";
    V08 "Every seal and every event is in its one spelling and of a known kind."
        "すべての封印と記録は、唯一の表記で書かれ、既知の種類です。";
    V09 "Every seal is vouched for by a key that the log itself enrolled (vouched by the log key)."
        "すべての封印は、台帳に登録された鍵で裏付けられています(登録は台帳の鍵が保証します)。";
    V10 "Seals and events of each stream are numbered without gap, and each seal names the one before."
        "系列ごとに封印と記録の番号は連続し、各封印は直前の封印を指しています。";
    V13 "The server and every gateway that is enrolled and not revoked closed the export with a cut."
        "サーバーと、登録済みで失効していないすべてのゲートウェイが、書き出しの区切りを記録しています。";
    V15 "Every seal belongs to the site that the log is named after."
        "すべての封印は、台帳の名前が示す施設のものです。";
    V18 "Every opening in the bundle belongs to a digest in the log (erasures are not checked in this version)."
        "証跡一式の開示情報は、すべて台帳の要約値に対応します(消去の検査はこの版にありません)。";
}

/// Checks of the catalogue that this version does not make: id, English, Japanese. They are shown, never as passed.
pub const NOT_IN_THIS_VERSION: &[(&str, &str, &str)] = &[
    ("V05", "anchored heads", "上位台帳の確定点"),
    ("V06", "anchor log", "上位台帳"),
    ("V07", "time stamps", "タイムスタンプ"),
    ("V11", "hand-over between streams", "系列の引継ぎ"),
    ("V12", "heartbeat coverage", "定期記録の網羅"),
    ("V14", "plausibility of times", "時刻の妥当性"),
    ("V16", "replay of decisions", "判定の再現"),
    ("V17", "two-person rule", "二人承認"),
    ("V19", "domain invariants", "業務規則"),
    ("V20", "findings recomputed", "評価結果の再計算"),
    ("V21", "exceptions", "例外の承認"),
    ("V22", "freshness of controls", "管理策の鮮度"),
    ("V23", "attestations", "勤務場所証明"),
    ("V24", "certificate of the site", "施設の認証書"),
    ("V25", "second implementation", "別実装との一致"),
];

/// What no check can show, in English.
pub const CANNOT_PROVE_EN: &str = "Cryptography cannot prove that a sensor told the truth, that what was never sensed did not happen, or which human held the phone.";

/// What no check can show, in Japanese.
pub const CANNOT_PROVE_JA: &str = "センサーが正しかったこと、検知されなかったことが起きなかったこと、端末を持っていたのが誰かは、暗号では証明できません。";
