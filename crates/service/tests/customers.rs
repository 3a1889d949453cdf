//! Do customers, lines, plans, subscriptions and tariffs keep their rules at the API?

use serde_json::{Value, json};

use crate::support::operator::{create, operator};
use crate::support::{TestApp, on_both_databases};

fn customer(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({"reference": "N-1", "currency": "EUR", "party": {"name": "New", "country": "DE"}});
    change(&mut body);
    body
}

/// Posts what must be refused; answers status and pointer or detail.
async fn refused(db: &TestApp, path: &str, body: &Value) -> (u16, String) {
    let answer = db.post_json(path, body).await;
    assert!(answer.status.is_client_error(), "{path} {body}: {answer:?}");
    let pointer = answer.body["errors"][0]["pointer"].as_str().or(answer.body["detail"].as_str());
    (answer.status.as_u16(), pointer.unwrap_or_default().to_owned())
}

async fn first_customer(db: &TestApp) -> String {
    let page = db.get("/v1/customers?limit=1").await.body;
    format!("/v1/customers/{}", page["items"][0]["id"].as_str().unwrap())
}

on_both_databases! {
    async fn a_zone_is_set_or_found_and_the_step_that_decided_is_stored(db: TestApp) {
        operator(&db).await;
        let line = |number: &str| json!([{"number": number, "valid_from": "2026-01-01T00:00:00Z"}]);
        for (reference, lines, zone, expected, step) in [
            ("set", json!([]), json!("Asia/Tokyo"), "Asia/Tokyo", "set"),
            ("region", line("+493012345678"), Value::Null, "Europe/Berlin", "region"),
            ("area", line("+12125550123"), Value::Null, "America/New_York", "area_code"),
            ("country", line("+34612345678"), Value::Null, "Europe/Madrid", "country_default"),
            ("nothing", json!([]), Value::Null, "Europe/Berlin", "operator_default"),
        ] {
            let body = customer(|body| {
                body["reference"] = json!(reference);
                body["lines"] = lines;
                body["zone"] = zone;
            });
            let created = create(&db, "/v1/customers", body).await;
            assert_eq!((&created["zone"], &created["zone_step"]), (&json!(expected), &json!(step)), "{reference}");
        }
        // Whose zone nobody decided gets that of the first number.
        let last = db.get("/v1/customers?limit=500").await.body["items"].as_array().unwrap().last().unwrap().clone();
        let path = format!("/v1/customers/{}", last["id"].as_str().unwrap());
        let line = json!({"number": "+68672000012", "valid_from": "2026-01-01T00:00:00Z"});
        create(&db, &format!("{path}/lines"), line).await;
        assert_eq!(db.get(&path).await.body["zone"], "Pacific/Tarawa");
    }

    async fn a_customer_that_makes_no_sense_is_refused_by_field(db: TestApp) {
        operator(&db).await;
        let post = async |change: &dyn Fn(&mut Value)| refused(&db, "/v1/customers", &customer(change)).await;
        assert_eq!(post(&|body| body["reference"] = json!("")).await, (422, "/reference".into()));
        assert_eq!(post(&|body| body["reference"] = json!("a\u{0}b")).await, (422, "/reference".into()));
        assert_eq!(post(&|body| body["reference"] = json!(7)).await, (422, "/reference".into()));
        assert_eq!(post(&|body| body["party"]["name"] = json!(" ")).await, (422, "/party/name".into()));
        assert_eq!(post(&|body| body["party"]["country"] = json!("Germany")).await, (422, "/party/country".into()));
        assert_eq!(post(&|body| body["party"]["vat"] = json!("DE1")).await, (422, "/party/vat".into()));
        assert_eq!(post(&|body| body["currency"] = json!("EURO")).await, (422, "/currency".into()));
        assert_eq!(post(&|body| body["zone"] = json!("Berlin")).await, (422, "/zone".into()));
        assert_eq!(post(&|body| body["nickname"] = json!("x")).await, (422, "/nickname".into()));
        let line = |number: &str, from: &str| json!([{"number": number, "valid_from": from}]);
        assert_eq!(post(&|body| body["lines"] = line("030123", "2026-01-01T00:00:00Z")).await.1, "/lines/0/number");
        assert_eq!(post(&|body| body["lines"] = line("+4930123456", "soon")).await.1, "/lines/0/valid_from");
        assert_eq!(post(&|body| body["lines"] = line("+4930123456", "2026-01-01T00:00:00.0000001Z")).await.0, 422);
        assert_eq!(refused(&db, "/v1/customers", &json!(["N-1", {}, "EUR"])).await.0, 400);
        assert_eq!(post(&|body| body["subscription"] = json!({"plan": "a\u{0}", "valid_from": "2026-01-01T00:00:00Z"})).await.0, 422);
        let far = (422, "/lines/0/valid_from".into());
        assert_eq!(post(&|body| body["lines"] = line("+4930123456", "-009998-01-01T00:00:00Z")).await, far);
        assert_eq!(post(&|body| body["lines"] = line("+493023125001", "2026-01-01T00:00:00Z")).await.0, 409);
        let plan = |name: &str| json!({"plan": name, "valid_from": "2026-01-01T00:00:00Z"});
        assert_eq!(post(&|body| body["subscription"] = plan("None")).await, (422, "/subscription/plan".into()));
        let yen = |body: &mut Value| {
            body["currency"] = json!("JPY");
            body["subscription"] = plan("Per call");
        };
        assert_eq!(post(&yen).await, (422, "/subscription/plan".into()));
        assert_eq!(post(&|body| body["reference"] = json!("C-1")).await.0, 409);
        // Nothing of all that was kept.
        assert_eq!(db.get("/v1/customers?limit=500").await.body["items"].as_array().unwrap().len(), 4);
    }

    async fn a_number_has_one_holder_at_a_time(db: TestApp) {
        operator(&db).await;
        let path = format!("{}/lines", first_customer(&db).await);
        let line = |from: &str, to: Option<&str>| json!({"number": "+493055555555", "valid_from": from, "valid_to": to});
        create(&db, &path, line("2026-03-01T00:00:00Z", Some("2026-05-01T00:00:00Z"))).await;
        for (from, to) in [
            ("2026-02-01T00:00:00Z", None),
            ("2026-02-01T00:00:00Z", Some("2026-03-01T00:00:01Z")),
            ("2026-04-30T23:59:59Z", None),
            ("2026-03-15T00:00:00Z", Some("2026-03-16T00:00:00Z")),
        ] {
            assert_eq!(refused(&db, &path, &line(from, to)).await.0, 409, "{from} {to:?}");
        }
        assert_eq!(refused(&db, &path, &line("2026-05-01T00:00:00Z", Some("2026-05-01T00:00:00Z"))).await.0, 422);
        create(&db, &path, line("2026-02-01T00:00:00Z", Some("2026-03-01T00:00:00Z"))).await;
        let last = create(&db, &path, line("2026-05-01T00:00:00Z", None)).await;
        let end = format!("{path}/{}/end", last["id"].as_str().unwrap());
        assert_eq!(refused(&db, &end, &json!({"valid_to": "2026-05-01T00:00:00Z"})).await.0, 422);
        assert_eq!(db.post_json(&end, &json!({"valid_to": "2026-06-01T00:00:00Z"})).await.status, 200);
        assert_eq!(refused(&db, &end, &json!({"valid_to": "2026-07-01T00:00:00Z"})).await.0, 409);
        assert_eq!(refused(&db, &format!("{path}/lin_0000000000011/end"), &json!({"valid_to": "2026-07-01T00:00:00Z"})).await.0, 404);
        assert_eq!(db.get(&path).await.body.as_array().unwrap().len(), 4);
    }

    async fn two_that_take_a_number_at_once_leave_one_holder(db: TestApp) {
        operator(&db).await;
        let path = format!("{}/lines", first_customer(&db).await);
        let line = |from: &str| json!({"number": "+493066666666", "valid_from": from});
        let (early, late) = (line("2026-01-01T00:00:00Z"), line("2026-02-01T00:00:00Z"));
        let (one, two) = tokio::join!(db.post_json(&path, &early), db.post_json(&path, &late));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }

    async fn a_new_plan_ends_the_one_before(db: TestApp) {
        operator(&db).await;
        let path = format!("{}/subscriptions", first_customer(&db).await);
        let on = |plan: &str, from: &str| json!({"plan": plan, "valid_from": from});
        create(&db, &path, on("Hundred", "2026-09-01T00:00:00Z")).await;
        assert_eq!(refused(&db, &path, &on("Per call", "2026-09-01T00:00:00Z")).await.0, 422);
        let all = db.get(&path).await.body;
        assert_eq!((&all[0]["valid_to"], &all[1]["valid_to"]), (&json!("2026-09-01T00:00:00Z"), &Value::Null));
        let nobody = "/v1/customers/cus_0000000000011/subscriptions";
        assert_eq!(refused(&db, nobody, &on("Per call", "2026-09-01T00:00:00Z")).await.0, 404);
        assert_eq!(db.get(nobody).await.status, 404);
    }

    async fn plans_and_tax_rates_are_checked(db: TestApp) {
        operator(&db).await;
        let plan = |change: &dyn Fn(&mut Value)| {
            let mut body = json!({"name": "New", "currency": "EUR", "payment": "postpaid", "tariff": "standard"});
            change(&mut body);
            body
        };
        for (change, expected) in [
            (&(|body: &mut Value| body["name"] = json!("Hundred")) as &dyn Fn(&mut Value), 409),
            (&|body| body["tariff"] = json!("none"), 422),
            (&|body| body["currency"] = json!("USD"), 422),
            (&|body| body["monthly_fee"] = json!("-1"), 422),
            (&|body| body["monthly_fee"] = json!(9.9), 422),
            (&|body| body["monthly_fee"] = json!("9,90"), 422),
            (&|body| body["payment"] = json!("later"), 422),
            (&|body| body["allowances"] = json!([{"name": "x", "seconds": -1, "destinations": []}]), 422),
            (&|body| body["allowances"] = json!([{"name": "x", "seconds": 1, "destinations": ["0049"]}]), 422),
        ] {
            assert_eq!(refused(&db, "/v1/plans", &plan(change)).await.0, expected, "{}", plan(change));
        }
        let created = create(&db, "/v1/plans", plan(&|_| ())).await;
        assert_eq!(db.get(&format!("/v1/plans/{}", created["id"].as_str().unwrap())).await.body, created);
        assert_eq!(db.get("/v1/plans").await.body.as_array().unwrap().len(), 4);
        let rate = |country: &str, rate: &str| json!({"country": country, "valid_from": "2021-01-01", "rate": rate});
        create(&db, "/v1/tax-rates", rate("DE", "19")).await;
        // No invoice has it: it is put right.
        create(&db, "/v1/tax-rates", rate("DE", "20")).await;
        assert_eq!(refused(&db, "/v1/tax-rates", &rate("de", "19")).await.0, 422);
        assert_eq!(refused(&db, "/v1/tax-rates", &rate("FR", "-1")).await.0, 422);
        assert_eq!(refused(&db, "/v1/tax-rates", &rate("FR", "100.1")).await.0, 422);
        assert_eq!(db.get("/v1/tax-rates").await.body.as_array().unwrap().len(), 1);
    }

    async fn a_tariff_is_versioned_and_refused_whole(db: TestApp) {
        operator(&db).await;
        let tariff = |deck: &str, currency: &str| json!({"name": "standard", "deck": deck,
            "terms": {"currency": currency, "rounding": {"digits": 4, "mode": "half-up"}}});
        let faulty = "prefix,destination,rate_per_min,increments\n4.95E+12,Germany,0.01,60/60\n49,Germany,\"0,01\",60/60\n";
        let answer = db.post_json("/v1/tariffs", &tariff(faulty, "EUR")).await;
        assert_eq!((answer.status.as_u16(), answer.body["errors"].as_array().unwrap().len()), (422, 2), "{answer:?}");
        let good = "prefix,destination,rate_per_min,increments\n49,Germany,0.01,60/60\n";
        assert_eq!(refused(&db, "/v1/tariffs", &tariff(good, "USD")).await, (422, "/terms/currency".into()));
        let created = create(&db, "/v1/tariffs", tariff(good, "EUR")).await;
        assert_eq!((&created["versions"][0]["version"], &created["versions"][0]["valid_from"]), (&json!(2), &Value::Null));
        assert_eq!(db.post_json("/v1/tariffs", &tariff(good, "EUR")).await.status, 200); // the same again
        let path = format!("/v1/tariffs/{}", created["id"].as_str().unwrap());
        // The same deck from another instant, or read by another map, is another price list.
        let dated = |from: &str| {
            let mut body = tariff(good, "EUR");
            body["valid_from"] = json!(from);
            body["mode"] = json!("replace");
            body
        };
        assert_eq!(create(&db, "/v1/tariffs", dated("2026-12-01T00:00:00Z")).await["versions"][0]["version"], 3);
        assert_eq!(db.post_json("/v1/tariffs", &dated("2026-12-01T00:00:00Z")).await.status, 200);
        assert_eq!(refused(&db, "/v1/tariffs", &dated("-009998-01-01T00:00:00Z")).await, (422, "/valid_from".into()));
        let from = json!({"valid_from": "2026-10-01T00:00:00Z"});
        // It names Germany alone.
        assert_eq!(refused(&db, &format!("{path}/versions/2/publish"), &from).await.0, 409);
        let from = json!({"valid_from": "2026-10-01T00:00:00Z", "replace": true});
        let published = db.post_json(&format!("{path}/versions/2/publish"), &from).await;
        assert_eq!(published.body["versions"][1]["valid_from"], "2026-10-01T00:00:00Z", "{published:?}");
        assert_eq!(refused(&db, &format!("{path}/versions/2/publish"), &from).await.0, 409);
        assert_eq!(refused(&db, &format!("{path}/versions/9/publish"), &from).await.0, 404);
        assert_eq!(refused(&db, "/v1/tariffs/tar_0000000000011/versions/1/publish", &from).await.0, 404);
        assert_eq!(db.get(&path).await.body, published.body);
    }

    async fn what_is_settled_once_is_settled_for_all_who_ask_at_once(db: TestApp) {
        operator(&db).await;
        let path = format!("{}/lines", first_customer(&db).await);
        let line = db.get(&path).await.body[0]["id"].as_str().unwrap().to_owned();
        let end = format!("{path}/{line}/end");
        let at = |day: u32| json!({"valid_to": format!("2026-10-{day:02}T00:00:00Z")});
        let (a, b, c, d) = (at(1), at(2), at(3), at(4));
        let ended = tokio::join!(db.post_json(&end, &a), db.post_json(&end, &b), db.post_json(&end, &c), db.post_json(&end, &d));
        let statuses = [ended.0.status, ended.1.status, ended.2.status, ended.3.status];
        assert_eq!(statuses.iter().filter(|status| status.as_u16() == 200).count(), 1, "{statuses:?}");
        let deck = |rate: u32| json!({"name": "raced", "deck": format!("prefix,destination,rate\n49,X,0.0{rate}\n"),
            "terms": {"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}, "increments": "60/60"}});
        let (a, b, c) = (deck(1), deck(2), deck(3));
        let path = "/v1/tariffs";
        let made = tokio::join!(db.post_json(path, &a), db.post_json(path, &b), db.post_json(path, &c));
        for answer in [&made.0, &made.1, &made.2] {
            assert_eq!(answer.status, 201, "{answer:?}");
        }
        let publish = format!("/v1/tariffs/{}/versions/1/publish", made.0.body["id"].as_str().unwrap());
        let at = |day: u32| json!({"valid_from": format!("2026-10-{day:02}T00:00:00Z")});
        let (a, b, c) = (at(1), at(2), at(3));
        let published = tokio::join!(db.post_json(&publish, &a), db.post_json(&publish, &b), db.post_json(&publish, &c));
        let statuses = [published.0.status, published.1.status, published.2.status];
        assert_eq!(statuses.iter().filter(|status| status.as_u16() == 200).count(), 1, "{statuses:?}");
    }

    async fn lists_are_paged_by_cursor(db: TestApp) {
        operator(&db).await;
        let first = db.get("/v1/customers?limit=3").await.body;
        let next = first["next"].as_str().unwrap();
        let second = db.get(&format!("/v1/customers?limit=3&cursor={next}")).await.body;
        assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
        for query in ["limit=0", "limit=501", "limit=x", "cursor=x"] {
            assert_eq!(db.get(&format!("/v1/customers?{query}")).await.status, 400, "{query}");
        }
        let calls = format!("{}/calls", first_customer(&db).await);
        for query in ["cursor=zz", "cursor=0", "from=yesterday", "limit=-1"] {
            assert_eq!(db.get(&format!("{calls}?{query}")).await.status, 400, "{query}");
        }
        assert_eq!(db.get(&format!("{calls}/switch/none")).await.status, 404);
        assert_eq!(db.get("/v1/customers/cus_0000000000011/calls").await.status, 404);
    }
}

on_both_databases! {
    async fn a_customer_is_changed_by_what_the_patch_names(db: TestApp) {
        operator(&db).await;
        let path = first_customer(&db).await;
        let before = db.get(&path).await.body;
        let patch = json!({"party": {"email": "one@example.org", "street": "Quay 1"}, "billing": {"language": "de"}});
        let changed = db.patch_json(&path, &patch).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(changed.body["party"]["name"], before["party"]["name"]);
        assert_eq!(changed.body["party"]["email"], "one@example.org");
        let patch = json!({"party": {"email": null}, "billing": {"spending_cap": "5.00"}});
        let changed = db.patch_json(&path, &patch).await.body;
        assert_eq!((&changed["party"]["email"], &changed["billing"]["language"]), (&Value::Null, &json!("de")));
        assert_eq!(changed["party"]["street"], "Quay 1");
        assert_eq!(db.get(&path).await.body, changed);
        for (patch, pointer) in [
            (json!({"party": {"nmae": "x"}}), "/party"),
            (json!({"party": {"name": null}}), "/party/name"),
            (json!({"party": 5}), "/party"),
            (json!({"billing": {"language": "xx"}}), "/billing"),
            (json!({"billing": {"spending_cap": "0"}}), "/billing/spending_cap"),
            (json!({"billing": {"tax_treatment": "exempt"}}), "/billing/tax_note"),
            (json!({"billing": {"tax_treatment": "reverse_charge"}}), "/party/vat_id"),
            (json!({"zone": "Berlin"}), "/zone"),
            (json!({"reference": "other"}), "/reference"),
        ] {
            let refused = db.patch_json(&path, &patch).await;
            assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["pointer"]), (422, &json!(pointer)), "{patch}");
        }
        assert_eq!(db.get(&path).await.body, changed, "what is refused changes nothing");
        assert_eq!(db.patch_json("/v1/customers/cus_0000000000011", &json!({})).await.status, 404);
    }

    async fn a_closed_customer_has_no_line_and_no_plan(db: TestApp) {
        operator(&db).await;
        let path = first_customer(&db).await;
        let at = format!("{path}/close");
        let close = async |instant: &str| db.post_json(&at, &json!({"closed_at": instant})).await;
        assert_eq!(close("2025-12-31T00:00:00Z").await.status, 422, "before the plan begins");
        let closed = close("2026-11-10T00:00:00Z").await;
        assert_eq!((closed.status.as_u16(), &closed.body["closed_at"]), (200, &json!("2026-11-10T00:00:00Z")));
        assert_eq!(close("2026-11-11T00:00:00Z").await.status, 409, "once");
        assert_eq!(db.get(&format!("{path}/lines")).await.body[0]["valid_to"], "2026-11-10T00:00:00Z");
        assert_eq!(db.get(&format!("{path}/subscriptions")).await.body[0]["valid_to"], "2026-11-10T00:00:00Z");
        let line = json!({"number": "+493023125099", "valid_from": "2026-12-01T00:00:00Z"});
        assert_eq!(db.post_json(&format!("{path}/lines"), &line).await.status, 409);
        let plan = json!({"plan": "Hundred", "valid_from": "2026-12-01T00:00:00Z"});
        assert_eq!(db.post_json(&format!("{path}/subscriptions"), &plan).await.status, 409);
    }
}
