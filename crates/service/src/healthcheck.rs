//! The command `healthcheck`: is the program that serves here ready? For an image without a shell or curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::http::Uri;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use crate::cli::Output;
use crate::error::{Error, Result};

/// Ask the program that serves on this machine whether it is ready
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to ask; without it /readyz at the port of the setting http.probes, else of http.listen
    #[arg(long, value_name = "URL")]
    url: Option<Uri>,
}

const TIMEOUT: Duration = Duration::from_secs(5);
/// So much of the answer is shown.
const SHOWN: usize = 4 * 1024;

/// Answers whether it is; says so in any case.
pub(crate) async fn run(args: Args, listen: SocketAddr, output: Output) -> Result<bool> {
    let url = match args.url {
        Some(url) => url,
        None => ready_at(listen).parse().map_err(|error| Error::Other(format!("{listen}: {error}")))?,
    };
    let (status, body) = tokio::time::timeout(TIMEOUT, ask(url.clone()))
        .await
        .map_err(|_| Error::Other(format!("{url} did not answer within {} s", TIMEOUT.as_secs())))?
        .map_err(|error| Error::Other(format!("{url}: {error}")))?;
    output.answer(&json!({"url": url.to_string(), "status": status}), format_args!("{status} {body}"))?;
    Ok((200..300).contains(&status))
}

/// Who listens to every address is asked at the own one.
fn ready_at(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}/readyz", SocketAddr::new(ip, listen.port()))
}

/// Status and body of the answer.
async fn ask(url: Uri) -> std::result::Result<(u16, String), Box<dyn std::error::Error + Send + Sync>> {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(url).await.map_err(|error| cause(&error))?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), SHOWN).collect().await;
    let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    Ok((status, String::from_utf8_lossy(&body).trim().to_owned()))
}

/// What lies behind an error, which itself says only that something went wrong.
fn cause(mut error: &dyn std::error::Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_listens_everywhere_is_asked_here() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080/readyz"),
            ("[::]:81", "http://[::1]:81/readyz"),
            ("10.1.2.3:80", "http://10.1.2.3:80/readyz"),
        ] {
            assert_eq!(ready_at(listen.parse().unwrap()), asked);
        }
    }
}
