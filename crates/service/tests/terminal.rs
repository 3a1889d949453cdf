//! Does what others write do something to the terminal that shows it? It is shown, and JSON says it exactly.

use serde_json::{Value, json};

use crate::support::mailing::{execute, invoiced};
use crate::support::operator::{Record, create, import_text, operator};
use crate::support::program::{done, failed, on_a_terminal};
use crate::support::{TestApp, on_both_databases};

/// It clears the screen, names the window, and turns the direction of writing.
const ID: &str = "a\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}1m\u{202e}b";
const SHOWN: &str = "a\\u001b[2J\\u001b]0;x\\u0007\\u009b1m\\u202eb";

/// Whether a terminal would act on something of it.
fn acts(text: &str) -> bool {
    text.chars().any(|letter| (letter.is_control() && !"\n\t".contains(letter)) || letter == '\u{202e}')
}

on_both_databases! {
    async fn a_record_that_would_clear_the_screen_is_shown(db: TestApp) {
        operator(&db).await;
        // Nobody has this number, so the record waits in suspense.
        let record = Record { from: "+493023125999", ..Record::new(ID) };
        import_text(&db, "switch-a", &Record::file(&[record, Record::new("r-2")])).await;
        let words = done(&db.url, &["suspense"]);
        let history = done(&db.url, &["history", "C-1"]);
        assert!(!acts(&words) && !acts(&history), "{words:?} {history:?}");
        assert!(words.contains(SHOWN), "{words}");
        let suspended = done(&db.url, &["--json", "suspense"]);
        let calls = done(&db.url, &["--json", "history", "C-1"]);
        assert!(!acts(&suspended) && !acts(&calls), "{suspended:?} {calls:?}");
        let exact = |text: &str| holds(&serde_json::from_str::<Value>(text).expect("JSON"));
        assert!(exact(&suspended), "{suspended}");
    }

    async fn a_name_that_turns_the_text_is_shown(db: TestApp) {
        let name = "Harbour \u{202e}drahcir\u{2069}";
        let customer = json!({"reference": "C-9", "currency": "EUR", "zone": "UTC", "party": {"name": name, "country": "DE"}});
        create(&db, "/v1/customers", customer).await;
        let error = failed(&db.url, &["history", "C-9\u{1b}[2J"]);
        assert!(!acts(&error) && error.contains("C-9\\u001b[2J"), "{error:?}");
        let copy = done(&db.url, &["export", "C-9"]);
        // What is not shown by a terminal is exact.
        assert!(copy.contains(name), "{copy}");
        // What is typed to be kept and shown has no such thing in it.
        for arguments in [
            ["credit", "INV-1", "--reason", ESCAPE], ["import", "-", "--source", ESCAPE], ["dispute", "settle", "--note", ESCAPE],
            ["tariff", "import", "--name", ESCAPE],
        ] {
            let error = failed(&db.url, &arguments);
            assert!(!acts(&error) && error.contains("control character"), "{arguments:?}: {error:?}");
        }
    }

    async fn rows_and_lines_are_shown_as_they_are(db: TestApp) {
        let of = invoiced(&db).await;
        let party = json!({"name": "Anna\rBrandt", "country": "DE"}).to_string();
        execute(&db, "update customers set party = $2 where customer_id = $1", &[&of.customer.0, &party]).await;
        let rows = on_a_terminal(&db.url, &["invoices", "--csv"]);
        assert_eq!(rows.lines().count(), 2, "{rows:?}");
        assert!(rows.contains("Anna\\u000dBrandt") && rows.matches("\\u").count() == 1, "{rows:?}");
        // A terminal that is sent a line feed gets a carriage return before it.
        let copy = on_a_terminal(&db.url, &["export", "M-1"]).replace("\r\n", "\n");
        assert!(!acts(&copy) && copy.lines().count() > 3, "{copy:?}");
    }
}

const ESCAPE: &str = "a\u{1b}[31mb";

/// Whether a value holds the id somewhere.
fn holds(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(ID),
        Value::Array(values) => values.iter().any(holds),
        Value::Object(fields) => fields.values().any(holds),
        _ => false,
    }
}
