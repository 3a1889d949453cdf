//! Who customers were, and how they were taxed, in the database.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::customers::{Customer, Seat};
use crate::db::{self, IN_LIST, Place, Row, Ts, Tx, in_list};
use crate::error::Result;
use crate::id::CustomerId;

const PARTY_VERSIONS: Place = Place::new("party_versions", &["customer_id", "valid_from"]);

/// Remembers who a customer is from a day on; what was said for that day or later holds no more.
pub(in crate::customers) async fn insert_party(
    tx: &mut Tx,
    customer: &Customer,
    from: Date,
    now: Timestamp,
) -> Result<()> {
    let from = from.to_string();
    let later = "delete from party_versions where customer_id = $1 and valid_from >= $2";
    tx.execute(later, &[&customer.id.0, &from]).await?;
    let sql =
        "insert into party_versions (customer_id, valid_from, party, tax_treatment, tax_note, recorded_at)
               values ($1, $2, $3, $4, $5, $6)";
    let (party, treatment) = (db::json_text(&customer.party)?, db::word(&customer.billing.tax_treatment)?);
    let note = &customer.billing.tax_note;
    tx.execute(sql, &[&customer.id.0, &from, &party, &treatment, note, &Ts(now)]).await?;
    Ok(())
}

/// Where some customers were taxed and how, by the day from which on; none of those who never changed.
pub(in crate::customers) async fn seats(
    tx: &mut Tx,
    ids: &[CustomerId],
) -> Result<BTreeMap<CustomerId, Vec<Seat>>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for some in ids.chunks(IN_LIST) {
        let sql = format!(
            "select customer_id, valid_from, party, tax_treatment, tax_note from party_versions
             where customer_id in ({}) order by customer_id, valid_from",
            in_list(1)
        );
        for row in tx.rows_in(&sql, &[], &super::numbers(some)).await? {
            let (customer, seat) = PARTY_VERSIONS.read(&row, seat)?;
            found.entry(customer).or_default().push(seat);
        }
    }
    Ok(found)
}

fn seat(row: &Row) -> db::Result<(CustomerId, Seat)> {
    let party: calculation::invoice::Party = row.json("party")?;
    let seat = Seat {
        from: row.parse("valid_from")?,
        country: party.country,
        treatment: row.word("tax_treatment")?,
        note: row.get("tax_note")?,
    };
    Ok((CustomerId(row.get("customer_id")?), seat))
}

/// Forgets who a customer was, but for the country and the tax.
pub(super) async fn forget_parties(tx: &mut Tx, id: CustomerId) -> Result<()> {
    for seat in seats(tx, &[id]).await?.remove(&id).unwrap_or_default() {
        let party = calculation::invoice::Party { country: seat.country, ..Default::default() };
        let sql = "update party_versions set party = $3 where customer_id = $1 and valid_from = $2";
        tx.execute(sql, &[&id.0, &seat.from.to_string(), &db::json_text(&party)?]).await?;
    }
    Ok(())
}
