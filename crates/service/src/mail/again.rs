//! Sends a document once more: to its customer, or to an address that is named.

use std::fmt;

use crate::clock::Clock;
use crate::customers;
use crate::db::Tx;
use crate::email;
use crate::error::Result;
use crate::id::CustomerId;
use crate::invoices::Subject;
use crate::jobs::{self, Again, Job};

/// What became of asking for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentAgain {
    /// A job sends it there.
    Asked {
        to: String,
    },
    UnknownCustomer,
    /// The customer has no address, and none was named.
    NoAddress,
    NotAnAddress(String),
}

impl fmt::Display for SentAgain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { to } => write!(out, "it is sent to {to}"),
            Self::UnknownCustomer => out.write_str("there is no such customer"),
            Self::NoAddress => out.write_str("the customer has no e-mail address: name one"),
            Self::NotAnAddress(why) => out.write_str(why),
        }
    }
}

/// Asks for a document to be sent once more, as it stands when it is sent.
pub async fn send_again(
    tx: &mut Tx,
    customer_id: CustomerId,
    subject: Subject,
    to: Option<String>,
    clock: &Clock,
) -> Result<SentAgain> {
    let Some(customer) = customers::by_id(tx, customer_id).await? else {
        return Ok(SentAgain::UnknownCustomer);
    };
    let named = to.as_deref().map(str::trim).filter(|to| !to.is_empty());
    let Some(shown) = named.or(customer.party.email.as_deref()).map(str::to_owned) else {
        return Ok(SentAgain::NoAddress);
    };
    if let Some(fault) = email::fault(&shown) {
        return Ok(SentAgain::NotAnAddress(fault));
    }
    // The customer's own is read when it is sent: it may be mended until then.
    let again = Some(Again { number: clock.id(), to: named.map(str::to_owned) });
    let job = match subject {
        Subject::Invoice(invoice_id) => Job::SendInvoice { customer_id, invoice_id, again },
        Subject::CreditNote(credit_note_id) => Job::SendCreditNote { customer_id, credit_note_id, again },
    };
    jobs::enqueue(tx, &[job], clock).await?;
    Ok(SentAgain::Asked { to: shown })
}
