//! Who is billed? An operator with many customers on one plan, and a month of their calls, stored as an import
//! would leave them: in the order of time, so that a customer's calls lie far apart.

use calculation::allowance::Allowance;
use calculation::money::{Amount, Currency, Rounding, RoundingMode};
use calculation::period::Period;
use calculation::plan_terms::PlanTerms;
use calculation::tariff::Terms;
use calculation::tariff::deck::Columns;
use calculation::tax::TaxClass;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tollbook::app::App;
use tollbook::clock::Clock;
use tollbook::db::{Cell, Cells, Ts, Tx};
use tollbook::id::{PlanId, TariffId};
use tollbook::invoices::{self, NewTaxRate, SetTaxRate};
use tollbook::plans::{self, NewPlan, Payment};
use tollbook::tariffs::{self, NewTariff};

use crate::opened::{Engine, Opened};
use crate::reference::{TABLES, empty};
use crate::settle::settle;

/// Calls of each customer.
pub(crate) const CALLS: u32 = 100;
/// Each customer calls so many destinations, of so many.
const DESTINATIONS_OF_CUSTOMER: u32 = 10;
const DESTINATIONS: u32 = 500;
/// Rows stored in one transaction, as an import does.
const BATCH: usize = 20_000;
const ZONE: &str = "Europe/Berlin";
const SETTINGS: &str = r#"
[operator]
name = "Harbour Telecom GmbH"
street = "Kaiserkai 0"
postcode = "20457"
city = "Hamburg"
country = "DE"
vat_id = "DE123456788"
iban = "DE02120300000000202051"

[invoices]
grace_hours = 0
"#;

pub(crate) struct Operator {
    customers: u32,
    clock: Clock,
    /// The last month that is over.
    period: Period,
}

impl Operator {
    pub(crate) fn new(customers: u32) -> Self {
        let clock = Clock::system();
        let zone = TimeZone::get(ZONE).expect("it is a zone");
        let open = Period::holding(clock.now(), &zone).expect("time goes on");
        let before =
            open.starts_at.checked_sub(SignedDuration::from_hours(24)).expect("there was a month before");
        let period = Period::holding(before, &zone).expect("there was a month before");
        Self { customers, clock, period }
    }

    /// Such as 2026-10.
    pub(crate) fn month(&self) -> String {
        self.period.month()
    }

    /// A new database with the operator, its customers and their calls.
    pub(crate) async fn load(&self, engine: Engine) -> Opened {
        let opened = engine.create().await.open(self.clock.clone(), SETTINGS).await;
        let app = &opened.app;
        let mut tx = app.db.begin().await.expect("the database is there");
        let plan = self.load_plan(&mut tx).await;
        self.load_customers(&mut tx, plan).await;
        tx.commit().await.expect("the commit goes through");
        self.load_calls(app, plan).await;
        settle(app).await;
        opened
    }

    async fn load_plan(&self, tx: &mut Tx) -> PlanId {
        let now = self.clock.now();
        let rate = NewTaxRate {
            country: "DE".to_owned(),
            class: TaxClass::Standard,
            valid_from: "2021-01-01".parse().expect("it is a day"),
            rate: "19".parse().expect("it is a rate"),
        };
        let set = invoices::set_tax_rate(tx, rate, now).await;
        assert!(matches!(set, Ok(SetTaxRate::Set(_))), "{set:?}");
        let currency: Currency = "EUR".parse().expect("it is a currency");
        let rounding = Rounding::new(4, RoundingMode::HalfUp).expect("four digits are few");
        let tariff = NewTariff {
            name: "standard",
            terms: Terms::new(currency, rounding),
            deck: b"prefix,destination,rate_per_min,increments\n49,Germany,0.03,6/6\n",
            columns: &Columns::default(),
            valid_from: Some(Timestamp::UNIX_EPOCH),
            mode: None,
        };
        let imported = tariffs::import(tx, tariff, TariffId(self.clock.id()), now).await;
        assert!(matches!(imported, Ok(tariffs::Imported::New { .. })), "{imported:?}");
        let plan = NewPlan {
            name: "Standard".to_owned(),
            currency,
            payment: Payment::Postpaid,
            monthly_fee: "9.90".parse::<Amount>().expect("it is an amount"),
            tariff: "standard".to_owned(),
            allowances: Vec::<Allowance>::new(),
            terms: PlanTerms::default(),
        };
        let id = PlanId(self.clock.id());
        let created = plans::create(tx, plan, id, now).await;
        assert!(matches!(created, Ok(plans::Created::Plan(..))), "{created:?}");
        id
    }

    async fn load_customers(&self, tx: &mut Tx, plan: PlanId) {
        let start = Cell::Time(self.period.starts_at);
        let texts: Vec<_> = (1..=self.customers)
            .map(|id| {
                let party = format!(
                    r#"{{"name":"Customer {id}","street":"Example street {id}","postcode":"20457","city":"Hamburg","country":"DE"}}"#
                );
                (i64::from(id), format!("C-{id}"), party)
            })
            .collect();
        let customers: Vec<_> = texts
            .iter()
            .map(|(id, reference, party)| {
                let [de, eur, zone, set] = ["DE", "EUR", ZONE, "set"].map(Cell::Text);
                [Cell::Int(*id), Cell::Text(reference), Cell::Text(party), de, eur, zone, set, start]
            })
            .collect();
        let columns =
            ["customer_id", "reference", "party", "country", "currency", "zone", "zone_step", "created_at"];
        insert(tx, "customers", &columns, &customers).await;
        let subscriptions: Vec<_> =
            texts.iter().map(|(id, ..)| [Cell::Int(*id), Cell::Int(*id), Cell::Int(plan.0), start]).collect();
        let columns = ["customer_id", "subscription_id", "plan_id", "valid_from"];
        insert(tx, "subscriptions", &columns, &subscriptions).await;
        let end = Cell::Time(self.period.ends_at);
        let cycles: Vec<_> = texts.iter().map(|(id, ..)| [Cell::Int(*id), start, start, end]).collect();
        insert(tx, "cycles", &["customer_id", "bill_from", "next_start", "next_end"], &cycles).await;
    }

