//! Does each row have the row of another table that belongs to it? One without the other decides who pays, or whether anybody does.

use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, ImportId};

/// Whose rows a statement finds.
#[derive(Debug, Clone, Copy)]
enum Of {
    Customer,
    Import,
}

/// What is wrong with those that a statement finds, named by its column `found`.
const PAIRS: [(Of, &str, &str); 6] = [
    (
        Of::Customer,
        "a line is not in the directory of numbers as it is",
        "select l.customer_id as found from lines l left join number_directory d
           on d.e164 = l.e164 and d.valid_from = l.valid_from and d.customer_id = l.customer_id and d.line_id = l.line_id
         where d.e164 is null or d.valid_to <> l.valid_to or (d.valid_to is null) <> (l.valid_to is null)",
    ),
    (
        Of::Customer,
        "the directory of numbers has a number that is none of their lines",
        "select d.customer_id as found from number_directory d left join lines l
           on l.customer_id = d.customer_id and l.line_id = d.line_id and l.e164 = d.e164 and l.valid_from = d.valid_from
         where l.line_id is null",
    ),
    (
        Of::Customer,
        "their reference leads to somebody else, or to nobody",
        "select c.customer_id as found from customers c left join customer_directory d
           on d.reference = c.reference and d.customer_id = c.customer_id
         where d.reference is null",
    ),
    (
        Of::Customer,
        "nothing says which month of theirs is billed next: no invoice comes by itself",
        "select c.customer_id as found from customers c left join cycles y on y.customer_id = c.customer_id
         where y.customer_id is null",
    ),
    (
        Of::Customer,
        "a call was put away as corrected, and nothing says by which record",
        "select k.customer_id as found from replaced_calls k left join call_replacements r
           on r.customer_id = k.customer_id and r.replacement_id = k.replacement_id
             and r.source = k.source and r.reversed = k.record_id
         where r.replacement_id is null",
    ),
    (
        Of::Import,
        "there are calls of it, but it is not there",
        "select c.import_id as found from calls c left join imports i on i.import_id = c.import_id
         where c.import_id is not null and i.import_id is null",
    ),
];

/// Of each kind so many are named: more say nothing new.
const FIRST: &str = "limit 100";

/// Who lacks what.
pub(super) async fn verify(tx: &mut Tx) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (of, words, sql) in PAIRS {
        let sql = format!("select distinct found from ({sql}) f order by found {FIRST}");
        for row in tx.rows(&sql, &[]).await? {
            let id: i64 = row.get("found")?;
            let whose = match of {
                Of::Customer => CustomerId(id).to_string(),
                Of::Import => ImportId(id).to_string(),
            };
            found.push(format!("{whose}: {words}"));
        }
    }
    Ok(found)
}
