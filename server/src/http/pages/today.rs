//! Today at a site, for who runs it. The part that changes is sent again whenever something happened; without script a link
//! asks for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use sekisho_domain::access::Mode;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::Code;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::now::{Now, now_at};
use super::{Frame, page, texts};
use crate::app::{App, Live};
use crate::flows::Who;
use crate::flows::read_openings::read_openings;
use crate::http::api::Reader;
use crate::http::extract::Path;
use crate::http::lang::Lang;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::doors::Door;
use crate::store::sites::Site;
use crate::store::{doors, sessions, tokens};

/// A burst of changes is one update.
const COALESCE: Duration = Duration::from_millis(300);

/// Without any change the part is sent again after this, so that its times stay true.
const AT_LEAST: Duration = Duration::from_secs(30);

#[derive(Template)]
#[template(path = "today.html")]
struct Page {
    f: Frame,
    site: Site,
    now: Now,
    /// Doors that the reader may give orders for.
    doors: Vec<Door>,
    modes: [(&'static str, &'static str); 3],
}

/// `GET /sites/{site}/today`
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    mut reader: Reader,
    Path(id): Path<SiteId>,
) -> Result<Response> {
    let site = reader.site(id, Action::ReadPresence).await?;
    let now = now_at(&app, &mut reader, &site, f.lang).await?;
    let scope = reader.scope();
    let doors = match reader.site(id, Action::UnlockDoor).await {
        Ok(_) => doors::list(&mut reader.tx, scope, id).await?,
        Err(_) => Vec::new(),
    };
    let actor = reader.caller.actor.clone();
    drop(reader);
    read_openings(&app, &actor, id, "presence").await?;
    let modes = Mode::ALL.map(|mode| (mode.name(), texts::mode(mode, f.lang)));
    page(&Page {
        f,
        site,
        now,
        doors,
        modes,
    })
}

/// `GET /sites/{site}/today/events`: an event `live` with the part that changes, at once and after every change.
pub async fn live(
    State(app): State<Arc<App>>,
    lang: Lang,
    mut reader: Reader,
    Path(site): Path<SiteId>,
) -> Result<Response> {
    reader.site(site, Action::ReadPresence).await?;
    let caller = reader.caller.clone();
    drop(reader);
    read_openings(&app, &caller.actor, site, "presence").await?;
    let changes = app.live.subscribe();
    let watch = Watch {
        app,
        caller,
        site,
        lang,
        changes,
        is_first: true,
    };
    let parts = stream::unfold(watch, |mut watch| async move {
        watch.changed().await?;
        // When the part can no longer be made (signed out, moved, stopped) the stream ends; the browser asks again and is told.
        let html = watch.render().await.ok()?;
        Some((
            Ok::<_, Infallible>(sse::Event::default().event("live").data(html)),
            watch,
        ))
    });
    Ok(Sse::new(parts)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response())
}

struct Watch {
    app: Arc<App>,
    caller: Caller,
    site: SiteId,
    lang: Lang,
    changes: Receiver<Live>,
    is_first: bool,
}

impl Watch {
    /// Waits for a change at this site, or until it is time anyway; `None` when the server stops.
    async fn changed(&mut self) -> Option<()> {
        if std::mem::take(&mut self.is_first) {
            return Some(());
        }
        let (changes, site) = (&mut self.changes, self.site);
        let change = async move {
            loop {
                match changes.recv().await {
                    Ok(live) if live.site != site => {}
                    Ok(_) | Err(RecvError::Lagged(_) | RecvError::Closed) => break,
                }
            }
        };
        tokio::select! {
            () = self.app.stopping.cancelled() => return None,
            _ = tokio::time::timeout(AT_LEAST, change) => {}
        }
        tokio::time::sleep(COALESCE).await;
        // What came meanwhile is in what is read next.
        self.changes = self.changes.resubscribe();
        Some(())
    }

    async fn render(&self) -> Result<String> {
        let mut reader = Reader {
            caller: self.caller.clone(),
            tx: self.app.db.read().await?,
        };
        // A stream outlives the request that began it: it ends with its session or token, and when their role changes.
        let (caller, now) = (&reader.caller, self.app.now());
        let role = match (&caller.person, caller.actor.who) {
            (Some(me), _) => sessions::find_session(&mut reader.tx, me.session, now)
                .await?
                .map(|session| session.role),
            (None, Who::Token(id)) => tokens::find_token(&mut reader.tx, id, now)
                .await?
                .map(|(token, _)| token.role),
            (None, _) => None,
        };
        if role != Some(caller.actor.role) {
            return Err(Error::from(Code::NotSignedIn));
        }
        let site = reader.site(self.site, Action::ReadPresence).await?;
        let now = now_at(&self.app, &mut reader, &site, self.lang).await?;
        now.render()
            .map_err(|error| Error::from(anyhow::Error::from(error)))
    }
}
