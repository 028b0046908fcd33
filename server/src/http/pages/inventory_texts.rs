//! Words of the pages on which a site's floors, seats and pools are set, in both languages. A word that lacks one does not compile.

use sekisho_domain::booking::inventory::{Acoustic, Visual};

use crate::http::lang::Lang;

macro_rules! words {
    ($($name:ident $ja:literal $en:literal;)*) => {
        /// The words of one language.
        pub(super) struct InventoryTexts { $(pub(super) $name: &'static str,)* }
        const JA: InventoryTexts = InventoryTexts { $($name: $ja,)* };
        const EN: InventoryTexts = InventoryTexts { $($name: $en,)* };
    };
}

/// The words of a language.
pub(super) fn inventory_texts(lang: Lang) -> &'static InventoryTexts {
    match lang {
        Lang::Ja => &JA,
        Lang::En => &EN,
    }
}

/// What a class of privacy for eyes is called.
pub(super) fn visual(class: Visual, lang: Lang) -> &'static str {
    match (class, lang) {
        (Visual::Open, Lang::Ja) => "囲いなし",
        (Visual::Open, Lang::En) => "in open view",
        (Visual::Screened, Lang::Ja) => "仕切りあり",
        (Visual::Screened, Lang::En) => "screened",
        (Visual::Enclosed, Lang::Ja) => "外から見えない",
        (Visual::Enclosed, Lang::En) => "nobody sees in",
    }
}

/// What a class of privacy for ears is called.
pub(super) fn acoustic(class: Acoustic, lang: Lang) -> &'static str {
    match (class, lang) {
        (Acoustic::Open, Lang::Ja) => "声が聞こえる",
        (Acoustic::Open, Lang::En) => "voices are heard",
        (Acoustic::Damped, Lang::Ja) => "声が響きにくい",
        (Acoustic::Damped, Lang::En) => "voices carry little",
        (Acoustic::Soundproof, Lang::Ja) => "防音",
        (Acoustic::Soundproof, Lang::En) => "soundproof",
    }
}

/// The rule that a field of a form did not keep to.
pub(super) fn rule(field: &str, lang: Lang) -> &'static str {
    let (ja, en) = match field {
        "name" => (
            "名前は1文字以上120文字以内で、改行などの制御文字は使えません。",
            "A name has 1 to 120 characters and no control characters.",
        ),
        "label" => (
            "表示する文字は120文字以内で、改行などの制御文字は使えません。",
            "A label has at most 120 characters and no control characters.",
        ),
        "position" => (
            "順番は -1000 から 1000 までの整数です。",
            "The place is a whole number from -1000 to 1000.",
        ),
        "kind" => (
            "種類を選んでください。プールに入っている席の種類は変更できません。",
            "Choose a kind. A seat of a pool keeps the kind of its pool.",
        ),
        "zone" => (
            "この施設の区画を選んでください。",
            "Choose a zone of this site.",
        ),
        "floor" => (
            "この施設の階を選んでください。",
            "Choose a floor of this site.",
        ),
        "sockets" => (
            "コンセントの数は 0 から 99 までです。",
            "There are 0 to 99 sockets.",
        ),
        "buffers" => (
            "予約の前後に空ける時間は 0 分から 480 分までです。",
            "0 to 480 minutes can be kept free around a booking.",
        ),
        "reason" => (
            "理由は1文字以上200文字以内で書いてください。",
            "A reason has 1 to 200 characters.",
        ),
        "until" => (
            "再開する日時は、施設の現地時刻で書いてください。",
            "Say from when on it can be used, in the site's local time.",
        ),
        "parts" => (
            "組み合わせには、この施設の席を2つから20個まで選んでください。ほかの席を組み合わせた席と、この席を含む組み合わせは選べません。",
            "Choose 2 to 20 other seats of this site. A seat that is itself combined cannot be a part, nor can a part be combined.",
        ),
        "seats" => (
            "プールには、同じ種類で、ほかのプールに入っていない席を200席まで選べます。平面図に置けるのは、その階の席だけです。",
            "A pool has up to 200 seats of one kind that are in no other pool. Only seats of the floor stand on its plan.",
        ),
        "areas" => (
            "部屋と壁は、1つの階に200個まで描けます。",
            "A floor has at most 200 rooms and walls.",
        ),
        "place" => (
            "左と上は 0 から 100000 まで、幅と高さは 1 から 10000 までの整数で、4つとも書いてください(単位は約10cm)。",
            "Left and top are whole numbers from 0 to 100000, width and height from 1 to 10000, all four of them (in units of about 10 cm).",
        ),
        _ => ("", ""),
    };
    match lang {
        Lang::Ja => ja,
        Lang::En => en,
    }
}

