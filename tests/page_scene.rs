//! A site with something of every kind, and a path for every route of the pages.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::series::{Dates, Pattern};
use sekisho_domain::booking::{Fold, WaitingState};
use sekisho_domain::ids::{ApprovalId, CommandId, EventId, GroupId, PersonId, SeriesId, WaitingId};
use sekisho_domain::wire::uplink::Order;
use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::book_group::{BookGroup, book_group};
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::create_series::{CreateSeries, create_series};
use sekisho_server::flows::create_setup_link::create_setup_link;
use sekisho_server::flows::give_feed::give_feed;
use sekisho_server::flows::series::Mode;
use sekisho_server::store::Scope;
use sekisho_server::store::commands::{self, StoredCommand};
use sekisho_server::store::exports::{self, Ended, Export, ExportState, Progress};
use sekisho_server::store::feeds::Of;
use sekisho_server::store::people::Locale;
use sekisho_server::store::waiting;
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::busy::{Busy, HOSTILE};
use sekisho_tests::world::{World, acting, span};

use self::As::{Member, Nobody, Owner};
use crate::page_scene_inventory::Offered;
use crate::page_scene_outwards::{outward_pages, outwards};
use crate::page_scene_settings::settings;

/// Who looks at a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum As {
    Nobody,
    Member,
    Owner,
}

/// What a GET answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Is {
    Page,
    /// Elsewhere.
    Leads,
    /// A file or a stream.
    Other,
    /// There is no GET.
    Nothing,
}

pub(crate) struct Entry {
    pub(crate) route: &'static str,
    pub(crate) path: String,
    pub(crate) who: As,
    pub(crate) get: Is,
    pub(crate) post: bool,
}

/// A series of the member: some of it booked, some to come.
async fn repeating(app: &App, world: &World) -> SeriesId {
    let want = CreateSeries {
        person: world.member.id,
        seat: world.seats[3].id,
        time_zone: "site".to_owned(),
        pattern: Pattern {
            first: jiff::civil::date(2026, 11, 25),
            starts_s: 18 * 3600,
            ends_s: 19 * 3600,
            fold: Fold::Earlier,
            dates: Dates::Rule("FREQ=WEEKLY;COUNT=9".parse().unwrap()),
            except: [jiff::civil::date(2026, 12, 2)].into(),
        },
        mode: Mode::Possible,
    };
    let member = acting(&world.member, Role::Member);
    create_series(app, &member, want).await.unwrap().id
}

/// A second one who runs the site, and a group of both, next Monday.
async fn group_of(app: &App, busy: &Busy) -> (PersonId, GroupId) {
    let world = &busy.world;
    let want = CreatePerson {
        organisation: world.operator.id,
        name: world.owner.name.clone(),
        email: "second@operator.example".to_owned(),
        locale: Locale::En,
        role: Role::Manager,
    };
    let second = create_person(app, &Actor::system(), want).await.unwrap().id;
    let want = BookGroup {
        site: world.site.id,
        name: world.owner.name.clone(),
        people: vec![world.owner.id, second],
        seats: Vec::new(),
        kind: None,
        starts_at: START.plus_ms(72 * HOUR),
        ends_at: START.plus_ms(73 * HOUR),
    };
    let owner = acting(&world.owner, Role::Owner);
    let made = book_group(app, &owner, want).await.unwrap();
    (second, made.group.id)
}

/// A site with something of every kind, and a path for every route.
pub(crate) struct Scene {
    pub(crate) busy: Busy,
    pub(crate) setup: String,
    pub(crate) export: EventId,
    pub(crate) command: CommandId,
    pub(crate) series: SeriesId,
    pub(crate) feed: String,
    pub(crate) waiting: WaitingId,
    /// A colleague of the owner.
    pub(crate) second: PersonId,
    /// The two of them.
    pub(crate) group: GroupId,
    pub(crate) display: String,
    pub(crate) webhook: String,
    pub(crate) offered: Offered,
}

