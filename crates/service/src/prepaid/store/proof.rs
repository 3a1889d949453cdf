//! What does not add up of prepaid money. Each is one statement over all customers.

use crate::db::{self, Halves, Row, Tx};
use crate::error::Result;
use crate::id::{CustomerId, PlanId};

/// Of each kind of fault so many are named: more say nothing new.
const FAULTS: &str = "limit 100";

/// How many balances, movements, bookings and vouchers there are.
pub(crate) async fn counts(tx: &mut Tx) -> Result<[u64; 4]> {
    let sql =
        "select (select count(*) from balances) as balances, (select count(*) from movements) as movements,
                 (select count(*) from bookings) as bookings,
                 (select count(*) from vouchers) as vouchers";
    let Some(row) = tx.row(sql, &[]).await? else { return Ok([0; 4]) };
    let mut counts = [0; 4];
    for (count, column) in counts.iter_mut().zip(["balances", "movements", "bookings", "vouchers"]) {
        *count = row.count(column)?;
    }
    Ok(counts)
}

/// Something that must be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A balance is the sum of its movements.
    Amount,
    /// A movement says what its balance was after it.
    Running,
    /// A movement is one of a balance.
    LoneMovement,
    /// What is reserved of a balance is what open calls hold of it.
    Reserved,
    /// A call took what moved for it, of money and of seconds.
    Taken,
    /// A balance is not below its floor.
    Floor,
    /// A balance that is not a main one has no credit.
    Credit,
    /// A customer's balances of money are what the ledger says is prepaid.
    Prepaid,
    /// A booking moved what it is to move.
    Booking,
    /// A movement has its booking or, of a call, its session.
    Subject,
    /// A booking moved what it posted.
    Posted,
    /// The reference of a booking leads to it.
    Reference,
    /// A voucher that was redeemed has its booking.
    Redeemed,
    /// The booking of a voucher is that of one voucher, and moved its worth.
    Voucher,
    /// A month of a plan took its fee, by its booking.
    Renewal,
}

impl Proof {
    pub(crate) const ALL: [Self; 15] = [
        Self::Amount,
        Self::Running,
        Self::LoneMovement,
        Self::Reserved,
        Self::Taken,
        Self::Floor,
        Self::Credit,
        Self::Prepaid,
        Self::Booking,
        Self::Subject,
        Self::Posted,
        Self::Reference,
        Self::Redeemed,
        Self::Voucher,
        Self::Renewal,
    ];

    /// Who breaks it: customer and balance, movement, session or booking.
    fn sql(self) -> String {
        match self {
            Self::Amount => amount(),
            Self::Running => running(),
            Self::LoneMovement => LONE_MOVEMENT.to_owned(),
            Self::Reserved => reserved(),
            Self::Taken => taken(),
            Self::Floor => floor(),
            Self::Credit => CREDIT.to_owned(),
            Self::Prepaid => prepaid(),
            Self::Booking => booking(),
            Self::Subject => SUBJECT.to_owned(),
            Self::Posted => posted(),
            Self::Reference => REFERENCE.to_owned(),
            Self::Redeemed => REDEEMED.to_owned(),
            Self::Voucher => voucher(),
            Self::Renewal => renewal(),
        }
    }
}

fn amount() -> String {
    let other = Halves::sum("m.amount").less(&Halves::of("b.amount")).is_not_zero();
    format!(
        "select b.customer_id, b.balance_id as subject_id from balances b
         left join movements m on m.customer_id = b.customer_id and m.balance_id = b.balance_id
         group by b.customer_id, b.balance_id, b.amount having {other}"
    )
}

fn running() -> String {
    let window = "partition by customer_id, balance_id order by movement_id";
    format!(
        "select customer_id, movement_id as subject_id
         from (select customer_id, movement_id, balance_after, {} from movements) one where {}",
        Halves::of("amount").summed_over(window).columns("running"),
        Halves::of("balance_after").less(&Halves::column("running")).is_not_zero()
    )
}

