//! Plans: named sets of limits, given to people and companies.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::ids::PlanId;
use sekisho_domain::refusal::Code;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::quotas::{holder_text, read_holder};
use super::types::{Page, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::create_plan::create_plan;
use crate::flows::give_plan::{give_plan, take_plan};
use crate::http::extract::{Json, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::plans;

/// A plan. Its limits are those whose holder it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Plan {
    /// Which.
    #[schema(value_type = String, example = "pln_01jd6xwq5t0000000000000000")]
    pub id: PlanId,
    /// Its name.
    pub name: String,
    /// Since when.
    #[schema(inline)]
    pub created_at: Time,
}

/// A plan to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPlan {
    /// 1 to 120 characters.
    #[schema(example = "月20時間")]
    pub name: String,
}

/// Whom a plan is given to or taken from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanFor {
    /// A person or a company.
    #[schema(example = "per_01jd6xwq5t0000000000000000")]
    pub holder: String,
}

/// Who has a plan, or had it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanHolder {
    /// A person or a company.
    pub holder: String,
    /// From when.
    #[schema(inline)]
    pub from: Time,
    /// Until when; null: they have it.
    #[schema(inline)]
    pub until: Option<Time>,
}

impl From<plans::Plan> for Plan {
    fn from(it: plans::Plan) -> Self {
        Self {
            id: it.id,
            name: it.name,
            created_at: it.created_at.into(),
        }
    }
}

/// Creates a plan of the caller's organisation.
#[utoipa::path(post, path = "/api/v1/plans", tag = "limits", request_body = AddPlan, responses((status = 201, body = Plan), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddPlan>,
) -> Result<Response> {
    let made: Plan = create_plan(&app, &caller.actor, caller.organisation, &want.name)
        .await?
        .into();
    Ok(created(
        &format!("/api/v1/plans/{}/holders", made.id),
        &made,
    ))
}

/// Plans of the caller's organisation.
#[utoipa::path(get, path = "/api/v1/plans", tag = "limits", responses((status = 200, body = Page<Plan>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader) -> Result<Answer<Page<Plan>>> {
    reader.limits()?;
    let scope = reader.scope();
    let found = plans::list(&mut reader.tx, scope).await?;
    Ok(Page::all(found.into_iter().map(Into::into).collect()))
}

/// Who has a plan, and who had it.
#[utoipa::path(get, path = "/api/v1/plans/{plan}/holders", tag = "limits", params(("plan" = String, Path)), responses((status = 200, body = Page<PlanHolder>), (status = "default", body = Problem)))]
pub async fn holders(
    mut reader: Reader,
    Path(id): Path<PlanId>,
) -> Result<Answer<Page<PlanHolder>>> {
    reader.limits()?;
    let scope = reader.scope();
    let plan = plans::get(&mut reader.tx, scope, id).await?;
    plan.ok_or(Error::from(Code::NotFound))?;
    let found = plans::holders(&mut reader.tx, scope, id).await?;
    let item = |it: plans::Holder| PlanHolder {
        holder: holder_text(it.kind, &it.holder),
        from: it.from.into(),
        until: it.until.map(Into::into),
    };
    Ok(Page::all(found.into_iter().map(item).collect()))
}

/// Gives a plan to a person or a company.
#[utoipa::path(post, path = "/api/v1/plans/{plan}/holders", tag = "limits", params(("plan" = String, Path)), request_body = PlanFor, responses((status = 200, body = Page<PlanHolder>), (status = "default", body = Problem)))]
pub async fn give(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(id): Path<PlanId>,
    Json(want): Json<PlanFor>,
) -> Result<Answer<Page<PlanHolder>>> {
    let caller = reader.caller.clone();
    drop(reader);
    give_plan(&app, &caller.actor, id, read_holder(&want.holder)?).await?;
    let tx = app.db.read().await?;
    holders(Reader { caller, tx }, Path(id)).await
}

/// Takes a plan away again.
#[utoipa::path(post, path = "/api/v1/plans/{plan}/holders/end", tag = "limits", params(("plan" = String, Path)), request_body = PlanFor, responses((status = 200, body = Page<PlanHolder>), (status = "default", body = Problem)))]
pub async fn take(
    State(app): State<Arc<App>>,
    reader: Reader,
    Path(id): Path<PlanId>,
    Json(want): Json<PlanFor>,
) -> Result<Answer<Page<PlanHolder>>> {
    let caller = reader.caller.clone();
    drop(reader);
    take_plan(&app, &caller.actor, id, read_holder(&want.holder)?).await?;
    let tx = app.db.read().await?;
    holders(Reader { caller, tx }, Path(id)).await
}
