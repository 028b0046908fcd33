//! Revokes a token: the next request with it is nobody's.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::TokenId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::tokens::{self, Token};

/// Revokes it. Safe to repeat; only the first time is recorded.
pub async fn revoke_token(app: &App, actor: &Actor, id: TokenId) -> Result<Token, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: TokenId,
    change: &mut Change<'_>,
) -> Result<Token, FlowError> {
    let token = tokens::token_by_id(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Refusal::new(Code::NotFound))?;
    let relations = authority::to_organisation(&mut change.tx, actor, token.organisation).await?;
    authority::require(actor, Action::WriteToken, &relations)?;
    let now = app.now();
    if tokens::revoke_token(&mut change.tx, actor.scope(), id, now).await? == 0 {
        return Ok(token);
    }
    let body = RegistryBody {
        id: Some(id.0.into()),
        parent: Some(token.organisation.0.into()),
    };
    record(
        &mut change.tx,
        app,
        Draft::new(app, None, EventCode::TokenRevoked)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    Ok(Token {
        revoked_at: Some(now),
        ..token
    })
}
