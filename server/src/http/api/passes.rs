//! Passes: what opens the door.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::grant_interval;
use sekisho_domain::cbor;
use sekisho_domain::crypto::Unverified;
use sekisho_domain::ids::{BookingId, PassId, PersonId, SiteId};
use sekisho_domain::pass::static_text;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::SNAPSHOT_MAX;
use sekisho_domain::wire::snapshot::{PassState, Snapshot};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use crate::flows::revoke_pass::revoke_pass;
use crate::http::extract::{Json, NoBody, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::{Scope, Tx, bookings, columns, gateways, holder_keys, passes, sites, snapshots};

/// A pass.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pass {
    /// Which.
    #[schema(value_type = String, example = "pas_01jd6xwq5t0000000000000000")]
    pub id: PassId,
    /// For which booking.
    #[schema(value_type = String)]
    pub booking: BookingId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Whose.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// `static` or `holder`.
    pub kind: Kind,
    /// `active`, `revoked` or `cancelled`.
    pub state: &'static str,
    /// First instant at which it opens.
    #[schema(inline)]
    pub start: Time,
    /// First instant at which it no longer opens.
    #[schema(inline)]
    pub end: Time,
    /// Of a static pass: what a reader reads (`K1:…`).
    pub text: Option<String>,
    /// base64url of the signed pass (COSE_Sign1): what a phone keeps and makes its codes from.
    pub signed: String,
    /// Of a static pass: its QR code as a picture.
    #[schema(example = "/api/v1/passes/pas_01jd6xwq5t0000000000000000/qr.svg")]
    pub qr: Option<String>,
    /// When it was issued.
    #[schema(inline)]
    pub created_at: Time,
}

/// How a pass stands now.
#[derive(Debug, Serialize, ToSchema)]
pub struct PassStatus {
    /// `active`, `revoked` or `cancelled`.
    pub state: &'static str,
    /// base64url of the public key (65 bytes) of the phone that can show it; null for a static pass, and when another phone was
    /// registered since.
    pub phone_key: Option<String>,
    /// Whether the site's gateway holds the pass: then a short `K3:` code will do, else the phone shows `K2:`.
    pub known_at_gateway: bool,
    /// First instant at which the booking no longer opens doors. Later than the pass's own end after an extension: issue the pass
    /// again to get one that lasts as long.
    #[schema(inline)]
    pub end: Time,
    /// The server's clock, by which a phone corrects its own.
    #[schema(inline)]
    pub now: Time,
}

/// How a pass is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Printed: opens once, at doors of assurance 0.
    Static,
    /// On a phone that signs every code.
    Holder,
}

/// A pass to issue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPass {
    /// How it will be shown.
    pub kind: Kind,
}

impl From<passes::Pass> for Pass {
    fn from(it: passes::Pass) -> Self {
        let kind = if it.holder_key.is_some() {
            Kind::Holder
        } else {
            Kind::Static
        };
        let text = (kind == Kind::Static).then(|| static_text(&it.signed));
        Self {
            id: it.id,
            booking: it.booking,
            site: it.site,
            person: it.person,
            kind,
            state: passes::state_name(it.state),
            start: it.during.start.into(),
            end: it.during.end.into(),
            qr: text
                .is_some()
                .then(|| format!("/api/v1/passes/{}/qr.svg", it.id)),
            text,
            signed: URL_SAFE_NO_PAD.encode(&it.signed),
            created_at: it.created_at.into(),
        }
    }
}

/// Issues a pass for a booking.
#[utoipa::path(post, path = "/api/v1/bookings/{booking}/passes", tag = "passes", params(("booking" = String, Path)), request_body = AddPass,
    responses((status = 201, body = Pass), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(booking): Path<BookingId>,
    Json(want): Json<AddPass>,
) -> Result<Response> {
    let kind = match want.kind {
        Kind::Static => PassKind::Static,
        Kind::Holder => PassKind::WithHolder,
    };
    let made: Pass = issue_pass(&app, &caller.actor, IssuePass { booking, kind })
        .await?
        .pass
        .into();
    Ok(created(&format!("/api/v1/passes/{}", made.id), &made))
}

/// Passes of a booking.
#[utoipa::path(get, path = "/api/v1/bookings/{booking}/passes", tag = "passes", params(("booking" = String, Path)), responses((status = 200, body = Page<Pass>), (status = "default", body = Problem)))]
pub async fn list(
    mut reader: Reader,
    Path(booking): Path<BookingId>,
) -> Result<Answer<Page<Pass>>> {
    let (booking, scope) = (
        reader.booking(booking, Action::IssuePass).await?,
        reader.scope(),
    );
    Ok(Page::all(
        passes::of_booking(&mut reader.tx, scope, booking.id)
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
    ))
}

