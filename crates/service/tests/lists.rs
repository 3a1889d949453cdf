//! Do the clerk's lists show every invoice once, and do sums and journal agree with the invoices and the ledger?

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::account::{Account, assert_sound};
use crate::support::cycle::{Call, at, customer, import, invoices_of, line, plan, provider, round_at};
use crate::support::mailing::execute;
use crate::support::operator::create;
use crate::support::program::{done, failed};
use crate::support::{TestApp, on_both_databases};

/// Millionths of an amount as the API writes it.
fn micros(money: &Value) -> i64 {
    money["amount"].as_str().unwrap().parse::<calculation::money::Amount>().unwrap().micros()
}

/// All entries of a list, page by page.
async fn all(db: &TestApp, query: &str) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = db.get(&format!("/v1/invoices?limit=2&{query}{cursor}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        let page = answer.body;
        found.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { return found };
        cursor = format!("&cursor={next}");
    }
}

fn numbers(listed: &[Value]) -> Vec<String> {
    let mut numbers: Vec<_> = listed.iter().map(|one| one["number"].as_str().unwrap().to_owned()).collect();
    numbers.sort();
    numbers
}

/// Four customers in three zones and two countries, with calls, invoices of September and October, and whatever became of them.
async fn three_months(db: &TestApp) -> Vec<Account<'_>> {
    provider(db).await;
    create(db, "/v1/tax-rates", json!({"country": "AT", "valid_from": "2010-01-01", "rate": "20"})).await;
    plan(db, "Five", "5.00", json!({})).await;
    let from = json!("2026-09-02T00:00:00Z");
    let more = |number: &str, country: &str| json!({"lines": line(number), "bill_from": from, "party": {"name": format!("Of {country}"), "country": country}});
    let one =
        customer(db, "A", "Europe/Berlin", ("Ten", "2026-01-01T00:00:00Z"), more("+493023125001", "DE"))
            .await;
    let two = customer(
        db,
        "B",
        "Pacific/Kiritimati",
        ("Five", "2026-01-01T00:00:00Z"),
        more("+493023125002", "AT"),
    )
    .await;
    let three =
        customer(db, "C", "Pacific/Pago_Pago", ("Ten", "2026-01-01T00:00:00Z"), more("+493023125003", "DE"))
            .await;
    let four =
        customer(db, "D", "Europe/Berlin", ("Five", "2026-01-01T00:00:00Z"), more("+493023125004", "DE"))
            .await;
    let call = |id: &str, from, day: &str, to, seconds| Call { to, seconds, ..Call::new(id, from, at(day)) };
    import(
        db,
        &[
            call("a1", "+493023125001", "2026-09-10T10:00:00Z", "+442079460123", 600),
            call("a2", "+493023125001", "2026-10-10T10:00:00Z", "+4989123456", 61),
            call("b1", "+493023125002", "2026-10-10T10:00:00Z", "+442079460123", 3_600),
            call("c1", "+493023125003", "2026-10-10T10:00:00Z", "+4989123456", 119),
        ],
    )
    .await;
    round_at(db, at("2026-10-03T00:00:00Z")).await;
    round_at(db, at("2026-11-03T00:00:00Z")).await;
    // A call of October that came late, and a charge.
    import(db, &[call("d1", "+493023125004", "2026-10-12T10:00:00Z", "+442079460123", 60)]).await;
    create(
        db,
        &format!("{}/charges", four.path),
        json!({"description": "Router", "amount": {"amount": "50.00", "currency": "EUR"}}),
    )
    .await;
    create(
        db,
        &format!("{}/discounts", one.path),
        json!({"description": "Sorry", "terms": {"percent": "10", "duration": "forever"}}),
    )
    .await;
    round_at(db, at("2026-12-03T00:00:00Z")).await;
    let pay = |reference: &str, amount: &str, number: &Value| json!({"reference": reference, "amount": amount, "currency": "EUR", "paid_on": "2026-12-02", "invoice": number});
    let [september, october, _] = &invoices_of(&one).await[..] else { panic!("three invoices") };
    assert_eq!(
        one.send(pay("p1", september["gross"]["amount"].as_str().unwrap(), &september["number"]))
            .await
            .status,
        201
    );
    assert_eq!(one.send(pay("p2", "1.00", &october["number"])).await.status, 201);
    let of_two = invoices_of(&two).await;
    let path = |account: &Account<'_>, invoice: &Value, what: &str| {
        format!("{}/invoices/{}/{what}", account.path, invoice["id"].as_str().unwrap())
    };
    create(db, &path(&two, &of_two[0], "credit-notes"), json!({"reason": "Not owed", "credits": "whole"}))
        .await;
    create(
        db,
        &path(&two, &of_two[1], "credit-notes"),
        json!({"reason": "A part", "credits": {"line": {"number": 1, "net": "1.00"}}}),
    )
    .await;
    create(db, &path(&three, &invoices_of(&three).await[0], "write-off"), json!({"reason": "lost"})).await;
    assert_eq!(four.send(pay("p3", "1.00", &invoices_of(&four).await[2]["number"])).await.status, 201);
    vec![one, two, three, four]
}

