//! Do refunds mirror what was charged, and do late calls cost their months what they would have in time?

use calculation::bill::CallLine;
use calculation::money::Amount;
use jiff::Timestamp;

use super::{BilledMonth, store};
use crate::calls;
use crate::db::Tx;
use crate::error::{Error, Result};

/// What is wrong with what months were charged, and with months that late calls came for.
pub(super) async fn faults(tx: &mut Tx) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (customer, what, month) in store::refunded_too_much(tx).await? {
        faults.push(format!(
            "{customer}: more was given back of {what} of {month} than was charged, or with another tax"
        ));
    }
    for (customer, late_for) in store::late_months(tx).await? {
        let month = BilledMonth::load(tx, customer, late_for).await?;
        let changes = store::changed_from(tx, &[customer]).await?;
        if !month.remembers_minimums || changes.contains_key(&customer) {
            continue;
        }
        let open = store::first_open(tx, customer).await?.unwrap_or(Timestamp::MAX);
        let used = calls::usage_before(tx, customer, month.period, open, Timestamp::MAX).await?;
        let reckoned = month.reckon(&month.lines, used)?;
        let first_day = month.period.first_day;
        for (plan, charged) in store::minimums_of(tx, customer, first_day).await? {
            let missing = reckoned.iter().filter(|((line, _), _)| *line == CallLine::Minimum(plan));
            let missing = Amount::sum(missing.map(|(_, line)| line.net));
            if missing != Some(charged) {
                let missing =
                    missing.ok_or_else(|| Error::Contradiction("a month does not fit".to_owned()))?;
                faults.push(format!(
                    "{customer}: {first_day} was charged {charged} up to a minimum, and with its late calls {missing} are missing"
                ));
            }
        }
    }
    Ok(faults)
}
