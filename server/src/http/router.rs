//! Every route, in one table, with the layers around them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::layers::{Ids, REQUEST_ID, span};
use super::problem::Result;
use super::{api, assets, display, errors, feed, headers, idempotency, pages, session};
use crate::app::App;
use crate::store::holds;

/// Largest body of the API, bytes.
pub(super) const API_BODY_MAX: usize = 256 * 1024;

/// Largest form of a page, bytes.
const FORM_MAX: usize = 64 * 1024;

/// Longest time for an answer. Live pages begin theirs at once.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The whole server, as it stands behind the pages' listener.
pub fn router(app: Arc<App>) -> Router {
    let pages = pages()
        .merge(visits())
        .merge(series())
        .merge(settings())
        .merge(lines())
        .merge(approvals())
        .merge(groups())
        .merge(inventory())
        .layer(RequestBodyLimitLayer::new(FORM_MAX))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&app), session::authenticate));
    let api = documented()
        .split_for_parts()
        .0
        .route("/api/v1/openapi.json", get(api::document::openapi))
        .route("/api/{*rest}", axum::routing::any(api::nothing));
    let api = api
        .layer(from_fn_with_state(Arc::clone(&app), idempotency::repeat))
        .layer(from_fn_with_state(Arc::clone(&app), session::authenticate))
        .layer(RequestBodyLimitLayer::new(API_BODY_MAX))
        .layer(DefaultBodyLimit::disable());
    let id = Ids::new(Arc::clone(&app));
    Router::new()
        .merge(pages)
        .merge(api)
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .layer(CatchPanicLayer::custom(errors::panicked))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIMEOUT,
        ))
        .layer(CsrfLayer::new())
        .layer(from_fn(headers::exempt_tokens))
        .layer(from_fn(errors::write))
        .layer(from_fn(headers::secure))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_failure(()),
        )
        .layer(SetRequestIdLayer::new(REQUEST_ID, id))
        .layer(from_fn(headers::forget_request_id))
        .with_state(app)
}

#[expect(clippy::too_many_lines, reason = "one table of pages")]
fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(pages::home::show))
        .route(
            "/setup",
            get(pages::setup::show).post(pages::setup::complete),
        )
        .route(
            "/sign-in",
            get(pages::sign_in::show).post(pages::sign_in::request),
        )
        .route(
            "/sign-in/link",
            get(pages::sign_in::link).post(pages::sign_in::consume),
        )
        .route("/sign-out", post(pages::sign_in::sign_out))
        .route("/language", post(pages::language::choose))
        .route("/today", get(pages::choose::today))
        .route("/evidence", get(pages::choose::evidence))
        .route("/people", get(pages::people::show))
        .route("/people/{person}", get(pages::person::show))
        .route("/sites/{site}/equipment", get(pages::equipment::show))
        .route("/sites/{site}/roll-call", get(pages::roll_call::show))
        .route("/sites/{site}/records/{event}", get(pages::record::show))
        .route("/sites/{site}/evidence", get(pages::evidence::show))
        .route("/sites/{site}/trust.policy", get(pages::evidence::trust))
        .route("/sites/{site}/exports", post(pages::export::start))
        .route("/sites/{site}/exports/{export}", get(pages::export::show))
        .route(
            "/sites/{site}/exports/{export}/bundle",
            get(pages::export::bundle),
        )
        .route(
            "/alarms/{alarm}/acknowledge",
            post(pages::alarm::acknowledge),
        )
        .route("/sites/{site}/today", get(pages::today::show))
        .route("/sites/{site}/today/events", get(pages::today::live))
        .route(
            "/sites/{site}/book",
            get(pages::book::show).post(pages::book::book),
        )
        .route("/bookings/{booking}", get(pages::booking::show))
        .route("/bookings", get(pages::bookings::show))
        .route(
            "/bookings/{booking}/change",
            get(pages::change::show).post(pages::change::change),
        )
        .route(
            "/bookings/{booking}/undo-change",
            post(pages::booking::change_back),
        )
        .route("/bookings/{booking}/cancel", post(pages::booking::cancel))
        .route("/bookings/{booking}/undo", post(pages::booking::undo))
        .route("/bookings/{booking}/extend", post(pages::booking::extend))
        .route("/bookings/{booking}/release", post(pages::booking::release))
        .route("/bookings/pass", get(pages::pass::current))
        .route("/bookings/{booking}/pass", get(pages::pass::show))
        .route(
            "/bookings/{booking}/pass/print",
            get(pages::pass::print).post(pages::pass::issue),
        )
        .route("/pass-sw.js", get(pages::pass::worker))
        .route("/doors/{door}/unlock", post(pages::order::unlock))
        .route("/doors/{door}/mode", post(pages::order::set_mode))
        .route("/commands/{command}", get(pages::order::show))
        .route("/feed", get(pages::feeds::show).post(pages::feeds::give))
        .route("/feed/stop", post(pages::feeds::stop))
        .route(
            "/sites/{site}/settings/feeds",
            get(pages::feeds::seats).post(pages::feeds::give_seat),
        )
        .route(
            "/sites/{site}/settings/feeds/stop",
            post(pages::feeds::stop_seat),
        )
        .route("/feeds/{file}", get(feed::show))
        .route(
            "/sites/{site}/settings/displays",
            get(pages::displays::show).post(pages::displays::add),
        )
        .route(
            "/sites/{site}/settings/displays/stop",
            post(pages::displays::stop),
        )
        .route("/display/{secret}", get(display::show))
        .route("/display/{secret}/state", get(display::state))
        .route("/display/{secret}/book.svg", get(display::book))
        .route("/display-sw.js", get(display::worker))
        .route("/sites/{site}/bookings.csv", get(api::exports::month_csv))
        .route(
            "/webhooks",
            get(pages::webhooks::list).post(pages::webhooks::add),
        )
        .route(
            "/webhooks/{webhook}",
            get(pages::webhooks::show).post(pages::webhooks::set),
        )
        .route("/webhooks/{webhook}/do", post(pages::webhooks::act))
        .route("/static/{*path}", get(assets::get))
        .fallback(pages::nothing)
}