    async fn load_calls(&self, app: &App, plan: PlanId) {
        let total = u64::from(self.customers) * u64::from(CALLS);
        let mut calls = (0..total).map(|place| self.call(place, plan)).peekable();
        while calls.peek().is_some() {
            let batch: Vec<Call> = calls.by_ref().take(BATCH).collect();
            let mut tx = app.db.begin().await.expect("the database is there");
            insert(&mut tx, "calls", &CALL_COLUMNS, &batch).await;
            tx.commit().await.expect("the commit goes through");
        }
    }

    /// The call at a place in the order of time. Customers take turns, neighbours by id far from each other.
    fn call(&self, place: u64, plan: PlanId) -> Call {
        let customers = u64::from(self.customers);
        let (round, turn) = (place / customers, place % customers);
        let customer = (turn * 7_919 + round * 104_729) % customers;
        let length = self.period.ends_at.duration_since(self.period.starts_at).as_secs();
        let total = i64::try_from(customers * u64::from(CALLS)).expect("it is a number of calls");
        let place = i64::try_from(place).expect("it is a number of calls");
        let after = SignedDuration::from_millis(place * (length - 1_000) * 1_000 / total);
        let started_at = self.period.starts_at.checked_add(after).expect("it lies in the month");
        let customer = i64::try_from(customer).expect("it is a number of customers");
        let nth = i64::try_from(round % u64::from(DESTINATIONS_OF_CUSTOMER)).expect("it is small");
        let destination = (customer * 31 + nth * 53) % i64::from(DESTINATIONS);
        Call {
            customer: customer + 1,
            plan: plan.0,
            period_start: self.period.starts_at,
            record: format!("1792888199.{place:08}"),
            caller: format!("+4930{:07}", 1_000_000 + customer),
            called: format!("+44{:010}", 2_000_000_000 + destination * 1_000 + nth),
            prefix: format!("442{destination:03}"),
            destination: format!("Destination {destination}"),
            started_at,
            seconds: 6 * (1 + place % 100),
        }
    }

    /// Makes the month one that was never billed.
    pub(crate) async fn forget(&self, app: &App) {
        for table in TABLES {
            empty(app, table).await;
        }
        empty(app, "invoice_series").await;
        let mut tx = app.db.begin().await.expect("the database is there");
        let sql = "update cycles set next_start = bill_from, next_end = $1";
        tx.execute(sql, &[&Ts(self.period.ends_at)]).await.expect("the table is there");
        tx.commit().await.expect("the commit goes through");
        settle(app).await;
    }
}

async fn insert<const WIDTH: usize>(
    tx: &mut Tx,
    table: &str,
    columns: &[&str; WIDTH],
    rows: &[impl Cells<WIDTH>],
) {
    tx.insert_rows(table, columns, rows).await.expect("the rows are sound");
}

struct Call {
    customer: i64,
    plan: i64,
    period_start: Timestamp,
    record: String,
    caller: String,
    called: String,
    prefix: String,
    destination: String,
    started_at: Timestamp,
    seconds: i64,
}

const CALL_COLUMNS: [&str; 24] = [
    "customer_id",
    "source",
    "record_id",
    "call_id",
    "content_hash",
    "import_id",
    "caller",
    "called",
    "dialled",
    "disposition",
    "started_at",
    "answered_at",
    "ended_at",
    "talk_seconds",
    "outcome",
    "period_start",
    "plan_id",
    "tariff_id",
    "tariff_version",
    "prefix",
    "destination",
    "billed_seconds",
    "included_seconds",
    "amount",
];

impl Cells<24> for Call {
    fn cells(&self) -> [Cell<'_>; 24] {
        let ended_at = self.started_at.checked_add(SignedDuration::from_secs(self.seconds));
        [
            Cell::Int(self.customer),
            Cell::Text("switch-a"),
            Cell::Text(&self.record),
            Cell::Text(&self.record),
            Cell::Bytes(self.caller.as_bytes()),
            Cell::Int(1),
            Cell::Text(&self.caller),
            Cell::Text(&self.called),
            Cell::Text(&self.called),
            Cell::Text("answered"),
            Cell::Time(self.started_at),
            Cell::Time(self.started_at),
            Cell::Time(ended_at.unwrap_or(self.started_at)),
            Cell::Int(self.seconds),
            Cell::Text("charged"),
            Cell::Time(self.period_start),
            Cell::Int(self.plan),
            Cell::Int(1),
            Cell::Int(1),
            Cell::Text(&self.prefix),
            Cell::Text(&self.destination),
            Cell::Int(self.seconds),
            Cell::Int(0),
            Cell::Int(self.seconds * 500),
        ]
    }
}
