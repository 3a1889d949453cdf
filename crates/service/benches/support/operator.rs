//! Whose calls are they? An operator with many customers, one plan and one large tariff.

use std::io::Read;

use calculation::allowance::Allowance;
use calculation::invoice::Party;
use calculation::money::{Amount, Currency, Rounding, RoundingMode};
use calculation::plan_terms::PlanTerms;
use calculation::tariff::Terms;
use calculation::tariff::deck::Columns;
use jiff::Timestamp;
use tollbook::app::App;
use tollbook::calls::{self, Control, Import, Imported, Source};
use tollbook::clock::Clock;
use tollbook::customers::{self, Billing, NewCustomer, NewLine, NewSubscription};
use tollbook::id::{PlanId, TariffId};
use tollbook::plans::{self, NewPlan, Payment};
use tollbook::tariffs::{self, NewTariff};

use crate::deck;
use crate::opened::{Database, Opened};
use crate::records::line_of;

/// Where all records come from.
pub(crate) const SOURCE: &str = "switch-a";
/// The months of all calls are over.
const NOW: &str = "2026-11-05T12:00:00Z";

/// How many customers there are and whether their plan includes minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator {
    pub(crate) customers: u64,
    pub(crate) with_allowance: bool,
}

/// The program on an empty database, when the calls are over.
pub(crate) async fn open(database: Database) -> Opened {
    database.open(Clock::fixed(instant(NOW)), "").await
}

/// Imports records; answers what became of them.
pub(crate) async fn import<R: Read + Send + 'static>(
    app: &App,
    input: R,
    progress: &(dyn Fn(u64, &Control) + Send + Sync),
) -> Control {
    let import = Import { source: Source::new(SOURCE), file_name: "calls.csv".to_owned(), input };
    match calls::import(app, import, progress).await.expect("the import goes through") {
        Imported::Done { import, .. } => {
            assert!(import.control.balances(), "{}", import.control);
            import.control
        }
        refused => panic!("{refused:?}"),
    }
}

impl Operator {
    /// Stores the tariff, the plan and the customers.
    pub(crate) async fn load(self, app: &App, prefixes: &[String]) {
        let now = app.clock.now();
        let currency: Currency = "EUR".parse().expect("it is a currency");
        let mut tx = app.db.begin().await.expect("the database is there");
        let deck = deck::deck(prefixes, false);
        let rounding = Rounding::new(4, RoundingMode::HalfUp).expect("four digits are few");
        let new = NewTariff {
            name: "wholesale",
            terms: Terms::new(currency, rounding),
            deck: deck.as_bytes(),
            columns: &Columns::default(),
            valid_from: Some(Timestamp::UNIX_EPOCH),
            mode: None,
        };
        let imported = tariffs::import(&mut tx, new, TariffId(app.clock.id()), now).await;
        assert!(matches!(imported, Ok(tariffs::Imported::New { .. })), "{imported:?}");
        let allowance = Allowance {
            name: "Many minutes".to_owned(),
            seconds: 6_000_000,
            destinations: (1..=5).map(|digit: u32| digit.to_string().parse().expect("a prefix")).collect(),
        };
        let plan = NewPlan {
            name: "plan".to_owned(),
            currency,
            payment: Payment::Postpaid,
            monthly_fee: Amount::ZERO,
            tariff: "wholesale".to_owned(),
            allowances: if self.with_allowance { vec![allowance] } else { vec![] },
            terms: PlanTerms::default(),
        };
        let created = plans::create(&mut tx, plan, PlanId(app.clock.id()), now).await;
        assert!(matches!(created, Ok(plans::Created::Plan(..))), "{created:?}");
        for customer in 0..self.customers {
            let created =
                customers::create(&mut tx, new_customer(customer, currency), "UTC", &app.clock).await;
            assert!(matches!(created, Ok(customers::Created::Customer(_))), "{created:?}");
        }
        tx.commit().await.expect("the commit goes through");
    }
}

fn new_customer(customer: u64, currency: Currency) -> NewCustomer {
    let valid_from = instant("2026-01-01T00:00:00Z");
    let number = line_of(customer).parse().expect("it is a number");
    NewCustomer {
        reference: format!("C-{customer}"),
        party: Party { name: format!("Customer {customer}"), country: "DE".to_owned(), ..Party::default() },
        currency,
        zone: Some("Europe/Berlin".to_owned()),
        lines: vec![NewLine { number, valid_from, valid_to: None }],
        subscription: Some(NewSubscription { plan: "plan".to_owned(), valid_from }),
        billing: Billing::default(),
        bill_from: None,
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("it is an instant")
}
