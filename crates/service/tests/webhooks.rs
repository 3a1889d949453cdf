//! Does a message reach its receiver, signed, whatever the receiver does with it?

use serde_json::{Value, json};

use crate::support::mailing::pass;
use crate::support::receiver::{Receiver, Reply, deliver, endpoint, local, local_with, messages, ping};
use crate::support::{TestApp, on_both_databases};

const DAY: i64 = 24 * 3_600;
const DONE: [u64; 3] = [1, 0, 0];
const PUT_OFF: [u64; 3] = [0, 1, 0];
const FAILED: [u64; 3] = [0, 0, 1];
const NOTHING: [u64; 3] = [0, 0, 0];
const ANY: [&str; 1] = ["invoice.issued"];

/// Moves the clock to the next attempt of an endpoint's newest message; answers how many seconds that is.
async fn pass_to_next(db: &TestApp, endpoint: &str) -> i64 {
    let next: jiff::Timestamp =
        messages(db, endpoint).await[0]["next_try_at"].as_str().unwrap().parse().unwrap();
    let seconds = next.duration_since(db.app.clock.now()).as_secs();
    pass(db, seconds);
    seconds
}

async fn last_error(db: &TestApp, endpoint: &str) -> String {
    messages(db, endpoint).await[0]["last_error"].as_str().unwrap_or_default().to_owned()
}

