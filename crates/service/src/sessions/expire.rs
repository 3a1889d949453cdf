//! Ends sessions of which nothing is heard any more: what they reported is charged, the rest is given back.

use std::collections::BTreeSet;

use super::State;
use super::pay;
use super::release::close;
use super::store;
use super::till::{Till, Wanted};
use crate::app::App;
use crate::calls::Directory;
use crate::clock::after;
use crate::customers;
use crate::error::Result;
use crate::timekeeping;

/// So many sessions are ended in one transaction.
const CHUNK: usize = 256;

/// Ends every session whose time is over; answers how many there were.
pub async fn expire(app: &App) -> Result<u64> {
    timekeeping::require(app).await?;
    let mut expired = 0;
    loop {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let due = store::due(&mut tx, now, CHUNK).await?;
        let customers: BTreeSet<_> = due.iter().map(|id| id.customer).collect();
        let customers: Vec<_> = customers.into_iter().collect();
        let everybody = customers::some(&mut tx, &[], &[], &customers).await?;
        let directory = Directory::load(&mut tx, &app.tariffs, everybody).await?;
        let accounts = directory.accounts();
        let wanted = Wanted { ids: due.clone(), ..Wanted::default() };
        let mut till = Till::hold(&mut tx, &wanted, &accounts, now).await?;
        for id in &due {
            // Something may have been heard of it before it was held.
            let known =
                till.session(*id).filter(|known| known.state == State::Open && known.valid_until <= now);
            let Some(mut session) = known.cloned() else { continue };
            let Some(account) = directory.account(id.customer) else { continue };
            let used = session.used_seconds;
            if let Err(refusal) = close(&mut till, &app.clock, &mut session, account, used, State::Expired)? {
                tracing::error!(session = %id, ?refusal, "a session that is over cannot be priced");
                pay::hold(till.purse(id.customer)?, &mut session, &[])?;
                session.state = State::Expired;
                session.closed_at = Some(after(now, session.opened_at));
            }
            till.put(session);
            expired += 1;
        }
        till.save(&mut tx, &app.clock).await?;
        tx.commit().await?;
        if due.len() < CHUNK {
            return Ok(expired);
        }
    }
}
