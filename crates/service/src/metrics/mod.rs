//! What does the program do, in numbers? Counted where it happens, and read by Prometheus.
//!
//! What a transaction did is counted when it commits (`db::Tx::tally`), so that nothing is counted which did not
//! happen. Each open database has numbers of its own.

mod gauges;
pub mod http;
mod names;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

pub use gauges::gather;
pub use names::*;

use crate::error::{Error, Result};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// Names and values that tell a series from others of its name.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// The numbers; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    /// When the database was asked last for what only it knows.
    gathered: Arc<Mutex<Option<Timestamp>>>,
}

impl Metrics {
    pub fn new() -> Result<Self> {
        let wrong = |error: metrics_exporter_prometheus::BuildError| Error::Other(error.to_string());
        let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        let sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &seconds);
        let builder = builder.and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full(CHARGING_BATCH_SIZE.name.into()), &sizes)
        });
        let recorder = Arc::new(builder.map_err(wrong)?.build_recorder());
        for metric in ALL {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        let handle = recorder.handle();
        Ok(Self { recorder, handle, gathered: Arc::default() })
    }

    /// Adds to a counter.
    pub fn count(&self, metric: Metric, labels: Labels<'_>, more: u64) {
        self.add(&key(metric, labels), more);
    }

    pub(crate) fn add(&self, key: &Key, more: u64) {
        self.recorder.register_counter(key, &METADATA).increment(more);
    }

    /// Sets a gauge. What is above four billion is shown as that.
    pub fn set(&self, metric: Metric, labels: Labels<'_>, value: u64) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        self.recorder.register_gauge(&key(metric, labels), &METADATA).set(value);
    }

    /// One more or one less of a gauge.
    pub fn step(&self, metric: Metric, up: bool) {
        let gauge = self.recorder.register_gauge(&key(metric, &[]), &METADATA);
        if up { gauge.increment(1_u32) } else { gauge.decrement(1_u32) }
    }

    /// Notes how long something took.
    pub fn took(&self, metric: Metric, labels: Labels<'_>, time: Duration) {
        self.recorder.register_histogram(&key(metric, labels), &METADATA).record(time);
    }

    /// Notes how many of something came together.
    pub fn size(&self, metric: Metric, size: usize) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.recorder.register_histogram(&key(metric, &[]), &METADATA).record(size);
    }

    /// Adds up what was noted since, which takes memory until then: for when nobody reads.
    pub fn settle(&self) {
        self.handle.run_upkeep();
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self) -> String {
        self.handle.render()
    }
}

pub(crate) fn key(metric: Metric, labels: Labels<'_>) -> Key {
    let labels: Vec<_> = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(metric.name, labels)
}
