//! The file that describes a day.

use serde::Deserialize;

/// A whole day, as its file says it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the day is called.
    pub name: String,
    /// What it is about; nothing reads it.
    #[serde(default)]
    pub about: String,
    /// Every time in the file is moved by up to this much, either way, as the seed says; s.
    #[serde(default)]
    pub jitter_s: f64,
    /// When the roll-call is compared with who really is inside; s after the doors open.
    #[serde(default)]
    pub looks_s: Vec<f64>,
    /// The floor.
    pub plan: Plan,
    /// Companies whose people may come; the operator's own need none.
    #[serde(default)]
    pub companies: Vec<Company>,
    /// Who comes.
    pub people: Vec<Group>,
    /// Who is invited.
    #[serde(default)]
    pub visits: Vec<VisitPlan>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Vec<FaultPlan>,
}

/// The floor: an open area, and quiet rooms that are reached through it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the site.
    pub site: String,
    /// Name of the open area.
    pub open: String,
    /// Name of the quiet rooms.
    pub quiet: String,
    /// `front`, `inner` and any others, which lead from outside into the open area.
    pub doors: Vec<DoorFile>,
    /// Seats, by kind.
    pub seats: Vec<SeatFile>,
}

/// A door.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorFile {
    /// How the file and the records of the day call it.
    pub key: String,
    /// What pages call it.
    pub name: String,
    /// Whether it takes printed passes.
    #[serde(default)]
    pub paper: bool,
}

/// Some seats of one kind in one zone.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatFile {
    /// `open` or `quiet`.
    pub zone: Area,
    /// `desk`, `booth`, `room` or `phone_box`.
    pub kind: SeatKind,
    /// How many.
    pub count: usize,
}

/// One of the two zones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Behind the doors from outside.
    Open,
    /// Behind the inner door.
    Quiet,
}

/// What one sits at or in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatKind {
    /// Among others.
    Desk,
    /// With walls at the sides.
    Booth,
    /// With a door.
    Room,
    /// For one call.
    PhoneBox,
}

impl SeatKind {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Booth => "booth",
            Self::Room => "room",
            Self::PhoneBox => "phone_box",
        }
    }
}

/// A company.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// How people in this file name it.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// People with the same habit.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// So that visits and other people can name this one; only with a `count` of 1.
    pub key: Option<String>,
    /// What they do.
    pub habit: Habit,
    /// How many; 1 when absent.
    #[serde(default = "one")]
    pub count: usize,
    /// Key of their company; the operator's own when absent.
    pub company: Option<String>,
    /// Where their seats are; `open` when absent.
    #[serde(default = "open")]
    pub zone: Area,
    /// When they come, s after the doors open.
    pub comes_s: f64,
    /// When they leave, s after the doors open.
    pub leaves_s: f64,
    /// Of a tailgater: behind whom; the key of somebody else.
    pub behind: Option<String>,
}

fn one() -> usize {
    1
}

fn open() -> Area {
    Area::Open
}

/// What somebody does on a day.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Comes, works, leaves.
    Ordinary,
    /// Tries the door before the booking begins, and comes again in time.
    Early,
    /// Goes out for lunch and comes back.
    Lunch,
    /// Leaves without showing anything.
    Forgetful,
    /// Walks in behind somebody without showing anything.
    Tailgater,
    /// Shares a screenshot of the code; others try it.
    Sharer,
    /// Gets a new phone; somebody finds the old one.
    LosesPhone,
    /// Has the pass revoked and tries it.
    LosesPass,
    /// Tries the quiet rooms without having booked one.
    Wanderer,
    /// Cancels the booking and comes all the same.
    Cancels,
    /// Is suspended during the day.
    Leaver,
    /// Has a short booking and comes again when it is over.
    Short,
    /// Has no phone but a printed pass: shows it twice, and at a door that does not take paper.
    Paper,
    /// Books on the way, while the line to the server is cut, and comes in by what the phone carries.
    Spontaneous,
    /// Has no booking: shows nonsense, and a code of somebody else's pass.
    Stranger,
}

impl Habit {
    /// Whether a booking is made in the morning.
    pub fn books_ahead(self) -> bool {
        !matches!(self, Self::Spontaneous | Self::Stranger | Self::Early)
    }

    /// Whether there is a seat for them at all.
    pub fn has_seat(self) -> bool {
        self != Self::Stranger
    }

    /// Whether they have a phone.
    pub fn has_phone(self) -> bool {
        self != Self::Paper
    }
}

/// A visitor.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisitPlan {
    /// Key of who invites.
    pub host: String,
    /// When they come, s after the doors open.
    pub comes_s: f64,
    /// When they leave, s after the doors open.
    pub leaves_s: f64,
    /// Whether they try the door before their host is there, and are refused.
    #[serde(default)]
    pub before_host: bool,
}

/// Something that goes wrong for a while.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// What.
    pub kind: Fault,
    /// When, s after the doors open.
    pub at_s: f64,
    /// For how long, s; what repairs itself needs none.
    #[serde(default)]
    pub lasts_s: f64,
}

/// What can go wrong.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No connection between gateway and server.
    WanCut,
    /// The connections of this moment carry nothing more and do not end.
    WanHalfOpen,
    /// The line is cut and comes back again and again.
    WanFlapping,
    /// `kill -9` of the broker between gateways and server.
    UplinkBrokerKilled,
    /// `kill -9` of the broker between devices and gateway.
    SiteBrokerKilled,
    /// `kill -9` of the gateway; its broker dies with it.
    GatewayKilled,
    /// `kill -9` of the server; its broker dies with it.
    ServerKilled,
    /// The gateway no longer hears the inner door's lock.
    LockSilent,
    /// Somebody props the front door open.
    DoorHeldOpen,
}

impl Fault {
    /// Whether nothing of the server's reaches the gateway meanwhile.
    pub fn cuts_line(self) -> bool {
        matches!(
            self,
            Self::WanCut
                | Self::WanHalfOpen
                | Self::WanFlapping
                | Self::UplinkBrokerKilled
                | Self::ServerKilled
        )
    }

    /// Whether readers get no answers meanwhile.
    pub fn stops_doors(self) -> bool {
        matches!(
            self,
            Self::SiteBrokerKilled | Self::GatewayKilled | Self::LockSilent | Self::DoorHeldOpen
        )
    }
}

/// A file does not describe a day.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not TOML, or a key that does not exist, or a value of another kind.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// Something in it cannot be.
    #[error("{0}")]
    Meaning(String),
}

impl Scenario {
    /// Reads and checks a file's text.
    pub fn read(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The days that come with the program, by name; the first is played when no file is named.
    ///
    /// # Panics
    /// Never: a test reads all of them.
    #[expect(clippy::expect_used, reason = "files of this crate, read by a test")]
    pub fn built_in() -> [(&'static str, Self); 3] {
        [
            ("day", include_str!("../../scenarios/day.toml")),
            ("quiet", include_str!("../../scenarios/quiet.toml")),
            ("storm", include_str!("../../scenarios/storm.toml")),
        ]
        .map(|(name, text)| (name, Self::read(text).expect("a scenario of this crate")))
    }

    /// Whether a fault of this kind happens on the day.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.iter().any(|it| it.kind == fault)
    }

    /// The person with a key.
    pub(super) fn keyed(&self, key: &str, whose: &str) -> Result<&Group, ScenarioError> {
        self.people
            .iter()
            .find(|it| it.key.as_deref() == Some(key))
            .ok_or_else(|| ScenarioError::Meaning(format!("{whose}: nobody has the key \"{key}\"")))
    }
}
