//! Does a customer pay the same, in whichever order everything is told? Twins: one whose calls and changes were all known in
//! time, and one of whom they come late, are credited, taken back, and whose invoices are issued anew.

use serde_json::{Value, json};

use crate::calls::assert_adds_up;
use crate::right_bills::{FROM, call, credit, discount, issue, text};
use crate::support::account::Account;
use crate::support::cycle::{Call, customer, import, line, plan, provider};
use crate::support::operator::create;
use crate::support::{TestApp, on_both_databases};

/// Some dozen, and those that once were unlike.
const SEEDS: [u64; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 22, 23, 80, 108, 111];

/// Of whom all is known in time, or not.
struct Twin {
    name: String,
    number: String,
}

impl Twin {
    fn new(seed: u64, which: u64) -> Self {
        Self { name: format!("{seed}-{which}"), number: format!("+4930231{:05}", seed * 2 + which) }
    }

    fn record(&self, place: usize) -> String {
        format!("{}-{place}", self.name)
    }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// When a call is known, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    InTime,
    Late,
    Later,
    Credited,
    Mistaken,
}

#[derive(Debug)]
struct SomeCall {
    day: u64,
    minutes: i64,
    fate: Fate,
}

#[derive(Debug)]
struct Story {
    plan: u64,
    discount: u64,
    changes_plan: bool,
    calls: Vec<SomeCall>,
    anew: Option<&'static str>,
    mistaken_whole: bool,
}

fn story(dice: &mut Dice) -> Story {
    let fates = [Fate::InTime, Fate::InTime, Fate::Late, Fate::Later, Fate::Credited, Fate::Mistaken];
    let calls = (0..3 + dice.roll(6)).map(|_| SomeCall {
        day: 1 + dice.roll(28),
        minutes: i64::try_from(1 + dice.roll(1_400)).unwrap(),
        fate: fates[usize::try_from(dice.roll(6)).unwrap()],
    });
    let calls = calls.collect();
    let plan = dice.roll(4);
    Story {
        plan,
        discount: dice.roll(4),
        changes_plan: plan == 0 && dice.roll(2) == 0,
        calls,
        anew: [None, Some("2026-09"), Some("2026-10")][usize::try_from(dice.roll(3)).unwrap()],
        mistaken_whole: dice.roll(3) == 0,
    }
}

async fn plans(db: &TestApp) {
    provider(db).await;
    let package = json!([{"name": "Hours", "destinations": ["44"], "model": "package", "minutes": 60, "price": "1.00"}]);
    plan(db, "P0", "10.00", json!({"terms": {"fee_timing": "advance"}})).await;
    plan(db, "P1", "5.00", json!({"terms": {"minimum_commitment": "40.00"}})).await;
    plan(db, "P2", "1.00", json!({"terms": {"usage_pricing": package}})).await;
    plan(db, "P3", "5.00", json!({"terms": {"minimum_commitment": "30.00", "usage_pricing": package}})).await;
    plan(db, "Next", "62.00", json!({"terms": {"fee_timing": "advance"}})).await;
}

fn calls<'c>(story: &Story, twin: &'c Twin, is_wanted: impl Fn(usize, Fate) -> bool) -> Vec<Call<'c>> {
    let known = story.calls.iter().enumerate().filter(|(place, call)| is_wanted(*place, call.fate));
    let of_twin = |(place, known): (usize, &SomeCall)| {
        let when = format!("2026-09-{:02}T{:02}:00:00Z", known.day, place);
        Call { from: &twin.number, ..call(&twin.record(place), &when, known.minutes) }
    };
    known.map(of_twin).collect()
}

async fn begin<'a>(db: &'a TestApp, story: &Story, twin: &Twin) -> Account<'a> {
    let more = json!({"lines": line(&twin.number), "bill_from": FROM});
    let plan = format!("P{}", story.plan);
    let account = customer(db, &twin.name, "Europe/Berlin", (&plan, FROM), more).await;
    let terms = [
        None,
        Some(json!({"amount": "7.00", "duration": "forever"})),
        Some(json!({"percent": "30", "duration": {"months": 2}})),
        Some(json!({"amount": "12.00", "duration": "once"})),
    ];
    if let Some(terms) = &terms[usize::try_from(story.discount).unwrap()] {
        discount(&account, terms.clone(), FROM).await;
    }
    account
}

async fn change_plan(account: &Account<'_>, story: &Story) {
    if story.changes_plan {
        let change = json!({"plan": "Next", "valid_from": "2026-09-10T22:00:00Z"});
        create(account.db, &format!("{}/subscriptions", account.path), change).await;
    }
}

