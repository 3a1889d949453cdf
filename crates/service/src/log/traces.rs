//! What does somebody see who follows a request through several programs? A span of ours, told to a collector.
//!
//! OpenTelemetry, by HTTP: whoever asks sends `traceparent`, and our span continues that trace.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use super::Settings;
use crate::config::wrong;
use crate::error::Result;
use crate::http::Trace;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of what it answers so much is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// Where spans go; cheap to clone.
#[derive(Clone)]
pub struct Traces(Option<Arc<Told>>);

struct Told {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// A request of which is told when it ends.
pub struct Open(Option<opentelemetry_sdk::trace::Span>);

impl Traces {
    /// As the settings say: to nobody, or to a collector.
    pub fn open(settings: &Settings) -> Result<Self> {
        let Some(url) = &settings.traces_url else { return Ok(Self(None)) };
        let refuse = |what: String| wrong("log.traces_url", format_args!("`{url}` {what}"));
        let address: axum::http::Uri =
            url.parse().map_err(|error| refuse(format!("is no address: {error}")))?;
        if !matches!(address.scheme_str(), Some("http" | "https")) || address.authority().is_none() {
            return Err(refuse("must be http://HOST:4318/v1/traces or https".to_owned()));
        }
        let sender = Sender::open().map_err(&refuse)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender)
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(url)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        let resource = Resource::builder_empty()
            .with_service_name("tollbook")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("tollbook");
        Ok(Self(Some(Arc::new(Told { provider, tracer }))))
    }

    /// Begins the span of a request; answers where it stands then.
    pub fn begin(&self, method: &'static str, route: &str, asked: Trace) -> (Open, Trace) {
        let Some(told) = &self.0 else { return (Open(None), asked) };
        let parent = asked.parent_id.map(|parent| {
            let (trace, span) = (TraceId::from(asked.trace_id), SpanId::from(parent));
            SpanContext::new(trace, span, TraceFlags::new(asked.flags), true, TraceState::NONE)
        });
        let around =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let attributes =
            [KeyValue::new("http.request.method", method), KeyValue::new("http.route", route.to_owned())];
        let builder = told.tracer.span_builder(format!("{method} {route}"));
        let builder = builder.with_kind(SpanKind::Server).with_attributes(attributes);
        let span = builder.start_with_context(&told.tracer, &around);
        let known = span.span_context();
        let trace = Trace {
            trace_id: u128::from_be_bytes(known.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(known.span_id().to_bytes()),
            flags: known.trace_flags().to_u8(),
            ..asked
        };
        (Open(Some(span)), trace)
    }

    /// Tells what is not told yet: the program stops.
    pub async fn finish(&self) {
        let Some(told) = self.0.clone() else { return };
        let ended = tokio::task::spawn_blocking(move || told.provider.shutdown_with_timeout(PATIENCE)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "spans were not told to the collector");
        }
    }
}

impl Open {
    /// The request was answered.
    pub fn end(self, status: u16) {
        let Some(mut span) = self.0 else { return };
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_status(Status::error("a fault"));
        }
        span.end();
    }
}

/// Sends what the exporter gathers, from whatever thread it calls.
#[derive(Debug)]
struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl Sender {
    fn open() -> std::result::Result<Self, String> {
        let provider = rustls::crypto::ring::default_provider();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into());
        let tls = tls.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let tls = hyper_rustls::ConfigBuilderExt::with_webpki_roots(tls).with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, runtime: Handle::try_current().map_err(|error| error.to_string())? })
    }
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        // The exporter's thread has no runtime of its own.
        let sent = self.runtime.spawn(async move {
            let answered = tokio::time::timeout(PATIENCE, client.request(request.map(Full::new))).await;
            let (head, body) = answered??.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        });
        sent.await?
    }
}
