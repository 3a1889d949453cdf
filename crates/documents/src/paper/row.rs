//! What does a page consist of?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use calculation::invoice::{InvoiceLine, LineKind, TaxLine};
use calculation::money::Amount;

use super::ItemisedCall;
use super::chart::{CHART_HEIGHT, Chart};
use super::measures::{CALL_HEIGHT, LEADING, PAYMENT_GAP, TABLE_HEAD, stacked};
use super::payment::Payment;
use crate::Settled;

/// One row of a table, or of what follows it.
pub(super) enum Row<'a> {
    Group(LineKind),
    /// Why calls of earlier months are on this invoice.
    LateUsageNote(Vec<String>),
    Line {
        line: &'a InvoiceLine,
        description: Vec<String>,
    },
    Subtotal(Sum),
    NoLines,
    Net,
    Tax(&'a TaxLine),
    Gross,
    Settled(&'a Settled),
    /// What is left to pay, where something settled a part.
    Open,
    /// Why no tax is due.
    TaxNote(Vec<String>),
    Payment(Payment),
    Closing(Vec<String>),
    Chart(Chart),
    AnnexTitle(Vec<String>),
    LateCalls,
    /// A call, and how many digits its amount shows after the point.
    Call(&'a ItemisedCall, u8),
    CallsTotal(CallsTotal, u8),
}

/// The head of a table, repeated on each page that has rows of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Lines,
    Calls,
}

/// What the lines of a group come to.
pub(super) struct Sum {
    pub(super) calls: u64,
    pub(super) seconds: u64,
    pub(super) included_seconds: u64,
    pub(super) net: Amount,
}

/// One page: its rows and heads with the height at which each begins.
#[derive(Default)]
pub(super) struct Page<'a> {
    pub(super) rows: Vec<(f32, Row<'a>)>,
    pub(super) heads: Vec<(f32, Head)>,
}

impl Row<'_> {
    pub(super) fn height(&self) -> f32 {
        match self {
            Self::Group(_) => 23.0,
            Self::LateUsageNote(lines) => stacked(lines.len(), 10.5) + 3.0,
            Self::Line { description, .. } => stacked(description.len().max(1), LEADING) + 5.0,
            Self::Subtotal(_) => 20.0,
            Self::Net => 25.0,
            Self::Tax(_) | Self::Settled(_) => 15.0,
            Self::Gross | Self::Open => 30.0,
            Self::TaxNote(lines) => stacked(lines.len(), LEADING) + 10.0,
            Self::Payment(payment) => payment.height() + PAYMENT_GAP,
            Self::Closing(lines) => stacked(lines.len(), LEADING) + 14.0,
            Self::Chart(_) => CHART_HEIGHT,
            Self::AnnexTitle(lines) => stacked(lines.len(), 10.5) + 32.0,
            Self::LateCalls => 18.0,
            Self::Call(..) => CALL_HEIGHT,
            Self::NoLines | Self::CallsTotal(..) => 22.0,
        }
    }

    pub(super) fn head(&self) -> Option<Head> {
        match self {
            Self::Group(_)
            | Self::LateUsageNote(_)
            | Self::Line { .. }
            | Self::Subtotal(_)
            | Self::NoLines => Some(Head::Lines),
            Self::LateCalls | Self::Call(..) | Self::CallsTotal(..) => Some(Head::Calls),
            _ => None,
        }
    }
}

/// What the listed calls come to.
pub(super) struct CallsTotal {
    pub(super) calls: u64,
    pub(super) seconds: u64,
    pub(super) amount: Amount,
}

impl<'a> Page<'a> {
    /// The annex has pages of its own; only the chart may stand on its first.
    pub(super) fn is_for_the_annex(&self) -> bool {
        self.rows.iter().all(|(_, row)| matches!(row, Row::Chart(_)))
    }

    pub(super) fn lacks_head_of(&self, row: &Row) -> bool {
        row.head().is_some_and(|head| self.heads.last().is_none_or(|(_, last)| *last != head))
    }

    /// Adds a row at a height, below the head of its table if that is not there yet; answers the height
    /// below it.
    pub(super) fn add(&mut self, mut at: f32, row: Row<'a>) -> f32 {
        if let Some(head) = row.head().filter(|_| self.lacks_head_of(&row)) {
            self.heads.push((at, head));
            at += TABLE_HEAD;
        }
        let below = at + row.height();
        self.rows.push((at, row));
        below
    }
}

/// Whether a line counts calls.
pub(super) fn has_calls(line: &InvoiceLine) -> bool {
    matches!(line.kind, LineKind::Usage | LineKind::LateUsage)
}
