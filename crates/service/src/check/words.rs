//! Does every column of states and kinds hold a known word? Any other word is a fault, whatever wrote it.

use crate::db::{self, Place, Tx};

const CALL: [(&str, &[&str]); 2] = [
    ("outcome", &["charged", "not_answered", "zero_seconds", "inbound", "internal", "emergency"]),
    ("disposition", &["answered", "no_answer", "busy", "failed", "cancelled", "congestion"]),
];
const MONEY_FROM: &[&str] = &["payment", "credit_note", "invoice", "write_off"];
const TREATMENTS: &[&str] = &["standard", "exempt", "reverse_charge"];
const CATEGORIES: &[&str] = &["standard", "zero", "exempt", "reverse_charge"];
const CLASSES: &[&str] = &["standard", "reduced"];
const UNITS: &[&str] = &["seconds", "money"];
const ROLES: &[&str] = &["operator", "support", "switch", "customer"];
const DONE_OR_NOT: &[&str] = &["ready", "done", "failed"];

/// Which words a column has.
type Column = (&'static str, &'static [&'static str]);

/// By table.
const WORDS: [(&str, &[Column]); 24] = [
    ("plans", &[("payment", &["prepaid", "postpaid"])]),
    (
        "customers",
        &[
            ("zone_step", &["set", "region", "area_code", "country_default", "operator_default"]),
            ("language", &["en", "de"]),
            ("itemisation", &["none", "masked", "full"]),
            ("tax_treatment", TREATMENTS),
            ("suspended_for", &["hand", "overdue"]),
            ("delivery", &["email", "letter"]),
        ],
    ),
    ("party_versions", &[("tax_treatment", TREATMENTS)]),
    ("tax_rates_by_class", &[("class", CLASSES)]),
    ("one_off_charges", &[("tax_class", CLASSES)]),
    ("fee_charges_by_tax", &[("tax_category", CATEGORIES)]),
    ("settled_parts", &[("kind", &["usage", "minimum", "discount"]), ("tax_category", CATEGORIES)]),
    ("calls", &CALL),
    ("replaced_calls", &CALL),
    ("payments", &[("kind", &["payment", "refund"])]),
    ("allocations", &[("source", MONEY_FROM)]),
    ("credits", &[("source", MONEY_FROM)]),
    (
        "ledger_entries",
        &[(
            "kind",
            &[
                "issue",
                "credit_note",
                "payment",
                "refund",
                "write_off",
                "recovery",
                "reversal",
                "top_up",
                "bonus",
                "voucher",
                "adjustment",
                "fee",
                "expiry",
                "call",
            ],
        )],
    ),
    (
        "postings",
        &[(
            "account",
            &[
                "receivable",
                "revenue",
                "tax",
                "bank",
                "bad_debt",
                "prepaid",
                "vouchers",
                "bonus",
                "adjustment",
                "breakage",
            ],
        )],
    ),
    ("jobs", &[("state", DONE_OR_NOT)]),
    ("balances", &[("unit", UNITS)]),
    ("voucher_batches", &[("unit", UNITS)]),
    ("movements", &[("kind", MOVEMENTS)]),
    ("bookings", &[("kind", MOVEMENTS)]),
    (
        "charging_sessions",
        &[("origin", &["switch", "record"]), ("state", &["open", "released", "expired", "refused"])],
    ),
    ("clients", &[("role", ROLES)]),
    ("webhook_endpoints", &[("state", &["enabled", "disabled"])]),
    ("webhook_deliveries", &[("state", DONE_OR_NOT)]),
    ("disputes", &[("outcome", &["upheld", "rejected", "withdrawn"])]),
];
const MOVEMENTS: &[&str] =
    &["top_up", "bonus", "voucher", "adjustment", "transfer", "fee", "allowance", "expiry", "call"];

/// Of each column so many rows are named: more say nothing new.
const FIRST: &str = "limit 100";

/// Every word that is not known, with its table, column and row.
pub(super) async fn verify(tx: &mut Tx) -> db::Result<Vec<db::Error>> {
    let mut found = Vec::new();
    let tables = tx.tables().await?;
    for (name, columns) in WORDS {
        let Some(table) = tables.iter().find(|table| table.name == name) else { continue };
        let key = table.key_names();
        let place = Place::new(name, &key);
        for (column, words) in columns {
            let known: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
            let sql = format!(
                "select {key}, {column} from {name} where {column} not in ({known}) order by {key} {FIRST}",
                key = key.join(", "),
                known = known.join(", ")
            );
            let choices: Vec<_> = words.iter().map(|word| (*word, ())).collect();
            for row in tx.rows(&sql, &[]).await? {
                found.extend(place.read(&row, |row| row.choice(column, &choices)).err());
            }
        }
    }
    Ok(found)
}
