//! A record turns out to be wrong: what its call took of the balances is given back.

use super::pay;
use super::store;
use super::till::{Till, Wanted};
use crate::clock::Clock;
use crate::db::Tx;
use crate::error::Result;
use crate::id::CustomerId;

/// Gives back what the call of a record took. Its session waits for the right record then. The customer is held.
pub(crate) async fn take_back(
    tx: &mut Tx,
    customer: CustomerId,
    (source, record_id): (&str, &str),
    clock: &Clock,
) -> Result<()> {
    let Some(id) = store::of_record(tx, customer, source, record_id).await? else { return Ok(()) };
    let wanted = Wanted { ids: vec![id], ..Wanted::default() };
    let mut till = Till::hold(tx, &wanted, &[], clock.now()).await?;
    let Some(mut session) = till.session(id).cloned().filter(|session| session.prepaid) else {
        return Ok(());
    };
    pay::give_back(till.purse(customer)?, &mut session, clock)?;
    session.used_seconds = 0;
    session.record = None;
    till.put(session);
    till.save(tx, clock).await
}
