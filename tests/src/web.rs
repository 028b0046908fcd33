//! The server's router in this process: requests go in, answers come out, no socket between.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::response::Parts;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::app::TestApp;

/// A server without sockets.
pub struct Web {
    /// What is behind the router.
    pub test: TestApp,
    router: Router,
}

/// A request in the making.
pub struct Asking {
    router: Router,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub text: String,
}

/// A file that came back.
#[derive(Debug)]
pub struct File {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Web {
    /// In front of an app.
    pub fn new(test: TestApp) -> Self {
        let router = sekisho_server::http::router(test.app.clone());
        Self { test, router }
    }

    /// On a fresh SQLite file.
    pub async fn sqlite() -> Self {
        Self::new(TestApp::sqlite().await)
    }

    /// A request.
    pub fn ask(&self, method: Method, path: impl Into<String>) -> Asking {
        Asking {
            router: self.router.clone(),
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A GET.
    pub fn get(&self, path: impl Into<String>) -> Asking {
        self.ask(Method::GET, path)
    }

    /// A POST with a JSON body.
    pub fn post(&self, path: impl Into<String>, body: &Value) -> Asking {
        let mut asking = self
            .ask(Method::POST, path)
            .header("content-type", "application/json");
        asking.body = body.to_string().into_bytes();
        asking
    }

    /// A POST with a form.
    pub fn form(&self, path: impl Into<String>, fields: &[(&str, &str)]) -> Asking {
        let escape = |text: &str| {
            text.bytes().fold(String::new(), |out, b| {
                if b.is_ascii_alphanumeric() {
                    out + &char::from(b).to_string()
                } else {
                    out + &format!("%{b:02X}")
                }
            })
        };
        let body: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        let mut asking = self
            .ask(Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        asking.body = body.join("&").into_bytes();
        asking
    }
}

impl Asking {
    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With a session.
    #[must_use]
    pub fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie)
    }

    /// In English.
    #[must_use]
    pub fn english(self) -> Self {
        self.header("accept-language", "en")
    }

    /// With these bytes as body.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it; what comes back is no text.
    pub async fn bytes_back(self) -> File {
        let (parts, bytes) = self.exchange().await;
        File {
            status: parts.status,
            headers: parts.headers,
            body: bytes,
        }
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let (parts, bytes) = self.exchange().await;
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes).unwrap(),
        }
    }

    async fn exchange(self) -> (Parts, Vec<u8>) {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request = request.header(header::HOST, "127.0.0.1");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = self
            .router
            .oneshot(request.body(Body::from(self.body)).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (parts, bytes.to_vec())
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.text))
    }

    /// The body as JSON, where the status is the expected one.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Code of a problem document, with everything that belongs to one.
    pub fn problem(&self, status: u16) -> String {
        let it = self.expect(status);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(it["status"], status);
        assert!(
            !it["title"].as_str().unwrap().is_empty()
                && !it["request_id"].as_str().unwrap().is_empty(),
            "{it}"
        );
        assert_eq!(
            it["request_id"].as_str().unwrap(),
            self.headers["x-request-id"].to_str().unwrap()
        );
        it["code"].as_str().unwrap().to_owned()
    }

    /// `name=value` of the first cookie that was set.
    pub fn set_cookie(&self) -> String {
        self.headers["set-cookie"]
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }

    /// Where it leads.
    pub fn location(&self) -> String {
        self.headers["location"].to_str().unwrap().to_owned()
    }
}