/// Bookings that were made together.
fn groups() -> Router<Arc<App>> {
    Router::new()
        .route("/groups", get(pages::groups::list))
        .route("/groups/{group}", get(pages::groups::show))
        .route("/groups/{group}/cancel", post(pages::groups::cancel))
        .route("/groups/{group}/undo", post(pages::groups::undo))
        .route("/groups/{group}/join", post(pages::groups::join))
        .route("/groups/{group}/leave", post(pages::groups::leave))
        .route(
            "/sites/{site}/group",
            get(pages::group_form::show).post(pages::group_form::book),
        )
}

/// Bookings that wait for somebody's word.
fn approvals() -> Router<Arc<App>> {
    Router::new()
        .route("/bookings/{booking}/confirm", post(pages::held::confirm))
        .route("/approvals", get(pages::approvals::show))
        .route(
            "/approvals/link",
            get(pages::approvals::link).post(pages::approvals::consume),
        )
        .route(
            "/approvals/{approval}/approve",
            post(pages::approvals::approve),
        )
        .route(
            "/approvals/{approval}/decline",
            post(pages::approvals::decline),
        )
        .route(
            "/settings/approval",
            get(pages::approval_rules::own).post(pages::approval_rules::save_own),
        )
        .route(
            "/sites/{site}/settings/approval",
            get(pages::approval_rules::show).post(pages::approval_rules::save),
        )
}

fn visits() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/sites/{site}/visits",
            get(pages::visitors::show).post(pages::visitors::invite),
        )
        .route("/visits/{visit}", get(pages::visitor::show))
        .route("/visits/{visit}/link", get(pages::visitor::link))
        .route("/visits/{visit}/badge", get(pages::visitor::badge))
        .route("/visits/{visit}/cancel", post(pages::visitor::cancel))
        .route("/visits/{visit}/arrived", post(pages::visitor::arrived))
        .route("/visits/{visit}/left", post(pages::visitor::left))
        .route("/visits/{visit}/pass", post(pages::visitor::reissue))
        .route("/visitor-pass", get(pages::visitor::own))
        .route("/visitor-pass.svg", get(pages::visitor::own_code))
}

fn settings() -> Router<Arc<App>> {
    Router::new()
        .route("/settings", get(pages::choose::settings))
        .route("/sites/{site}/settings", get(pages::settings::show))
        .route(
            "/sites/{site}/settings/closures",
            get(pages::closures::show).post(pages::closures::make),
        )
        .route(
            "/sites/{site}/settings/closures/{closure}/end",
            post(pages::closures::end),
        )
        .route(
            "/sites/{site}/settings/closures/{closure}/undo",
            post(pages::closures::undo),
        )
        .route(
            "/sites/{site}/settings/hours",
            get(pages::hours::show).post(pages::hours::save),
        )
        .route(
            "/sites/{site}/settings/hours/days",
            post(pages::hours::add_day),
        )
        .route(
            "/sites/{site}/settings/hours/days/remove",
            post(pages::hours::remove_day),
        )
}

