//! The plans in the database.

use super::{Payment, Plan};
use crate::db::{self, Place, Result, Row, Ts, Tx};
use crate::id::{PlanId, TariffId};

const PLANS: Place = Place::new("plans", &["plan_id"]);

const COLUMNS: &str =
    "plan_id, name, currency, payment, monthly_fee, tariff_id, allowances, terms, created_at";

pub(super) async fn insert(tx: &mut Tx, plan: &Plan) -> Result<bool> {
    let payment = match plan.payment {
        Payment::Postpaid => "postpaid",
        Payment::Prepaid => "prepaid",
    };
    let (allowances, terms) = (db::json_text(&plan.allowances)?, db::json_text(&plan.terms)?);
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
    Ok(PLANS.one(row.as_ref(), plan)?)
}

pub(super) async fn by_name(tx: &mut Tx, name: &str) -> crate::error::Result<Option<Plan>> {
    let row = tx.row(&format!("select {COLUMNS} from plans where name = $1"), &[&name]).await?;
    Ok(PLANS.one(row.as_ref(), plan)?)
}

pub(super) async fn all(tx: &mut Tx) -> crate::error::Result<Vec<Plan>> {
    let rows = tx.rows(&format!("select {COLUMNS} from plans order by name"), &[]).await?;
    Ok(PLANS.all(&rows, plan)?)
}

fn plan(row: &Row) -> Result<Plan> {
    Ok(Plan {
        id: PlanId(row.get("plan_id")?),
        name: row.get("name")?,
        currency: row.parse("currency")?,
        payment: row.choice("payment", &[("prepaid", Payment::Prepaid), ("postpaid", Payment::Postpaid)])?,
        monthly_fee: row.amount("monthly_fee")?,
        tariff_id: TariffId(row.get("tariff_id")?),
        allowances: row.json("allowances")?,
        terms: row.json("terms")?,
        created_at: row.time("created_at")?,
    })
}