/// The invoice that a call is on, credited; the credit note, if there is one.
async fn credit_on(account: &Account<'_>, invoices: &[&Value], id: &str) -> Option<Value> {
    for invoice in invoices {
        let credits = json!({"call": {"source": "switch", "record_id": id}});
        let answer = credit(account, invoice, credits).await;
        match answer.status.as_u16() {
            200 => return None,
            201 => return Some(answer.body),
            _ => assert!(
                answer.body["detail"].as_str().is_some_and(|detail| detail.contains("not on this invoice")),
                "{answer:?}"
            ),
        }
    }
    panic!("{id} is on no invoice")
}

async fn take_back(account: &Account<'_>, note: &Value) {
    let path = format!("{}/credit-notes/{}/take-back", account.path, text(note, "id"));
    let back = account.db.post_json(&path, &json!({"reason": "was right"})).await;
    assert_eq!(back.status, 201, "{back:?}");
}

/// Millionths that are asked for on all invoices, less what credit notes give back.
async fn net(account: &Account<'_>) -> i64 {
    let micros = |document: &Value| {
        let net: calculation::money::Amount = text(document, "net").parse().unwrap();
        net.micros()
    };
    let all = |path: &str| format!("{}/{path}", account.path);
    let invoices = account.db.get(&all("invoices")).await.body;
    let notes = account.db.get(&all("credit-notes")).await.body;
    let sum = |list: &Value, name: &str| -> i64 {
        list.as_array().unwrap().iter().map(|one| micros(&one[name])).sum()
    };
    sum(&invoices, "invoice") - sum(&notes, "credit_note")
}

/// All known in time, but for calls that were credited and stay so.
async fn in_time(db: &TestApp, story: &Story, twin: &Twin, gone: &[usize]) -> i64 {
    let account = begin(db, story, twin).await;
    change_plan(&account, story).await;
    import(db, &calls(story, twin, |place, _| !gone.contains(&place))).await;
    for month in ["2026-09", "2026-10", "2026-11"] {
        issue(&account, month).await;
    }
    net(&account).await
}

/// What is paid in the end, and the calls that stay credited.
async fn in_disorder(db: &TestApp, story: &Story, twin: &Twin, dice: &mut Dice) -> (i64, Vec<usize>) {
    let account = begin(db, story, twin).await;
    import(db, &calls(story, twin, |_, fate| matches!(fate, Fate::InTime | Fate::Credited))).await;
    let mut september = issue(&account, "2026-09").await;
    import(db, &calls(story, twin, |_, fate| matches!(fate, Fate::Late | Fate::Mistaken))).await;
    let mut october = issue(&account, "2026-10").await;
    let (mut credits, mut backs, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (place, known) in story.calls.iter().enumerate() {
        match known.fate {
            Fate::Credited => credits.push((place, false)),
            Fate::Mistaken => credits.push((place, true)),
            Fate::InTime | Fate::Late | Fate::Later => {}
        }
    }
    while !credits.is_empty() {
        let which = usize::try_from(dice.roll(credits.len() as u64)).unwrap();
        let (place, is_mistake) = credits.remove(which);
        let note = credit_on(&account, &[&september, &october], &twin.record(place)).await;
        // Without a note there is nothing to take back.
        if note.is_none() || !is_mistake {
            gone.push(place);
        }
        backs.extend(note.filter(|_| is_mistake));
    }
    if story.mistaken_whole {
        let whole = credit(&account, &october, json!("whole")).await;
        if whole.status == 201 {
            backs.push(whole.body);
        }
    }
    change_plan(&account, story).await;
    for note in backs {
        take_back(&account, &note).await;
    }
    if let Some(month) = story.anew {
        let of = if month == "2026-09" { &mut september } else { &mut october };
        let whole = credit(&account, of, json!("whole")).await;
        if whole.status == 201 {
            *of = issue(&account, month).await;
        }
    }
    import(db, &calls(story, twin, |_, fate| fate == Fate::Later)).await;
    issue(&account, "2026-11").await;
    (net(&account).await, gone)
}

on_both_databases! {
    async fn twins_pay_the_same(db: TestApp) {
        plans(&db).await;
        let mut unlike = Vec::new();
        for seed in SEEDS {
            let mut dice = Dice(seed);
            let story = story(&mut dice);
            let (disordered, gone) = in_disorder(&db, &story, &Twin::new(seed, 1), &mut dice).await;
            let ordered = in_time(&db, &story, &Twin::new(seed, 0), &gone).await;
            if disordered != ordered {
                unlike.push(format!("seed {seed}: {disordered} is not {ordered}, gone {gone:?}: {story:?}"));
            }
        }
        assert!(unlike.is_empty(), "{}", unlike.join("\n"));
        assert_adds_up(&db).await;
    }
}
