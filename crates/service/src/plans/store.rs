//! The plans in the database.

use calculation::money::Amount;

use super::{Payment, Plan};
use crate::db::{Result, Row, Ts, Tx};
use crate::id::{PlanId, TariffId};

const COLUMNS: &str =
    "plan_id, name, currency, payment, monthly_fee, tariff_id, allowances, terms, created_at";

pub(super) async fn insert(tx: &mut Tx, plan: &Plan) -> Result<bool> {
    let payment = match plan.payment {
        Payment::Postpaid => "postpaid",
        Payment::Prepaid => "prepaid",
    };
    let allowances = serde_json::to_string(&plan.allowances).unwrap_or_default();
    let terms = serde_json::to_string(&plan.terms).unwrap_or_default();
    let sql = format!(
        "insert into plans ({COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (name) do nothing"
    );
    let inserted = tx
        .execute(
            &sql,
            &[
                &plan.id.0,
                &plan.name,
                &plan.currency.code(),
                &payment,
                &plan.monthly_fee.micros(),
                &plan.tariff_id.0,
                &allowances,
                &terms,
                &Ts(plan.created_at),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

pub(super) async fn by_id(tx: &mut Tx, id: PlanId) -> crate::error::Result<Option<Plan>> {
    let row = tx.row(&format!("select {COLUMNS} from plans where plan_id = $1"), &[&id.0]).await?;
    Ok(row.as_ref().map(plan).transpose()?)
}

pub(super) async fn by_name(tx: &mut Tx, name: &str) -> crate::error::Result<Option<Plan>> {
    let row = tx.row(&format!("select {COLUMNS} from plans where name = $1"), &[&name]).await?;
    Ok(row.as_ref().map(plan).transpose()?)
}

pub(super) async fn all(tx: &mut Tx) -> crate::error::Result<Vec<Plan>> {
    let rows = tx.rows(&format!("select {COLUMNS} from plans order by name"), &[]).await?;
    Ok(rows.iter().map(plan).collect::<Result<_>>()?)
}

fn plan(row: &Row) -> Result<Plan> {
    let payment: String = row.get("payment")?;
    Ok(Plan {
        id: PlanId(row.get("plan_id")?),
        name: row.get("name")?,
        currency: row.parse("currency")?,
        payment: if payment == "prepaid" { Payment::Prepaid } else { Payment::Postpaid },
        monthly_fee: Amount::from_micros(row.get("monthly_fee")?),
        tariff_id: TariffId(row.get("tariff_id")?),
        allowances: row.json("allowances")?,
        terms: row.json("terms")?,
        created_at: row.time("created_at")?,
    })
}