const LONE_MOVEMENT: &str = "select m.customer_id, m.movement_id as subject_id from movements m
  left join balances b on b.customer_id = m.customer_id and b.balance_id = m.balance_id
  where b.balance_id is null";

fn reserved() -> String {
    format!(
        "select b.customer_id, b.balance_id as subject_id from balances b
         left join (select r.customer_id, r.balance_id, {} from reservations r
                    join charging_sessions s on s.customer_id = r.customer_id and s.session_id = r.session_id
                    where s.state = 'open' group by r.customer_id, r.balance_id) h
           on h.customer_id = b.customer_id and h.balance_id = b.balance_id
         where {}",
        Halves::sum("r.held").columns("held"),
        Halves::of("b.reserved").less(&Halves::column("h.held")).is_not_zero()
    )
}

fn taken() -> String {
    format!(
        "select distinct customer_id, subject_id
         from (select one.customer_id, one.subject_id, b.unit
               from (select customer_id, session_id as subject_id, balance_id, taken as amount
                     from reservations
                     union all select customer_id, subject_id, balance_id, amount
                     from movements where kind = 'call') one
               left join balances b
                 on b.customer_id = one.customer_id and b.balance_id = one.balance_id
               group by one.customer_id, one.subject_id, b.unit having {}) wrong",
        Halves::sum("one.amount").is_not_zero()
    )
}

fn floor() -> String {
    let above = Halves::of("amount").less(&Halves::of("reserved")).less(&Halves::of("floor"));
    let below = above.is_below_zero();
    format!("select customer_id, balance_id as subject_id from balances where {below}")
}

const CREDIT: &str =
    "select customer_id, balance_id as subject_id from balances where floor <> 0 and not main";

fn prepaid() -> String {
    format!(
        "select customer_id, customer_id as subject_id
         from (select customer_id, amount from balances where unit = 'money'
               union all select customer_id, amount from postings where account = 'prepaid') one
         group by customer_id having {}",
        Halves::sum("amount").is_not_zero()
    )
}

/// A renewal moves the fee, if there is one, and whatever is included.
fn booking() -> String {
    format!(
        "select k.customer_id, k.booking_id as subject_id from bookings k
         left join movements m
           on m.customer_id = k.customer_id and m.subject_id = k.booking_id and m.kind <> 'call'
         where k.kind not in ('fee', 'allowance')
         group by k.customer_id, k.booking_id, k.kind
         having count(m.movement_id) = 0
           or (k.kind = 'transfer' and (count(m.movement_id) <> 2 or {}))
           or (k.kind not in ('transfer', 'expiry') and count(m.movement_id) <> 1)",
        Halves::sum("m.amount").is_not_zero()
    )
}

const SUBJECT: &str = "select m.customer_id, m.movement_id as subject_id from movements m
  left join bookings k
    on k.customer_id = m.customer_id and k.booking_id = m.subject_id and m.kind <> 'call'
  left join charging_sessions s
    on s.customer_id = m.customer_id and s.session_id = m.subject_id and m.kind = 'call'
  where s.session_id is null and (k.booking_id is null or not (k.kind = m.kind
    or (k.kind in ('fee', 'allowance') and m.kind in ('fee', 'allowance'))))";

fn posted() -> String {
    format!(
        "select customer_id, subject_id
         from (select m.customer_id, m.subject_id, m.amount from movements m
               join balances b on b.customer_id = m.customer_id and b.balance_id = m.balance_id
               where b.unit = 'money' and m.kind <> 'call'
               union all
               select e.customer_id, e.subject_id, p.amount from ledger_entries e
               join postings p on p.customer_id = e.customer_id and p.entry_id = e.entry_id
               where p.account = 'prepaid' and e.kind <> 'call') one
         group by customer_id, subject_id having {}",
        Halves::sum("amount").is_not_zero()
    )
}

const REFERENCE: &str = "select k.customer_id, k.booking_id as subject_id from bookings k
  left join booking_directory d on d.reference = k.reference
  where k.reference is not null
    and (d.booking_id is null or d.booking_id <> k.booking_id or d.customer_id <> k.customer_id)";