/// One pass.
#[utoipa::path(get, path = "/api/v1/passes/{pass}", tag = "passes", params(("pass" = String, Path)), responses((status = 200, body = Pass), (status = "default", body = Problem)))]
pub async fn get(mut reader: Reader, Path(id): Path<PassId>) -> Result<Answer<Pass>> {
    Ok(Answer(reader.pass(id).await?.into()))
}

/// How a pass stands now: what a phone asks before it shows a code.
#[utoipa::path(get, path = "/api/v1/passes/{pass}/status", tag = "passes", params(("pass" = String, Path)), responses((status = 200, body = PassStatus), (status = "default", body = Problem)))]
pub async fn status(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path(id): Path<PassId>,
) -> Result<Answer<PassStatus>> {
    let pass = reader.pass(id).await?;
    // Seeing the pass was checked; the key and the gateway may belong to other organisations than the caller's.
    let active = holder_keys::active(&mut reader.tx, Scope::System, pass.person).await?;
    let phone = active.filter(|key| Some(key.id) == pass.holder_key);
    let end = opens_until(&mut reader.tx, &pass).await?;
    Ok(Answer(PassStatus {
        end: end.into(),
        state: passes::state_name(pass.state),
        phone_key: phone.map(|key| URL_SAFE_NO_PAD.encode(key.public_key.as_bytes())),
        known_at_gateway: pass.state == PassState::Active
            && is_known(&mut reader.tx, &pass).await?,
        now: app.now().into(),
    }))
}

/// When the booking behind a pass stops opening doors; a pass that ended keeps its own end.
async fn opens_until(tx: &mut Tx, pass: &passes::Pass) -> Result<Timestamp> {
    let booking = bookings::get(tx, Scope::System, pass.booking).await?;
    let site = sites::get(tx, Scope::System, pass.site).await?;
    let Some((booking, site)) = booking.zip(site) else {
        return Ok(pass.during.end);
    };
    let (before, after) = (
        columns::seconds(site.grant_before_s)?,
        columns::seconds(site.grant_after_s)?,
    );
    let grant = grant_interval(&booking.allocation(), before, after);
    Ok(grant.map_or(pass.during.end, |grant| grant.end))
}

/// Whether the site's gateway has said that it holds a snapshot with this pass. A gateway that is a snapshot behind counts as
/// not knowing: a carried code opens there in any case.
async fn is_known(tx: &mut Tx, pass: &passes::Pass) -> Result<bool> {
    let Some(gateway) = gateways::of_site(tx, pass.site).await? else {
        return Ok(false);
    };
    let head = snapshots::newest_head(tx, pass.site).await?;
    if head.is_none_or(|(epoch, _, _, made_at)| {
        gateway.snapshot_epoch != epoch || made_at < pass.created_at
    }) {
        return Ok(false);
    }
    let Some(newest) = snapshots::newest(tx, pass.site).await? else {
        return Ok(false);
    };
    // Our own bytes, from our own database.
    let signed = Unverified::parse(&newest.signed, SNAPSHOT_MAX).map_err(anyhow::Error::from)?;
    let snapshot: Snapshot =
        cbor::decode(signed.unverified_payload(), SNAPSHOT_MAX).map_err(anyhow::Error::from)?;
    Ok(snapshot
        .passes
        .iter()
        .any(|row| row.id == pass.id && row.state == PassState::Active))
}

/// The QR code of a static pass.
#[utoipa::path(get, path = "/api/v1/passes/{pass}/qr.svg", tag = "passes", params(("pass" = String, Path)),
    responses((status = 200, body = String, content_type = "image/svg+xml"), (status = "default", body = Problem)))]
pub async fn qr(mut reader: Reader, Path(id): Path<PassId>) -> Result<Response> {
    let text = Pass::from(reader.pass(id).await?)
        .text
        .ok_or(Error::from(Code::NotFound))?;
    let code = fast_qr::QRBuilder::new(text)
        .ecl(fast_qr::ECL::M)
        .build()
        .map_err(|error| anyhow::anyhow!("a pass does not fit a QR code: {error:?}"))?;
    let svg = fast_qr::convert::svg::SvgBuilder::default().to_str(&code);
    Ok((
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("image/svg+xml"),
        )],
        svg,
    )
        .into_response())
}

/// Revokes a pass: gateways refuse it within seconds.
#[utoipa::path(post, path = "/api/v1/passes/{pass}/revoke", tag = "passes", params(("pass" = String, Path)), responses((status = 200, body = Pass), (status = "default", body = Problem)))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<PassId>,
    _: NoBody,
) -> Result<Answer<Pass>> {
    Ok(Answer(revoke_pass(&app, &caller.actor, id).await?.into()))
}

impl Reader {
    /// A pass that the caller may see. Seeing it is holding it, so it takes what issuing takes.
    async fn pass(&mut self, id: PassId) -> Result<passes::Pass> {
        let scope = self.scope();
        let found = passes::get(&mut self.tx, scope, id)
            .await?
            .ok_or(Error::from(Code::NotFound))?;
        self.booking(found.booking, Action::IssuePass).await?;
        Ok(found)
    }
}
