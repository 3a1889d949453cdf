//! Are clients made, rotated and revoked, by the API and by the command line?

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use jiff::SignedDuration;
use serde_json::json;

use crate::cli::Shell;
use crate::support::access::{GRANT, Guarded, TestClient};
use crate::support::operator::operator;
use crate::support::program::{free_address, wait_for};
use crate::support::{Answer, TestApp, on_both_databases};

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.body["detail"].as_str().unwrap_or_default().to_owned())
}

async fn gets_a_token(guarded: &Guarded<'_>, client: &TestClient) -> bool {
    let answer = guarded.form("/oauth/token", GRANT, Some(&client.basic())).await;
    assert!([200, 401].contains(&answer.status.as_u16()), "{answer:?}");
    answer.status == 200
}

on_both_databases! {
    async fn a_client_is_made_with_a_secret_that_is_told_once(db: TestApp) {
        let new = json!({"name": "switch-a", "role": "switch"});
        let made = db.post_json_once("/v1/clients", "key", &new).await;
        assert_eq!(made.status, 201, "{made:?}");
        assert_eq!(made.headers["cache-control"], "no-store");
        let secret = made.body["client_secret"].as_str().unwrap();
        let again = db.post_json_once("/v1/clients", "key", &new).await;
        assert_eq!((&again.body["id"], again.body.get("client_secret")), (&made.body["id"], None));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        let path = format!("/v1/clients/{}", made.body["id"].as_str().unwrap());
        let shown = db.get(&path).await;
        assert_eq!((&shown.body["name"], &shown.body["role"]), (&json!("switch-a"), &json!("switch")));
        let list = db.get("/v1/clients").await;
        assert_eq!(list.body["items"], json!([shown.body]));
        let mut tx = db.app.db.read().await.unwrap();
        let kept = tx.row("select body from idempotency_keys", &[]).await.unwrap().unwrap();
        let random = &secret[secret.len() - 40..];
        for text in [shown.body.to_string(), list.body.to_string(), kept.get("body").unwrap()] {
            assert!(!text.contains(random), "{text}");
        }
    }

    async fn what_makes_no_client_is_refused(db: TestApp) {
        operator(&db).await;
        let customer = db.get("/v1/customers").await.body["items"][0]["id"].clone();
        db.post_json("/v1/clients", &json!({"name": "taken", "role": "support"})).await;
        for (new, status, part) in [
            (json!({"name": "taken", "role": "switch"}), 409, "has this name"),
            (json!({"name": " ", "role": "switch"}), 422, "is empty"),
            (json!({"name": "x".repeat(101), "role": "switch"}), 422, "longer than 100"),
            (json!({"name": "a\u{7}", "role": "switch"}), 422, "control"),
            (json!({"name": "x", "role": "admin"}), 422, "unknown variant"),
            (json!({"name": "x", "role": "customer"}), 422, "needs a customer"),
            (json!({"name": "x", "role": "switch", "customer_id": customer}), 422, "only a client with the role customer"),
            (json!({"name": "x", "role": "customer", "customer_id": "cus_000000000001z"}), 422, "no customer cus_000000000001z"),
            (json!({"name": "x", "role": "switch", "scopes": []}), 422, "unknown field"),
        ] {
            let answer = refused(&db.post_json("/v1/clients", &new).await);
            assert!(answer.0 == status && answer.1.contains(part), "{new}: {answer:?}");
        }
        assert_eq!(db.get("/v1/clients/cli_0000000000011").await.status, 404);
        for verb in ["rotate", "revoke"] {
            assert_eq!(db.post_json(&format!("/v1/clients/cli_0000000000011/{verb}"), &json!({})).await.status, 404);
        }
    }

    async fn a_rotated_secret_works_beside_the_one_before_for_a_while(db: TestApp) {
        let guarded = Guarded::new(&db);
        let first = guarded.client("switch-a", "switch", None).await;
        let path = format!("/v1/clients/{}/rotate", first.id);
        let rotate = async |minutes: serde_json::Value| {
            let answer = db.post_json(&path, &minutes).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let secret = answer.body["client_secret"].as_str().unwrap().to_owned();
            (TestClient { id: first.id.clone(), secret }, answer.body["old_secret_until"].clone())
        };
        let (second, until) = rotate(json!({})).await;
        assert_eq!(until, "2026-11-06T12:00:00Z");
        assert!(gets_a_token(&guarded, &first).await && gets_a_token(&guarded, &second).await);
        // Two at a time: a third ends the first at once.
        let (third, _) = rotate(json!({"overlap_minutes": 10})).await;
        assert!(!gets_a_token(&guarded, &first).await);
        assert!(gets_a_token(&guarded, &second).await && gets_a_token(&guarded, &third).await);
        db.app.clock.set(db.app.clock.now().checked_add(SignedDuration::from_mins(10)).unwrap());
        assert!(!gets_a_token(&guarded, &second).await && gets_a_token(&guarded, &third).await);
        // After a leak.
        let (fourth, _) = rotate(json!({"overlap_minutes": 0})).await;
        assert!(!gets_a_token(&guarded, &third).await && gets_a_token(&guarded, &fourth).await);
        let long = db.post_json(&path, &json!({"overlap_minutes": 43_201})).await;
        assert_eq!(refused(&long), (422, "is more than 30 days".to_owned()));
    }

    async fn a_revoked_client_is_gone_for_good(db: TestApp) {
        let guarded = Guarded::new(&db);
        let client = guarded.client("desk", "support", None).await;
        let token = guarded.token_of(&client, "").await;
        let operator = guarded.token("operator", None).await;
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 200);
        let path = format!("/v1/clients/{}", client.id);
        let revoked = guarded.write("POST", &format!("{path}/revoke"), Some(&operator), &json!({}), None).await;
        assert_eq!(revoked.body["revoked_at"], "2026-11-05T12:00:00Z", "{revoked:?}");
        assert_eq!(guarded.ask("GET", "/v1/plans", Some(&token)).await.status, 401, "here at once");
        assert!(!gets_a_token(&guarded, &client).await);
        let again = guarded.write("POST", &format!("{path}/revoke"), Some(&operator), &json!({}), None).await;
        assert_eq!(again.body, revoked.body);
        let rotated = db.post_json(&format!("{path}/rotate"), &json!({})).await;
        assert_eq!(refused(&rotated).0, 409);
        // Its name is free, and the new one is another.
        let new = guarded.client("desk", "support", None).await;
        assert!(new.id != client.id && gets_a_token(&guarded, &new).await);
    }
}

