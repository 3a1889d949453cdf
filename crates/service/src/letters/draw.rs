//! Draws letters into one file, to be printed: of a reminder what it says, and each document as it stands.

use documents::Printed;

use super::Letter;
use crate::app::App;
use crate::error::{Error, Result};
use crate::invoices::itemise;
use crate::mail;

/// Some letters as one PDF, one after the other. What has become pointless, such as a reminder of what is paid, is left out.
pub async fn draw(app: &App, letters: &[Letter]) -> Result<Vec<u8>> {
    let mut printed = Vec::new();
    for letter in letters {
        let mut tx = app.db.read().await?;
        let Some(written) = mail::letter_of(&mut tx, app, &letter.job).await? else { continue };
        printed.extend(written.text.map(|text| Printed::Text {
            sender: Box::new(written.operator),
            recipient: Box::new(written.recipient),
            text,
        }));
        for drawing in written.documents {
            let calls = itemise(&mut tx, letter.customer_id, &drawing.invoice).await?;
            printed.push(Printed::Document(Box::new(drawing), calls));
        }
    }
    let brand = &app.config.brand;
    let drawn = tokio::task::block_in_place(|| documents::bundle(&printed, brand));
    drawn.map_err(|error| Error::Document(error.to_string()))
}
