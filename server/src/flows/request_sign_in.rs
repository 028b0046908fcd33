//! Sends a person a link that signs them in.

use std::sync::Arc;

use sekisho_domain::ids::PersonId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;

use super::record::{Draft, record};
use super::secret::Secret;
use super::{FlowError, input};
use crate::app::App;
use crate::store::links::{self, Purpose};
use crate::store::people::{self, Locale, Person};
use crate::store::{Scope, Tx};

/// How long a link works, ms.
pub const LIFE_MS: i64 = 15 * 60_000;

/// How long ended links are kept before they are forgotten, ms.
pub const FORGET_MS: i64 = 24 * 3_600_000;

/// Most links of one person that work at the same time: a mailbox cannot be flooded.
const LINKS_MAX: i64 = 5;

/// Sends a link if the address is somebody's who may sign in, and answers the same if it is not.
pub async fn request_sign_in(app: &Arc<App>, email: &str) -> Result<(), FlowError> {
    let email = input::email(email)?;
    // Strangers ask too: the one writer is for addresses that are somebody's.
    let mut tx = app.db.read().await?;
    let person = people::by_email(&mut tx, Scope::System, &email)
        .await?
        .filter(|person| person.active);
    drop(tx);
    if let Some(person) = person {
        // Beside the request, so that the time of the answer does not tell whether the address is known.
        let app = Arc::clone(app);
        tokio::spawn(async move {
            if let Err(error) = make_and_send(&app, person).await {
                tracing::error!(
                    error = format!("{error:?}"),
                    "a sign-in link could not be made"
                );
            }
        });
    }
    Ok(())
}

async fn make_and_send(app: &Arc<App>, person: Person) -> Result<(), FlowError> {
    let mut tx = app.db.write().await?;
    if links::count_links(&mut tx, person.id, app.now()).await? >= LINKS_MAX {
        return Ok(());
    }
    let link = make_link(&mut tx, app, person.id).await?;
    tx.commit().await?;
    send(app, person, link);
    Ok(())
}

/// A link for a person, for who may hand it out: the command line and the demo.
pub async fn sign_in_link_for(app: &App, person: PersonId) -> Result<String, FlowError> {
    let mut tx = app.db.write().await?;
    people::get(&mut tx, Scope::System, person)
        .await?
        .filter(|it| it.active)
        .ok_or(Refusal::new(Code::NotFound))?;
    let link = make_link(&mut tx, app, person).await?;
    tx.commit().await?;
    Ok(link)
}

async fn make_link(tx: &mut Tx, app: &App, person: PersonId) -> Result<String, FlowError> {
    let secret = Secret::new(app);
    links::insert_link(
        tx,
        secret.hash(),
        Purpose::SignIn,
        Some(person),
        app.now().plus_ms(LIFE_MS),
    )
    .await?;
    record(
        tx,
        app,
        Draft::new(app, None, EventCode::SigninLinkRequested).person(app, person),
    )
    .await?;
    // The configured address, never the Host header of whoever asked.
    Ok(format!(
        "{}/sign-in/link?token={}",
        app.config.public_url(),
        secret.text()
    ))
}

/// In a thread of its own: a mailer may wait.
fn send(app: &Arc<App>, person: Person, link: String) {
    let app = Arc::clone(app);
    tokio::task::spawn_blocking(move || {
        let (subject, text) = mail(&person, &link);
        if let Err(error) = app.mailer.send(&person.email, subject, &text) {
            tracing::error!(error = format!("{error:#}"), "a sign-in mail was not sent");
        }
    });
}

fn mail(person: &Person, link: &str) -> (&'static str, String) {
    let name = &person.name;
    match person.locale {
        Locale::Ja => (
            "サインイン用リンク",
            format!(
                "{name} 様\n\n次のリンクを開き、「サインインする」を押してください。15分以内に一度だけ使えます。\n\n{link}\n\n\
                 お心当たりがない場合は、このメールを破棄してください。何も起こりません。\n"
            ),
        ),
        Locale::En => (
            "Your sign-in link",
            format!(
                "Dear {name},\n\nopen this link and press “Sign in”. It works once, within 15 minutes.\n\n{link}\n\n\
                 If you did not ask for it, throw this mail away; nothing will happen.\n"
            ),
        ),
    }
}
