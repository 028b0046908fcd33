//! The same closed loop for every system: so many connections, each asks for one thing at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::line::{ms, number, percentile};

/// What a loop came to.
pub(crate) struct Load {
    /// How long each took, ms.
    pub(crate) took: Vec<f64>,
    /// From the first question to the last answer.
    pub(crate) elapsed: Duration,
}

impl Load {
    /// Answers a second.
    pub(crate) fn per_s(&self) -> f64 {
        number(self.took.len()) / self.elapsed.as_secs_f64()
    }

    /// A percentile of the answers' times, ms.
    pub(crate) fn ms(&self, percent: usize) -> f64 {
        percentile(&self.took, percent)
    }
}

/// Asks for the things `from..from + most` over `lanes` connections, until all are had or `until` has passed. A question that
/// fails ends the run: a rate of errors is no rate.
pub(crate) async fn closed_loop<F, Fut>(
    lanes: usize,
    from: usize,
    most: usize,
    longest: Duration,
    ask: F,
) -> anyhow::Result<Load>
where
    F: Fn(Client, usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(from));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..lanes {
        let (ask, next, http) = (ask.clone(), Arc::clone(&next), client()?);
        tasks.spawn(async move {
            let mut took = Vec::new();
            while begun.elapsed() < longest {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= from + most {
                    break;
                }
                let asked = Instant::now();
                ask(http.clone(), n).await?;
                took.push(ms(asked.elapsed()));
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(lane) = tasks.join_next().await {
        took.extend(lane??);
    }
    let elapsed = begun.elapsed();
    if took.is_empty() {
        bail!("nothing was asked");
    }
    Ok(Load { took, elapsed })
}

/// Rounds in which all clients want the same thing at the same moment: how many got it in each.
pub(crate) async fn race<F, Fut>(
    clients: usize,
    rounds: usize,
    want: F,
) -> anyhow::Result<Vec<usize>>
where
    F: Fn(Client, usize, usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = anyhow::Result<bool>> + Send + 'static,
{
    let https: Vec<_> = (0..clients).map(|_| client()).collect::<Result<_, _>>()?;
    let mut winners = Vec::new();
    for round in 0..rounds {
        let start = Arc::new(tokio::sync::Barrier::new(clients));
        let mut tasks = JoinSet::new();
        for (n, http) in https.iter().cloned().enumerate() {
            let (want, start) = (want.clone(), Arc::clone(&start));
            tasks.spawn(async move {
                start.wait().await;
                want(http, n, round).await
            });
        }
        let mut won = 0;
        while let Some(answer) = tasks.join_next().await {
            won += usize::from(answer??);
        }
        winners.push(won);
    }
    Ok(winners)
}

/// Sends; the status and the body as JSON. A failure of the system is an error, a refusal is not.
pub(crate) async fn exchange(request: RequestBuilder) -> anyhow::Result<(StatusCode, Value)> {
    let response = request.send().await?;
    let (status, url) = (response.status(), response.url().path().to_owned());
    let text = response.text().await?;
    if status.is_server_error() {
        let text: String = text.chars().take(300).collect();
        bail!("{url} failed with {status}: {text}");
    }
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok((status, value))
}

/// Sends what has to succeed.
pub(crate) async fn succeed(request: RequestBuilder) -> anyhow::Result<Value> {
    let (status, value) = exchange(request).await?;
    if !status.is_success() {
        bail!("{status}: {value}");
    }
    Ok(value)
}

/// One connection. Everything is on loopback without TLS; the client wants a TLS backend all the same.
pub(crate) fn client() -> anyhow::Result<Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        .build()?)
}
