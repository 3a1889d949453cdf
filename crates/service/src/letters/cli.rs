//! The letters' command.

use std::path::PathBuf;

use crate::app::App;
use crate::cli::Output;
use crate::error::{Error, Result};
use crate::many::Many;

/// List documents that are to be printed, of customers who get letters
#[derive(Debug, clap::Args)]
pub struct LettersArgs {
    /// Write them into this PDF file
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// Mark those that are listed as printed
    #[arg(long)]
    printed: bool,
    /// So many at most, the oldest
    #[arg(long, default_value_t = 500)]
    limit: usize,
}

pub async fn letters(app: &App, args: LettersArgs, output: Output) -> Result<bool> {
    let letters = super::list(&mut app.db.read().await?, false, None, args.limit).await?;
    if let Some(path) = args.pdf.as_ref().filter(|_| !letters.is_empty()) {
        let bytes = super::draw(app, &letters).await?;
        crate::whole_file::write(path, bytes).map_err(Error::file(path.display().to_string()))?;
    }
    if args.printed {
        let ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        let mut tx = app.db.begin().await?;
        super::mark_printed(&mut tx, &ids, app.clock.now()).await?;
        tx.commit().await?;
    }
    let line = |letter: &super::Letter| {
        format!("{} {} {} {}", letter.id, letter.created_at, letter.customer_reference, letter.title)
    };
    let mut lines: Vec<_> = letters.iter().map(line).collect();
    if letters.is_empty() {
        lines.push("nothing is to be printed".to_owned());
    } else if args.printed {
        lines.push(format!("marked as printed: {}", Many(letters.len(), "letter")));
    }
    output.answer(&letters, lines.join("\n"))?;
    Ok(true)
}