/// What a site has to offer.
fn inventory() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/sites/{site}/settings/floors",
            get(pages::floors::show).post(pages::floors::add),
        )
        .route(
            "/sites/{site}/settings/floors/{floor}",
            post(pages::floors::set),
        )
        .route(
            "/sites/{site}/settings/floors/{floor}/plan",
            get(pages::floor_plan::show).post(pages::floor_plan::save),
        )
        .route(
            "/sites/{site}/settings/seats",
            get(pages::seats::show).post(pages::seats::add),
        )
        .route(
            "/sites/{site}/settings/seats/{seat}",
            get(pages::seat::show).post(pages::seat::set),
        )
        .route(
            "/sites/{site}/settings/seats/{seat}/service",
            post(pages::seat::service),
        )
        .route(
            "/sites/{site}/settings/seats/{seat}/parts",
            post(pages::seat::combine),
        )
        .route(
            "/sites/{site}/settings/pools",
            get(pages::pools::show).post(pages::pools::add),
        )
        .route(
            "/sites/{site}/settings/pools/{pool}",
            get(pages::pools::show_one).post(pages::pools::set),
        )
}

fn series() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/series/new",
            get(pages::series_new::show).post(pages::series_new::make),
        )
        .route("/series/{series}", get(pages::series::show))
        .route("/series/{series}/cancel", post(pages::series::cancel))
        .route("/series/{series}/undo", post(pages::series::undo))
        .route("/series/{series}/except", post(pages::series::except))
}

fn lines() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/sites/{site}/waiting",
            get(pages::waiting::join_form).post(pages::waiting::join),
        )
        .route("/waiting/{waiting}", get(pages::waiting::show))
        .route("/waiting/{waiting}/leave", post(pages::waiting::leave))
        .route("/waiting/{waiting}/accept", post(pages::waiting::accept))
        .route("/waiting/{waiting}/decline", post(pages::waiting::decline))
}

