//! What became of the records of a file, as its operator describes it.

use std::collections::BTreeMap;

use serde_json::Value;
use tollbook::calls::{self, Control, Import, Imported, Source};

use super::TestApp;
use super::account::Account;

/// What an import came to.
pub(crate) struct Read {
    pub(crate) control: Control,
    pub(crate) warnings: BTreeMap<&'static str, u64>,
}

/// A source with a change to what its operator says.
pub(crate) fn source(change: impl FnOnce(&mut Source)) -> Source {
    let mut source = Source::new("switch");
    change(&mut source);
    source
}

/// Imports a file; answers why, when it is refused whole.
pub(crate) async fn import(db: &TestApp, source: Source, content: &[u8]) -> Result<Read, String> {
    let input = std::io::Cursor::new(content.to_vec());
    let import = Import { source, file_name: "test.csv".to_owned(), input };
    match calls::import(&db.app, import, &|_, _| ()).await.expect("the import runs") {
        Imported::Done { import, warnings, .. } => {
            assert!(import.control.balances(), "{}", import.control);
            Ok(Read { control: import.control, warnings })
        }
        Imported::Unreadable(flaw) => Err(flaw.to_string()),
        Imported::Elsewhere(elsewhere) => Err(elsewhere.to_string()),
    }
}

/// What became of the records of a customer: id, then seconds and amount or why it was free.
pub(crate) async fn history(db: &TestApp, reference: &str) -> BTreeMap<String, Value> {
    let path = Account::of(db, reference).await.path;
    let calls = db.get(&format!("{path}/calls?limit=200")).await;
    let calls = calls.body["items"].as_array().unwrap_or_else(|| panic!("{calls:?}")).clone();
    calls.into_iter().map(|call| (call["record_id"].as_str().unwrap().to_owned(), call)).collect()
}

/// What waits in suspense: the id (or the line), then reason, field and message.
pub(crate) async fn suspended(db: &TestApp) -> BTreeMap<String, (String, String, String)> {
    let mut tx = db.app.db.read().await.unwrap();
    let waiting = tollbook::suspense::list(&mut tx, None, 1_000).await.unwrap();
    let named = waiting.into_iter().map(|record| {
        let id = record.record_id.unwrap_or_else(|| record.line.to_string());
        (id, (record.reason, record.field, record.message))
    });
    named.collect()
}
