//! One record explained: of a refusal, every reason in order, what the gateway looked at, where the record stands in the log,
//! and what would have let the person in.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::access::{Decision, Facts, Form, Reason, Request, cure, decide};
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{EventId, GatewayId, PersonId, SiteId, ZoneId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{ClockState, Reading};
use sekisho_domain::wire::body::DecisionBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::Policy;

use super::texts_site::{SiteTexts, change, class, way};
use super::when::Wall;
use super::{Frame, page, texts};
use crate::app::App;
use crate::flows::read_openings::read_openings;
use crate::http::api::Reader;
use crate::http::api::events::sentence;
use crate::http::extract::Path;
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::store::events::EventRow;
use crate::store::records::{self, Record};
use crate::store::sites::Site;
use crate::store::{directory, doors, events, zones};

#[derive(Template)]
#[template(path = "record.html")]
struct Page {
    f: Frame,
    site: Site,
    title: &'static str,
    what: &'static str,
    who: Who,
    door: Option<String>,
    when: String,
    err_s: String,
    clock: Option<&'static str>,
    reasons: Vec<String>,
    decided: Option<Decided>,
    record: Option<Place>,
}

/// Whom it was about, as far as the reader may know.
enum Who {
    Hidden,
    Unknown,
    Known(PersonId, String),
}

/// What a decision read, and what follows from it.
struct Decided {
    refused: bool,
    form: &'static str,
    way: &'static str,
    epoch: Option<u64>,
    stale_s: Option<u32>,
    grants: Vec<Grant>,
    replay: &'static str,
    replay_holds: bool,
    /// What would have helped; absent for who was let in, and under a policy that is not known here.
    changes: Option<Vec<String>>,
    rest_unknown: bool,
}

struct Grant {
    zones: String,
    here: bool,
    when: String,
    class: &'static str,
}

struct Place {
    log: String,
    leaf: u64,
    seal_no: u64,
    hash: String,
    stream: String,
    seq: u64,
}

/// `GET /sites/{site}/records/{event}`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path((site, id)): Path<(SiteId, EventId)>,
) -> Result<Response> {
    let site = reader.site(site, Action::ReadEvent).await?;
    let scope = reader.scope();
    let row = events::get(&mut reader.tx, scope, site.id, id)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let who = who(&mut reader, &site, &row).await?;
    let found = match (row.stream, row.seq) {
        (Some(stream), Some(seq)) => {
            let gateway = row.gateway.unwrap_or(GatewayId::NIL);
            let found = records::find(&mut reader.tx, gateway, stream, seq).await?;
            found.map(|it| (it, stream.text(), seq))
        }
        _ => None,
    };
    let names = zones::list(&mut reader.tx, scope, site.id).await?;
    let door = match row.door {
        Some(door) => doors::get(&mut reader.tx, scope, door).await?,
        None => None,
    };
    let actor = reader.caller.actor.clone();
    drop(reader);
    if matches!(who, Who::Known(..)) {
        read_openings(&app, &actor, site.id, "record").await?;
    }
    let explain = Explain {
        zones: names.into_iter().map(|zone| (zone.id, zone.name)).collect(),
        wall: Wall::new(&site.time_zone, f.lang),
        lang: f.lang,
        s: f.s,
        unknown: f.t.zone_unknown,
    };
    let is_refusal = row.code == EventCode::AccessDenied as u16;
    page(&Page {
        title: if is_refusal {
            f.s.record_title
        } else {
            f.s.record_other
        },
        what: texts::event(row.code, f.lang),
        who,
        door: door.map(|door| door.name),
        when: format!(
            "{} {}",
            explain.wall.date(row.at),
            explain.wall.seconds(row.at)
        ),
        err_s: format!("±{}.{:03}", row.err_ms / 1000, row.err_ms % 1000),
        clock: found.as_ref().map(|(it, ..)| explain.clock(&it.event.at)),
        reasons: explain.reasons(&row),
        decided: found.as_ref().and_then(|(it, ..)| explain.decided(it)),
        record: found.map(|(it, stream, seq)| place(it, stream, seq)),
        site,
        f,
    })
}

