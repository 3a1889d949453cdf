//! Is a price list compared with the one in force before it takes over, so that no price is lost in silence?

use serde_json::{Value, json};

use crate::support::operator::{create, operator};
use crate::support::{Answer, TestApp, on_both_databases};

const HEADER: &str = "prefix,destination,rate_per_min,increments,effective_from,effective_to,status\n";
const GERMANY: &str = "49,Germany,0.0200,1/1,2026-01-01,,\n";
const MOBILE: &str = "4917,Germany mobile,0.1000,1/1,2026-01-01,,\n";
const FRANCE: &str = "33,France,0.0150,1/1,2026-01-01,,\n";
const MOBILE_LATER: &str = "4917,Germany mobile,0.1200,1/1,2026-12-06,,changed\n";

fn list(rows: &[&str], valid_from: &str, more: &Value) -> Value {
    let mut body = json!({"name": "standard", "deck": format!("{HEADER}{}", rows.concat()), "valid_from": valid_from,
        "terms": {"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}}});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

async fn first(db: &TestApp) {
    operator(db).await;
    let more = json!({"mode": "replace"});
    create(db, "/v1/tariffs", list(&[GERMANY, MOBILE, FRANCE], "2026-02-01T00:00:00Z", &more)).await;
}

async fn versions(db: &TestApp) -> usize {
    db.get("/v1/tariffs").await.body[0]["versions"].as_array().unwrap().len()
}

/// What 600 seconds to a number cost, answered at an instant; or why they cannot be priced.
async fn price(db: &TestApp, to: &str, at: &str) -> String {
    let to = to.replace('+', "%2B");
    let quote = db.get(&format!("/v1/quote?from=%2B493023125001&to={to}&seconds=600&at={at}")).await;
    let amount = quote.body["charge"]["amount"].as_str().or(quote.body["amount"]["amount"].as_str());
    amount.map_or_else(|| quote.body["detail"].to_string(), ToOwned::to_owned)
}

fn assert_lost(answer: &Answer, prefixes: &[&str]) {
    assert_eq!(
        (answer.status.as_u16(), &answer.body["type"]),
        (409, &json!("/problems/prices-lost")),
        "{answer:?}"
    );
    let errors = answer.body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    let expected: Vec<_> = prefixes.iter().map(|prefix| format!("/deck prefix {prefix}")).collect();
    assert_eq!(pointers, expected, "{answer:?}");
}

const NUMBER: &str = "+491711234567";

on_both_databases! {
    async fn a_code_keeps_its_price_until_its_notice_is_over(db: TestApp) {
        first(&db).await;
        let with_notice = |more: Value| list(&[GERMANY, MOBILE_LATER, FRANCE], "2026-11-28T00:00:00Z", &more);
        let refused = db.post_json("/v1/tariffs", &with_notice(json!({}))).await;
        assert_lost(&refused, &["4917"]);
        let detail = refused.body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("until 2026-12-06T00:00:00Z") && detail.contains("0.02 as Germany (49)"), "{detail}");
        assert_eq!(versions(&db).await, 2);
        let created = create(&db, "/v1/tariffs", with_notice(json!({"mode": "amend"}))).await;
        let dearer = &created["difference"]["dearer"];
        assert_eq!((&dearer["count"], &dearer["most"][0]["permille"]), (&json!(1), &json!(200)), "{created}");
        assert_eq!(dearer["most"][0]["from"], "2026-12-06T00:00:00Z");
        assert_eq!(price(&db, NUMBER, "2026-11-28T10:00:00Z").await, "1.00");
        assert_eq!(price(&db, NUMBER, "2026-12-05T23:00:00Z").await, "1.00");
        assert_eq!(price(&db, NUMBER, "2026-12-06T00:00:00Z").await, "1.20");
        // The same again changes nothing.
        assert_eq!(db.post_json("/v1/tariffs", &with_notice(json!({"mode": "amend"}))).await.status, 200);
        assert_eq!(versions(&db).await, 3);
    }

    async fn one_row_does_not_become_the_whole_tariff_in_silence(db: TestApp) {
        first(&db).await;
        let one = "39,Italy,0.0300,1/1,,,\n";
        let from = "2026-11-01T00:00:00Z";
        assert_lost(&db.post_json("/v1/tariffs", &list(&[one], from, &json!({}))).await, &["33", "49", "4917"]);
        let body = list(&[one], from, &json!({"mode": "amend"}));
        let told = db.post_json("/v1/tariffs/compare", &body).await;
        assert_eq!((told.status.as_u16(), &told.body["rates"]), (200, &json!(4)), "{told:?}");
        assert_eq!((versions(&db).await, &told.body["difference"]["added"]["count"]), (2, &json!(1)));
        create(&db, "/v1/tariffs", body).await;
        assert_eq!(price(&db, NUMBER, "2026-11-02T00:00:00Z").await, "1.00");
        assert_eq!(price(&db, "+390612345678", "2026-11-02T00:00:00Z").await, "0.30");
        let replaced = create(&db, "/v1/tariffs", list(&[one], from, &json!({"mode": "replace"}))).await;
        assert_eq!(replaced["difference"]["removed"]["count"], 3);
        assert!(price(&db, NUMBER, "2026-11-02T00:00:00Z").await.contains("no rate"));
    }

    async fn a_gap_of_a_new_prefix_is_refused_in_every_list(db: TestApp) {
        first(&db).await;
        let gap = ["7,Russia,0.2500,1/1,2026-12-20,2026-12-24,\n", "7,Russia,0.3000,1/1,2026-12-28,,\n"];
        let mut body = list(&gap, "2026-11-28T00:00:00Z", &json!({"mode": "amend"}));
        let refused = db.post_json("/v1/tariffs", &body).await;
        assert_lost(&refused, &["7"]);
        let detail = refused.body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("from 2026-12-24T00:00:00Z until 2026-12-28T00:00:00Z"), "{detail}");
        body["name"] = json!("other");
        body.as_object_mut().unwrap().remove("mode");
        assert_lost(&db.post_json("/v1/tariffs", &body).await, &["7"]);
    }

    async fn a_deletion_of_nothing_is_refused(db: TestApp) {
        first(&db).await;
        let typo = list(&["4918,Typo,,,,,deleted\n"], "2026-11-28T00:00:00Z", &json!({"mode": "amend"}));
        let refused = db.post_json("/v1/tariffs", &typo).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.body["errors"][0]["detail"].as_str().unwrap().contains("4918 has no price to delete"), "{refused:?}");
    }

    async fn an_amendment_keeps_the_terms_too(db: TestApp) {
        first(&db).await;
        let mut body = list(&["39,Italy,0.0300,1/1,,,\n"], "2026-11-01T00:00:00Z", &json!({"mode": "amend"}));
        body.as_object_mut().unwrap().remove("terms");
        let amended = create(&db, "/v1/tariffs", body.clone()).await;
        assert_eq!(amended["versions"][0]["terms"], amended["versions"][1]["terms"]);
        let mut whole = body.clone();
        whole["mode"] = json!("replace");
        assert_eq!(db.post_json("/v1/tariffs", &whole).await.body["errors"][0]["pointer"], "/terms");
        let mut unknown = body.clone();
        unknown["name"] = json!("unknown");
        assert_eq!(db.post_json("/v1/tariffs", &unknown).await.status, 409);
        body.as_object_mut().unwrap().remove("valid_from");
        body["deck"] = json!(format!("{HEADER}39,Italy,0.0400,1/1,,,\n"));
        assert_eq!(db.post_json("/v1/tariffs", &body).await.body["errors"][0]["pointer"], "/valid_from");
    }

    async fn a_draft_that_loses_prices_comes_into_force_only_when_it_is_meant(db: TestApp) {
        first(&db).await;
        let mut draft = list(&[GERMANY], "", &json!({}));
        draft.as_object_mut().unwrap().remove("valid_from");
        let draft = create(&db, "/v1/tariffs", draft).await;
        assert_eq!(draft["difference"]["without_price_count"], 2, "{draft}");
        let path = format!("/v1/tariffs/{}/versions/3/publish", draft["id"].as_str().unwrap());
        let mut from = json!({"valid_from": "2026-11-28T00:00:00Z"});
        assert_lost(&db.post_json(&path, &from).await, &["33", "4917"]);
        from["replace"] = json!(true);
        assert_eq!(db.post_json(&path, &from).await.status, 200);
        assert_eq!(price(&db, NUMBER, "2026-11-28T00:00:00Z").await, "0.20");
    }

    async fn an_end_date_leaves_no_day_without_a_word(db: TestApp) {
        operator(&db).await;
        let ends = ["49,Germany,0.0200,1/1,2026-01-01,,\n", "4917,Germany mobile,0.1000,1/1,2026-01-01,2026-11-27,\n",
            "4917,Germany mobile,0.1200,1/1,2026-11-28,,\n"];
        let body = |more: Value| {
            let mut body = list(&ends, "2026-01-01T00:00:00Z", &more);
            body["name"] = json!("ends");
            body
        };
        let refused = db.post_json("/v1/tariffs", &body(json!({}))).await;
        assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["pointer"]), (422, &json!("/deck line 3 effective_to")));
        let shown = |created: Value| async move { created["versions"][0]["rate_count"].clone() };
        assert_eq!(shown(create(&db, "/v1/tariffs", body(json!({"end_dates": "inclusive"}))).await).await, 3);
        let mut replace = list(&ends, "2026-02-01T00:00:00Z", &json!({"end_dates": "inclusive", "mode": "replace"}));
        create(&db, "/v1/tariffs", replace.clone()).await;
        assert_eq!(price(&db, NUMBER, "2026-11-27T12:00:00Z").await, "1.00");
        assert_eq!(price(&db, NUMBER, "2026-11-28T00:00:00Z").await, "1.20");
        // When it is not included, the gap is one that the list in force has not.
        replace["end_dates"] = json!("exclusive");
        assert_lost(&db.post_json("/v1/tariffs", &replace).await, &["4917"]);
    }
}
