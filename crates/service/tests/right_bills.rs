//! Is each bill what it would have been, had all been known in time? Late calls, refunds, and credits of single calls.

use serde_json::{Value, json};

use crate::calls::assert_adds_up;
use crate::support::account::Account;
use crate::support::cycle::{Call, at, customer, import, line, patch, plan, provider};
use crate::support::operator::create;
use crate::support::{Answer, TestApp, on_both_databases};

pub(crate) const LINE: &str = "+493023125001";
pub(crate) const FROM: &str = "2026-08-31T22:00:00Z";

/// A customer of Berlin on a plan from September on, billed from then on.
pub(crate) async fn berliner<'a>(db: &'a TestApp, plan: &str) -> Account<'a> {
    let more = json!({"lines": line(LINE), "bill_from": FROM});
    customer(db, "B-1", "Europe/Berlin", (plan, FROM), more).await
}

/// A call of whole minutes to London, each 0.02.
pub(crate) fn call<'c>(id: &str, when: &str, minutes: i64) -> Call<'c> {
    Call { seconds: minutes * 60, ..Call::new(id, LINE, at(when)) }
}

/// Issues a month when it is over.
pub(crate) async fn issue(account: &Account<'_>, month: &str) -> Value {
    let next = at("2026-12-05T12:00:00Z");
    account.db.app.clock.set(next);
    let answer = account.db.post_json(&format!("{}/invoices", account.path), &json!({"month": month})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}"))
}

/// Net, tax and gross of an invoice.
fn sums(invoice: &Value) -> [&str; 3] {
    ["net", "tax", "gross"].map(|name| text(&invoice["invoice"], name))
}

/// Each line's kind and net.
pub(crate) fn lines(invoice: &Value) -> Vec<(String, String)> {
    let lines = invoice["invoice"]["lines"].as_array().expect("it has lines");
    lines.iter().map(|line| (text(line, "kind").to_owned(), text(line, "net").to_owned())).collect()
}

pub(crate) fn kinds(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, net)| ((*kind).to_owned(), (*net).to_owned())).collect()
}

pub(crate) async fn discount(account: &Account<'_>, terms: Value, from: &str) {
    let new = json!({"description": "off", "terms": terms, "valid_from": from});
    create(account.db, &format!("{}/discounts", account.path), new).await;
}

pub(crate) async fn credit(account: &Account<'_>, invoice: &Value, credits: Value) -> Answer {
    let path = format!("{}/invoices/{}/credit-notes", account.path, text(invoice, "id"));
    account.db.post_json(&path, &json!({"reason": "never made", "credits": credits})).await
}

/// Credits a call; answers what is given back, net.
pub(crate) async fn credit_call(account: &Account<'_>, invoice: &Value, id: &str) -> String {
    let answer = credit(account, invoice, json!({"call": {"source": "switch", "record_id": id}})).await;
    match answer.status.as_u16() {
        201 => text(&answer.body["credit_note"], "net").to_owned(),
        200 => text(&answer.body, "credited").to_owned(),
        _ => panic!("{answer:?}"),
    }
}

fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().expect("an amount in cents")
}