/// The name, for who may know; a look is recorded before it is shown.
async fn who(reader: &mut Reader, site: &Site, row: &EventRow) -> Result<Who> {
    let scope = reader.scope();
    if reader.site(site.id, Action::ReadOpening).await.is_err() {
        return Ok(Who::Hidden);
    }
    let Some(person) = row.person else {
        return Ok(Who::Unknown);
    };
    let known = directory::get(&mut reader.tx, scope, person).await?;
    Ok(known.map_or(Who::Unknown, |it| Who::Known(it.id, it.name)))
}

fn place(it: Record, stream: String, seq: u64) -> Place {
    Place {
        log: it.origin,
        leaf: it.leaf,
        seal_no: it.seal_no,
        hash: it.hash,
        stream,
        seq,
    }
}

/// What words and names an explanation needs.
struct Explain {
    zones: BTreeMap<ZoneId, String>,
    wall: Wall,
    lang: Lang,
    s: &'static SiteTexts,
    unknown: &'static str,
}

impl Explain {
    fn reasons(&self, row: &EventRow) -> Vec<String> {
        row.reasons
            .iter()
            .map(|code| sentence(code, self.lang).map_or_else(|| code.clone(), str::to_owned))
            .collect()
    }

    fn clock(&self, at: &Reading) -> &'static str {
        match at.clock {
            ClockState::Synced => self.s.record_clock_synced,
            ClockState::Holdover => self.s.record_clock_holdover,
            ClockState::Untrusted => self.s.record_clock_untrusted,
        }
    }

    /// Of an event that records a decision.
    fn decided(&self, it: &Record) -> Option<Decided> {
        let body: DecisionBody = it.event.body_as().ok()?;
        let (request, facts) = (&body.request, &body.facts);
        let refused = it.event.code() == Some(EventCode::AccessDenied);
        let policy = Policy::default();
        // The policy of that time is in the log; while there is only one, its digest says whether it was this.
        let known = facts.policy == policy.digest();
        let (holds, changes, rest_unknown) = if known {
            let again = decide(request, facts, &policy, &it.event.at);
            let cure = cure(request, facts, &policy, &it.event.at);
            let sentences = cure.changes.into_iter();
            (
                again == recorded(&body, refused),
                sentences
                    .map(|it| change(it, &self.wall, self.lang))
                    .collect(),
                cure.rest_unknown,
            )
        } else {
            (false, Vec::new(), false)
        };
        Some(Decided {
            refused,
            form: self.form(request),
            way: way(request.direction, self.s),
            epoch: it.event.snapshot_epoch,
            stale_s: facts.stale_s,
            grants: self.grants(facts),
            replay: match (known, holds) {
                (true, true) => self.s.record_replay,
                (true, false) => self.s.record_replay_not,
                (false, _) => self.s.record_policy_unknown,
            },
            replay_holds: holds,
            changes: (refused && known).then_some(changes),
            rest_unknown,
        })
    }

    fn form(&self, request: &Request) -> &'static str {
        match request.form {
            Some(Form::Static) => self.s.form_static,
            Some(Form::Carried) => self.s.form_carried,
            Some(Form::Reference) => self.s.form_reference,
            None => self.s.form_none,
        }
    }

    fn grants(&self, facts: &Facts) -> Vec<Grant> {
        let name = |id: &ZoneId| {
            self.zones
                .get(id)
                .map_or(self.unknown, String::as_str)
                .to_owned()
        };
        facts
            .grants
            .iter()
            .map(|grant| Grant {
                zones: grant.zones.iter().map(name).collect::<Vec<_>>().join(", "),
                here: grant.zones.contains(&facts.zone),
                when: grant.during.map_or_else(
                    || self.s.record_always.to_owned(),
                    |during| self.wall.span(during),
                ),
                class: class(grant.class, self.lang),
            })
            .collect()
    }
}

fn recorded(body: &DecisionBody, refused: bool) -> Decision {
    Decision {
        release: !refused,
        reasons: body
            .reasons
            .iter()
            .map(|code| Reason::from_u8(*code))
            .collect(),
    }
}
