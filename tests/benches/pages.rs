//! The page that a site's manager keeps open, with everybody inside, over HTTP on loopback.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder, StatusCode};
use sekisho_sim::boot::OWNER;

use crate::line::{Budget, Line, ms, number, percentile};
use crate::load::client;
use crate::office::Office;

const TIMES: usize = 200;

/// `page.p75_ms`.
pub(crate) async fn line(office: &Office) -> anyhow::Result<Line> {
    let url = &office.server.url;
    let http = client()?;
    let owner = office.api.person_by_email(OWNER).await?;
    let link = office.server.sign_in_link(owner).await?;
    let cookie = sign_in(&http, url, &link).await?;
    let page = || {
        http.get(format!("{url}/sites/{}/today", office.site))
            .header("Cookie", &cookie)
    };
    let (_, bytes) = get(page()).await?;
    let (mut pages, mut lives) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        pages.push(ms(get(page()).await?.0));
        lives.push(ms(get(http.get(format!("{url}/livez"))).await?.0));
    }
    Ok(Line::new(
        "page.p75_ms",
        percentile(&pages, 75),
        "ms",
        "p75 of GET /livez on the same connection, in turn",
        percentile(&lives, 75),
    )
    .budget(Budget::Most(50.0))
    .also("p99_ms", percentile(&pages, 99))
    .also("bytes", number(bytes))
    .also("samples", number(TIMES)))
}

/// From sending to the last byte, and how many bytes.
async fn get(request: RequestBuilder) -> anyhow::Result<(Duration, usize)> {
    let begun = Instant::now();
    let response = request.send().await?;
    if response.status() != StatusCode::OK {
        bail!("{} answers {}", response.url(), response.status());
    }
    let body = response.bytes().await?;
    Ok((begun.elapsed(), body.len()))
}

/// What pressing the page's button does; the cookie of the session.
async fn sign_in(http: &Client, url: &str, link: &str) -> anyhow::Result<String> {
    let (_, token) = link
        .split_once("token=")
        .context("a link carries a token")?;
    let form = [("token", token)];
    let request = http
        .post(format!("{url}/sign-in/link"))
        .header("Origin", url)
        .form(&form);
    let response = request.send().await?;
    let cookie = response
        .headers()
        .get("set-cookie")
        .context("signing in gives a session")?;
    let (cookie, _) = cookie
        .to_str()?
        .split_once(';')
        .context("a cookie has attributes")?;
    Ok(cookie.to_owned())
}