on_both_databases! {
    async fn a_call_that_a_discount_made_free_gives_nothing_back(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        discount(&account, json!({"percent": "100", "applies_to": "usage", "duration": "forever"}), FROM).await;
        import(&db, &[call("c1", "2026-10-05T10:00:00Z", 250)]).await;
        let invoice = issue(&account, "2026-10").await;
        assert_eq!(sums(&invoice), ["10.00", "1.90", "11.90"]);
        assert_eq!(credit_call(&account, &invoice, "c1").await, "0.00");
        let again = credit(&account, &invoice, json!({"call": {"source": "switch", "record_id": "c1"}})).await;
        assert_eq!((again.status.as_u16(), text(&again.body, "detail")), (409, "the call was credited before"));
        assert_eq!(db.get(&format!("{}/credit-notes", account.path)).await.body, json!([]));
        // The line as a whole gives back nothing either.
        let whole_line = credit(&account, &invoice, json!({"line": {"number": 2}})).await;
        assert!(whole_line.status.as_u16() == 409, "{whole_line:?}");
        assert_adds_up(&db).await;
    }

    async fn a_credited_line_gives_back_what_discounts_left_of_it(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        discount(&account, json!({"percent": "50", "duration": "forever"}), FROM).await;
        import(&db, &[call("c1", "2026-10-05T10:00:00Z", 100), call("c2", "2026-10-06T10:00:00Z", 50)]).await;
        let invoice = issue(&account, "2026-10").await;
        assert_eq!(lines(&invoice), kinds(&[("fee", "10.00"), ("usage", "3.00"), ("discount", "-6.50")]));
        assert_eq!(credit_call(&account, &invoice, "c1").await, "1.00");
        let rest = credit(&account, &invoice, json!({"line": {"number": 2}})).await;
        assert_eq!(text(&rest.body["credit_note"], "net"), "0.50", "{rest:?}");
        let fee = credit(&account, &invoice, json!({"line": {"number": 1}})).await;
        assert_eq!(text(&fee.body["credit_note"], "net"), "5.00", "{fee:?}");
        assert_eq!(account.standing(&invoice).await, ("void".to_owned(), "0.00".to_owned()));
        assert_adds_up(&db).await;
    }

    async fn calls_credited_in_any_order_give_back_what_they_added(db: TestApp) {
        provider(&db).await;
        let terms = json!({"minimum_commitment": "4.00", "usage_pricing": [{"name": "Germany", "destinations": ["49"],
            "model": "graduated", "tiers": [{"up_to_minutes": 10, "price_per_minute": "0.30"}, {"price_per_minute": "0.10"}]}]});
        plan(&db, "Least", "0.00", json!({"terms": terms})).await;
        for (reference, number, order) in [
            ("O-1", "+493023125011", ["a", "b", "c", "d", "e"]),
            ("O-2", "+493023125012", ["e", "d", "c", "b", "a"]),
            ("O-3", "+493023125013", ["c", "e", "a", "d", "b"]),
        ] {
            let more = json!({"lines": line(number), "bill_from": FROM});
            let account = customer(&db, reference, "Europe/Berlin", ("Least", FROM), more).await;
            discount(&account, json!({"percent": "33.3333", "duration": "forever"}), FROM).await;
            let calls = [("a", 100, "+442079460123"), ("b", 61, "+442079460123"), ("c", 7, "+4940123456"),
                ("d", 12, "+4940123456"), ("e", 3, "+442079460123")];
            let calls: Vec<_> = calls.iter().map(|(id, minutes, to)| Call {
                id: format!("{reference}-{id}"), from: number, to, at: at("2026-10-05T10:00:00Z"), seconds: minutes * 60,
            }).collect();
            import(&db, &calls).await;
            let invoice = issue(&account, "2026-10").await;
            // 3.28 to London and 10 x 0.30 + 9 x 0.10 to Germany.
            assert_eq!(lines(&invoice), kinds(&[("usage", "3.90"), ("usage", "3.28"), ("discount", "-2.39")]));
            let mut given = 0;
            for id in order {
                given += cents(&credit_call(&account, &invoice, &format!("{reference}-{id}")).await);
            }
            // Without any call the minimum of 4.00 is owed, less a third: 4.79 less 2.67.
            assert_eq!(given, 212, "{reference}");
        }
        assert_adds_up(&db).await;
    }

    async fn calls_of_less_than_half_a_cent_give_back_their_line_together(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        let calls: Vec<_> = (0..10).map(|number| Call {
            // 8 s at 0.03 a minute: 0.004.
            id: format!("c{number}"), from: LINE, to: "+4940123456", at: at("2026-10-05T10:00:00Z"), seconds: 8,
        }).collect();
        import(&db, &calls).await;
        let invoice = issue(&account, "2026-10").await;
        assert_eq!(lines(&invoice), kinds(&[("fee", "10.00"), ("usage", "0.04")]));
        let mut given = Vec::new();
        for number in 0..10 {
            given.push(credit_call(&account, &invoice, &format!("c{number}")).await);
        }
        assert_eq!(given.iter().map(|net| cents(net)).sum::<i64>(), 4, "{given:?}");
        assert!(given.contains(&"0.00".to_owned()), "{given:?}");
        assert_adds_up(&db).await;
    }

    async fn seconds_that_a_credited_call_took_cover_the_others(db: TestApp) {
        provider(&db).await;
        let minutes = json!([{"name": "Ten minutes", "seconds": 600, "destinations": ["44"]}]);
        plan(&db, "Included", "1.00", json!({"allowances": minutes})).await;
        let account = berliner(&db, "Included").await;
        import(&db, &[call("free", "2026-10-05T10:00:00Z", 10), call("paid", "2026-10-06T10:00:00Z", 8)]).await;
        let invoice = issue(&account, "2026-10").await;
        assert_eq!(lines(&invoice), kinds(&[("fee", "1.00"), ("usage", "0.16")]));
        // It cost nothing, and without it the other one would have cost nothing.
        assert_eq!(credit_call(&account, &invoice, "free").await, "0.16");
        assert_eq!(credit_call(&account, &invoice, "paid").await, "0.00");
        assert_adds_up(&db).await;
    }

    async fn late_calls_are_charged_as_if_they_had_come_in_time(db: TestApp) {
        provider(&db).await;
        plan(&db, "Least", "0.00", json!({"terms": {"minimum_commitment": "20.00"}})).await;
        let account = berliner(&db, "Least").await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 250)]).await;
        let september = issue(&account, "2026-09").await;
        assert_eq!(lines(&september), kinds(&[("usage", "5.00"), ("minimum_commitment", "15.00")]));
        import(&db, &[call("a2", "2026-09-06T10:00:00Z", 250), call("a3", "2026-10-06T10:00:00Z", 1400),
            call("a4", "2026-10-08T10:00:00Z", 100)]).await;
        let october = issue(&account, "2026-10").await;
        let expected = [("usage", "30.00"), ("late_usage", "5.00"), ("minimum_commitment", "-5.00")];
        assert_eq!(lines(&october), kinds(&expected));
        // A credited call raises what is missing to the minimum, and gives back nothing as long as it is.
        assert_eq!(credit_call(&account, &september, "a1").await, "0.00");
        assert_eq!(credit_call(&account, &october, "a2").await, "0.00");
        // More late calls: 20.00 are reached by 12.00 of them no more than before.
        import(&db, &[call("a5", "2026-09-07T10:00:00Z", 600)]).await;
        let november = issue(&account, "2026-11").await;
        let expected = [("late_usage", "12.00"), ("minimum_commitment", "-12.00"), ("minimum_commitment", "20.00")];
        assert_eq!(lines(&november), kinds(&expected));
        assert_adds_up(&db).await;
    }

    async fn late_calls_have_the_discounts_of_their_month(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        let month = json!({"percent": "100", "applies_to": "usage", "duration": {"months": 1}});
        discount(&account, month, FROM).await;
        import(&db, &[call("b1", "2026-09-05T10:00:00Z", 250)]).await;
        issue(&account, "2026-09").await;
        import(&db, &[call("b2", "2026-09-06T10:00:00Z", 250)]).await;
        let october = issue(&account, "2026-10").await;
        assert_eq!(lines(&october), kinds(&[("fee", "10.00"), ("late_usage", "5.00"), ("discount", "-5.00")]));
        assert_eq!(credit_call(&account, &october, "b2").await, "0.00");
        assert_adds_up(&db).await;
    }

    async fn a_discount_is_taken_from_charges_and_not_from_refunds(db: TestApp) {
        provider(&db).await;
        let advance = json!({"terms": {"fee_timing": "advance"}});
        plan(&db, "V31", "31.00", advance.clone()).await;
        plan(&db, "V62", "62.00", advance).await;
        let account = berliner(&db, "V31").await;
        discount(&account, json!({"percent": "50", "applies_to": "fees", "duration": "forever"}), FROM).await;
        issue(&account, "2026-09").await;
        let change = json!({"plan": "V62", "valid_from": "2026-10-10T22:00:00Z"});
        create(&db, &format!("{}/subscriptions", account.path), change).await;
        let october = issue(&account, "2026-10").await;
        let expected = [("fee", "-21.00"), ("fee", "42.00"), ("fee", "62.00"), ("discount", "-52.00"), ("discount", "10.50")];
        assert_eq!(lines(&october), kinds(&expected));
        assert_adds_up(&db).await;
    }

    async fn a_refund_has_the_tax_that_was_charged(db: TestApp) {
        provider(&db).await;
        create(&db, "/v1/tax-rates", json!({"country": "AT", "valid_from": "2010-01-01", "rate": "20"})).await;
        plan(&db, "V31", "31.00", json!({"terms": {"fee_timing": "advance"}})).await;
        let account = berliner(&db, "V31").await;
        issue(&account, "2026-09").await;
        let moved = json!({"party": {"country": "AT", "city": "Wien"}, "valid_from": "2026-10-01"});
        assert_eq!(patch(&db, &account.path, moved).await.status, 200);
        let close = json!({"closed_at": "2026-10-10T22:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        let october = issue(&account, "2026-10").await;
        assert_eq!(sums(&october), ["-21.00", "-3.99", "-24.99"]);
        assert_adds_up(&db).await;
    }

    async fn each_line_is_taxed_where_the_customer_was_then(db: TestApp) {
        provider(&db).await;
        create(&db, "/v1/tax-rates", json!({"country": "AT", "valid_from": "2010-01-01", "rate": "20"})).await;
        let account = berliner(&db, "Ten").await;
        db.app.clock.set(at("2026-10-20T12:00:00Z"));
        let ahead = patch(&db, &account.path, json!({"party": {"country": "AT"}, "valid_from": "2026-10-21"})).await;
        assert_eq!((ahead.status.as_u16(), text(&ahead.body, "type")), (422, "/problems/invalid-field"), "{ahead:?}");
        assert_eq!(patch(&db, &account.path, json!({"party": {"country": "AT"}})).await.status, 200);
        for (description, day) in [("SIM card", "2026-10-05T10:00:00Z"), ("Router", "2026-10-25T10:00:00Z")] {
            let charge = json!({"description": description, "amount": {"amount": "10.00", "currency": "EUR"}, "charged_at": day});
            create(&db, &format!("{}/charges", account.path), charge).await;
        }
        let october = issue(&account, "2026-10").await;
        let taxes: Vec<_> = october["invoice"]["taxes"].as_array().unwrap().iter()
            .map(|tax| (text(tax, "rate"), text(tax, "taxable"))).collect();
        assert_eq!(taxes, [("19", "10.00"), ("20", "20.00")]);
        assert_adds_up(&db).await;
    }

    async fn an_end_told_late_gives_back_all_that_was_charged_since(db: TestApp) {
        provider(&db).await;
        plan(&db, "Least", "10.00", json!({"terms": {"minimum_commitment": "12.00"}})).await;
        let more = json!({"bill_from": "2024-01-05T00:00:00Z"});
        let account = customer(&db, "B-1", "Europe/Berlin", ("Least", "2023-12-31T23:00:00Z"), more).await;
        for month in 0..34 {
            let (year, month) = (2024 + month / 12, month % 12 + 1);
            let invoice = issue(&account, &format!("{year}-{month:02}")).await;
            assert_eq!(sums(&invoice)[0], "12.00");
        }
        let close = json!({"closed_at": "2024-06-30T22:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        let last = issue(&account, "2026-11").await;
        // From July 2024 to October 2026.
        assert_eq!(sums(&last), ["-336.00", "-63.84", "-399.84"]);
        assert_adds_up(&db).await;
    }

    async fn what_was_given_back_too_much_is_found(db: TestApp) {
        provider(&db).await;
        plan(&db, "Least", "10.00", json!({"terms": {"minimum_commitment": "20.00"}})).await;
        let account = berliner(&db, "Least").await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 250)]).await;
        let september = issue(&account, "2026-09").await;
        import(&db, &[call("a2", "2026-09-06T10:00:00Z", 50)]).await;
        issue(&account, "2026-10").await;
        credit_call(&account, &september, "a1").await;
        credit(&account, &september, json!({"line": {"number": 1, "net": "1.00"}})).await;
        assert_adds_up(&db).await;
        for (damage, mend, expected) in [
            ("update fee_charges set amount = -amount", "update fee_charges set amount = -amount", "more was given back of a fee"),
            ("update settled_parts set amount = amount - 1000000 where kind = 'usage'",
             "update settled_parts set amount = amount + 1000000 where kind = 'usage'", "beside what its documents charged"),
            ("update credited_lines set net = net + 10000000", "update credited_lines set net = net - 10000000", "was credited of"),
        ] {
            let faults = async |sql: &str| {
                let mut tx = db.app.db.begin().await.unwrap();
                tx.script(sql).await.unwrap();
                tx.commit().await.unwrap();
                let mut tx = db.app.db.read().await.unwrap();
                let mut faults = tollbook::invoices::verify(&mut tx).await.unwrap().faults;
                faults.append(&mut tollbook::credit_notes::verify(&mut tx).await.unwrap().faults);
                faults
            };
            let found = faults(damage).await;
            assert!(found.iter().any(|fault| fault.contains(expected)), "{damage}: {found:?}");
            assert_eq!(faults(mend).await, [""; 0], "{mend}");
        }
    }

    async fn what_later_invoices_gave_back_is_not_credited_again(db: TestApp) {
        provider(&db).await;
        plan(&db, "V31", "31.00", json!({"terms": {"fee_timing": "advance"}})).await;
        let account = berliner(&db, "V31").await;
        let september = issue(&account, "2026-09").await;
        assert_eq!(lines(&september), kinds(&[("fee", "31.00"), ("fee", "31.00")]));
        let close = json!({"closed_at": "2026-10-10T22:00:00Z"});
        assert_eq!(db.post_json(&format!("{}/close", account.path), &close).await.status, 200);
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&[("fee", "-21.00")]));
        let whole = credit(&account, &september, json!("whole")).await;
        assert_eq!(text(&whole.body["credit_note"], "net"), "41.00", "{whole:?}");
        assert_adds_up(&db).await;
    }

    async fn a_discount_of_one_invoice_is_given_to_late_calls_of_its_month_alone(db: TestApp) {
        provider(&db).await;
        let account = berliner(&db, "Ten").await;
        discount(&account, json!({"percent": "100", "applies_to": "usage", "duration": "once"}), FROM).await;
        import(&db, &[call("a1", "2026-09-05T10:00:00Z", 50)]).await;
        issue(&account, "2026-09").await;
        import(&db, &[call("a2", "2026-09-06T10:00:00Z", 50), call("b1", "2026-10-06T10:00:00Z", 50)]).await;
        let october = [("fee", "10.00"), ("usage", "1.00"), ("late_usage", "1.00"), ("discount", "-1.00")];
        assert_eq!(lines(&issue(&account, "2026-10").await), kinds(&october));
        import(&db, &[call("b2", "2026-10-07T10:00:00Z", 50)]).await;
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00"), ("late_usage", "1.00")]));
        assert_adds_up(&db).await;
    }

    async fn a_cancelled_plan_gives_back_its_fee_in_advance(db: TestApp) {
        provider(&db).await;
        plan(&db, "V62", "62.00", json!({"terms": {"fee_timing": "advance"}})).await;
        let account = berliner(&db, "Ten").await;
        db.app.clock.set(at("2026-11-05T12:00:00Z"));
        let ahead = json!({"plan": "V62", "valid_from": "2026-11-10T23:00:00Z"});
        let change = create(&db, &format!("{}/subscriptions", account.path), ahead).await;
        let issued = db.post_json(&format!("{}/invoices", account.path), &json!({"month": "2026-10"})).await;
        assert_eq!(lines(&issued.body), kinds(&[("fee", "10.00"), ("fee", "41.33")]));
        let cancel = format!("{}/subscriptions/{}/cancel", account.path, text(&change, "id"));
        assert_eq!(db.post_json(&cancel, &json!({})).await.status, 200);
        assert_eq!(lines(&issue(&account, "2026-11").await), kinds(&[("fee", "10.00"), ("fee", "-41.33")]));
        assert_adds_up(&db).await;
    }
}
