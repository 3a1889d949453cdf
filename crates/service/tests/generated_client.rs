//! Can a program be written against the API with a client that is generated from its description?

use std::path::Path;
use std::process::{Command, Output};

use crate::support::access::Guarded;
use crate::support::python::python;
use crate::support::served::served;
use crate::support::{TestApp, on_both_databases};

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Generates the client into a folder. What the generator only warns of, it leaves out.
fn generate(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python().with_file_name("openapi-python-client"));
    command.args(["generate", "--meta", "none", "--fail-on-warning", "--path"]);
    command
        .arg(root.join("../../docs/openapi.json"))
        .arg("--config")
        .arg(root.join("tests/support/client.yaml"));
    let client = folder.join("tollbook_client");
    let output = command.arg("--output-path").arg(&client).output().expect("it runs");
    assert!(output.status.success(), "{}", says(&output));
    assert_eq!(
        says(&output).trim(),
        format!("Generating {}", client.display()),
        "it has nothing else to say"
    );
}

on_both_databases! {
    async fn a_generated_client_takes_a_month_from_its_calls_to_its_payment(db: TestApp) {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path());
        let server = served(&db).await;
        let client = Guarded::new(&db).client("story", "operator", None).await;
        let url = format!("http://{}", server.address);
        let mut story = Command::new(python());
        story.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/story.py")).args([&url, &client.id, &client.secret]);
        story.env("PYTHONPATH", folder.path());
        let told = tokio::task::spawn_blocking(move || story.output().expect("Python runs")).await.unwrap();
        assert!(told.status.success(), "{}", says(&told));
        let owed = db.get("/v1/receivables/ageing").await;
        assert_eq!(owed.body["items"], serde_json::json!([]), "{owed:?}");
    }
}
