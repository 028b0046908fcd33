//! The server's API as a stranger with a token sees it: plain JSON over HTTP.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, RequestBuilder, StatusCode};
use sekisho_domain::ids::{
    BookingId, Correlation, DoorId, GatewayId, PassId, PersonId, SeatId, SiteId, StreamId, ZoneId,
};
use sekisho_domain::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::phone::Phone;

mod inventory;
mod office;

pub use office::{Alarm, Invitation, Sum, Visit};

/// What a phone signs to register its key: this, the nonce and the person's sixteen bytes.
const HOLDER_MESSAGE: &[u8] = b"sekisho/holder/v1";

/// A client that acts as somebody.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    caller: Caller,
}

/// Who calls.
#[derive(Clone)]
enum Caller {
    /// A program with a token.
    Token(String),
    /// A person with the cookie of a session.
    Session(String),
}

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server answered no (RFC 9457).
    #[error("{status} {code}: {title}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code of the refusal.
        code: String,
        /// Its sentence.
        title: String,
    },
    /// No answer, or one that cannot be read.
    #[error("calling the API: {0}")]
    Failed(#[from] reqwest::Error),
    /// The answer is not what the contract says.
    #[error("the API answered something else: {0}")]
    Shape(String),
}

/// A created thing of which only the id matters here.
#[derive(Debug, Deserialize)]
struct Created<T> {
    id: T,
}

#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    title: String,
}

#[derive(Debug, Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// A pass as the API hands it out once.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Which.
    pub id: PassId,
    /// `K1:` text of a static pass.
    pub text: Option<String>,
    /// The signed bytes.
    pub signed: Vec<u8>,
}

#[derive(Deserialize)]
struct PassAnswer {
    id: PassId,
    text: Option<String>,
    signed: String,
}

/// A gateway as the server sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Gateway {
    /// Whether its connection is up.
    pub alive: bool,
    /// Snapshot that it reported in its last birth.
    #[serde(default)]
    pub snapshot_epoch: u64,
}

/// An event as pages and the API show it.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    /// Stable name.
    pub name: String,
    /// Which gateway sealed it; absent for the server's own.
    pub gateway: Option<GatewayId>,
    /// Of which stream.
    pub stream: Option<StreamId>,
    /// Number in that stream.
    pub seq: Option<u64>,
    /// Where.
    pub door: Option<DoorId>,
    /// Joins read, decision, unlock and door.
    pub correlation: Option<Correlation>,
    /// About whom.
    pub person: Option<PersonId>,
}

/// A line of "who is inside".
#[derive(Clone, Debug, Deserialize)]
pub struct Presence {
    /// Who.
    pub person: PersonId,
    /// State.
    pub state: String,
}

/// A seat to be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// For whom.
    pub person: PersonId,
    /// Which seat.
    pub seat: SeatId,
    /// First instant.
    pub start: Timestamp,
    /// First instant no longer inside.
    pub end: Timestamp,
}

/// What kind of pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Printed: `K1:`.
    Static,
    /// Bound to the person's phone.
    Holder,
}

impl Api {
    /// A client with a token for the server at `url`, e.g. `http://127.0.0.1:8080`.
    pub fn new(url: &str, token: &str) -> Result<Self, ApiError> {
        Ok(Self {
            http: http_client()?,
            url: url.to_owned(),
            caller: Caller::Token(token.to_owned()),
        })
    }

