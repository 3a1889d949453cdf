//! Whose calls are charged? An operator with many prepaid customers who have money, and as many postpaid ones.

use calculation::invoice::Party;
use calculation::money::{Amount, Currency, Rounding, RoundingMode};
use calculation::plan_terms::PlanTerms;
use calculation::tariff::Terms;
use calculation::tariff::deck::Columns;
use jiff::{SignedDuration, Timestamp};
use tollbook::app::App;
use tollbook::customers::{self, Billing, Created, NewCustomer, NewLine, NewSubscription};
use tollbook::db::Tx;
use tollbook::id::{PlanId, TariffId};
use tollbook::plans::{self, NewPlan, Payment};
use tollbook::prepaid::{self, NewTopUp, ToppedUp};
use tollbook::tariffs::{self, NewTariff};

use crate::deck;
use crate::settle::settle;

/// How many customers of each kind there are, each with a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator {
    pub(crate) customers: u64,
}

/// The line of a customer, counted from 0: the prepaid ones stand first.
pub(crate) fn line_of(customer: u64) -> String {
    format!("+4930{:07}", 1_000_000 + customer)
}

impl Operator {
    /// Stores the tariff, the plans and the customers, and tops up the prepaid ones.
    pub(crate) async fn load(self, app: &App, prefixes: &[String]) {
        let mut tx = app.db.begin().await.expect("the database is there");
        self.load_plans(&mut tx, app, prefixes).await;
        tx.commit().await.expect("the commit goes through");
        for first in (0..2 * self.customers).step_by(1_000) {
            let mut tx = app.db.begin().await.expect("the database is there");
            for customer in first..(first + 1_000).min(2 * self.customers) {
                self.load_customer(&mut tx, app, customer).await;
            }
            tx.commit().await.expect("the commit goes through");
        }
        settle(app).await;
    }

    async fn load_plans(self, tx: &mut Tx, app: &App, prefixes: &[String]) {
        let now = app.clock.now();
        let deck = deck::deck(prefixes, false);
        let rounding = Rounding::new(4, RoundingMode::HalfUp).expect("four digits are few");
        let new = NewTariff {
            name: "wholesale",
            terms: Terms::new(currency(), rounding),
            deck: deck.as_bytes(),
            columns: &Columns::default(),
            valid_from: Some(Timestamp::UNIX_EPOCH),
            mode: None,
        };
        let imported = tariffs::import(tx, new, TariffId(app.clock.id()), now).await;
        assert!(matches!(imported, Ok(tariffs::Imported::New { .. })), "{imported:?}");
        for (name, payment) in [("prepaid", Payment::Prepaid), ("postpaid", Payment::Postpaid)] {
            let plan = NewPlan {
                name: name.to_owned(),
                currency: currency(),
                payment,
                monthly_fee: Amount::ZERO,
                tariff: "wholesale".to_owned(),
                allowances: vec![],
                terms: PlanTerms::default(),
            };
            let created = plans::create(tx, plan, PlanId(app.clock.id()), now).await;
            assert!(matches!(created, Ok(plans::Created::Plan(..))), "{created:?}");
        }
    }

    async fn load_customer(self, tx: &mut Tx, app: &App, customer: u64) {
        let prepaid = customer < self.customers;
        let plan = if prepaid { "prepaid" } else { "postpaid" }.to_owned();
        let valid_from = app.clock.now().checked_sub(SignedDuration::from_hours(100 * 24));
        let valid_from = valid_from.expect("time goes on");
        let number = line_of(customer).parse().expect("it is a number");
        let new = NewCustomer {
            reference: format!("C-{customer}"),
            party: Party {
                name: format!("Customer {customer}"),
                country: "DE".to_owned(),
                ..Party::default()
            },
            currency: currency(),
            zone: Some("Europe/Berlin".to_owned()),
            lines: vec![NewLine { number, valid_from, valid_to: None }],
            subscription: Some(NewSubscription { plan, valid_from }),
            billing: Billing::default(),
            bill_from: None,
        };
        let created = match customers::create(tx, new, "UTC", &app.clock).await {
            Ok(Created::Customer(created)) => created.customer,
            refused => panic!("{refused:?}"),
        };
        if prepaid {
            let money = NewTopUp {
                reference: format!("first/{customer}"),
                amount: Some("100000".parse().expect("it is an amount")),
                currency: Some(currency()),
                ..serde_json::from_str(r#"{"reference":""}"#).expect("the rest may be absent")
            };
            let topped_up = prepaid::top_up(tx, created.id, money, &app.clock).await;
            assert!(matches!(topped_up, Ok(ToppedUp::New(_))), "{topped_up:?}");
        }
    }
}

fn currency() -> Currency {
    "EUR".parse().expect("it is a currency")
}
