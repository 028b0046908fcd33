//! What can be wrong: one table of stable names, the check that each belongs to, how grave it is, and its sentences.

use crate::check::Check;

/// State of one check, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Held for everything that was counted.
    Pass,
    /// Could not be made, because a check before it failed.
    Skipped,
    /// The log is intact, but a person has to look.
    Finding,
    /// Something needed is missing or unknown to this version.
    Cannot,
    /// Broken, incomplete or forged.
    Fail,
}

macro_rules! problems {
    ($($variant:ident $name:literal $check:ident $status:ident $en:literal $ja:literal;)*) => {
        /// One kind of problem.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Problem {
            $(#[doc = $en] $variant,)*
        }

        impl Problem {
            /// Every kind, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The check that finds it.
            pub fn check(self) -> Check {
                match self { $(Self::$variant => Check::$check,)* }
            }

            /// How grave it is.
            pub fn status(self) -> Status {
                match self { $(Self::$variant => Status::$status,)* }
            }

            /// One sentence in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }

            /// One sentence in Japanese.
            pub fn ja(self) -> &'static str {
                match self { $(Self::$variant => $ja,)* }
            }
        }
    };
}

problems! {
    Unreadable "unreadable" V01 Cannot "The file could not be read." "ファイルを読み取れませんでした。";
    NotAZip "not_a_zip" V01 Cannot "The file is not a ZIP." "ZIP ファイルではありません。";
    ZipShape "zip_shape" V01 Fail "The ZIP is cut, altered or not plain (stored entries without gaps and comments)." "ZIP が途中で切れているか、改変されているか、圧縮なしの単純な形式ではありません。";
    UnsafeName "unsafe_name" V01 Fail "A file name could write outside of the directory it is unpacked into." "展開先の外に書き込むおそれのあるファイル名があります。";
    UnknownFile "unknown_file" V01 Fail "A file does not belong to a bundle." "証跡一式に属さないファイルがあります。";
    NameTwice "name_twice" V01 Fail "A file name appears twice." "同じ名前のファイルが二つあります。";
    FileTooLong "file_too_long" V01 Fail "A file is longer than such a file may be." "ファイルが上限より大きくなっています。";
    ManifestBad "manifest_bad" V01 Fail "The manifest is missing or cannot be read." "梱包表がないか、読み取れません。";
    ManifestVersion "manifest_version" V01 Cannot "The bundle is of a version that this program does not know; upgrade it." "この検証ツールの知らない版の証跡一式です。新しい検証ツールを使ってください。";
    Unlisted "unlisted" V01 Fail "A file is not in the manifest." "梱包表にないファイルがあります。";
    Missing "missing" V01 Fail "A file of the manifest is missing." "梱包表にあるファイルがありません。";
    DigestDiffers "digest_differs" V01 Fail "A file is not the one of the manifest." "ファイルの内容が梱包表と違います。";
    StrayTile "stray_tile" V01 Fail "A tile does not belong to a log of this size." "この大きさの台帳にないタイルがあります。";
    ManifestDisagrees "manifest_disagrees" V01 Fail "The manifest names another log, size or site than the signed head." "梱包表の台帳名、件数または施設が、署名された確定点と違います。";
    HeadMissing "head_missing" V02 Fail "The signed head of the log is missing." "署名された台帳の確定点がありません。";
    HeadMalformed "head_malformed" V02 Fail "The head of the log is not a signed checkpoint in its one spelling." "台帳の確定点が正しい表記の署名付き文書ではありません。";
    HeadSigner "head_signer" V02 Fail "The head is not signed by a log of the trust file." "確定点が、信頼ファイルにある台帳の鍵で署名されていません。";
    HeadSignature "head_signature" V02 Fail "The signature of a known log key is wrong: the head was altered." "既知の台帳の鍵による署名が正しくありません。確定点が改変されています。";
    HeadAlgorithm "head_algorithm" V02 Cannot "The head is signed with an algorithm that this version cannot verify." "この版で検証できない方式で署名されています。";
    HeadQuorum "head_quorum" V02 Cannot "The head is not cosigned by the witnesses that the trust file asks for, as far as this version can verify." "信頼ファイルが求める立会人の署名が、この版で検証できる限り、確定点に揃っていません。";
    Incomplete "incomplete" V03 Fail "Records are missing: an entry file of the log is not in the bundle." "記録が欠けています。台帳の記録ファイルが証跡一式にありません。";
    EntriesMalformed "entries_malformed" V03 Fail "The lengths in an entry file do not add up." "記録ファイルの長さの値が合いません。";
    TileMissing "tile_missing" V03 Fail "A tile of hashes is missing." "ハッシュのタイルがありません。";
    TileDiffers "tile_differs" V03 Fail "A tile is not what the records give." "タイルが、記録から計算した値と違います。";
    RootDiffers "root_differs" V03 Fail "The records do not give the signed root: a record was changed, added, removed or moved." "記録から計算した根が署名と違います。記録が変更、追加、削除または移動されています。";
    StartUntrusted "start_untrusted" V04 Fail "The head of the period before is altered or not a signed checkpoint." "前の期間の確定点が改変されているか、署名付き文書ではありません。";
    StartCannot "start_cannot" V04 Cannot "The head of the period before cannot be verified: its log is not in the trust file, or its signature is of an unknown kind." "前の期間の確定点を検証できません。その台帳が信頼ファイルにないか、署名が未知の方式です。";
    StartDiffers "start_differs" V04 Fail "The log does not continue the head of the period before: the past was rewritten." "台帳が前の期間の確定点に続いていません。過去が書き換えられています。";
    StartLater "start_later" V04 Finding "The head of the period before is later than the one that the opening names: verify the bundle of that period, too." "前の期間の確定点が、開設の記録にあるものより後です。前の期間の証跡一式も検証してください。";
    Restored "restored" V04 Finding "The server was restored from an older backup and opened this log in place of one that others had seen further: records of the server between the two heads are lost." "サーバーが古いバックアップから復元され、より先まで確認されていた台帳に代えてこの台帳が開かれました。その間のサーバーの記録は失われています。";
    ReplacedUnsaid "replaced_unsaid" V04 Finding "The log replaces another of the same year, but its opening does not say what others had seen of that one." "同じ年度の別の台帳に代わる台帳ですが、その台帳がどこまで確認されていたかが開設の記録にありません。";
    AfterClosing "after_closing" V04 Finding "Records stand behind the one that closed the log." "台帳を閉じた記録の後に、さらに記録があります。";
    NotOpened "not_opened" V04 Fail "The first record is not the opening of this log by the server." "最初の記録が、サーバーによるこの台帳の開設ではありません。";
    OpenedTwice "opened_twice" V04 Fail "The log is opened a second time inside itself." "台帳の途中に二度目の開設の記録があります。";
    SealMalformed "seal_malformed" V08 Fail "A record is not a seal in its one spelling." "正しい表記の封印ではない記録があります。";
    SealVersion "seal_version" V08 Cannot "A seal is of a version that this program does not know; upgrade it." "この検証ツールの知らない版の封印があります。新しい検証ツールを使ってください。";
    SealAlgorithm "seal_algorithm" V08 Cannot "A seal is signed with an algorithm that this program does not know." "この検証ツールの知らない方式で署名された封印があります。";
    EventMalformed "event_malformed" V08 Finding "An event could not be read; it is logged but nobody applied it." "読み取れない記録があります。台帳にはありますが、適用されていません。";
    EventUnknown "event_unknown" V08 Finding "An event is of a kind that this version does not know." "この版の知らない種類の記録があります。";
    RegistryBad "registry_bad" V09 Fail "The keys in the first record cannot be read, or an enrolled key is unusable." "最初の記録にある鍵を読み取れないか、登録された鍵が使えないものです。";
    LogKeyDiffers "log_key_differs" V09 Fail "The site's keyring names another log key than the trust file." "施設の鍵束にある台帳の鍵が、信頼ファイルと違います。";
    SealKey "seal_key" V09 Fail "A seal is signed by a key that was not enrolled for its sealer." "登録されていない鍵で署名された封印があります。";
    KeyAdded "key_added" V09 Finding "A gateway that was enrolled already was given a further key: whoever holds either may seal in its name." "登録済みのゲートウェイに別の鍵が追加されています。どちらの鍵の持ち主も、その名で封印できます。";
    TwoGateways "two_gateways" V09 Finding "A gateway was enrolled while another one of the site was not revoked: both may decide and seal." "施設の別のゲートウェイが失効していないのに、ゲートウェイが登録されました。どちらも判定し、封印できます。";
    SealAfterRevocation "seal_after_revocation" V09 Finding "A gateway sealed after it was revoked: whoever has its key may have made this." "失効後のゲートウェイの封印があります。鍵を入手した者が作った可能性があります。";
    SealSignature "seal_signature" V09 Fail "The signature of a seal is wrong: it is forged or altered." "封印の署名が正しくありません。偽造または改変されています。";
    EventForeign "event_foreign" V09 Fail "A sealer recorded an event that only another may record." "記録する立場にない者が封印した記録があります。";
    SealGap "seal_gap" V10 Fail "Seals of a stream are missing, doubled or out of order." "系列の封印が欠けているか、重複しているか、順序が違います。";
    EventGap "event_gap" V10 Fail "Events of a stream are missing or counted twice." "系列の記録が欠けているか、二重に数えられています。";
    ChainBroken "chain_broken" V10 Fail "A seal does not name the seal before it." "封印が直前の封印を指していません。";
    StreamStart "stream_start" V10 Fail "A stream does not begin with its first seal." "系列が最初の封印から始まっていません。";
    ServiceStream "service_stream" V10 Fail "The server sealed under another stream than the log was opened with." "サーバーの封印が、台帳開設時と別の系列にあります。";
    GatewayRevoked "gateway_revoked" V13 Finding "A gateway was revoked: what it recorded after its last seal here is unproven, and nobody can ask it any more." "失効したゲートウェイがあります。最後の封印より後の記録は証明されておらず、問い合わせることもできません。";
    RevokedShort "revoked_short" V13 Finding "The log lacks seals of a revoked gateway that the server had when it revoked it." "失効時にサーバーが受け取っていたゲートウェイの封印が、台帳にありません。";
    StreamLeft "stream_left" V13 Finding "A gateway began a new stream and left an older one without an end: what it recorded there after the last seal shown is unproven." "ゲートウェイが新しい系列を始め、前の系列を終わりの記録なしに残しています。表示の封印より後にその系列で記録されたものは証明されていません。";
    ClosedUncut "closed_uncut" V13 Finding "The log was closed without a cut of this gateway: verify the bundle of the log after it, too, in which its stream goes on." "このゲートウェイの区切りがないまま台帳が閉じられています。系列が続く次の台帳の証跡一式も検証してください。";
    NonceAbsent "nonce_absent" V13 Fail "The nonce was not answered in the log: the end may be missing, or the export is older than the question." "乱数への応答が台帳にありません。末尾が欠けているか、質問より前の書き出しです。";
    CutMissing "cut_missing" V13 Finding "There is no cut for this export: completeness is unproven since the time shown." "この書き出しの区切りがありません。表示の時刻以降の完全性は証明されていません。";
    OriginForm "origin_form" V15 Fail "The name of the log does not name a site." "台帳の名前から施設を特定できません。";
    OtherSite "other_site" V15 Fail "A seal, the keyring or the manifest belongs to another site." "別の施設の封印、鍵束または梱包表です。";
    UnknownGateway "unknown_gateway" V15 Fail "A seal comes from a gateway that was not enrolled at this site before." "この施設に登録されていないゲートウェイの封印があります。";
    OpeningBad "opening_bad" V18 Fail "A line of the openings is not a disclosure, or there are too many." "開示情報ではない行があるか、行数が多すぎます。";
    OpeningUnmatched "opening_unmatched" V18 Fail "An opening does not belong to any digest in the log." "台帳のどの要約値にも対応しない開示情報があります。";
}
