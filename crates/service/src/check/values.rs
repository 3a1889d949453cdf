//! Can every stored number be what its column says? A counter below zero or half a hash is a fault, whoever wrote it.
//!
//! Reading such a row is a fault too, which stops what reads it: here all of them are found.

use crate::db::{self, Place, Row, Tx};

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// How many there are: from zero to this.
    Count(i64),
    /// A hash of 16 bytes.
    Hash,
    /// The same of a request, which is gone when its call is purged.
    PurgedHash,
}

use Rule::{Count, Hash, PurgedHash};

const SMALL: Rule = Count(u32::MAX as i64);
const STATUS: Rule = Count(u16::MAX as i64);
const LARGE: Rule = Count(i64::MAX);

/// What must be so of a call.
const CHARGED: &[(&str, Rule)] = &[
    ("content_hash", Hash),
    ("talk_seconds", SMALL),
    ("tariff_version", LARGE),
    ("billed_seconds", SMALL),
    ("included_seconds", SMALL),
    ("month_pricing", LARGE),
];

/// What must be so, by table. The test below knows each other number: ids, and amounts that may be below zero.
const RULES: [(&str, &[(&str, Rule)]); 33] = [
    ("tariff_versions", &[("version", LARGE), ("rate_count", LARGE), ("content_hash", Hash)]),
    ("rates", &[("version", LARGE), ("position", LARGE)]),
    ("tax_rates", &[("rate", LARGE)]),
    ("number_locks", &[("changes", LARGE)]),
    ("allowance_uses", &[("allowance", LARGE), ("used_seconds", LARGE)]),
    ("calls", CHARGED),
    ("replaced_calls", CHARGED),
    ("call_replacements", &[("old_hash", Hash), ("new_hash", Hash)]),
    ("call_allowances", &[("allowance", LARGE), ("seconds", SMALL)]),
    (
        "imports",
        &[
            ("records", LARGE),
            ("charged", LARGE),
            ("free", LARGE),
            ("duplicate", LARGE),
            ("suspended", LARGE),
            ("purged", LARGE),
        ],
    ),
    ("suspense", &[("content_hash", Hash), ("line", LARGE), ("renewals", LARGE)]),
    ("invoice_series", &[("year", LARGE), ("last_number", LARGE)]),
    ("idempotency_keys", &[("request_hash", Hash), ("status", STATUS)]),
    ("fee_charges", &[("line", LARGE), ("part", LARGE), ("tax_rate", LARGE)]),
    ("settled_parts", &[("part", LARGE), ("tax_rate", LARGE)]),
    ("spending", &[("notified_percent", SMALL)]),
    ("credited_lines", &[("line", LARGE)]),
    ("credited_calls", &[("line", LARGE)]),
    ("receivables", &[("open", LARGE), ("reminders", SMALL)]),
    ("reminded_customers", &[("least", LARGE)]),
    ("jobs", &[("attempts", SMALL), ("unanswered", SMALL)]),
    ("program_time", &[("place", SMALL)]),
    ("charging_accounts", &[("top_ups_asked", SMALL)]),
    ("bookings", &[("content_hash", Hash)]),
    ("voucher_batches", &[("amount", LARGE), ("balance_days", LARGE), ("vouchers", SMALL)]),
    ("renewals", &[("fee", LARGE)]),
    (
        "charging_sessions",
        &[
            ("tariff_version", LARGE),
            ("granted_seconds", SMALL),
            ("used_seconds", SMALL),
            ("billed_seconds", SMALL),
            ("included_seconds", SMALL),
            ("last_sequence", SMALL),
            ("request_hash", PurgedHash),
        ],
    ),
    ("webhook_endpoints", &[("failures", LARGE)]),
    ("webhook_deliveries", &[("attempts", SMALL), ("last_status", STATUS)]),
    ("audit_entries", &[("status", STATUS)]),
    ("seal_batches", &[("row_count", LARGE)]),
    ("seals", &[("number", LARGE), ("batch_count", LARGE), ("row_count", LARGE)]),
    (
        "seal_series",
        &[
            ("last_number", LARGE),
            ("calls_before", LARGE),
            ("entries_before", LARGE),
            ("audit_entries_before", LARGE),
            ("documents_before", LARGE),
            ("versions_before", LARGE),
            ("rates_before", LARGE),
            ("corrections_before", LARGE),
            ("voucher_batches_before", LARGE),
            ("suspense_before", LARGE),
        ],
    ),
];

/// Of each table so many rows are named: more say nothing new.
const FIRST: &str = "limit 100";

/// Every value that cannot be, with its table, column and row.
pub(super) async fn verify(tx: &mut Tx) -> db::Result<Vec<db::Error>> {
    let mut found = Vec::new();
    let tables = tx.tables().await?;
    for (name, rules) in RULES {
        let Some(table) = tables.iter().find(|table| table.name == name) else { continue };
        let key = table.key_names();
        let mut columns = key.clone();
        columns.extend(rules.iter().flat_map(|(column, rule)| rule.reads(column)));
        columns.sort_unstable();
        columns.dedup();
        let broken: Vec<_> = rules.iter().map(|(column, rule)| rule.broken(column)).collect();
        let sql = format!("select {} from {name} where {} {FIRST}", columns.join(", "), broken.join(" or "));
        let place = Place::new(name, &key);
        for row in tx.rows(&sql, &[]).await? {
            for (column, rule) in rules {
                found.extend(place.read(&row, |row| rule.check(row, column)).err());
            }
        }
    }
    Ok(found)
}

