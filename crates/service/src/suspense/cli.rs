//! The suspense's command.

use clap::Args;

use crate::app::App;
use crate::cli::Output;
use crate::error::Result;

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only records of this source
    #[arg(long)]
    source: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

pub async fn list(app: &App, args: ListArgs, output: Output) -> Result<bool> {
    let mut tx = app.db.read().await?;
    let suspended = super::list(&mut tx, args.source.as_deref(), args.limit).await?;
    let mut words: Vec<String> = suspended
        .iter()
        .map(|record| {
            let start: String = record.content.chars().take(100).collect();
            let super::Suspended { source, line, reason, field, message, import_id, .. } = record;
            let import = import_id.map(|import| format!(" of {import}")).unwrap_or_default();
            format!("{source} line {line}{import}: {reason}, {field}: {message}\n  {start}")
        })
        .collect();
    if words.is_empty() {
        words.push("nothing waits in suspense".to_owned());
    }
    output.answer(&suspended, words.join("\n"))?;
    Ok(true)
}