#[test]
fn clients_are_made_rotated_and_revoked_on_the_command_line() {
    let shell = Shell::new();
    assert!(shell.ok("client list").contains("there is no client"));
    let made = shell.ok("client add switch-a --role switch");
    assert!(made.contains("client_id      cli_") && made.contains("client_secret  sec_"), "{made}");
    assert!(shell.fails("client add switch-a --role support").contains("has this name"));
    assert!(shell.fails("client add x --role admin").contains("operator"));
    assert!(shell.fails("client add x --role customer").contains("--customer"));
    assert!(shell.fails("client add x --role customer --customer C-9").contains("C-9"));
    let rotated = shell.json("client rotate switch-a --overlap-minutes 0");
    let secret = rotated["client_secret"].as_str().unwrap();
    assert!(!made.contains(secret) && secret.starts_with("sec_"));
    let list = shell.json("client list");
    assert_eq!((list.as_array().unwrap().len(), &list[0]["role"]), (1, &json!("switch")));
    assert!(shell.fails("client rotate switch-b").contains("no client switch-b"));
    assert!(shell.ok(&format!("client revoke {}", list[0]["id"].as_str().unwrap())).contains("is revoked"));
    assert!(shell.fails("client revoke switch-a").contains("no client switch-a"));
    assert!(shell.ok("client list").contains("revoked at"));
}

#[test]
fn serve_is_not_open_to_the_network_without_authentication() {
    let shell = Shell::new();
    let refused = shell.fails("serve --listen 0.0.0.0:0");
    assert!(
        refused.contains("no authentication is configured") && refused.contains("tollbook client add"),
        "{refused}"
    );
    shell.ok("client add desk --role operator");
    shell.ok("client revoke desk");
    assert!(shell.fails("serve --listen 0.0.0.0:0").contains("no authentication is configured"));
    shell.ok("client add desk --role operator");
    assert_eq!(status_served(&shell, "0.0.0.0", ""), "401");
    assert_eq!(status_served(&shell, "127.0.0.1", "--without-authentication"), "200");
}

#[test]
fn the_demo_prints_a_token_that_works() {
    let shell = Shell::new();
    let shown = shell.ok("demo --no-serve --dir shown");
    let request = shown.lines().last().unwrap().trim();
    let token = request.split(' ').nth(2).unwrap();
    assert!(
        request.starts_with("curl --oauth2-bearer tok_") && request.ends_with("/v1/customers"),
        "{request}"
    );
    let header = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(status_with(&shell, "127.0.0.1", "--database-url sqlite://shown/demo.db", &header), "200");
    assert_eq!(status_with(&shell, "127.0.0.1", "--database-url sqlite://shown/demo.db", ""), "401");
}

/// What `serve` answers to a request without a token.
fn status_served(shell: &Shell, host: &str, options: &str) -> String {
    status_with(shell, host, options, "")
}

fn status_with(shell: &Shell, host: &str, options: &str, header: &str) -> String {
    let address = free_address();
    let port = address.port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbook"));
    command.current_dir(shell.path("")).args(["serve", "--listen", &format!("{host}:{port}")]);
    let mut program = command.args(options.split_whitespace()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&mut program, address);
    let mut connection = TcpStream::connect(address).unwrap();
    let request = format!("GET /v1/plans HTTP/1.1\r\nHost: x\r\n{header}Connection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}
