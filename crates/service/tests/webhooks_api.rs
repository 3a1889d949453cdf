//! Are endpoints made, refused and removed as the API says, and does a receiver's own check agree with our signature?

use std::io::Write;
use std::process::{Command, Stdio};

use axum::http::{Method, Request};
use serde_json::{Value, json};
use tollbook::app::App;
use tollbook::clock::Clock;

use crate::support::python::python;
use crate::support::receiver::{Got, Receiver, Reply, deliver, endpoint, local, messages, ping, stored};
use crate::support::{Answer, TestApp, json_request, on_both_databases, send};

/// What a receiver does with what it got, by the library of the specification's authors.
const VERIFY: &str = "
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
given = json.load(sys.stdin)
try:
    print(Webhook(given['secret']).verify(given['body'], given['headers'])['type'])
except WebhookVerificationError as error:
    print(error)
";

fn verified(got: &Got, secret: &str) -> String {
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<_, _> =
        headers.map(|name| (name.to_owned(), json!(got.header(name)))).into_iter().collect();
    let given = json!({"secret": secret, "headers": headers, "body": got.body});
    let mut child = Command::new(python())
        .args(["-c", VERIFY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    child.stdin.take().expect("a pipe").write_all(given.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("a text").trim().to_owned()
}

async fn with_method(app: &App, method: Method, path: &str, body: &Value) -> Answer {
    let (mut head, body) = json_request(path, body).into_parts();
    head.method = method;
    send(app.clone(), Request::from_parts(head, body)).await
}

on_both_databases! {
    async fn the_library_of_the_specification_verifies_what_arrives(db: TestApp) {
        // It compares the timestamp with the real time.
        let app = App { clock: Clock::system(), ..local(&db) };
        let receiver = Receiver::willing().await;
        let (path, first) = endpoint(&app, &receiver.url(), &["call.charged"]).await;
        let test = async || {
            let asked = send(app.clone(), json_request(&format!("{path}/test"), &json!({}))).await;
            assert_eq!(asked.status, 202);
            assert_eq!(deliver(&app).await, [1, 0, 0]);
            receiver.got().pop().unwrap()
        };
        let got = test().await;
        assert_eq!(verified(&got, &first), "webhook.test");
        let forged = Got { body: got.body.replace("arrive", "matter"), ..got.clone() };
        assert_eq!(verified(&forged, &first), "No matching signature found");
        let mut replayed = got.clone();
        replayed.headers.insert("webhook-timestamp", "1793880000".parse().unwrap());
        assert!(verified(&replayed, &first).starts_with("Message timestamp too"));
        let rotated = send(app.clone(), json_request(&format!("{path}/rotate"), &json!({}))).await;
        let second = rotated.body["secret"].as_str().unwrap();
        assert_eq!(verified(&got, second), "No matching signature found");
        let got = test().await;
        assert_eq!((verified(&got, &first), verified(&got, second)), ("webhook.test".to_owned(), "webhook.test".to_owned()));
    }

    async fn the_secret_is_shown_once(db: TestApp) {
        let body = json!({"url": "https://8.8.8.8/hook", "events": ["invoice.paid", "call.charged", "invoice.paid"], "description": "CRM"});
        let made = db.post_json_once("/v1/webhooks", "key-1", &body).await;
        assert_eq!((made.status.as_u16(), made.headers["cache-control"].to_str().unwrap()), (201, "no-store"));
        assert_eq!((&made.body["events"], &made.body["state"]), (&json!(["call.charged", "invoice.paid"]), &json!("enabled")));
        assert!(made.body["secret"].as_str().unwrap().starts_with("whsec_"));
        let again = db.post_json_once("/v1/webhooks", "key-1", &body).await;
        assert_eq!((again.status.as_u16(), &again.body["id"], &again.body["secret"]), (201, &made.body["id"], &Value::Null));
        let path = format!("/v1/webhooks/{}", made.body["id"].as_str().unwrap());
        for shown in [db.get(&path).await.body, db.get("/v1/webhooks").await.body[0].clone()] {
            assert_eq!((&shown["id"], &shown["secret"]), (&made.body["id"], &Value::Null));
        }
        let rotated = db.post_json_once(&format!("{path}/rotate"), "key-2", &json!({})).await;
        assert_ne!((&rotated.body["secret"], &rotated.body["secret"]), (&made.body["secret"], &Value::Null));
        let again = db.post_json_once(&format!("{path}/rotate"), "key-2", &json!({})).await;
        assert_eq!((again.status.as_u16(), &again.body["secret"]), (200, &Value::Null));
        let mut tx = db.app.db.read().await.unwrap();
        let kept = tx.rows("select body from idempotency_keys", &[]).await.unwrap();
        assert_eq!(kept.len(), 2);
        assert!(kept.iter().all(|row| !row.get::<String>("body").unwrap().contains("whsec_")));
    }

    async fn bad_endpoints_are_refused(db: TestApp) {
        let good = "https://8.8.8.8/hook";
        for (url, part) in [
            ("http://8.8.8.8/", "must be https"),
            ("ftp://8.8.8.8/", "not ftp"),
            ("file:///etc/passwd", "not file"),
            ("https://user:word@8.8.8.8/", "no login"),
            ("https://127.0.0.1/", "127.0.0.1 is no public address"),
            ("https://2130706433/", "127.0.0.1 is no public address"),
            ("https://0x7f.1/", "127.0.0.1 is no public address"),
            ("https://10.1.2.3/", "10.1.2.3 is no public address"),
            ("https://169.254.169.254/latest/meta-data", "169.254.169.254 is no public address"),
            ("https://[::1]/", "::1 is no public address"),
            ("https://[::ffff:192.168.0.1]/", "is no public address"),
            ("https://[fe80::1]/", "is no public address"),
            ("https://localhost/", "is no public address"),
            // Whether that is a name is the resolver's to say.
            ("https://LocalHost./", "localhost."),
            ("https://nobody.invalid/", "has no address"),
            ("8.8.8.8/hook", "is no address"),
            ("", "is no address"),
        ] {
            let refused = db.post_json("/v1/webhooks", &json!({"url": url, "events": ["call.charged"]})).await;
            let detail = refused.body["detail"].as_str().unwrap_or_default().to_owned();
            assert!(refused.status == 422 && detail.contains(part), "{url}: {refused:?}");
            assert_eq!(refused.body["errors"][0]["pointer"], "/url");
        }
        for (body, status, pointer) in [
            (json!({"url": good, "events": []}), 422, "/events"),
            (json!({"url": good, "events": ["webhook.test"]}), 422, "/events/0"),
            (json!({"url": good, "events": ["call.charged", "call"]}), 422, "/events/1"),
            (json!({"url": good}), 422, ""),
            (json!({"url": good, "events": ["call.charged"], "secret": "whsec_"}), 422, "/secret"),
            (json!({"url": good, "events": ["call.charged"], "description": "x".repeat(201)}), 422, "/description"),
            (json!({"url": good, "events": ["call.charged"], "description": "\u{0}"}), 422, "/description"),
        ] {
            let refused = db.post_json("/v1/webhooks", &body).await;
            assert_eq!(refused.status, status, "{body}: {refused:?}");
            assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{body}: {refused:?}");
        }
        assert_eq!(db.get("/v1/webhooks").await.body, json!([]));
        for number in 0..50 {
            endpoint(&db.app, &format!("https://8.8.8.8/{number}"), &["call.charged"]).await;
        }
        let refused = db.post_json("/v1/webhooks", &json!({"url": good, "events": ["call.charged"]})).await;
        assert_eq!(refused.status, 409, "{refused:?}");
    }

    async fn what_is_not_there_is_not_found(db: TestApp) {
        let (path, _) = endpoint(&db.app, "https://8.8.8.8/hook", &["call.charged"]).await;
        let nobody = "/v1/webhooks/whe_0000000000001";
        for base in [nobody, "/v1/webhooks/whe_x", "/v1/webhooks/cus_0000000000001"] {
            for answer in [
                db.get(base).await,
                db.get(&format!("{base}/messages")).await,
                db.get(&format!("{base}/messages/msg_0000000000001")).await,
                db.patch_json(base, &json!({"enabled": false})).await,
                with_method(&db.app, Method::DELETE, base, &json!({})).await,
                db.post_json(&format!("{base}/rotate"), &json!({})).await,
                db.post_json(&format!("{base}/test"), &json!({})).await,
                db.post_json(&format!("{base}/replay"), &json!({})).await,
                db.post_json(&format!("{base}/messages/msg_0000000000001/replay"), &json!({})).await,
            ] {
                assert_eq!(answer.status, 404, "{base}: {answer:?}");
            }
        }
        assert_eq!(db.get(&format!("{path}/messages/msg_0000000000001")).await.status, 404);
        assert_eq!(db.post_json(&format!("{path}/messages/msg_0000000000001/replay"), &json!({})).await.status, 404);
        for (query, status) in [("state=lost", 400), ("limit=0", 400), ("cursor=x", 400), ("state=failed", 200)] {
            assert_eq!(db.get(&format!("{path}/messages?{query}")).await.status, status, "{query}");
        }
        for (body, status) in [
            (json!({"since": "yesterday"}), 422),
            (json!({"since": "0001-01-01T00:00:00Z"}), 422),
            (json!({"until": "2026-11-05T12:00:00Z"}), 422),
            (json!({}), 202),
        ] {
            assert_eq!(db.post_json(&format!("{path}/replay"), &body).await.status, status, "{body}");
        }
    }

    async fn an_endpoint_is_changed_disabled_and_removed(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::start(&[Reply::Status(500)]).await);
        let (path, _) = endpoint(&app, "http://127.0.0.1:1/", &["call.charged"]).await;
        let first = ping(&db, &path).await;
        assert_eq!(deliver(&app).await, [0, 1, 0]);
        let change = json!({"url": receiver.url(), "events": ["invoice.paid"], "description": "ERP"});
        let changed = with_method(&app, Method::PATCH, &path, &change).await;
        assert_eq!((&changed.body["url"], &changed.body["events"]), (&json!(receiver.url()), &json!(["invoice.paid"])));
        assert_eq!((&changed.body["description"], &changed.body["failing_since"]), (&json!("ERP"), &Value::Null));
        for (body, pointer) in [(json!({"url": "https://127.0.0.1/"}), "/url"), (json!({"events": []}), "/events"), (json!({"state": "enabled"}), "/state")] {
            let refused = db.patch_json(&path, &body).await;
            assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["pointer"]), (422, &json!(pointer)), "{refused:?}");
        }
        // What waited goes to the new address.
        crate::support::mailing::pass(&db, 5);
        assert_eq!(deliver(&app).await, [0, 1, 0]);
        assert_eq!(receiver.got()[0].id(), first);
        let disabled = db.patch_json(&path, &json!({"enabled": false})).await;
        assert_eq!((&disabled.body["state"], &disabled.body["disabled_reason"]), (&json!("disabled"), &json!("by hand")));
        assert_eq!(messages(&db, &path).await[0]["state"], "failed");
        assert_eq!(db.get("/v1/jobs").await.body["items"], json!([]), "who disables it knows");
        let removed = with_method(&db.app, Method::DELETE, &path, &json!({})).await;
        assert_eq!((removed.status.as_u16(), &removed.body["url"]), (200, &json!(receiver.url())));
        assert_eq!((db.get(&path).await.status.as_u16(), stored(&db).await), (404, 1));
    }

    async fn messages_are_paged(db: TestApp) {
        let (path, _) = endpoint(&db.app, "https://8.8.8.8/hook", &["call.charged"]).await;
        let mut all = Vec::new();
        for _ in 0..5 {
            all.insert(0, json!(ping(&db, &path).await));
        }
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = db.get(&format!("{path}/messages?limit=2&state=ready{cursor}")).await.body;
            found.extend(page["items"].as_array().unwrap().iter().map(|message| message["message_id"].clone()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, all);
    }
}

/// The program itself, on a database and with settings of its own.
struct Shell(tempfile::TempDir);

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("settings.toml"), "[webhooks]\nallow_private = true\n")
            .expect("a file");
        Self(folder)
    }

    /// Whether it succeeded, and what it said.
    fn run(&self, arguments: &str) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
        command.current_dir(self.0.path()).args(["--config", "settings.toml", "webhooks"]);
        let output = command.args(arguments.split_whitespace()).output().expect("it runs");
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).expect("a text"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_does_the_same() {
    let (shell, receiver) = (Shell::new(), Receiver::willing().await);
    assert_eq!(shell.run("list"), (true, "no endpoints\n".to_owned()));
    let (done, added) =
        shell.run(&format!("add {} --event invoice.issued --event call.charged --json", receiver.url()));
    assert!(done, "{added}");
    let added: Value = serde_json::from_str(&added).unwrap();
    let (id, secret) = (added["id"].as_str().unwrap(), added["secret"].as_str().unwrap());
    let (done, listed) = shell.run("list");
    assert!(
        done && listed.contains("enabled; call.charged, invoice.issued") && !listed.contains("whsec_"),
        "{listed}"
    );
    let (done, tested) = shell.run(&format!("test {id}"));
    assert!(done && tested.contains("webhook.test done after 1 attempt, answered 204"), "{tested}");
    assert_eq!(receiver.got()[0].header("webhook-signature"), receiver.got()[0].signature(secret));
    let (done, rotated) = shell.run(&format!("rotate {id}"));
    assert!(done && rotated.contains("secret: whsec_") && !rotated.contains(secret), "{rotated}");
    receiver.replies(&[Reply::Status(503)]);
    let (done, tested) = shell.run(&format!("test {id}"));
    assert!(!done && tested.contains("ready after 1 attempt, answered 503, next at"), "{tested}");
    let waiting = tested.split_whitespace().next().unwrap();
    let (done, refused) = shell.run(&format!("replay {id} {waiting}"));
    assert!(!done && refused.contains("no settled message"), "{refused}");
    assert!(shell.run("list").1.contains("failing since"));
    assert!(shell.run(&format!("disable {id}")).1.contains("disabled, by hand"));
    for deed in ["test", "replay"] {
        let (done, refused) = shell.run(&format!("{deed} {id}"));
        assert!(!done && refused.contains("is disabled"), "{refused}");
    }
    let (done, dead) = shell.run(&format!("messages {id} --state failed"));
    assert!(done && dead.contains(waiting) && dead.contains("503 Service Unavailable"), "{dead}");
    assert!(shell.run(&format!("enable {id}")).0);
    let (done, replayed) = shell.run(&format!("replay {id}"));
    assert!(done && replayed.ends_with(": 1 message\n"), "{replayed}");
    assert!(shell.run(&format!("remove {id}")).0);
    for deed in ["rotate", "enable", "remove", "test", "messages", "replay"] {
        let (done, refused) = shell.run(&format!("{deed} {id}"));
        assert!(!done && refused.contains("there is no webhook endpoint"), "{deed}: {refused}");
    }
    for (arguments, part) in [
        ("add ftp://8.8.8.8/ --event call.charged", "must be https"),
        ("add http://127.0.0.1/ --event call.rung", "`call.rung` is no event"),
        ("add http://127.0.0.1/", "--event"),
    ] {
        let (done, refused) = shell.run(arguments);
        assert!(!done && refused.contains(part), "{arguments}: {refused}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (setting, part) in [
        ("timeout_seconds = 0", "webhooks.timeout_seconds"),
        ("timeout_seconds = 61", "webhooks.timeout_seconds"),
        ("keep_days = 3", "webhooks.keep_days"),
        ("keep_days = 3651", "webhooks.keep_days"),
    ] {
        let config = tollbook::config::Config::from_toml(&format!("[webhooks]\n{setting}\n")).unwrap();
        let refused = tollbook::webhooks::Courier::open(&config.webhooks).err().expect(setting).to_string();
        assert!(refused.contains(part), "{setting}: {refused}");
    }
}

#[test]
fn the_document_says_what_is_sent() {
    let document = serde_json::to_value(tollbook::http::openapi()).unwrap();
    let sent = document["webhooks"].as_object().unwrap();
    for kind in
        tollbook::webhooks::Kind::ALL.map(tollbook::webhooks::Kind::code).into_iter().chain(["webhook.test"])
    {
        let operation = &sent[kind]["post"];
        let schema =
            operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
        let name = schema.strip_prefix("#/components/schemas/").unwrap();
        let payload = &document["components"]["schemas"][name];
        assert!(
            payload["properties"]["data"].is_object() && payload["properties"]["type"].is_object(),
            "{kind}: {payload}"
        );
        let headers: Vec<_> =
            operation["parameters"].as_array().unwrap().iter().map(|header| header["name"].clone()).collect();
        assert_eq!(headers, ["webhook-id", "webhook-timestamp", "webhook-signature"], "{kind}");
    }
    assert_eq!(sent.len(), 9);
}
