//! Does each row have the row of another table that belongs to it? One without the other decides who pays, or whether anybody does.

use crate::db::Tx;
use crate::error::Result;
use crate::id::{CustomerId, ImportId, TariffId};

/// Whose rows a statement finds.
#[derive(Debug, Clone, Copy)]
enum Of {
    Customer,
    Import,
    Tariff,
}

/// What is wrong with those that a statement finds, named by its column `found`.
const PAIRS: [(Of, &str, &str); 11] = [
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
        Of::Customer,
        "a correction is about other contents than its calls have",
        "select r.customer_id as found from call_replacements r
         join replaced_calls k on k.customer_id = r.customer_id and k.replacement_id = r.replacement_id
         where k.content_hash <> r.old_hash or k.source <> r.source or k.record_id <> r.reversed
         union all
         select r.customer_id from call_replacements r
         join calls c on c.source = r.source and c.record_id = r.reversed
         where r.reversed <> r.stored_as and (c.content_hash <> r.old_hash or c.customer_id <> r.customer_id)",
    ),
    (
        // Months are billed one after the other: each that is closed begins where another ended, and so does the next.
        Of::Customer,
        "a month was billed, and nothing says that it is closed: its calls would be billed again",
        "select i.customer_id as found from invoices i
         left join periods p on p.customer_id = i.customer_id and p.starts_at = i.period_start and p.closed_at is not null
         where p.customer_id is null
         union all
         select y.customer_id from cycles y
         where y.next_start > y.bill_from and not exists (select 1 from periods p
           where p.customer_id = y.customer_id and p.ends_at = y.next_start and p.closed_at is not null)
         union all
         select p.customer_id from periods p join cycles y on y.customer_id = p.customer_id
         where p.starts_at > y.bill_from and p.starts_at < y.next_start and not exists (select 1 from periods e
           where e.customer_id = p.customer_id and e.ends_at = p.starts_at and e.closed_at is not null)",
    ),
    (
        Of::Customer,
        "a month is closed, and calls that were charged in it are on no invoice",
        "select p.customer_id as found from periods p
         where p.closed_at is not null
           and not exists (select 1 from invoices i where i.customer_id = p.customer_id and i.period_start = p.starts_at)
           and exists (select 1 from calls c where c.customer_id = p.customer_id
             and c.started_at >= p.starts_at and c.started_at < p.ends_at and c.period_start = p.starts_at
             and c.outcome = 'charged' and c.late_for is null and c.amount <> 0
             and c.plan_id in (select plan_id from plans where payment = 'postpaid'))",
    ),
    (
        // Retention keeps what is still to be billed.
        Of::Customer,
        "calls are to be billed, and it says that they are not kept any more",
        "select c.customer_id as found from customers k
         join calls c on c.customer_id = k.customer_id and c.started_at < k.calls_kept_from
         where k.erased_at is null and c.outcome = 'charged' and coalesce(c.late_for, c.period_start) < k.calls_kept_from
           and c.plan_id in (select plan_id from plans where payment = 'postpaid')
           and not exists (select 1 from periods p where p.customer_id = c.customer_id
                             and p.starts_at = c.period_start and p.closed_at is not null)",
    ),
    (
        Of::Import,
        "there are calls of it, but it is not there",
        "select c.import_id as found from calls c left join imports i on i.import_id = c.import_id
         where c.import_id is not null and i.import_id is null",
    ),
    (
        Of::Tariff,
        "a version has not as many rates as were imported",
        "select v.tariff_id as found from tariff_versions v
         left join rates r on r.tariff_id = v.tariff_id and r.version = v.version
         group by v.tariff_id, v.version, v.rate_count having count(r.position) <> v.rate_count",
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
                Of::Tariff => TariffId(id).to_string(),
            };
            found.push(format!("{whose}: {words}"));
        }
    }
    Ok(found)
}
