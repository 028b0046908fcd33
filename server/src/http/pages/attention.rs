//! What needs a human at a site, fire and forced doors first, then oldest first, each with its cause and what to do.

use std::collections::BTreeMap;

use sekisho_domain::ids::{AlarmId, DoorId, EventId, SiteId};
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::visit::Standing;
use sekisho_domain::wire::code::EventCode;

use super::approval_texts::approval_texts;
use super::texts;
use super::texts_site::{SiteTexts, site_texts};
use super::texts_trouble::{alarm, trouble};
use super::when::Wall;
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::store::gateways::{Gateway, GatewayState};
use crate::store::holds::{Hold, Kind};
use crate::store::log::Log;
use crate::store::{Scope, Tx, alarms, approvals, events, gaps, visits};

/// Alarms that are looked at.
const ALARMS: i64 = 100;

/// A gap younger than this may be closed by what is on its way, ms.
const GAP_AFTER_MS: i64 = 60_000;

/// A log that did not grow for this long, with the gateway connected, misses two of its heartbeats, ms.
const LOG_QUIET_MS: i64 = 15 * 60_000;

/// One thing that needs a human.
pub(super) struct Attention {
    /// Names it from one look to the next.
    pub(super) key: String,
    /// As [`alarms::Alarm::rank`]; what is no alarm stands among the rest.
    rank: u8,
    pub(super) since_ms: Timestamp,
    pub(super) since: String,
    pub(super) title: String,
    pub(super) place: String,
    pub(super) cause: &'static str,
    pub(super) cure: &'static str,
    /// Only the advisory copy has come.
    pub(super) unconfirmed: bool,
    /// Where it can be acknowledged.
    pub(super) alarm: Option<AlarmId>,
    pub(super) acknowledged: Option<String>,
    /// Where it is explained.
    pub(super) record: Option<EventId>,
}

/// What is known of a site besides.
pub(super) struct Known<'a> {
    pub(super) site: SiteId,
    pub(super) doors: &'a BTreeMap<DoorId, String>,
    pub(super) gateways: &'a [Gateway],
    pub(super) hold: Option<&'a Hold>,
    pub(super) log: Option<&'a Log>,
    pub(super) wall: &'a Wall,
    pub(super) lang: Lang,
    pub(super) now: Timestamp,
}

/// A kind of trouble that is no alarm of a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing decides at this site yet.
    NoGateway,
    /// The gateway cannot be reached.
    LinkCut,
    /// The gateway refused the last snapshot.
    SnapshotRefused,
    /// The log is not signed: restored.
    Restored,
    /// The log is not signed: somebody has seen more of it.
    Ahead,
    /// The log does not grow.
    LogQuiet,
    /// Records are missing.
    Gap,
    /// A stream was stopped.
    Stopped,
    /// A visitor is inside though the visit is over.
    Overdue,
    /// Bookings wait for an approval of the site.
    Approvals,
}

/// Alarms that are on, of which the status line counts some.
pub(super) struct Found {
    pub(super) list: Vec<Attention>,
    /// Devices that do not answer.
    pub(super) silent: usize,
    /// Whether a gap or a stopped stream is among them.
    pub(super) incomplete: bool,
}

/// Looks everywhere. The caller may see who is inside.
pub(super) async fn attention(tx: &mut Tx, scope: Scope, it: &Known<'_>) -> Result<Found> {
    let mut list = Vec::new();
    let mut silent = 0;
    for alarm in alarms::list(tx, scope, it.site, true, ALARMS).await? {
        if alarm.is_active() && alarm.code == EventCode::DeviceOffline {
            silent += 1;
        }
        list.push(it.alarm(&alarm));
    }
    it.gateways(&mut list);
    it.snapshot(tx, scope, &mut list).await?;
    it.log(&mut list);
    let before = list.len();
    it.gaps(tx, scope, &mut list).await?;
    let incomplete = list.len() > before;
    it.visitors(tx, scope, &mut list).await?;
    it.approvals(tx, scope, &mut list).await?;
    list.sort_by(|a, b| (a.rank, a.since_ms, &a.key).cmp(&(b.rank, b.since_ms, &b.key)));
    Ok(Found {
        list,
        silent,
        incomplete,
    })
}

