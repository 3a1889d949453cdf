//! Which columns are sealed? What was sealed by a form is checked by it for ever: add a form, never change one.

use std::sync::LazyLock;

use calculation::posting::Postings;

use crate::db::Form;

/// A call, or a free record, wherever it stands: it is sealed as it was charged. Its place: customer and start.
pub static CALL: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        1,
        "calls",
        &[
            "customer_id",
            "source",
            "record_id",
            "call_id",
            "content_hash",
            "import_id",
            "caller",
            "called",
            "dialled",
            "disposition",
            "started_at",
            "answered_at",
            "ended_at",
            "talk_seconds",
            "outcome",
            "period_start",
            "late_for",
            "plan_id",
            "tariff_id",
            "tariff_version",
            "prefix",
            "destination",
            "band",
            "billed_seconds",
            "included_seconds",
            "exact",
            "amount",
            "currency",
            "month_pricing",
            "charged_party",
        ],
    )
});

/// An entry of the ledger with its postings. Its place: customer and id.
pub static ENTRY: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        2,
        "ledger_entries",
        &["customer_id", "entry_id", "kind", "subject_id", "currency", "posted_at", "postings"],
    )
});

/// An entry of the audit log. Its place: id and time.
pub static AUDIT: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        3,
        "audit_entries",
        &[
            "audit_id",
            "happened_at",
            "subject",
            "role",
            "action",
            "target",
            "customer_id",
            "status",
            "request_id",
        ],
    )
});

/// The number of an invoice or credit note. Its place: customer and document.
pub static NUMBERED: LazyLock<Form> = LazyLock::new(|| {
    Form::new(4, "invoice_directory", &["number", "customer_id", "invoice_id", "content_hash", "chain_hash"])
});

/// An invoice with its number and the hash of its content, as its chain holds it.
pub static INVOICE: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        5,
        "invoices",
        &[
            "number",
            "customer_id",
            "invoice_id",
            "period_start",
            "kind",
            "issued_at",
            "issued_on",
            "due_on",
            "currency",
            "net",
            "tax",
            "gross",
            "content_hash",
        ],
    )
});

/// The same of a credit note.
pub static CREDIT_NOTE: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        6,
        "credit_notes",
        &[
            "number",
            "customer_id",
            "credit_note_id",
            "invoice_id",
            "issued_at",
            "issued_on",
            "currency",
            "net",
            "tax",
            "gross",
            "content_hash",
        ],
    )
});

/// A version of a tariff. Its place: tariff and version.
pub static TARIFF_VERSION: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        7,
        "tariff_versions",
        &["tariff_id", "version", "terms", "rate_count", "content_hash", "imported_at"],
    )
});

/// A rate of one. Its place: tariff and version.
pub static RATE: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        8,
        "rates",
        &[
            "tariff_id",
            "version",
            "position",
            "prefix",
            "destination",
            "connection_fee",
            "steps",
            "increments",
            "minimum_charge",
            "blocked",
            "band",
            "effective_from",
            "effective_to",
        ],
    )
});

/// That a corrected record took the place of another. Its place: customer and time.
pub static CORRECTION: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        9,
        "call_replacements",
        &[
            "customer_id",
            "replacement_id",
            "source",
            "record_id",
            "old_hash",
            "new_hash",
            "reversed",
            "stored_as",
            "reason",
            "credit_note_id",
            "replaced_at",
        ],
    )
});

/// What the vouchers of a batch are worth, and how many were made. Its place: how many, and when.
pub static VOUCHER_BATCH: LazyLock<Form> = LazyLock::new(|| {
    Form::new(
        10,
        "voucher_batches",
        &[
            "vouchers",
            "created_at",
            "batch",
            "balance_name",
            "unit",
            "currency",
            "amount",
            "destinations",
            "priority",
            "balance_days",
            "expires_at",
        ],
    )
});

/// A record that waits in suspense, or did, as it came. Its place: its line, and when it came first.
pub static SUSPENDED: LazyLock<Form> = LazyLock::new(|| {
    Form::new(11, "suspense", &["source", "content_hash", "line", "content", "suspended_at"])
});

/// The columns of a form as a query selects them, of the table called `name`.
pub(super) fn columns(form: &Form, name: &str) -> String {
    let columns = form.columns.iter().map(|column| format!("{name}.{column}"));
    columns.collect::<Vec<_>>().join(", ")
}

/// What an entry posts, as it is sealed: `bank 1190000, receivable -1190000`, by account, in millionths.
pub fn postings(postings: &Postings) -> String {
    let posted: Vec<_> = postings.iter().map(|(account, amount)| (account.code(), amount.micros())).collect();
    written(posted)
}

pub(super) fn written<Account: AsRef<str> + Ord>(mut posted: Vec<(Account, i64)>) -> String {
    posted.sort();
    let posted = posted.iter().map(|(account, micros)| format!("{} {micros}", account.as_ref()));
    posted.collect::<Vec<_>>().join(", ")
}

/// Whether a column holds an instant, which SQLite does not say.
pub(super) fn is_instant(column: &str) -> bool {
    column.ends_with("_at")
        || ["period_start", "late_for", "effective_from", "effective_to"].contains(&column)
}
