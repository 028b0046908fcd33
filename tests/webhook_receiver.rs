//! A receiver of webhooks that really listens, and can be told to fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use sekisho_tests::ok;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the receiver does with the next message.
#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// Takes it and answers so.
    Answers(u16),
    /// Takes it; the answer is lost.
    TakesSilently,
    /// Is gone before it has read anything.
    HangsUp,
}

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn kind(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["type"].as_str().unwrap().to_owned()
    }
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
    script: Arc<Mutex<VecDeque<Does>>>,
}

impl Receiver {
    /// Answers 200 to whatever is not in the script.
    pub(crate) async fn start() -> Self {
        let listener = ok!(TcpListener::bind("127.0.0.1:0"));
        let it = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            got: Arc::default(),
            script: Arc::default(),
        };
        let (got, script) = (Arc::clone(&it.got), Arc::clone(&it.script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let does = script.lock().unwrap().pop_front();
                receive(stream, does.unwrap_or(Does::Answers(200)), &got).await;
            }
        });
        it
    }

    pub(crate) fn will(&self, does: &[Does]) {
        self.script.lock().unwrap().extend(does);
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

async fn receive(mut stream: TcpStream, does: Does, got: &Mutex<Vec<Got>>) {
    if matches!(does, Does::HangsUp) {
        return;
    }
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let message = loop {
        let n = stream.read(&mut piece).await.unwrap_or(0);
        bytes.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(n > 0, "half a request");
            continue;
        };
        let lines = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        let headers: BTreeMap<_, _> = lines
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        if body.len() >= headers["content-length"].parse().unwrap() {
            break Got {
                headers,
                body: body.to_owned(),
            };
        }
    };
    got.lock().unwrap().push(message);
    if let Does::Answers(status) = does {
        let answer = format!(
            "HTTP/1.1 {status} X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}