impl Rule {
    /// The columns that tell whether it is kept.
    fn reads(self, column: &str) -> Vec<&str> {
        if matches!(self, PurgedHash) { vec![column, "called"] } else { vec![column] }
    }

    /// The condition of rows that break it.
    fn broken(self, column: &str) -> String {
        match self {
            Count(i64::MAX) => format!("{column} < 0"),
            Count(most) => format!("{column} < 0 or {column} > {most}"),
            Hash => format!("length({column}) <> 16"),
            PurgedHash => format!("length({column}) <> 16 and not (length({column}) = 0 and called = '')"),
        }
    }

    fn check(self, row: &Row, column: &str) -> db::Result<()> {
        match self {
            Count(most) => {
                let number: Option<u64> = row.optional_count(column)?;
                let fits = number.is_none_or(|number| number <= most.unsigned_abs());
                if fits { Ok(()) } else { row.count::<u32>(column).map(|_| ()) }
            }
            PurgedHash if row.get::<String>("called")?.is_empty() => Ok(()),
            Hash | PurgedHash => row.hash::<16>(column).map(|_| ()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::RULES;

    /// Amounts and numbers that may be anything, and hashes that are keys: one of another length finds nobody.
    const FREE: [&str; 70] = [
        "replaced_calls.exact",
        "replaced_calls.amount",
        "rates.connection_fee",
        "rates.minimum_charge",
        "plans.monthly_fee",
        "calls.exact",
        "calls.amount",
        "invoices.net",
        "invoices.tax",
        "invoices.gross",
        "customers.spending_cap",
        "tax_rates_by_class.rate",
        "one_off_charges.amount",
        "discount_uses.amount",
        "fee_charges.amount",
        "fee_charges.given_back",
        "fee_charges.line",
        "fee_charges_by_tax.part",
        "fee_charges_by_tax.amount",
        "fee_charges_by_tax.discounted",
        "fee_charges_by_tax.credited",
        "fee_charges_by_tax.line",
        "fee_charges_by_tax.tax_rate",
        "settled_parts.settled_by",
        "settled_parts.amount",
        "settled_parts.credited",
        "spending.amount",
        "credit_notes.net",
        "credit_notes.tax",
        "credit_notes.gross",
        "credited_lines.net",
        "credited_calls.amount",
        "credited_calls.net",
        "receivables.gross",
        "payments.amount",
        "allocations.amount",
        "write_offs.amount",
        "postings.amount",
        "credits.remaining",
        "receivables.credited",
        "receivables.written_off",
        "charging_accounts.low_balance",
        "charging_accounts.top_up_amount",
        "charging_accounts.renewal_fee",
        "balances.priority",
        "balances.floor",
        "balances.amount",
        "balances.reserved",
        "movements.amount",
        "movements.balance_after",
        "voucher_batches.priority",
        "vouchers.code_hash",
        "charging_sessions.charged",
        "charging_sessions.loss",
        "reservations.held",
        "reservations.taken",
        "day_spending.amount",
        "access_tokens.token_hash",
        // The check of seals compares these.
        "program_time.accepted_beside",
        "program_time.expected_ahead",
        "seal_batches.leaves",
        "seal_batches.root",
        "seal_batches.seal_number",
        "seals.previous_hash",
        "seals.root",
        "seals.seal_hash",
        "seal_series.last_hash",
        "invoice_series.chain_hash",
        "invoice_directory.content_hash",
        "invoice_directory.chain_hash",
    ];

    #[test]
    fn every_number_of_the_schema_has_a_rule_or_may_be_anything() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let (mut table, mut unknown) = (String::new(), Vec::new());
        for file in files {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                let words: Vec<_> = line.split_whitespace().collect();
                let (column, kind) = match words[..] {
                    ["create" | "alter", "table", name, ..] => {
                        table = name.trim_end_matches('(').to_owned();
                        let added = words.iter().position(|word| *word == "column");
                        let Some([column, kind, ..]) = added.and_then(|place| words.get(place + 1..)) else {
                            continue;
                        };
                        (*column, *kind)
                    }
                    [column, kind, ..] => (column, kind),
                    _ => continue,
                };
                let is_number = ["bigint", "integer", "bytea"].contains(&kind.trim_end_matches([',', ';']));
                let name = format!("{table}.{column}");
                let ruled = RULES
                    .iter()
                    .any(|(known, rules)| *known == table && rules.iter().any(|(ruled, _)| *ruled == column));
                if is_number && !column.ends_with("_id") && !ruled && !FREE.contains(&name.as_str()) {
                    unknown.push(name);
                }
            }
        }
        assert!(unknown.is_empty(), "say in RULES or FREE what these may be: {unknown:#?}");
    }
}