/// The routes that stand in the OpenAPI document.
#[expect(clippy::too_many_lines, reason = "one table of every documented route")]
pub(super) fn documented() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(api::document::about())
        .routes(routes!(api::organisations::own))
        .routes(routes!(
            api::organisations::list,
            api::organisations::create
        ))
        .routes(routes!(api::sites::list, api::sites::create))
        .routes(routes!(api::sites::get))
        .routes(routes!(api::calendar::show, api::calendar::put))
        .routes(routes!(api::closures::list, api::closures::create))
        .routes(routes!(api::closures::preview_at))
        .routes(routes!(api::closures::get))
        .routes(routes!(api::closures::effects))
        .routes(routes!(api::closures::end))
        .routes(routes!(api::closures::undo))
        .routes(routes!(api::sites::access, api::sites::grant))
        .routes(routes!(api::places::zones_of, api::places::create_zone_at))
        .routes(routes!(api::places::doors_of, api::places::create_door_at))
        .routes(routes!(api::orders::unlock))
        .routes(routes!(api::orders::change_mode))
        .routes(routes!(api::orders::get))
        .routes(routes!(api::seats::seats_of, api::seats::create_seat_at))
        .routes(routes!(api::seats::get, api::seats::patch))
        .routes(routes!(api::seats::put_place, api::seats::delete_place))
        .routes(routes!(api::inventory::parts, api::inventory::put_parts))
        .routes(routes!(
            api::inventory::floors_of,
            api::inventory::create_floor_at
        ))
        .routes(routes!(api::inventory::floor, api::inventory::put_floor))
        .routes(routes!(
            api::floor_plan::floor_plan,
            api::floor_plan::put_floor_plan
        ))
        .routes(routes!(
            api::inventory::pools_of,
            api::inventory::create_pool_at
        ))
        .routes(routes!(api::inventory::get_pool, api::inventory::put_pool))
        .routes(routes!(api::availability::taken_at))
        .routes(routes!(api::availability::free_at))
        .routes(routes!(api::people::list, api::people::create))
        .routes(routes!(api::people::get))
        .routes(routes!(api::people::suspend))
        .routes(routes!(api::people::nonce))
        .routes(routes!(api::people::register))
        .routes(routes!(api::bookings::list, api::bookings::create))
        .routes(routes!(api::bookings::get, api::bookings::change))
        .routes(routes!(api::bookings::change_back))
        .routes(routes!(api::bookings::confirm))
        .routes(routes!(api::bookings::cancel))
        .routes(routes!(api::bookings::undo))
        .routes(routes!(api::bookings::extend))
        .routes(routes!(api::bookings::release))
        .routes(routes!(api::series::list, api::series::create))
        .routes(routes!(api::series::preview))
        .routes(routes!(api::series::get))
        .routes(routes!(api::series::cancel))
        .routes(routes!(api::series::undo))
        .routes(routes!(api::series::except))
        .routes(routes!(api::series::change))
        .routes(routes!(api::series::length, api::series::set_length))
        .routes(routes!(api::waiting::list, api::waiting::create))
        .routes(routes!(api::waiting::get))
        .routes(routes!(api::waiting::leave))
        .routes(routes!(api::waiting::accept))
        .routes(routes!(api::waiting::decline))
        .routes(routes!(api::groups::list, api::groups::create))
        .routes(routes!(api::groups::preview))
        .routes(routes!(api::groups::get))
        .routes(routes!(api::groups::cancel))
        .routes(routes!(api::groups::undo))
        .routes(routes!(api::groups::join))
        .routes(routes!(api::groups::leave))
        .routes(routes!(api::approvals::list))
        .routes(routes!(api::approvals::of_booking))
        .routes(routes!(api::approvals::approve))
        .routes(routes!(api::approvals::decline))
        .routes(routes!(
            api::approvals::rule_of_site,
            api::approvals::set_rule_of_site
        ))
        .routes(routes!(
            api::approvals::rule_of_company,
            api::approvals::set_rule_of_company
        ))
        .routes(routes!(api::passes::list, api::passes::create))
        .routes(routes!(api::passes::get))
        .routes(routes!(api::passes::status))
        .routes(routes!(api::passes::qr))
        .routes(routes!(api::passes::revoke))
        .routes(routes!(api::visits::list, api::visits::create))
        .routes(routes!(api::visits::policy, api::visits::set_policy))
        .routes(routes!(api::visits::get))
        .routes(routes!(api::visits::code))
        .routes(routes!(api::visits::qr))
        .routes(routes!(api::visits::reissue))
        .routes(routes!(api::visits::cancel))
        .routes(routes!(api::visits::arrived))
        .routes(routes!(api::visits::left))
        .routes(routes!(api::quotas::list, api::quotas::create))
        .routes(routes!(api::quotas::get, api::quotas::change))
        .routes(routes!(api::quotas::end))
        .routes(routes!(api::quotas::entries))
        .routes(routes!(api::plans::list, api::plans::create))
        .routes(routes!(api::plans::holders, api::plans::give))
        .routes(routes!(api::plans::take))
        .routes(routes!(api::gateways::list, api::gateways::create))
        .routes(routes!(api::gateways::get))
        .routes(routes!(api::gateways::revoke))
        .routes(routes!(api::gateways::devices_of))
        .routes(routes!(api::gateways::presence_at))
        .routes(routes!(api::health::alarms_at))
        .routes(routes!(api::health::acknowledge))
        .routes(routes!(api::health::gaps_at))
        .routes(routes!(api::events::list))
        .routes(routes!(api::evidence::log_of))
        .routes(routes!(api::evidence::trust))
        .routes(routes!(api::evidence::list, api::evidence::create))
        .routes(routes!(api::evidence::get))
        .routes(routes!(api::evidence::bundle))
        .routes(routes!(api::feeds::list, api::feeds::create))
        .routes(routes!(api::feeds::revoke))
        .routes(routes!(api::exports::bookings_csv))
        .routes(routes!(api::displays::list, api::displays::create))
        .routes(routes!(api::displays::revoke))
        .routes(routes!(api::webhooks::list, api::webhooks::create))
        .routes(routes!(
            api::webhooks::get,
            api::webhooks::put,
            api::webhooks::end
        ))
        .routes(routes!(api::webhooks::pause))
        .routes(routes!(api::webhooks::resume))
        .routes(routes!(api::webhooks::rotate))
        .routes(routes!(api::webhooks::test))
        .routes(routes!(api::webhooks::replay))
        .routes(routes!(api::webhooks::messages))
        .routes(routes!(api::tokens::list, api::tokens::create))
        .routes(routes!(api::tokens::revoke))
}

async fn alive() -> &'static str {
    "ok\n"
}

/// Ready as long as the database answers. Sites that are not signed are counted, not named: anybody may ask this.
async fn ready(State(app): State<Arc<App>>) -> Result<String> {
    let held = holds::all(&mut app.db.read().await?).await?.len();
    Ok(match held {
        0 => "ok\n".to_owned(),
        logs => format!("ok\nheld: {logs} logs are not signed, see `sekisho doctor`\n"),
    })
}
