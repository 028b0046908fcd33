//! The frame of every state change: begin, run the change, commit; try again what only lost a race; record a refusal; wake who
//! waits.

use std::fmt::Display;
use std::pin::Pin;

use sekisho_domain::ids::{PersonId, SiteId};
use sekisho_domain::refusal::Refusal;
use sekisho_domain::wire::body::RefusedBody;
use sekisho_domain::wire::code::EventCode;

use super::record::{Draft, record};
use super::{Actor, FlowError};
use crate::app::{App, Live};
use crate::store::{Scope, Tx, db, idempotency, sites};

/// How often a change that lost a race is tried in all.
const ATTEMPTS: u32 = 3;

tokio::task_local! {
    /// The key under which the change is asked for that this task makes, and by whom.
    static ASKED: (String, String);
}

/// Answers a request that carries an `Idempotency-Key`, whose reservation is committed: a change that says what it makes
/// ([`Change::makes`]) makes it once, however often it is asked.
pub async fn once<F: Future>(actor: &str, key: &str, answer: F) -> F::Output {
    ASKED
        .scope((actor.to_owned(), key.to_owned()), answer)
        .await
}

/// One attempt at a change. `'a` is how long what it was asked with lives: longer than any borrow of the attempt itself.
pub struct Change<'a> {
    /// What every part of the server shares.
    pub app: &'a App,
    /// Its transaction.
    pub tx: Tx,
    /// The site that it is about, once the actor is known to see it: a refusal is recorded there.
    pub about: Option<SiteId>,
    /// Whom what it frees may be offered to: people in line, locked with those that it is about (`flows::offer_freed`).
    pub line: Vec<PersonId>,
    heard: Vec<SiteId>,
}

/// What an attempt does, boxed: only so does the compiler see that it may move between threads.
pub type Attempt<'c, T> = Pin<Box<dyn Future<Output = Result<T, FlowError>> + Send + 'c>>;

impl Change<'_> {
    /// The id of what an earlier request under the same key made, whose answer was lost. To be asked under the change's locks.
    pub async fn made(&mut self) -> Result<Option<String>, FlowError> {
        let Ok((actor, key)) = ASKED.try_with(Clone::clone) else {
            return Ok(None);
        };
        let seen = idempotency::find_key(&mut self.tx, &actor, &key).await?;
        Ok(seen.and_then(|seen| seen.made))
    }

    /// Notes what is made under the request's key, if it has one, in the change's own transaction.
    pub async fn makes(&mut self, id: impl Display) -> Result<(), FlowError> {
        if let Ok((actor, key)) = ASKED.try_with(Clone::clone) {
            idempotency::note_made(&mut self.tx, &actor, &key, &id.to_string()).await?;
        }
        Ok(())
    }

    /// Locks a site's row and counts a change that its gateway must hear of. Last of all locks, sites by id.
    pub async fn facts(&mut self, site: SiteId) -> Result<(), FlowError> {
        sites::bump_facts(&mut self.tx, Scope::System, site).await?;
        self.heard.push(site);
        Ok(())
    }
}

/// Runs a change in one transaction. A serialisation failure or deadlock is tried again twice. A refusal undoes everything and
/// is recorded as an event of code `refused`.
pub async fn change<'a, T>(
    app: &'a App,
    actor: &'a Actor,
    refused: EventCode,
    attempt: impl for<'c> Fn(&'c mut Change<'a>) -> Attempt<'c, T>,
) -> Result<T, FlowError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut begun = Change {
            app,
            tx: app.db.write().await?,
            about: None,
            line: Vec::new(),
            heard: Vec::new(),
        };
        let outcome = attempt(&mut begun).await;
        let Change {
            tx, about, heard, ..
        } = begun;
        let outcome = match outcome {
            Ok(done) => tx.commit().await.map(|()| done).map_err(FlowError::from),
            Err(error) => {
                drop(tx);
                Err(error)
            }
        };
        match outcome {
            Ok(done) => {
                wake(app, &heard);
                return Ok(done);
            }
            Err(FlowError::Failed(error)) if attempts < ATTEMPTS && is_retryable(&error) => {}
            Err(FlowError::Refused(refusal)) => {
                record_refusal(app, actor, about, refused, &refusal).await;
                return Err(refusal.into());
            }
            Err(failed) => return Err(failed),
        }
    }
}

/// Records a refusal of an authenticated actor in a transaction of its own. That it could not be recorded is logged and does
/// not change the answer.
pub async fn record_refusal(
    app: &App,
    actor: &Actor,
    site: Option<SiteId>,
    code: EventCode,
    refusal: &Refusal,
) {
    if let Err(error) = try_record_refusal(app, actor, site, code, refusal).await {
        tracing::error!(
            error = format!("{error:?}"),
            refusal.code = refusal.code.name(),
            "cannot record a refusal"
        );
    }
}

async fn try_record_refusal(
    app: &App,
    actor: &Actor,
    site: Option<SiteId>,
    code: EventCode,
    refusal: &Refusal,
) -> Result<(), FlowError> {
    let name = refusal.code.name();
    let mut tx = app.db.write().await?;
    let mut draft = Draft::new(app, site, code)
        .actor(app, actor)
        .body(&RefusedBody {
            code: name.to_owned(),
        });
    draft.reasons = vec![name.to_owned()];
    record(&mut tx, app, draft).await?;
    tx.commit().await?;
    Ok(())
}

fn is_retryable(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<crate::store::SqlError>()
        .is_some_and(db::is_retryable)
}

fn wake(app: &App, heard: &[SiteId]) {
    for site in heard {
        app.facts_changed.notify_one();
        // Nobody watching is no error.
        let _ = app.live.send(Live { site: *site });
    }
}