words! {
    undo "変更を元に戻す" "Take the change back";
    saved "保存しました。" "Saved.";
    undone_hint "直前の内容に戻せます。" "You can go back to what it was before.";
    save "保存する" "Save";
    back_settings "施設の設定へ" "Back to the settings";
    name "名前" "Name";
    now_is "現在の内容" "What it is now";
    typed_kept "入力した内容は残っています。" "What you typed is still here.";

    floors "階" "Floors";
    floors_lead "階は下から順に並びます。席図は階ごとに作ります。" "Floors stand from the lowest upwards. Each has a plan of its own.";
    floors_none "階はまだありません。1つだけの施設では、なくてもかまいません。" "There are no floors yet. A site on one level needs none.";
    floor_add "階を追加する" "Add a floor";
    position "順番(下から)" "Place, from the lowest up";
    floor_of "階" "Floor";
    no_floor "階の指定なし" "on no floor";
    plan_of "席図を編集する" "Edit the plan";
    count_seats "席" "seats";

    seats "席" "Seats";
    seats_lead "席の種類、設備、使えるかどうかを設定します。" "What each seat is, what it has, and whether it can be used.";
    seats_none "席はまだありません。" "There are no seats yet.";
    seat_add "席を追加する" "Add a seat";
    seat_made "席を追加しました。" "The seat is there.";
    no_zones "席を追加する前に、区画が必要です。" "A site needs a zone before it has seats.";
    kind "種類" "Kind";
    zone "区画" "Zone";
    visual "視線" "Eyes";
    acoustic "音" "Ears";
    monitor "モニターあり" "Has a monitor";
    monitor_short "モニター" "monitor";
    accessible "車いすで使える" "Can be used in a wheelchair";
    accessible_short "車いす可" "wheelchair";
    sockets "コンセントの数" "Sockets";
    sockets_short "コンセント" "sockets";
    before "予約の前に空ける時間(分)" "Minutes kept free before a booking";
    after "予約の後に空ける時間(分)" "Minutes kept free after a booking";
    buffers_hint "清掃や換気のための時間です。これから入る予約に適用されます。" "For cleaning and airing. It holds for bookings made from now on.";
    what_it_is "席の内容" "What it is";
    in_service "使用できます" "In service";
    out_of_service "使用停止中" "Out of service";
    until_before "" "until ";
    until_after "まで" "";
    until_open "再開は未定" "until further notice";
    service "使用の停止と再開" "In and out of service";
    take_out "使用を停止する" "Take it out of service";
    bring_back "使用を再開する" "Bring it back into service";
    reason "理由(予約する人に表示されます)" "Why (shown to who books)";
    until "再開する日時(未定のときは空欄)" "Usable again from (empty: not known)";
    service_hint "すでにある予約はそのまま残ります。" "Bookings that are there already stay.";
    booked_still "この席には、これからの予約があります。最後の予約の終わり" "There are bookings to come; the last ends at";
    parts "席の組み合わせ" "Combined seat";
    parts_lead "2つの部屋をつないで1つの大きな部屋にするような席です。予約すると、組み合わせた席も同時に予約済みになります。" "Such as a large room of two smaller ones: who books it has its parts, and the other way round.";
    parts_of "組み合わせる席" "Its parts";
    parts_none "組み合わせられる席がありません。" "There is no seat to combine.";
    part_in "この席は、次の席の一部です" "This seat is a part of";
    parts_save "組み合わせを保存する" "Save the parts";
    whole "組み合わせの席" "combined";
    in_pool "プール" "Pool";
    to_seats "席の一覧へ" "To the list of seats";

    pools "席のプール" "Pools of seats";
    pools_lead "どれでも同じに使える席をまとめます。予約する人は、席を選ばずに予約できます。" "Equal seats of which any will do: who books need not choose one.";
    pools_none "プールはまだありません。" "There are no pools yet.";
    pool_add "プールを作る" "Make a pool";
    pool_of "プールの内容" "What is in it";
    pool_seats "プールに入れる席" "Its seats";
    pool_order "上にある席から順に割り当てます。" "They are given from the top of the list on.";
    pool_ended "席がないため、予約には使われません。" "It has no seats and is not offered.";
    pool_no_seats "プールに入れられる席がありません。" "There is no seat to put into a pool.";
    to_pools "プールの一覧へ" "To the list of pools";

    plan "席図" "Plan";
    plan_lead "席の位置を決めます。保存した席図が、予約の画面に表示されます。" "Say where the seats stand. The saved plan is what the booking page shows.";
    plan_keys "席を選んで矢印キーで動かします(Shiftを押しながらで細かく)。Tabで次の席へ、Enterで数値の欄へ移ります。席をつかんで動かすこともできます。" "Choose a seat and move it with the arrow keys (with Shift in small steps). Tab goes to the next seat, Enter to its numbers. Seats can be dragged too.";
    plan_units "単位は約10cmです。" "Units are about 10 cm.";
    plan_no_seats "この階には席がありません。席の画面で、席をこの階に置いてください。" "There are no seats on this floor. Put some there on the page about seats.";
    numbers "席の位置と大きさ" "Where seats stand";
    numbers_hint "4つとも空欄にした席は、席図に置かれません。" "A seat without all four does not stand on the plan.";
    x "左" "Left";
    y "上" "Top";
    w "幅" "Width";
    h "高さ" "Height";
    areas "部屋と壁" "Rooms and walls";
    areas_hint "席の背景に描く長方形です。4つとも空欄にすると消えます。" "Rectangles behind the seats. One without all four goes.";
    area_new "追加" "New";
    area_kind "種類" "Kind";
    area_room "部屋(枠線)" "Room (an outline)";
    area_wall "壁(塗り)" "Wall (filled)";
    area_label "表示する文字" "Label";
    plan_save "席図を保存する" "Save the plan";
    undo_move "直前の移動を戻す" "Undo the last move";
    moved "左 {x}、上 {y}" "left {x}, top {y}";
    clash "{other}と重なっています" "overlaps {other}";
    move_undone "移動を戻しました" "Move taken back";
    put_there "席図に置く" "Put it on the plan";
    at_edge "これ以上は動かせません" "the edge of the plan";
    not_saved "まだ保存されていません。" "Not saved yet.";
    to_floors "階の一覧へ" "To the list of floors";
    seat_page "席の設定" "Its settings";
}