impl Known<'_> {
    fn s(&self) -> &'static SiteTexts {
        site_texts(self.lang)
    }

    fn alarm(&self, it: &alarms::Alarm) -> Attention {
        let (cause, cure) = alarm(it.code, self.lang);
        let door = it.door.and_then(|id| self.doors.get(&id).cloned());
        let device = it.device.map(|id| id.to_string());
        let mut place = door.or(device).unwrap_or_default();
        if it.times > 1 {
            place = format!("{place} ×{}", it.times);
        }
        Attention {
            key: it.id.to_string(),
            rank: it.rank(),
            since_ms: it.since,
            since: self.wall.since(it.since, self.now),
            title: texts::event(it.code as u16, self.lang).to_owned(),
            place,
            cause,
            cure,
            unconfirmed: !it.confirmed,
            alarm: Some(it.id),
            acknowledged: it.acknowledged.as_ref().map(|seen| {
                format!(
                    "{} {}",
                    seen.name.as_deref().unwrap_or(&seen.by),
                    seen.reason
                )
            }),
            record: None,
        }
    }

    fn trouble(&self, kind: Trouble, place: String, since: Timestamp) -> Attention {
        let (title, cause, cure) = trouble(kind, self.lang);
        Attention {
            key: format!("{kind:?}-{place}"),
            rank: 2,
            since_ms: since,
            since: self.wall.since(since, self.now),
            title: title.to_owned(),
            place,
            cause,
            cure,
            unconfirmed: false,
            alarm: None,
            acknowledged: None,
            record: None,
        }
    }

    fn gateways(&self, list: &mut Vec<Attention>) {
        let enrolled = self
            .gateways
            .iter()
            .find(|it| it.state == GatewayState::Enrolled);
        match enrolled {
            None => {
                let since = self.gateways.iter().map(|it| it.created_at).max();
                list.push(self.trouble(
                    Trouble::NoGateway,
                    String::new(),
                    since.unwrap_or(self.now),
                ));
            }
            Some(it) if !it.alive => {
                let since = it.seen_at.or(it.enrolled_at).unwrap_or(self.now);
                list.push(self.trouble(Trouble::LinkCut, String::new(), since));
            }
            Some(_) => {}
        }
    }

    /// A refusal that no later snapshot has made good.
    async fn snapshot(&self, tx: &mut Tx, scope: Scope, list: &mut Vec<Attention>) -> Result<()> {
        let refused = events::of_code(tx, scope, self.site, EventCode::SnapshotRejected, 1).await?;
        let Some(refused) = refused.into_iter().next() else {
            return Ok(());
        };
        let applied = events::of_code(tx, scope, self.site, EventCode::SnapshotApplied, 1).await?;
        if applied.first().is_some_and(|it| it.id > refused.id) {
            return Ok(());
        }
        list.push(Attention {
            record: Some(refused.id),
            ..self.trouble(Trouble::SnapshotRefused, String::new(), refused.at)
        });
        Ok(())
    }

    fn log(&self, list: &mut Vec<Attention>) {
        if let Some(hold) = self.hold {
            let kind = match hold.kind {
                Kind::Restored => Trouble::Restored,
                Kind::Ahead => Trouble::Ahead,
            };
            list.push(self.trouble(kind, String::new(), hold.since));
            return;
        }
        let alive = self.gateways.iter().any(|it| it.alive);
        if let Some(log) = self.log
            && alive
            && self.now.since_ms(log.sequenced_at) > LOG_QUIET_MS
        {
            list.push(self.trouble(Trouble::LogQuiet, String::new(), log.sequenced_at));
        }
    }

    async fn gaps(&self, tx: &mut Tx, scope: Scope, list: &mut Vec<Attention>) -> Result<()> {
        for sum in gaps::of_site(tx, scope, self.site).await? {
            let since = sum.since.unwrap_or(sum.checked_at);
            if !sum.open {
                list.push(self.trouble(Trouble::Stopped, sum.stream.text(), since));
            } else if !sum.is_whole() && self.now.since_ms(since) > GAP_AFTER_MS {
                let s = self.s();
                let what = match sum.kind {
                    gaps::Kind::Evidence => s.evidence_records,
                    gaps::Kind::Telemetry => s.evidence_telemetry,
                };
                let place = format!("{what} {}", sum.undeclared());
                list.push(self.trouble(Trouble::Gap, place, since));
            }
        }
        Ok(())
    }

    async fn approvals(&self, tx: &mut Tx, scope: Scope, list: &mut Vec<Attention>) -> Result<()> {
        let w = approval_texts(self.lang);
        if let Some((count, since)) = approvals::count_at(tx, scope, self.site, self.now).await? {
            let place = format!("{}{count}{}", w.count_before, w.count_after);
            list.push(Attention {
                key: "approvals".to_owned(),
                ..self.trouble(Trouble::Approvals, place, since)
            });
        }
        Ok(())
    }

    async fn visitors(&self, tx: &mut Tx, scope: Scope, list: &mut Vec<Attention>) -> Result<()> {
        let moment = Interval {
            start: self.now,
            end: self.now.plus_ms(1),
        };
        for visit in visits::at_site(tx, scope, self.site, None, moment).await? {
            if visit.standing(self.now) == Standing::Overdue {
                list.push(Attention {
                    key: visit.id.to_string(),
                    ..self.trouble(Trouble::Overdue, visit.name, visit.during.end)
                });
            }
        }
        Ok(())
    }
}
