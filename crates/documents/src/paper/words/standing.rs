//! In which words does a document say what became of its amount? The same in the PDF, the mail and the XML.

use calculation::invoice::{DocumentKind, Invoice};
use calculation::money::Amount;

use super::{Words, fill};
use crate::{By, Drawing, Settled};

impl Words {
    /// What a document says of the one that it corrects, takes the place of or takes back: a sentence and a label.
    pub fn correction(&self, invoice: &Invoice) -> (&'static str, &'static str) {
        match invoice.kind {
            DocumentKind::Invoice => (self.replaces, self.replaces_invoice),
            DocumentKind::CreditNote if invoice.gross < Amount::ZERO => {
                (self.takes_back, self.takes_back_note)
            }
            DocumentKind::CreditNote => (self.corrects, self.corrects_invoice),
        }
    }

    /// What settled an invoice, for a line below its total.
    pub fn settled(&self, settled: &Settled) -> String {
        match &settled.by {
            By::Payment { paid_on, .. } => fill(self.paid_on, &[("{date}", &self.date(*paid_on))]),
            By::CreditNote { number } => fill(self.credit_note, &[("{number}", number)]),
            By::Invoice { number } => fill(self.credit_of_invoice, &[("{number}", number)]),
            By::WriteOff => self.written_off.to_owned(),
        }
    }

    /// What a document says in place of a request to pay: that nothing is to be paid, or where what it gives
    /// back went. Nothing where something is to be paid.
    pub fn standing(&self, drawing: &Drawing) -> Vec<String> {
        let settlement = &drawing.settlement;
        let is_note = drawing.invoice.kind == DocumentKind::CreditNote;
        let money = |amount| self.money(amount, drawing.invoice.currency);
        let with = |text, amount| fill(text, &[("{amount}", &money(amount))]);
        if is_note && drawing.invoice.gross < Amount::ZERO {
            let owed = Amount::from_micros(drawing.invoice.gross.micros().saturating_neg());
            return vec![with(self.owed_again, owed)];
        }
        let Some(gives) = drawing.gives() else {
            return if settlement.open > Amount::ZERO {
                Vec::new()
            } else {
                vec![self.nothing_to_pay.to_owned()]
            };
        };
        let whole = if is_note { self.credited } else { self.in_your_favour };
        let mut said = vec![with(whole, gives)];
        for given in &settlement.given {
            let text = if given.corrected { self.lowers } else { self.goes_to };
            said.push(fill(text, &[("{amount}", &money(given.amount)), ("{number}", &given.number)]));
            said.push(if given.open > Amount::ZERO {
                with(self.still_open, given.open)
            } else {
                self.nothing_open.to_owned()
            });
        }
        said.extend((settlement.paid_out > Amount::ZERO).then(|| with(self.paid_out, settlement.paid_out)));
        said.extend((settlement.kept > Amount::ZERO).then(|| with(self.kept, settlement.kept)));
        said
    }
}