impl Scene {
    pub(crate) async fn on(test: &TestApp, hostile: bool) -> Self {
        let app = &test.app;
        // While nobody owns anything.
        let setup = create_setup_link(app).await.unwrap();
        let setup = setup.split_once("token=").unwrap().1.to_owned();
        let busy = if hostile {
            Busy::hostile(app).await
        } else {
            Busy::on(app).await
        };
        let series = repeating(app, &busy.world).await;
        let (second, group) = group_of(app, &busy).await;
        let mut tx = app.db.write().await.unwrap();
        let export = Export {
            id: app.event_id(),
            site: busy.world.site.id,
            nonce: [7; 16],
            state: ExportState::Running,
            progress: Progress::Cuts,
            findings: String::new(),
            started_at: START,
            finished_at: None,
            leaves: 0,
            bytes: None,
            removed_at: None,
        };
        exports::insert(&mut tx, &export).await.unwrap();
        let ended = Ended {
            state: ExportState::Done,
            findings: "gateway gwy_x did not answer: unproven since its beginning",
            leaves: 9,
            bytes: Some(52_000),
        };
        exports::finish(&mut tx, export.id, &ended, START)
            .await
            .unwrap();
        let command = StoredCommand {
            id: CommandId::new(START.0, [3; 10]),
            gateway: busy.sealer.gateway,
            kind: "unlock",
            order: sekisho_domain::cbor::encode(&Order::Unlock(
                busy.world.front.id,
                HOSTILE.to_owned(),
            )),
            issued_at: START.plus_ms(-60_000),
            not_after: START.plus_ms(-50_000),
        };
        commands::insert(&mut tx, &command).await.unwrap();
        let waiting = waiting::Entry {
            id: WaitingId::new(START.0, [4; 10]),
            operator: busy.world.operator.id,
            company: busy.world.company.id,
            site: busy.world.site.id,
            person: busy.world.member.id,
            zone: Some(busy.world.quiet.id),
            kind: None,
            during: span(24, 2),
            state: WaitingState::Waiting,
            joined_at: START,
            booking: None,
            offer_until: None,
            version: 1,
            created_by: busy.world.member.id.to_string(),
        };
        waiting::insert(&mut tx, Scope::System, &waiting)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let member = acting(&busy.world.member, Role::Member);
        let feed = give_feed(app, &member, Of::Person(busy.world.member.id))
            .await
            .unwrap();
        let owner = acting(&busy.world.owner, Role::Owner);
        let offered =
            Offered::on(app, &owner, &busy.world, if hostile { HOSTILE } else { "" }).await;
        let (display, webhook) = outwards(app, &owner, &busy).await;
        Self {
            display,
            webhook,
            offered,
            feed: feed.secret,
            waiting: waiting.id,
            busy,
            setup,
            export: export.id,
            command: command.id,
            series,
            second,
            group,
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    pub(crate) fn table(&self) -> Vec<Entry> {
        let (busy, site) = (&self.busy, self.busy.world.site.id);
        let (booking, visit) = (busy.booking, busy.visit);
        let none = ApprovalId::NIL;
        let group = |what: &str| format!("/groups/{}{what}", self.group);
        let page = |route, who, path: String| Entry {
            route,
            path,
            who,
            get: Is::Page,
            post: false,
        };
        let form = |route, who, path: String| Entry {
            post: true,
            ..page(route, who, path)
        };
        let is = |get: Is, it: Entry| Entry { get, ..it };
        let only = |route, who, path: String| is(Is::Nothing, form(route, who, path));
        let at = |what: &str| format!("/sites/{site}/{what}");
        let of = |what: &str| format!("/bookings/{booking}{what}");
        let part = |what: &str| format!("/series/{}{what}", self.series);
        let link = busy.link.split_once("/visitor-pass").unwrap().1;
        let mut all = vec![
            page("/", Member, "/".to_owned()),
            form("/setup", Nobody, format!("/setup?token={}", self.setup)),
            form("/sign-in", Nobody, "/sign-in".to_owned()),
            form("/sign-in/link", Nobody, "/sign-in/link?token=x".to_owned()),
            only("/sign-out", Member, "/sign-out".to_owned()),
            only("/language", Nobody, "/language".to_owned()),
            is(Is::Leads, page("/today", Owner, "/today".to_owned())),
            is(Is::Leads, page("/evidence", Owner, "/evidence".to_owned())),
            is(Is::Leads, page("/settings", Owner, "/settings".to_owned())),
            page("/sites/{site}/settings", Owner, at("settings")),
            page("/people", Owner, "/people".to_owned()),
            page(
                "/people/{person}",
                Owner,
                format!("/people/{}", busy.attacker.id),
            ),
            page("/sites/{site}/equipment", Owner, at("equipment")),
            page("/sites/{site}/roll-call", Owner, at("roll-call")),
            page(
                "/sites/{site}/records/{event}",
                Owner,
                at(&format!("records/{}", busy.refusal)),
            ),
            page("/sites/{site}/evidence", Owner, at("evidence")),
            is(
                Is::Other,
                page("/sites/{site}/trust.policy", Owner, at("trust.policy")),
            ),
            only("/sites/{site}/exports", Owner, at("exports")),
            page(
                "/sites/{site}/exports/{export}",
                Owner,
                at(&format!("exports/{}", self.export)),
            ),
            is(
                Is::Other,
                page(
                    "/sites/{site}/exports/{export}/bundle",
                    Owner,
                    at(&format!("exports/{}/bundle", self.export)),
                ),
            ),
            only(
                "/alarms/{alarm}/acknowledge",
                Owner,
                format!("/alarms/{}/acknowledge", busy.alarm),
            ),
            page("/sites/{site}/today", Owner, at("today")),
            is(
                Is::Other,
                page("/sites/{site}/today/events", Owner, at("today/events")),
            ),
            form("/sites/{site}/book", Member, at("book")),
            page("/bookings", Member, "/bookings".to_owned()),
            page("/bookings/{booking}", Member, of("")),
            form("/bookings/{booking}/change", Member, of("/change")),
            only(
                "/bookings/{booking}/undo-change",
                Member,
                of("/undo-change"),
            ),
            only("/bookings/{booking}/cancel", Member, of("/cancel")),
            only("/bookings/{booking}/undo", Member, of("/undo")),
            only("/bookings/{booking}/extend", Member, of("/extend")),
            only("/bookings/{booking}/release", Member, of("/release")),
            is(
                Is::Other,
                page("/bookings/pass", Member, "/bookings/pass".to_owned()),
            ),
            page("/bookings/{booking}/pass", Member, of("/pass")),
            form("/bookings/{booking}/pass/print", Member, of("/pass/print")),
            form(
                "/series/new",
                Member,
                format!("/series/new?booking={booking}"),
            ),
            page("/series/{series}", Member, part("")),
            only("/series/{series}/cancel", Member, part("/cancel")),
            only("/series/{series}/undo", Member, part("/undo")),
            only("/series/{series}/except", Member, part("/except")),
            form("/sites/{site}/waiting", Member, at("waiting")),
            page(
                "/waiting/{waiting}",
                Member,
                format!("/waiting/{}", self.waiting),
            ),
            only(
                "/waiting/{waiting}/leave",
                Member,
                format!("/waiting/{}/leave", self.waiting),
            ),
            only(
                "/waiting/{waiting}/accept",
                Member,
                format!("/waiting/{}/accept", self.waiting),
            ),
            only(
                "/waiting/{waiting}/decline",
                Member,
                format!("/waiting/{}/decline", self.waiting),
            ),
            only("/bookings/{booking}/confirm", Member, of("/confirm")),
            page("/groups", Member, "/groups".to_owned()),
            page("/groups/{group}", Owner, group("")),
            only("/groups/{group}/cancel", Owner, group("/cancel")),
            only("/groups/{group}/undo", Owner, group("/undo")),
            only("/groups/{group}/join", Owner, group("/join")),
            only("/groups/{group}/leave", Owner, group("/leave")),
            form(
                "/sites/{site}/group",
                Owner,
                at(&format!(
                    "group?name=x&day=2026-11-24&from=10:00&to=11:00&person={0}&person={1}",
                    busy.world.owner.id, self.second
                )),
            ),
            page("/approvals", Owner, "/approvals".to_owned()),
            form(
                "/approvals/link",
                Nobody,
                "/approvals/link?token=x".to_owned(),
            ),
            only(
                "/approvals/{approval}/approve",
                Owner,
                format!("/approvals/{none}/approve"),
            ),
            only(
                "/approvals/{approval}/decline",
                Owner,
                format!("/approvals/{none}/decline"),
            ),
            form("/settings/approval", Owner, "/settings/approval".to_owned()),
            form(
                "/sites/{site}/settings/approval",
                Owner,
                at("settings/approval"),
            ),
            form("/sites/{site}/visits", Owner, at("visits")),
            page("/visits/{visit}", Owner, format!("/visits/{visit}")),
            page(
                "/visits/{visit}/link",
                Owner,
                format!("/visits/{visit}/link"),
            ),
            page(
                "/visits/{visit}/badge",
                Owner,
                format!("/visits/{visit}/badge"),
            ),
            only(
                "/visits/{visit}/cancel",
                Owner,
                format!("/visits/{visit}/cancel"),
            ),
            only(
                "/visits/{visit}/arrived",
                Owner,
                format!("/visits/{visit}/arrived"),
            ),
            only(
                "/visits/{visit}/left",
                Owner,
                format!("/visits/{visit}/left"),
            ),
            only(
                "/visits/{visit}/pass",
                Owner,
                format!("/visits/{visit}/pass"),
            ),
            page("/visitor-pass", Nobody, format!("/visitor-pass{link}")),
            is(
                Is::Other,
                page(
                    "/visitor-pass.svg",
                    Nobody,
                    format!("/visitor-pass.svg{link}"),
                ),
            ),
            is(
                Is::Other,
                page("/pass-sw.js", Nobody, "/pass-sw.js".to_owned()),
            ),
            only(
                "/doors/{door}/unlock",
                Owner,
                format!("/doors/{}/unlock", busy.world.front.id),
            ),
            only(
                "/doors/{door}/mode",
                Owner,
                format!("/doors/{}/mode", busy.world.front.id),
            ),
            page(
                "/commands/{command}",
                Owner,
                format!("/commands/{}", self.command),
            ),
            form("/feed", Member, "/feed".to_owned()),
            only("/feed/stop", Member, "/feed/stop".to_owned()),
            form("/sites/{site}/settings/feeds", Owner, at("settings/feeds")),
            only(
                "/sites/{site}/settings/feeds/stop",
                Owner,
                at("settings/feeds/stop"),
            ),
            is(
                Is::Other,
                page("/feeds/{file}", Nobody, format!("/feeds/{}.ics", self.feed)),
            ),
            is(
                Is::Other,
                page("/static/{*path}", Nobody, "/static/app.css".to_owned()),
            ),
        ];
        all.extend(outward_pages(self));
        all.extend(self.offered.pages(site));
        all.extend(settings(site));
        all
    }
}
