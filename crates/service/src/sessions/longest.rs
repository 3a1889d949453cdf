//! How long could a call last, asked before it is dialled?

use calculation::phone_number::{Dialled, E164};
use jiff::Timestamp;

use super::Session;
use super::pay::{self, Way};
use crate::calls::Account;
use crate::config::Config;
use crate::db::Tx;
use crate::error::Result;
use crate::id::SessionId;
use crate::prepaid;

/// The longest call that a customer's balances pay now, within the limits of the plan; nothing for a plan that is
/// paid afterwards. Nothing is held for it.
pub(crate) async fn longest(
    tx: &mut Tx,
    account: &Account,
    line: E164,
    dialled: Dialled,
    at: Timestamp,
    config: &Config,
) -> Result<Option<u32>> {
    let Some(way) = Way::find(account, &dialled, at).ok().filter(Way::is_prepaid) else { return Ok(None) };
    let purse = prepaid::look(tx, account.id).await?;
    let id = SessionId { customer: account.id, number: 0 };
    let session =
        Session { line: Some(line), prepaid: true, ..Session::new(id, dialled, account.currency, at) };
    let limits = &way.plan.terms.limits;
    let most = limits.call_seconds.unwrap_or(u32::MAX).min(config.charging.longest_call_seconds);
    let (affordable, _) = pay::afford(&purse, &session, way, most, limits.call_amount);
    Ok(Some(if way.bars(&dialled) || account.suspended { 0 } else { affordable.talk_seconds }))
}