    /// Signs a person in with a one-time link, as pressing the page's button does.
    pub async fn sign_in(url: &str, link: &str) -> Result<Self, ApiError> {
        let http = http_client()?;
        let form = [("token", token_of(link))];
        let response = http
            .post(format!("{url}/sign-in/link"))
            .header("Origin", url)
            .form(&form)
            .send()
            .await?;
        let cookie = response
            .headers()
            .get("set-cookie")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next());
        let Some(cookie) = cookie.map(str::to_owned) else {
            checked(response).await?;
            return Err(ApiError::Shape("signing in gave no session".to_owned()));
        };
        Ok(Self {
            http,
            url: url.to_owned(),
            caller: Caller::Session(cookie),
        })
    }

    /// A site open around the clock whose grants have no margins and whose bookings start at any second.
    pub async fn create_site(&self, name: &str) -> Result<SiteId, ApiError> {
        let body = json!({"name": name, "time_zone": "Asia/Tokyo", "grid_s": 1, "grant_before_s": 0, "grant_after_s": 0});
        self.create("/sites", body).await
    }

    /// A zone.
    pub async fn create_zone(&self, site: SiteId, name: &str) -> Result<ZoneId, ApiError> {
        self.create(
            &format!("/sites/{site}/zones"),
            json!({"name": name, "certified": true}),
        )
        .await
    }

    /// A door into `zone`.
    pub async fn create_door(
        &self,
        site: SiteId,
        name: &str,
        zone: ZoneId,
        from: Option<ZoneId>,
        min_assurance: u8,
        unlock_ms: u32,
    ) -> Result<DoorId, ApiError> {
        let body = json!({"name": name, "zone": zone, "from_zone": from, "min_assurance": min_assurance, "unlock_ms": unlock_ms});
        self.create(&format!("/sites/{site}/doors"), body).await
    }

    /// A seat of `kind` (`desk`, `booth`, `room`, `phone_box`).
    pub async fn create_seat(
        &self,
        site: SiteId,
        name: &str,
        zone: ZoneId,
        kind: &str,
    ) -> Result<SeatId, ApiError> {
        self.create(
            &format!("/sites/{site}/seats"),
            json!({"name": name, "zone": zone, "kind": kind}),
        )
        .await
    }

    /// A member of the operator.
    pub async fn create_person(
        &self,
        name: &str,
        email: &str,
        locale: &str,
    ) -> Result<PersonId, ApiError> {
        self.create_person_of(None, name, email, locale).await
    }

    /// The person with a mail address.
    pub async fn person_by_email(&self, email: &str) -> Result<PersonId, ApiError> {
        #[derive(Deserialize)]
        struct Line {
            id: PersonId,
            email: String,
        }
        let people: Vec<Line> = self.all("/people?limit=200").await?;
        let found = people.into_iter().find(|line| line.email == email);
        found
            .map(|line| line.id)
            .ok_or_else(|| ApiError::Shape(format!("nobody has the address {email}")))
    }

    /// Suspends a person.
    pub async fn suspend(&self, person: PersonId) -> Result<(), ApiError> {
        self.post::<Value>(&format!("/people/{person}/suspend"), json!({}))
            .await
            .map(|_| ())
    }

    /// Registers the phone of the person who is signed in: asks for a nonce and answers it with a signature.
    pub async fn register_phone(&self, person: PersonId, phone: &Phone) -> Result<(), ApiError> {
        let answer: Value = self
            .post(&format!("/people/{person}/holder-key/nonce"), json!({}))
            .await?;
        let text = answer["nonce"]
            .as_str()
            .ok_or_else(|| ApiError::Shape("no nonce".to_owned()))?;
        let nonce = decode(text)?;
        let signature = phone
            .sign(&[HOLDER_MESSAGE, &nonce, &person.0].concat())
            .map_err(|error| ApiError::Shape(error.to_string()))?;
        let body = json!({"public_key": encode(&phone.public_key()), "nonce": text, "signature": encode(&signature)});
        self.post::<Value>(&format!("/people/{person}/holder-key"), body)
            .await
            .map(|_| ())
    }

    /// Books a seat.
    pub async fn book(&self, want: Want) -> Result<BookingId, ApiError> {
        let body = json!({"person": want.person, "seat": want.seat, "start": want.start.rfc3339(), "end": want.end.rfc3339()});
        self.create("/bookings", body).await
    }

    /// Cancels a booking.
    pub async fn cancel(&self, booking: BookingId) -> Result<(), ApiError> {
        self.post::<Value>(&format!("/bookings/{booking}/cancel"), json!({}))
            .await
            .map(|_| ())
    }

    /// Issues a pass for a booking.
    pub async fn issue_pass(&self, booking: BookingId, kind: Kind) -> Result<Pass, ApiError> {
        let kind = match kind {
            Kind::Static => "static",
            Kind::Holder => "holder",
        };
        let answer: PassAnswer = self
            .post(
                &format!("/bookings/{booking}/passes"),
                json!({"kind": kind}),
            )
            .await?;
        Ok(Pass {
            id: answer.id,
            text: answer.text,
            signed: decode(&answer.signed)?,
        })
    }

    /// Revokes a pass.
    pub async fn revoke(&self, pass: PassId) -> Result<(), ApiError> {
        self.post::<Value>(&format!("/passes/{pass}/revoke"), json!({}))
            .await
            .map(|_| ())
    }

    /// The gateway as the server sees it.
    pub async fn gateway(&self, gateway: GatewayId) -> Result<Gateway, ApiError> {
        self.call(Method::GET, &format!("/gateways/{gateway}"), None)
            .await
    }

    /// Every event of a site, oldest first, page by page.
    pub async fn events(&self, site: SiteId) -> Result<Vec<Event>, ApiError> {
        self.all(&format!("/sites/{site}/events?order=asc&limit=200"))
            .await
    }

    /// Who is at the site.
    pub async fn presence(&self, site: SiteId) -> Result<Vec<Presence>, ApiError> {
        self.all(&format!("/sites/{site}/presence?limit=200")).await
    }

    /// The auditor's trust file of a site.
    pub async fn trust_policy(&self, site: SiteId) -> Result<String, ApiError> {
        let response = self
            .request(Method::GET, &format!("/sites/{site}/trust-policy"))
            .send()
            .await?;
        Ok(checked(response).await?.text().await?)
    }

    async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ApiError> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let more = cursor
                .map(|cursor| format!("&cursor={cursor}"))
                .unwrap_or_default();
            let page: Page<T> = self
                .call(Method::GET, &format!("{path}{more}"), None)
                .await?;
            items.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(items),
            }
        }
    }

    async fn create<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, ApiError> {
        self.post::<Created<T>>(path, body)
            .await
            .map(|created| created.id)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, ApiError> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, ApiError> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let text = checked(request.send().await?).await?.text().await?;
        serde_json::from_str(&text).map_err(|error| ApiError::Shape(format!("{path}: {error}")))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url));
        match &self.caller {
            Caller::Token(token) => request.bearer_auth(token),
            Caller::Session(cookie) => request.header("Cookie", cookie).header("Origin", &self.url),
        }
    }
}

