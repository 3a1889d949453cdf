//! Do balances, movements, bookings and vouchers add up, and agree with the ledger?

use super::store::{self, Proof};
use crate::db::Tx;
use crate::error::Result;
use crate::id::{BalanceId, BookingId, CustomerId, MovementId, SessionId};
use crate::plans;

/// What was checked and what is wrong.
#[derive(Debug, Default)]
pub struct Verified {
    pub balances: u64,
    pub movements: u64,
    pub bookings: u64,
    pub vouchers: u64,
    pub faults: Vec<String>,
}

/// Verifies every balance, movement, booking and voucher.
pub async fn verify(tx: &mut Tx) -> Result<Verified> {
    let [balances, movements, bookings, vouchers] = store::counts(tx).await?;
    let mut faults = Vec::new();
    for proof in Proof::ALL {
        let found = store::breaking(tx, proof).await?;
        faults.extend(found.into_iter().map(|(customer, id)| fault(proof, customer, id)));
    }
    for batch in store::wrong_batches(tx).await? {
        faults.push(format!("batch {batch} has not as many vouchers as were made"));
    }
    for (plan, name, seconds, customer) in store::grants(tx).await? {
        let plan = plans::by_id(tx, plan).await?;
        let mut allowances = plan.iter().flat_map(|plan| &plan.allowances);
        // A part of a month may grant less.
        if !allowances.any(|allowance| allowance.name == name && seconds <= allowance.seconds.into()) {
            faults.push(format!("{customer}: {seconds} s of “{name}” are more than the plan includes"));
        }
    }
    Ok(Verified { balances, movements, bookings, vouchers, faults })
}

fn fault(proof: Proof, customer: CustomerId, id: i64) -> String {
    let (balance, movement, booking) = (BalanceId(id), MovementId(id), BookingId(id));
    let session = SessionId { customer, number: id };
    match proof {
        Proof::Amount => format!("{balance} of {customer} is not the sum of its movements"),
        Proof::Running => format!("{movement} of {customer} does not say what its balance was after it"),
        Proof::LoneMovement => format!("{movement} of {customer} moved a balance that is not there"),
        Proof::Reserved => format!("{balance} of {customer}: what is reserved is not what open calls hold"),
        Proof::Taken => format!("{session}: what the call took is not what moved for it"),
        Proof::Floor => format!("{balance} of {customer} is below its floor"),
        Proof::Credit => format!("{balance} of {customer} has a credit limit, and only a main balance may"),
        Proof::Prepaid => format!("{customer}: the balances are not what the ledger says is prepaid"),
        Proof::Booking => format!("{booking} of {customer} did not move what it is to move"),
        Proof::Subject => format!("{movement} of {customer} has no booking or call that moved it"),
        Proof::Posted => format!("{booking} of {customer}: what moved is not what was posted"),
        Proof::Reference => format!("{booking} of {customer}: its reference does not lead to it"),
        Proof::Redeemed => format!("a voucher that {customer} redeemed has no booking"),
        Proof::Voucher => format!("{booking} of {customer} is not what one voucher is worth"),
        Proof::Renewal => format!("{booking} of {customer} did not take the fee of its month"),
    }
}
