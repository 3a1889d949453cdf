//! What is logged, and how? Lines of text or JSON on standard error, in which no phone number can be read.

mod mask;
mod traces;

use std::io::Stderr;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use mask::{Concealed, Masked, Masking};
pub use traces::Traces;

use crate::config::wrong;
use crate::error::Result;

/// How much is logged, and how it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub format: Format,
    pub level: String,
    pub traces_url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Text,
    Json,
}

impl Settings {
    /// What passes: a level is ours, others speak from `warn` on; anything longer is taken as it is.
    pub fn filter(&self) -> Result<EnvFilter> {
        let plain = matches!(self.level.as_str(), "off" | "error" | "warn" | "info" | "debug" | "trace");
        let directives =
            if plain { format!("warn,tollbook={0},tower_http={0}", self.level) } else { self.level.clone() };
        let what = |_| wrong("log.level", format_args!("`{}` is no level", self.level));
        EnvFilter::builder().parse(directives).map_err(what)
    }
}

/// Begins to log. `TOLLBOOK_LOG` and `RUST_LOG` say more than the settings.
pub fn begin(settings: &Settings) -> Result<()> {
    let named = ["TOLLBOOK_LOG", "RUST_LOG"];
    let filter = named.into_iter().find_map(|name| EnvFilter::try_from_env(name).ok());
    let filter = match filter {
        Some(filter) => filter,
        None => settings.filter()?,
    };
    let writer = || Masking::<Stderr>(std::io::stderr());
    // Without colours, on terminals too: the crate is built without them, and says so with a banner when it is asked.
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    match settings.format {
        Format::Text => registry.with(lines).init(),
        Format::Json => registry.with(lines.json().flatten_event(true).with_current_span(false)).init(),
    }
    // A fault of the program is a line like any other.
    std::panic::set_hook(Box::new(|fault| tracing::error!(%fault, "a fault of the program")));
    Ok(())
}
