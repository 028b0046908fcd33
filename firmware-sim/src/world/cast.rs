//! Who comes.

use super::floor::Floor;
use super::scenario::{Area, Habit, Scenario};
use crate::prng::Prng;

/// Names of simulated people: family and given name, and how an address spells them.
pub const NAMES: [(&str, &str); 24] = [
    ("松江 花子", "hanako"),
    ("北見 太郎", "taro"),
    ("長岡 美咲", "misaki"),
    ("塩尻 健", "ken"),
    ("萩 さくら", "sakura"),
    ("豊北 誠", "makoto"),
    ("蓼科 葵", "aoi"),
    ("小諸 翔", "sho"),
    ("真鶴 凛", "rin"),
    ("上田 陸", "riku"),
    ("白浜 結衣", "yui"),
    ("鎌倉 湊", "minato"),
    ("鳥羽 明日香", "asuka"),
    ("糸島 大輔", "daisuke"),
    ("十勝 恵", "megumi"),
    ("淡路 隼人", "hayato"),
    ("軽井沢 薫", "kaoru"),
    ("妙高 直樹", "naoki"),
    ("五島 七海", "nanami"),
    ("那須 優", "yu"),
    ("飛騨 千尋", "chihiro"),
    ("隠岐 学", "manabu"),
    ("由布 詩織", "shiori"),
    ("奄美 海斗", "kaito"),
];

/// Names in an order that the seed gives.
pub fn names(prng: &mut Prng) -> Vec<(&'static str, &'static str)> {
    let mut names = NAMES.to_vec();
    prng.shuffle(&mut names);
    names
}

/// Somebody who comes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// How the scenario calls this one.
    pub key: Option<String>,
    /// Name on pages.
    pub full_name: &'static str,
    /// Short name, in addresses and steps.
    pub name: &'static str,
    /// What this person does.
    pub habit: Habit,
    /// Place in [`super::Script::companies`]; none: of the operator's own.
    pub company: Option<usize>,
    /// The seat is in the quiet rooms.
    pub quiet: bool,
    /// Place in [`Floor::seats`].
    pub seat: Option<usize>,
    /// Place of the door that they use, in [`Floor::doors`].
    pub door: usize,
    /// Whether they rather show the large code, which carries the whole pass.
    pub large: bool,
    /// Of a tailgater: place of who walks ahead, in [`super::Script::people`].
    pub behind: Option<usize>,
    /// The place of this person's group in the file.
    pub(super) group: usize,
}

/// The people of a scenario, in the order of the file, with names, seats and doors of the seed.
pub(super) fn draw(scenario: &Scenario, floor: &Floor, prng: &mut Prng) -> Vec<Actor> {
    let mut names = names(prng).into_iter();
    let seats_of = |quiet: bool| {
        let numbered = floor.seats.iter().enumerate();
        let of_area = numbered.filter(|(_, seat)| seat.quiet == quiet);
        of_area.map(|(n, _)| n).collect::<Vec<_>>()
    };
    let (mut open, mut quiet) = (seats_of(false), seats_of(true));
    prng.shuffle(&mut open);
    prng.shuffle(&mut quiet);
    let outer: Vec<usize> = (0..floor.doors.len())
        .filter(|n| !floor.doors[*n].into_quiet)
        .collect();
    let mut people = Vec::new();
    for (n, group) in scenario.people.iter().enumerate() {
        let company = group
            .company
            .as_ref()
            .and_then(|key| scenario.companies.iter().position(|it| it.key == *key));
        for _ in 0..group.count {
            let Some((full_name, name)) = names.next() else {
                return people;
            };
            let is_quiet = group.zone == Area::Quiet;
            let seats = if is_quiet { &mut quiet } else { &mut open };
            let seat = group.habit.has_seat().then(|| seats.pop()).flatten();
            // Paper opens the front door only, and the counter stands there.
            let at_front = group.key.is_some() || !plain(group.habit) || prng.chance(60);
            let any = usize::try_from(prng.range(0, outer.len() as u64)).unwrap_or(0);
            people.push(Actor {
                key: group.key.clone(),
                full_name,
                name,
                habit: group.habit,
                company,
                quiet: is_quiet,
                seat,
                door: if at_front { 0 } else { outer[any] },
                large: prng.chance(50),
                behind: None,
                group: n,
            });
        }
    }
    follow(scenario, &mut people);
    people
}

fn plain(habit: Habit) -> bool {
    matches!(habit, Habit::Ordinary | Habit::Lunch | Habit::Early)
}

/// Tailgaters find whom they walk behind.
fn follow(scenario: &Scenario, people: &mut [Actor]) {
    let ahead: Vec<_> = people
        .iter()
        .map(|person| {
            let behind = scenario.people[person.group].behind.as_deref()?;
            people
                .iter()
                .position(|it| it.key.as_deref() == Some(behind))
        })
        .collect();
    for (person, behind) in people.iter_mut().zip(ahead) {
        person.behind = behind;
    }
}