/// Completes the first set-up with the one-time link, as the page's form does. `link` is the URL that `sekisho setup-link` prints.
pub async fn set_up(
    public_url: &str,
    link: &str,
    organisation: &str,
    name: &str,
    email: &str,
) -> Result<(), ApiError> {
    let token = token_of(link);
    let form = [
        ("token", token),
        ("organisation", organisation),
        ("name", name),
        ("email", email),
        ("locale", "ja"),
    ];
    let request = http_client()?
        .post(format!("{public_url}/setup"))
        .header("Origin", public_url)
        .form(&form);
    let response = request.send().await?;
    if response.status() == StatusCode::SEE_OTHER {
        return Ok(());
    }
    checked(response).await.map(|_| ())
}

/// The secret in a link.
fn token_of(link: &str) -> &str {
    link.split_once("token=").map_or(link, |(_, token)| token)
}

fn http_client() -> Result<reqwest::Client, ApiError> {
    // The server is on loopback without TLS; the client insists on a TLS backend all the same and gets the one in use here.
    let tls = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(|error| ApiError::Shape(error.to_string()))?
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .timeout(Duration::from_secs(20));
    Ok(builder
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

async fn checked(response: reqwest::Response) -> Result<reqwest::Response, ApiError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let problem: Problem = serde_json::from_str(&text).unwrap_or(Problem {
        code: String::new(),
        title: text.chars().take(200).collect(),
    });
    Err(ApiError::Refused {
        status: status.as_u16(),
        code: problem.code,
        title: problem.title,
    })
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, ApiError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| ApiError::Shape("not base64url".to_owned()))
}