on_both_databases! {
    async fn every_invoice_is_listed_once_by_month_standing_customer_and_amount(db: TestApp) {
        let accounts = three_months(&db).await;
        let mut expected = Vec::new();
        for account in &accounts {
            for invoice in invoices_of(account).await {
                expected.push((account.id.to_string(), invoice));
            }
        }
        assert_eq!(expected.len(), 12);
        let wanted = |fits: &dyn Fn(&str, &Value) -> bool| {
            let fitting = expected.iter().filter(|(customer, invoice)| fits(customer, invoice)).map(|(_, invoice)| invoice.clone());
            numbers(&fitting.collect::<Vec<_>>())
        };
        let everything = all(&db, "").await;
        assert_eq!(numbers(&everything), wanted(&|_, _| true));
        // What is told of each is what the customer's own list tells.
        for listed in &everything {
            let (customer, own) = expected.iter().find(|(_, own)| own["id"] == listed["id"]).unwrap();
            assert_eq!(listed["customer_id"], json!(customer));
            for (name, value) in [("gross", &own["gross"]), ("open", &own["open"]), ("status", &own["status"]), ("number", &own["number"]),
                ("issued_on", &own["invoice"]["issued_on"]), ("due_on", &own["invoice"]["due_on"])]
            {
                assert_eq!(&listed[name], value, "{name} of {listed}");
            }
            assert_eq!(listed["month"], own["invoice"]["period"]["first_day"].as_str().unwrap()[..7]);
            assert_eq!(micros(&listed["net"]) + micros(&listed["tax"]), micros(&listed["gross"]));
        }
        for month in ["2026-09", "2026-10", "2026-11"] {
            let of_month = wanted(&|_, own| own["invoice"]["period"]["first_day"].as_str().unwrap().starts_with(month));
            assert_eq!(of_month.len(), 4);
            assert_eq!(numbers(&all(&db, &format!("month={month}")).await), of_month, "{month}");
        }
        let mut seen = Vec::new();
        for status in ["open", "partly_paid", "paid", "overdue", "void", "written_off"] {
            let so = wanted(&|_, own| own["status"] == status);
            assert!(!so.is_empty(), "{status}");
            assert_eq!(numbers(&all(&db, &format!("status={status}")).await), so, "{status}");
            let in_month = wanted(&|_, own| own["status"] == status && own["invoice"]["period"]["first_day"] == "2026-10-01");
            assert_eq!(numbers(&all(&db, &format!("status={status}&month=2026-10")).await), in_month, "{status}");
            seen.extend(so);
        }
        assert_eq!(seen.len(), 12);
        for account in &accounts {
            let own = wanted(&|customer, _| customer == account.id.to_string());
            assert_eq!(numbers(&all(&db, &format!("customer={}", account.id)).await), own);
        }
        let between = wanted(&|_, own| (11_900_000..=20_000_000).contains(&micros(&own["gross"])));
        assert!(!between.is_empty() && between.len() < 12);
        assert_eq!(numbers(&all(&db, "min=11.90&max=20.00").await), between);
        assert_eq!(all(&db, "month=2026-08").await, Vec::<Value>::new());
        for wrong in ["month=October", "status=lost", "customer=A", "min=ten", "limit=0", "cursor=x", "colour=red", "form=pdf"] {
            let refused = db.get(&format!("/v1/invoices?{wrong}")).await;
            assert!([400, 422].contains(&refused.status.as_u16()), "{wrong}: {refused:?}");
        }
    }

    async fn the_lists_are_printed_for_people_programs_and_spreadsheets(db: TestApp) {
        three_months(&db).await;
        execute(&db, "update customers set party = replace(party, 'Of AT', '=SUM(1,2)') where reference = $1", &[&"B"]).await;
        let said = done(&db.url, &["invoices", "--month", "2026-10", "--status", "overdue"]);
        let rows: Vec<_> = said.lines().collect();
        assert!(rows.len() >= 2 && rows.iter().all(|row| row.contains("overdue") || row.contains(": net ")), "{said}");
        let csv = done(&db.url, &["invoices", "--csv", "--customer", "B"]);
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("number,month,issued_on,due_on,customer,name,status,currency,net,tax,gross,open,invoice_id"));
        let rows: Vec<_> = lines.collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[0].starts_with("INV-") && rows[0].contains(",B,\"'=SUM(1,2)\",void,EUR,"), "{csv}");
        let said = done(&db.url, &["invoices", "--customer", "B"]);
        let sums = said.lines().last().unwrap();
        assert!(sums.starts_with("3 invoices: net ") && sums.contains("; of them 1 void: gross "), "{said}");
        assert!(!done(&db.url, &["invoices", "--customer", "A"]).contains("of them"));
        let answer = db.get("/v1/invoices?form=csv&month=2026-10").await;
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
        let json = done(&db.url, &["--json", "invoices", "--month", "2026-10"]);
        assert_eq!(json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["month"].clone()).collect::<Vec<_>>(), vec![json!("2026-10"); 4]);
        assert_eq!(done(&db.url, &["invoices", "--month", "2020-01"]), "no invoices\n");
        for (arguments, part) in [
            (&["invoices", "--month", "13"][..], "--month"), (&["invoices", "--customer", "Z"], "no customer has the reference Z"),
            (&["report", "--month", "2026"], "--month"), (&["journal", "--from", "2026-10-02", "--to", "2026-10-01"], "the last day comes after the first"),
        ] {
            let said = failed(&db.url, arguments);
            assert!(said.contains(part), "{arguments:?}: {said}");
        }
        let said = done(&db.url, &["report", "--month", "2026-10", "--by", "plan", "--csv"]);
        assert!(said.starts_with("documents,plan,calls,seconds,currency,net\r\ninvoices,Five,"), "{said}");
    }

    async fn what_was_sold_adds_up_to_the_invoices_and_credit_notes_by_tax_plan_and_destination(db: TestApp) {
        let accounts = three_months(&db).await;
        for month in ["2026-09", "2026-10", "2026-11"] {
            let listed = all(&db, &format!("month={month}")).await;
            let sum = |name: &str| listed.iter().map(|one| micros(&one[name])).sum::<i64>();
            let mut credited = [0, 0];
            for account in &accounts {
                for note in db.get(&format!("{}/credit-notes", account.path)).await.body.as_array().unwrap() {
                    if listed.iter().any(|one| one["id"] == note["invoice_id"]) {
                        let amount = |name: &str| note["credit_note"][name].as_str().unwrap().parse::<calculation::money::Amount>().unwrap().micros();
                        credited = [credited[0] + amount("net"), credited[1] + amount("tax")];
                    }
                }
            }
            for by in ["tax", "plan", "destination"] {
                let answer = db.get(&format!("/v1/reports/revenue?month={month}&by={by}")).await;
                let rows = |part: &str| answer.body[part].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
                let of = |part: &str, name: &str| rows(part).iter().map(|row| micros(&row[name])).sum::<i64>();
                assert_eq!((of("invoiced", "net"), of("credited", "net")), (sum("net"), credited[0]), "{month} {by}: {}", answer.body);
                if by == "tax" {
                    assert_eq!((of("invoiced", "tax"), of("credited", "tax")), (sum("tax"), credited[1]), "{month}: {}", answer.body);
                }
            }
        }
        let keys = |body: &Value| body["invoiced"].as_array().unwrap().iter().map(|row| row["key"].clone()).collect::<Vec<_>>();
        let by = |by: &str| format!("/v1/reports/revenue?month=2026-11&by={by}");
        let tax = db.get(&by("tax")).await.body;
        assert_eq!(keys(&tax), [json!(["AT", "standard", "20"]), json!(["DE", "standard", "19"])]);
        assert_eq!(keys(&db.get(&by("plan")).await.body), [json!(["Five"]), json!(["Ten"])]);
        let november = db.get(&by("destination")).await.body;
        assert_eq!(keys(&november), [json!(["discount"]), json!(["fee"]), json!(["one_off"]), json!(["usage", "United Kingdom"])]);
        let october = db.get("/v1/reports/revenue?month=2026-10&by=destination").await.body;
        let london = october["invoiced"].as_array().unwrap().iter().find(|row| row["key"] == json!(["usage", "United Kingdom"])).unwrap();
        assert_eq!((&london["calls"], &london["seconds"], &london["net"]["amount"]), (&json!(1), &json!(3_600), &json!("1.20")));
        // What was kept long enough is still in the sums.
        execute(&db, "update invoices set content = replace(content, '\"lines\":[', '\"lines\":[],\"gone\":[') where number = $1", &[&"INV-2026-000001"]).await;
        let answer = db.get("/v1/reports/revenue?month=2026-09&by=destination").await.body;
        let listed = all(&db, "month=2026-09").await;
        let sum: i64 = answer["invoiced"].as_array().unwrap().iter().map(|row| micros(&row["net"])).sum();
        assert_eq!(sum, listed.iter().map(|one| micros(&one["net"])).sum::<i64>());
        assert!(keys(&answer).contains(&json!(["not kept"])), "{answer}");
        for wrong in ["month=2026-10", "by=tax", "month=x&by=tax", "month=2026-10&by=colour"] {
            assert_eq!(db.get(&format!("/v1/reports/revenue?{wrong}")).await.status, 400, "{wrong}");
        }
    }

    async fn the_journal_is_the_ledger(db: TestApp) {
        three_months(&db).await;
        let mut tx = db.app.db.read().await.unwrap();
        let sql = "select account, cast(sum(amount) as bigint) as amount, count(*) as postings from postings group by account";
        let mut ledger = BTreeMap::new();
        let mut postings = 0;
        for row in tx.rows(sql, &[]).await.unwrap() {
            ledger.insert(row.get::<String>("account").unwrap(), row.get::<i64>("amount").unwrap());
            postings += row.get::<i64>("postings").unwrap();
        }
        drop(tx);
        let said = done(&db.url, &["journal", "--from", "2026-01-01", "--to", "2026-12-31"]);
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(i64::try_from(lines.len()).unwrap(), postings);
        let mut journal: BTreeMap<String, i64> = BTreeMap::new();
        for line in &lines {
            *journal.entry(line["account"].as_str().unwrap().to_owned()).or_default() += micros(&line["amount"]);
        }
        assert_eq!(journal, ledger);
        assert_eq!(journal.values().sum::<i64>(), 0);
        let order: Vec<_> = lines.iter().map(|line| line["posted_at"].as_str().unwrap()).collect();
        assert!(order.is_sorted() && lines[0]["customer_reference"].is_string(), "{said}");
        for line in &lines {
            let begins = match line["kind"].as_str().unwrap() {
                "issue" => "INV-",
                "credit_note" => "CN-",
                _ => { assert_eq!(line.get("document"), None, "{line}"); continue }
            };
            assert!(line["document"].as_str().unwrap().starts_with(begins), "{line}");
        }
        // Days follow each other without a gap.
        let mut parts = 0;
        for (from, to) in [("2026-01-01", "2026-10-02"), ("2026-10-03", "2026-10-03"), ("2026-10-04", "2026-12-02"), ("2026-12-03", "2026-12-31")] {
            parts += done(&db.url, &["journal", "--from", from, "--to", to]).lines().count();
        }
        assert_eq!(parts, lines.len());
        let csv = done(&db.url, &["journal", "--from", "2026-01-01", "--to", "2026-12-31", "--csv"]);
        assert!(csv.starts_with("entry_id,") && csv.contains(",credit,document\r\n") && csv.contains(",INV-2026-000001\r\n"), "{csv}");
        let mut sums = [0_i64; 2];
        for row in csv.lines().skip(1) {
            let cells: Vec<_> = row.split(',').collect();
            for (sum, cell) in sums.iter_mut().zip(&cells[7..9]) {
                *sum += if cell.is_empty() { 0 } else { cell.parse::<calculation::money::Amount>().unwrap().micros() };
            }
        }
        assert_eq!((sums[0], csv.lines().count()), (sums[1], lines.len() + 1));
        let api = db.get("/v1/journal?from=2026-01-01&to=2026-12-31&form=csv").await;
        assert_eq!((api.status.as_u16(), &api.headers["content-disposition"]), (200, &"attachment; filename=\"journal-2026-01-01-2026-12-31.csv\"".parse().unwrap()));
        assert_eq!(db.get("/v1/journal?from=2026-10-02&to=2026-10-01").await.status, 400);
        assert_sound(&db).await;
    }
}
