//! Can a price list be looked at, written as a deck again, and taken back before it is in force?

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::cli::Shell;
use crate::support::operator::{create, operator};
use crate::support::{TestApp, on_both_databases};

const DECK: &str = "prefix,destination,rate_per_min,increments,effective_from,effective_to,status
*,Elsewhere,1.0000,60/60,,,
49,Germany,0.0200,1/1,,,
4917,Germany mobile,0.1000,60/1,,2026-12-06,
4917,Germany mobile,0.1200,60/1,2026-12-06,,
8816,Satellite,5.00,60/60,,,blocked
";

fn list(name: &str, deck: &str, valid_from: &str) -> Value {
    json!({"name": name, "deck": deck, "valid_from": valid_from,
        "terms": {"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}, "zone": "Europe/Berlin"}})
}

async fn listed(db: &TestApp) -> String {
    let created = create(db, "/v1/tariffs", list("shown", DECK, "2026-01-01T00:00:00Z")).await;
    format!("/v1/tariffs/{}", created["id"].as_str().unwrap())
}

/// A version as a deck.
async fn written(db: &TestApp, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = tollbook::http::router(db.app.clone()).oneshot(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/csv; charset=utf-8".parse().unwrap())
    );
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The standing of each rate that competes, with its prefix.
fn standings(answer: &Value) -> Vec<String> {
    let rates = answer["rates"].as_array().unwrap();
    rates
        .iter()
        .map(|rate| format!("{} {}", rate["prefix"].as_str().unwrap(), rate["standing"].as_str().unwrap()))
        .collect()
}

on_both_databases! {
    async fn all_rates_that_compete_are_shown_and_which_one_holds(db: TestApp) {
        let path = listed(&db).await;
        let other = DECK.replace("0.0200", "0.0300");
        create(&db, "/v1/tariffs", list("shown", &other, "2027-01-01T00:00:00Z")).await;
        let asked = |number: &str, at: &str| format!("{path}/rates?number={number}&at={at}");
        let now = db.get(&asked("%2B491711234567", "2026-11-28T00:00:00Z")).await.body;
        assert_eq!(standings(&now), ["4917 begins_later", "4917 holds", "49 longer_holds", "* longer_holds"]);
        assert_eq!((&now["version"], &now["rates"][1]["rate_per_min"]), (&json!(1), &json!("0.10")));
        let changes = now["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{now}");
        assert_eq!((&changes[0]["from"], &changes[0]["rate"]["rate_per_min"]), (&json!("2026-12-05T23:00:00Z"), &json!("0.12")));
        let blanks = db.get(&asked("%2B49%20171%201234567", "2026-11-28T00:00:00Z")).await.body;
        assert_eq!(standings(&blanks), standings(&now), "{blanks}");
        // A prefix competes with the shorter ones; a later version changes it.
        let prefix = db.get(&asked("49", "2026-11-28T00:00:00Z")).await.body;
        assert_eq!(standings(&prefix), ["49 holds", "* longer_holds"]);
        assert_eq!((&prefix["changes"][0]["version"], &prefix["changes"][0]["from"]), (&json!(2), &json!("2027-01-01T00:00:00Z")));
        let before = db.get(&asked("49", "2025-01-01T00:00:00Z")).await.body;
        assert_eq!((&before["version"], &before["changes"][0]["rate"]["prefix"]), (&Value::Null, &json!("49")));
        assert_eq!(db.get(&asked("0049", "2026-11-28T00:00:00Z")).await.status, 422);
        assert_eq!(db.get("/v1/tariffs/tar_0000000000011/rates?number=49").await.status, 404);
        assert_eq!(db.get(&format!("{path}/rates?number=49&when=now")).await.status, 400);
    }

    async fn a_deck_that_was_written_makes_the_same_prices(db: TestApp) {
        let path = listed(&db).await;
        let deck = written(&db, &format!("{path}/versions/1/deck")).await;
        let mut again = list("again", &deck, "2026-01-01T00:00:00Z");
        again["end_dates"] = json!("exclusive");
        let again = create(&db, "/v1/tariffs", again).await;
        let path = format!("/v1/tariffs/{}/versions/1/deck", again["id"].as_str().unwrap());
        assert_eq!(written(&db, &path).await, deck);
        assert_eq!(db.get(&path.replace("/1/", "/7/")).await.status, 404);
        // Imported into its own tariff, it changes nothing.
        let mut own = list("shown", &deck, "2026-02-01T00:00:00Z");
        own["end_dates"] = json!("exclusive");
        let own = create(&db, "/v1/tariffs", own).await;
        assert_eq!((&own["difference"]["unchanged"], &own["difference"]["without_price_count"]), (&json!(4), &json!(0)));
    }

    async fn a_version_is_withdrawn_before_it_is_in_force_and_not_after(db: TestApp) {
        operator(&db).await;
        let path = listed(&db).await;
        let dearer = DECK.replace("0.0200", "0.2000");
        create(&db, "/v1/tariffs", list("shown", &dearer, "2026-12-01T00:00:00Z")).await;
        let withdraw = |version: u32| format!("{path}/versions/{version}/withdraw");
        let rate = || async {
            let shown = db.get(&format!("{path}/rates?number=49&at=2026-12-24T00:00:00Z")).await.body;
            (shown["version"].clone(), shown["rates"][0]["rate_per_min"].clone())
        };
        assert_eq!(rate().await, (json!(2), json!("0.20")));
        let in_force = db.post_json(&withdraw(1), &json!({})).await;
        assert!(in_force.status == 409 && in_force.body["detail"].as_str().unwrap().contains("replace"), "{in_force:?}");
        let withdrawn = db.post_json_once(&withdraw(2), "once", &json!({})).await;
        assert_eq!(withdrawn.status, 200, "{withdrawn:?}");
        assert_eq!(withdrawn.body["difference"]["cheaper"]["count"], 1);
        let version = &withdrawn.body["versions"][0];
        assert_eq!((&version["valid_from"], &version["withdrawn_from"]), (&Value::Null, &json!("2026-12-01T00:00:00Z")));
        assert_eq!(rate().await, (json!(1), json!("0.02")));
        assert_eq!(db.post_json_once(&withdraw(2), "once", &json!({})).await.body, withdrawn.body);
        assert_eq!(db.post_json(&withdraw(2), &json!({})).await.status, 409);
        assert_eq!(db.post_json(&withdraw(9), &json!({})).await.status, 404);
        let publish = json!({"valid_from": "2026-12-01T00:00:00Z"});
        assert_eq!(db.post_json(&format!("{path}/versions/2/publish"), &publish).await.status, 409);
        // The same deck again is a new version: the one in the record is not in force.
        let again = create(&db, "/v1/tariffs", list("shown", &dearer, "2026-12-01T00:00:00Z")).await;
        assert_eq!(again["versions"][0]["version"], 3);
        assert_eq!(rate().await, (json!(3), json!("0.20")));
    }
}

#[test]
fn the_command_line_shows_writes_and_withdraws_versions() {
    let shell = Shell::new();
    shell.write("deck.csv", DECK);
    shell.write("one.csv", "prefix,destination,rate_per_min,increments\n39,Italy,0.03,1/1\n");
    shell.write("terms.toml", "currency = \"EUR\"\nrounding = { digits = 4, mode = \"half-up\" }\nzone = \"Europe/Berlin\"\n\
        holidays = [\"2026-10-03\"]\n[[band]]\nname = \"peak\"\ndays = [\"mon\"]\nfrom = \"18:00\"\nto = \"24:00\"\n");
    shell.ok("tariff import deck.csv --name t --terms terms.toml --valid-from 2020-01-01");
    let refused = shell.fails("tariff import one.csv --name t --terms terms.toml");
    assert!(refused.contains("4 prices would be lost") && refused.contains("--amend"), "{refused}");
    let tried = shell.ok("tariff import one.csv --name t --amend --dry-run");
    assert!(tried.contains("1 added, 0 removed") && tried.contains("nothing was stored"), "{tried}");
    let amended = shell.json("tariff import one.csv --name t --amend --valid-from 2999-01-01");
    assert_eq!(amended["difference"]["added"]["count"], 1);
    let shown = shell.ok("tariff show t");
    assert!(shown.contains("until 2998-12-31T23:00:00Z, when version 2 takes over (in force)"), "{shown}");
    let shown = shell.ok("tariff show t +491711234567 --at 2026-11-28");
    assert!(shown.contains("0.10 at 60/1 until 2026-12-05T23:00:00Z: holds"), "{shown}");
    assert!(
        shown.contains("then from 2026-12-05T23:00:00Z, by version 1: 4917 Germany mobile 0.12"),
        "{shown}"
    );
    let written = shell.ok("tariff export t --at 2026-11-28 --terms again.toml");
    shell.write("again.csv", &written);
    shell.ok("tariff import again.csv --name again --terms again.toml --end-dates exclusive --valid-from 2020-01-01");
    assert_eq!(shell.ok("tariff export again"), written);
    let terms = |name: &str| shell.json(&format!("tariff export {name} --version 1"))["terms"].clone();
    assert_eq!(terms("again"), terms("t"));
    assert!(shell.ok("tariff withdraw t 2").contains("version 2 is withdrawn"));
    assert!(shell.fails("tariff withdraw t 1").contains("in force since"));
    assert!(shell.ok("tariff list").contains("withdrawn at"));
    assert!(shell.fails("tariff show nothing").contains("there is no tariff nothing"));
    assert!(shell.fails("tariff import one.csv --name new --amend").contains("without --amend"));
    assert!(shell.fails("tariff import one.csv --name t --amend --replace").contains("cannot be used with"));
}