const REDEEMED: &str =
    "select coalesce(v.customer_id, 0) as customer_id, coalesce(v.booking_id, 0) as subject_id
  from vouchers v
  left join bookings k on k.customer_id = v.customer_id and k.booking_id = v.booking_id
    and k.kind = 'voucher'
  where k.booking_id is null
    and (v.customer_id is not null or v.booking_id is not null or v.redeemed_at is not null)";

/// Of a booking that moved nothing tells the proof of bookings.
fn voucher() -> String {
    format!(
        "select k.customer_id, k.booking_id as subject_id from bookings k
         left join vouchers v on v.customer_id = k.customer_id and v.booking_id = k.booking_id
         left join voucher_batches w on w.batch = v.batch
         left join movements m on m.customer_id = k.customer_id and m.subject_id = k.booking_id
           and m.kind = 'voucher'
         where k.kind = 'voucher'
         group by k.customer_id, k.booking_id
         having count(v.code_hash) <> 1 or (count(m.movement_id) > 0 and {})",
        Halves::sum("m.amount").less(&Halves::sum("w.amount")).is_not_zero()
    )
}

fn renewal() -> String {
    format!(
        "select r.customer_id, r.booking_id as subject_id from renewals r
         left join bookings k on k.customer_id = r.customer_id and k.booking_id = r.booking_id
           and k.kind in ('fee', 'allowance')
         left join movements m
           on m.customer_id = k.customer_id and m.subject_id = k.booking_id and m.kind = 'fee'
         group by r.customer_id, r.booking_id, r.fee
         having count(k.booking_id) = 0 or {}",
        Halves::sum("m.amount").plus(&Halves::of("r.fee")).is_not_zero()
    )
}

/// Who breaks a proof: customer and balance, movement, session or booking.
pub(crate) async fn breaking(tx: &mut Tx, proof: Proof) -> Result<Vec<(CustomerId, i64)>> {
    let sql = format!("{} order by 1, 2 {FAULTS}", proof.sql());
    let found = |row: &Row| Ok((CustomerId(row.get("customer_id")?), row.get("subject_id")?));
    Ok(tx.rows(&sql, &[]).await?.iter().map(found).collect::<db::Result<_>>()?)
}

/// Batches that have not as many vouchers as were made, or that are not there though vouchers are of them.
pub(crate) async fn wrong_batches(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = format!(
        "select w.batch from voucher_batches w left join vouchers v on v.batch = w.batch
         group by w.batch, w.vouchers having count(v.code_hash) <> w.vouchers
         union select v.batch from vouchers v left join voucher_batches w on w.batch = v.batch where w.batch is null
         order by 1 {FAULTS}"
    );
    Ok(tx.rows(&sql, &[]).await?.iter().map(|row| row.get("batch")).collect::<db::Result<_>>()?)
}

/// Seconds that months of prepaid plans granted: by which plan and allowance, how many, and to whom, one of each.
pub(crate) async fn grants(tx: &mut Tx) -> Result<Vec<(PlanId, String, i64, CustomerId)>> {
    let sql = "select s.plan_id, b.name, m.amount, min(m.customer_id) as customer_id from renewals r
               join subscriptions s on s.customer_id = r.customer_id and s.subscription_id = r.subscription_id
               join movements m on m.customer_id = r.customer_id and m.subject_id = r.booking_id and m.kind = 'allowance'
               join balances b on b.customer_id = m.customer_id and b.balance_id = m.balance_id
               group by s.plan_id, b.name, m.amount order by s.plan_id, b.name, m.amount";
    let grant = |row: &Row| {
        let (plan, name) = (PlanId(row.get("plan_id")?), row.get("name")?);
        Ok((plan, name, row.get("amount")?, CustomerId(row.get("customer_id")?)))
    };
    Ok(tx.rows(sql, &[]).await?.iter().map(grant).collect::<db::Result<_>>()?)
}
