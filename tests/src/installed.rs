//! An installation that was set up over HTTP, with a token of its owner.

use sekisho_server::flows::create_setup_link::create_setup_link;
use serde_json::{Value, json};

use crate::web::Web;

/// An installation that is set up, with a token of its owner.
pub struct Installed {
    /// The server.
    pub web: Web,
    /// A token of the owner's role.
    pub token: String,
    /// The owner's session.
    pub cookie: String,
}

impl Installed {
    /// Sets it up.
    pub async fn new() -> Self {
        let web = Web::sqlite().await;
        let link = create_setup_link(&web.test.app).await.unwrap();
        let secret = link.split_once("token=").unwrap().1.to_owned();
        let fields = [
            ("token", secret.as_str()),
            ("organisation", "まつえ観光"),
            ("name", "出雲 太郎"),
            ("email", "owner@operator.example"),
        ];
        let done = web.form("/setup", &fields).send().await;
        assert_eq!(
            (done.status.as_u16(), done.location()),
            (303, "/".to_owned()),
            "{}",
            done.text
        );
        let cookie = done.set_cookie();
        let made = web
            .post(
                "/api/v1/tokens",
                &json!({ "name": "tests", "role": "owner" }),
            )
            .cookie(&cookie)
            .send()
            .await
            .expect(201);
        Self {
            web,
            token: made["token"].as_str().unwrap().to_owned(),
            cookie,
        }
    }

    /// A POST of the token's that makes something.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        self.web
            .post(path, body)
            .token(&self.token)
            .send()
            .await
            .expect(201)
    }

    /// A GET of the token's.
    pub async fn get(&self, path: &str) -> Value {
        self.web
            .get(path)
            .token(&self.token)
            .send()
            .await
            .expect(200)
    }

    /// A site that is always open, with a front door and two seats in one zone.
    pub async fn site(&self) -> Place {
        let site = self
            .post(
                "/api/v1/sites",
                &json!({ "name": "松江", "time_zone": "Asia/Tokyo" }),
            )
            .await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let zone = self
            .post(
                &format!("/api/v1/sites/{site}/zones"),
                &json!({ "name": "執務室", "certified": true }),
            )
            .await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        self.post(
            &format!("/api/v1/sites/{site}/doors"),
            &json!({ "name": "玄関", "zone": zone }),
        )
        .await;
        let mut seats = Vec::new();
        for name in ["A-1", "A-2"] {
            let seat = self
                .post(
                    &format!("/api/v1/sites/{site}/seats"),
                    &json!({ "name": name, "zone": zone, "kind": "desk" }),
                )
                .await;
            seats.push(seat["id"].as_str().unwrap().to_owned());
        }
        Place { site, zone, seats }
    }

    /// A member of the operator.
    pub async fn person(&self, email: &str) -> String {
        self.post(
            "/api/v1/people",
            &json!({ "name": "松江 花子", "email": email }),
        )
        .await["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Signs a person in by the link in the mail; their cookie.
    pub async fn sign_in(&self, email: &str) -> String {
        assert_eq!(
            self.web
                .form("/sign-in", &[("email", email)])
                .send()
                .await
                .status,
            200
        );
        let link = loop {
            let mails = self.web.test.mailbox.0.lock().unwrap().clone();
            match mails.iter().rfind(|(to, ..)| to == email) {
                Some((_, _, text)) => {
                    break text
                        .split_whitespace()
                        .find(|word| word.contains("token="))
                        .unwrap()
                        .to_owned();
                }
                None => tokio::task::yield_now().await,
            }
        };
        let done = self
            .web
            .form(
                "/sign-in/link",
                &[("token", link.split_once("token=").unwrap().1)],
            )
            .send()
            .await;
        assert_eq!(done.status, 303, "{}", done.text);
        done.set_cookie()
    }
}

/// A site that was made over the API.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its id.
    pub site: String,
    /// Its one zone.
    pub zone: String,
    /// Its two seats.
    pub seats: Vec<String>,
}

/// What books a seat for a person tomorrow, from one hour to another.
pub fn booking(seat: &str, person: &str, from: u32, to: u32) -> Value {
    json!({ "seat": seat, "person": person, "start": format!("2026-11-21T{from:02}:00:00+09:00"), "end": format!("2026-11-21T{to:02}:00:00+09:00") })
}
