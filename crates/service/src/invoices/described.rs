//! How does the API describe what an invoice or credit note shows? These describe calculation's types, which know no HTTP.

use utoipa::ToSchema;

use crate::customers::{ItemisationSchema, LanguageSchema, PartySchema};

/// All that an invoice or credit note shows, as it was frozen when it was issued.
#[derive(ToSchema)]
#[schema(as = Invoice)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) struct InvoiceSchema {
    #[schema(inline)]
    kind: DocumentKind,
    /// The legal number; absent while it is a draft or waits for its number.
    number: Option<String>,
    /// What a credit note corrects, and why.
    corrects: Option<Correction>,
    language: LanguageSchema,
    itemisation: ItemisationSchema,
    /// In the customer's zone.
    #[schema(format = Date)]
    issued_on: String,
    #[schema(format = Date)]
    due_on: String,
    period: InvoicePeriod,
    /// The operator.
    seller: PartySchema,
    /// The customer.
    buyer: PartySchema,
    customer_reference: String,
    currency: String,
    lines: Vec<InvoiceLine>,
    /// One for each rate.
    taxes: Vec<TaxLine>,
    #[schema(example = "10.12")]
    net: String,
    #[schema(example = "1.92")]
    tax: String,
    /// What is to be paid.
    #[schema(example = "12.04")]
    gross: String,
    /// Why no tax is due, where none is.
    tax_note: Option<String>,
}

/// Whether a document asks for money or gives some back.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) enum DocumentKind {
    Invoice,
    /// Its amounts are positive.
    CreditNote,
}

/// The invoice that a credit note corrects.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) struct Correction {
    number: String,
    #[schema(format = Date)]
    issued_on: String,
    reason: String,
}

/// The month an invoice covers.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) struct InvoicePeriod {
    /// The first local day.
    #[schema(format = Date)]
    first_day: String,
    /// The last local day.
    #[schema(format = Date)]
    last_day: String,
    #[schema(format = DateTime)]
    starts_at: String,
    /// The first instant that no longer belongs to it.
    #[schema(format = DateTime)]
    ends_at: String,
    /// The IANA zone the days are counted in.
    zone: String,
}

/// One line of an invoice.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) struct InvoiceLine {
    kind: LineKind,
    description: String,
    /// How many calls; zero for a fee.
    calls: u64,
    /// Billed seconds, included ones too.
    seconds: u64,
    included_seconds: u64,
    #[schema(example = "9.90")]
    net: String,
    tax_category: TaxCategory,
    #[schema(example = "19")]
    tax_rate: String,
    /// The local days it is for, where they are not those of the invoice.
    days: Option<Days>,
}

/// What an invoice line charges.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) enum LineKind {
    Fee,
    OneOff,
    Usage,
    /// Calls of an earlier month, which was invoiced already.
    LateUsage,
    MinimumCommitment,
    Discount,
}

/// Why tax is due, or why not (EN 16931, BT-151).
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) enum TaxCategory {
    Standard,
    Zero,
    Exempt,
    ReverseCharge,
}

/// Local days, the first and the last included.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) struct Days {
    #[schema(format = Date)]
    first: String,
    #[schema(format = Date)]
    last: String,
}

/// Tax at one rate.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes calculation's type, which knows no HTTP")]
pub(crate) struct TaxLine {
    category: TaxCategory,
    #[schema(example = "19")]
    rate: String,
    #[schema(example = "10.12")]
    taxable: String,
    #[schema(example = "1.92")]
    tax: String,
}
