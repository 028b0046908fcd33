//! Tokens for programs.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::authority::{Action, Role};
use sekisho_domain::ids::TokenId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::types::{Page, Paging, Time, created};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::authority;
use crate::flows::create_token::{CreateToken, create_token};
use crate::flows::revoke_token::revoke_token;
use crate::http::extract::{Json, NoBody, Path, Query};
use crate::http::idempotency::KeepInstead;
use crate::http::problem::Result;
use crate::http::session::Caller;
use crate::store::tokens;

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// Which.
    #[schema(value_type = String, example = "tok_01jd6xwq5t0000000000000000")]
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do: `owner`, `manager`, `member` or `auditor`.
    #[schema(value_type = String)]
    pub role: Role,
    /// Since when.
    #[schema(inline)]
    pub created_at: Time,
    /// Until when.
    #[schema(inline)]
    pub expires_at: Time,
    /// When it was revoked.
    #[schema(inline)]
    pub revoked_at: Option<Time>,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewToken {
    /// Which.
    #[schema(value_type = String)]
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    #[schema(value_type = String)]
    pub role: Role,
    /// Until when.
    #[schema(inline)]
    pub expires_at: Time,
    /// The token itself. Shown only now; null when a repeat is answered.
    pub token: Option<String>,
}

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddToken {
    /// What it is for.
    pub name: String,
    /// What it may do: `owner`, `manager`, `member` or `auditor`.
    #[schema(value_type = String, example = "manager")]
    pub role: Role,
    /// How long it works, days; 90 when absent, at most 366.
    pub days: Option<u32>,
}

impl From<tokens::Token> for Token {
    fn from(it: tokens::Token) -> Self {
        Self {
            id: it.id,
            name: it.name,
            role: it.role,
            created_at: it.created_at.into(),
            expires_at: it.expires_at.into(),
            revoked_at: it.revoked_at.map(Into::into),
        }
    }
}

/// Makes a token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = AddToken, responses((status = 201, body = NewToken), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<AddToken>,
) -> Result<Response> {
    let want = CreateToken {
        organisation: caller.organisation,
        name: want.name,
        role: want.role,
        days: want.days.unwrap_or(90),
    };
    let made = create_token(&app, &caller.actor, want).await?;
    let it = made.token;
    let mut new = NewToken {
        id: it.id,
        name: it.name,
        role: it.role,
        expires_at: it.expires_at.into(),
        token: Some(made.secret),
    };
    let mut response = created("/api/v1/tokens", &new);
    new.token = None;
    response.extensions_mut().insert(KeepInstead(json!(new)));
    Ok(response)
}

/// Tokens of the caller's organisation, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(Paging), responses((status = 200, body = Page<Token>), (status = "default", body = Problem)))]
pub async fn list(mut reader: Reader, Query(paging): Query<Paging>) -> Result<Answer<Page<Token>>> {
    let (limit, before) = (paging.limit()?, paging.after::<TokenId>()?);
    let (scope, actor, organisation) = (
        reader.scope(),
        reader.caller.actor.clone(),
        reader.caller.organisation,
    );
    let relations = authority::to_organisation(&mut reader.tx, &actor, organisation).await?;
    authority::require(&actor, Action::ReadToken, &relations)?;
    let found = tokens::list_tokens(&mut reader.tx, scope, before, limit + 1).await?;
    Ok(Page::of(
        found.into_iter().map(Token::from).collect(),
        limit,
        |it| it.id.to_string(),
    ))
}

/// Revokes a token.
#[utoipa::path(post, path = "/api/v1/tokens/{token}/revoke", tag = "tokens", params(("token" = String, Path)), responses((status = 200, body = Token), (status = "default", body = Problem)))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<TokenId>,
    _: NoBody,
) -> Result<Answer<Token>> {
    Ok(Answer(revoke_token(&app, &caller.actor, id).await?.into()))
}