on_both_databases! {
    async fn a_message_arrives_signed_and_once(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::willing().await);
        let (path, secret) = endpoint(&app, &receiver.url(), &ANY).await;
        let id = ping(&db, &path).await;
        assert_eq!((deliver(&app).await, deliver(&app).await), (DONE, NOTHING));
        let got = receiver.got();
        assert_eq!(got.len(), 1);
        let expected = json!({"type": "webhook.test", "timestamp": "2026-11-05T12:00:00Z", "data": {"message": "Does this arrive?"}});
        assert_eq!(got[0].json(), expected);
        assert_eq!(got[0].id(), id);
        assert_eq!((got[0].header("content-type"), got[0].header("webhook-timestamp")), ("application/json", "1793880000"));
        assert_eq!(got[0].header("webhook-signature"), got[0].signature(&secret));
        let message = &messages(&db, &path).await[0];
        let shown = (&message["state"], &message["attempts"], &message["last_status"], &message["next_try_at"]);
        assert_eq!(shown, (&json!("done"), &json!(1), &json!(204), &Value::Null), "{message}");
        let whole = db.get(&format!("{path}/messages/{id}")).await.body;
        assert_eq!(whole["payload"], got[0].body);
    }

    async fn for_a_day_after_a_rotation_both_secrets_sign(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::willing().await);
        let (path, first) = endpoint(&app, &receiver.url(), &ANY).await;
        let rotated = db.post_json(&format!("{path}/rotate"), &json!({})).await;
        let second = rotated.body["secret"].as_str().unwrap().to_owned();
        assert_ne!(first, second);
        ping(&db, &path).await;
        assert_eq!(deliver(&app).await, DONE);
        let got = &receiver.got()[0];
        assert_eq!(got.header("webhook-signature"), format!("{} {}", got.signature(&second), got.signature(&first)));
        pass(&db, DAY);
        ping(&db, &path).await;
        assert_eq!(deliver(&app).await, DONE);
        let got = &receiver.got()[1];
        assert_eq!(got.header("webhook-signature"), got.signature(&second));
    }

    async fn a_message_is_tried_for_three_days_then_kept_and_sent_again_on_request(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::start(&[Reply::Status(500)]).await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        let id = ping(&db, &path).await;
        let mut waited = Vec::new();
        for _ in 1..10 {
            assert_eq!(deliver(&app).await, PUT_OFF, "{waited:?}");
            assert_eq!(deliver(&app).await, NOTHING);
            waited.push(pass_to_next(&db, &path).await);
        }
        assert_eq!(waited[0], 5);
        assert!(waited.is_sorted() && waited.iter().sum::<i64>() > 3 * DAY, "{waited:?}");
        assert_eq!(deliver(&app).await, FAILED);
        pass(&db, 30 * DAY / 2);
        assert_eq!(deliver(&app).await, NOTHING);
        let got = receiver.got();
        assert_eq!(got.len(), 10);
        let body = &got[0].body;
        assert!(got.iter().all(|got| got.id() == id && got.body == *body));
        let dead = db.get(&format!("{path}/messages?state=failed")).await.body["items"].clone();
        let dead = (&dead[0]["message_id"], &dead[0]["attempts"], &dead[0]["last_status"], &dead[0]["last_error"]);
        let error = "500 Internal Server Error: what of it?";
        assert_eq!(dead, (&json!(id), &json!(10), &json!(500), &json!(error)));
        receiver.replies(&[Reply::Status(200)]);
        let replay = format!("{path}/messages/{id}/replay");
        assert_eq!(db.post_json(&replay, &json!({})).await.status, 202);
        assert_eq!(db.post_json(&replay, &json!({})).await.status, 409, "it waits already");
        assert_eq!(deliver(&app).await, DONE);
        assert_eq!(receiver.got().len(), 11);
        // What was delivered can be sent again too.
        assert_eq!(db.post_json(&replay, &json!({})).await.body, json!({"messages": 1}));
        assert_eq!(deliver(&app).await, DONE);
    }

    async fn an_endpoint_that_fails_for_five_days_is_disabled_and_the_operator_told(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::start(&[Reply::Status(500)]).await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        for day in 0..5 {
            ping(&db, &path).await;
            deliver(&app).await;
            assert_eq!(db.get(&path).await.body["state"], "enabled", "day {day}");
            pass(&db, DAY);
        }
        deliver(&app).await;
        let shown = db.get(&path).await.body;
        assert_eq!((&shown["state"], &shown["disabled_reason"]), (&json!("disabled"), &json!("every attempt of five days has failed")));
        assert!(messages(&db, &path).await.iter().all(|message| message["state"] == "failed"));
        assert_eq!(db.post_json(&format!("{path}/test"), &json!({})).await.status, 409);
        assert_eq!(db.post_json(&format!("{path}/replay"), &json!({})).await.status, 409);
        tollbook::jobs::work_off(&app).await.unwrap();
        let job = db.get("/v1/jobs?state=failed").await.body["items"][0].clone();
        assert!(job["last_error"].as_str().unwrap().contains("mend the receiver"), "{job}");
        receiver.replies(&[Reply::Status(200)]);
        assert_eq!(db.patch_json(&path, &json!({"enabled": true})).await.body["state"], "enabled");
        let since = jiff::Timestamp::from_second(db.app.clock.now().as_second() - 3 * DAY).unwrap();
        let replayed = db.post_json(&format!("{path}/replay"), &json!({"since": since})).await;
        assert_eq!(replayed.body, json!({"messages": 3}));
        assert_eq!(deliver(&app).await, [3, 0, 0]);
        assert_eq!(db.post_json(&format!("{path}/replay"), &json!({})).await.body, json!({"messages": 2}));
        assert_eq!(deliver(&app).await, [2, 0, 0]);
        let retried = db.post_json(&format!("/v1/jobs/{}/retry", job["id"].as_str().unwrap()), &json!({})).await;
        assert_eq!(retried.status, 202);
        assert_eq!(tollbook::jobs::work_off(&app).await.unwrap().done, 1);
    }

    async fn one_success_between_failures_keeps_an_endpoint_enabled(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::start(&[Reply::Status(500)]).await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        for day in 0..8 {
            receiver.replies(&[Reply::Status(if day == 4 { 200 } else { 500 })]);
            ping(&db, &path).await;
            deliver(&app).await;
            pass(&db, DAY);
        }
        let shown = db.get(&path).await.body;
        assert_eq!((&shown["state"], &shown["failing_since"]), (&json!("enabled"), &json!("2026-11-10T12:00:00Z")));
    }

    async fn a_receiver_that_is_gone_is_never_asked_again(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::start(&[Reply::Status(410)]).await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        ping(&db, &path).await;
        assert_eq!(deliver(&app).await, FAILED);
        assert_eq!(db.get(&path).await.body["disabled_reason"], "the receiver answered 410 Gone");
        pass(&db, DAY);
        assert_eq!(deliver(&app).await, NOTHING);
        assert_eq!(receiver.got().len(), 1);
    }

    async fn a_redirect_is_not_followed(db: TestApp) {
        let app = local(&db);
        let other = Receiver::willing().await;
        for status in [301, 302, 307, 308] {
            let receiver = Receiver::start(&[Reply::With(status, "location", other.url())]).await;
            let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
            ping(&db, &path).await;
            assert_eq!(deliver(&app).await, PUT_OFF);
            assert!(last_error(&db, &path).await.contains("redirects are not followed"));
            assert_eq!(messages(&db, &path).await[0]["last_status"], status);
        }
        assert_eq!(other.got().len(), 0);
    }

    async fn a_receiver_may_ask_for_a_pause(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::start(&[Reply::With(429, "retry-after", "600".to_owned())]).await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        ping(&db, &path).await;
        assert_eq!(deliver(&app).await, PUT_OFF);
        receiver.replies(&[Reply::Status(200)]);
        // Nor is it asked anything else meanwhile.
        ping(&db, &path).await;
        pass(&db, 599);
        assert_eq!(deliver(&app).await, NOTHING);
        pass(&db, 1);
        assert_eq!(deliver(&app).await, [2, 0, 0]);
    }

    async fn of_an_endless_answer_only_the_beginning_is_read(db: TestApp) {
        let app = local(&db);
        let taken = Receiver::start(&[Reply::Endless(200)]).await;
        let (path, _) = endpoint(&app, &taken.url(), &ANY).await;
        ping(&db, &path).await;
        assert_eq!(deliver(&app).await, DONE);
        let refused = Receiver::start(&[Reply::Endless(400)]).await;
        let (path, _) = endpoint(&app, &refused.url(), &ANY).await;
        ping(&db, &path).await;
        assert_eq!(deliver(&app).await, PUT_OFF);
        assert_eq!(last_error(&db, &path).await, format!("400 Bad Request: {}", "x".repeat(200)));
    }

    async fn a_receiver_that_says_nothing_is_not_waited_for(db: TestApp) {
        let (app, receiver) = (local_with(&db, "timeout_seconds = 1\n"), Receiver::start(&[Reply::Never]).await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        ping(&db, &path).await;
        assert_eq!(deliver(&app).await, PUT_OFF);
        assert_eq!(last_error(&db, &path).await, "no answer within 1 s (webhooks.timeout_seconds)");
        // Nor one that is not there.
        let change = json!({"url": "http://127.0.0.1:1/"});
        let request = crate::support::json_request(&path, &change);
        let (mut head, body) = request.into_parts();
        head.method = axum::http::Method::PATCH;
        let changed = crate::support::send(app.clone(), axum::http::Request::from_parts(head, body)).await;
        assert_eq!(changed.body["url"], "http://127.0.0.1:1/", "{changed:?}");
        pass_to_next(&db, &path).await;
        assert_eq!(deliver(&app).await, PUT_OFF);
        assert!(last_error(&db, &path).await.contains("onnect"), "{}", last_error(&db, &path).await);
    }

    async fn a_slow_receiver_holds_up_nobody_else(db: TestApp) {
        let app = local_with(&db, "timeout_seconds = 60\n");
        let (slow, quick) = (Receiver::start(&[Reply::Never]).await, Receiver::willing().await);
        let (to_slow, _) = endpoint(&app, &slow.url(), &ANY).await;
        let (to_quick, _) = endpoint(&app, &quick.url(), &ANY).await;
        for _ in 0..10 {
            ping(&db, &to_slow).await;
            ping(&db, &to_quick).await;
        }
        let delivering = tokio::spawn(async move { deliver(&app).await });
        quick.wait_for(10).await;
        slow.wait_for(1).await;
        assert!(!delivering.is_finished());
        assert!(slow.got().len() <= 4, "no more are on their way to one receiver");
        delivering.abort();
    }

    async fn two_workers_send_each_message_once(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::willing().await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        for _ in 0..60 {
            ping(&db, &path).await;
        }
        let (one, two, three) = tokio::join!(deliver(&app), deliver(&app), deliver(&app));
        assert_eq!(one[0] + two[0] + three[0], 60, "{one:?} {two:?} {three:?}");
        let mut ids: Vec<_> = receiver.got().iter().map(crate::support::receiver::Got::id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), receiver.got().len()), (60, 60));
    }

    async fn what_a_worker_had_that_died_is_sent_again_under_its_id(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::start(&[Reply::Never, Reply::Status(200)]).await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        let id = ping(&db, &path).await;
        let died = { let app = app.clone(); tokio::spawn(async move { deliver(&app).await }) };
        receiver.wait_for(1).await;
        died.abort();
        assert_eq!(deliver(&app).await, NOTHING);
        pass(&db, 120);
        assert_eq!(deliver(&app).await, DONE);
        assert_eq!(receiver.got().iter().map(crate::support::receiver::Got::id).collect::<Vec<_>>(), [id.clone(), id]);
    }

    async fn what_leads_to_this_machine_is_refused_again_at_each_attempt(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::willing().await);
        for url in [receiver.url(), format!("http://127.1:{}/", receiver.port), format!("https://localhost:{}/", receiver.port), format!("https://[::ffff:7f00:1]:{}/", receiver.port)] {
            let (path, _) = endpoint(&app, &url, &ANY).await;
            ping(&db, &path).await;
            // The settings of the test's own application allow nothing private.
            assert_eq!(deliver(&db.app).await, PUT_OFF, "{url}");
            let why = last_error(&db, &path).await;
            assert!(why.contains("is no public address") || why.contains("must be https"), "{url}: {why}");
        }
        assert_eq!(receiver.got().len(), 0);
    }

    async fn old_messages_are_removed(db: TestApp) {
        let (app, receiver) = (local(&db), Receiver::willing().await);
        let (path, _) = endpoint(&app, &receiver.url(), &ANY).await;
        ping(&db, &path).await;
        deliver(&app).await;
        pass(&db, 30 * DAY);
        assert_eq!(tollbook::jobs::round(&app).await.unwrap().removed_messages, 0);
        let second = ping(&db, &path).await;
        pass(&db, 1);
        let round = tollbook::jobs::round(&app).await.unwrap();
        assert_eq!((round.removed_messages, round.webhooks.done), (1, 1));
        let left: Vec<_> = messages(&db, &path).await.iter().map(|message| message["message_id"].clone()).collect();
        assert_eq!(left, [json!(second)]);
    }
}
