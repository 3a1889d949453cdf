//! Is one call charged once, however often and in whatever layout its records come?

use serde_json::{Value, json};

use crate::calls::assert_adds_up;
use crate::support::account::Account;
use crate::support::operator::{Record, import_others, import_text, operator};
use crate::support::program::tollbook;
use crate::support::{Answer, TestApp, on_both_databases};

const HEADER: &str = "record_id,call_id,leg,direction,calling_number,called_number,redirecting_number,charged_party,\
                      start_time,answer_time,end_time,billsec,disposition";

/// A call of C-1 to London, answered at 10:00:05 for ten minutes, which cost 0.20.
const CALL: &str = "v-1,,,outbound,+493023125001,+442079460123,,,2026-10-05T10:00:00Z,2026-10-05T10:00:05Z,\
                    2026-10-05T10:10:05Z,600,ANSWERED";

fn file(lines: &[&str]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

/// The amounts of a customer's charged calls, oldest first.
async fn amounts(db: &TestApp, reference: &str) -> Vec<String> {
    let account = Account::of(db, reference).await;
    let page = db.get(&format!("{}/calls?limit=500", account.path)).await.body;
    let calls = page["items"].as_array().unwrap().iter().rev();
    calls.filter_map(|call| call["amount"]["amount"].as_str().map(str::to_owned)).collect()
}

/// Reason, field and message of each record that waits, by line.
async fn waiting(db: &TestApp) -> Vec<[String; 3]> {
    let items = db.get("/v1/suspense?limit=500").await.body["items"].as_array().unwrap().clone();
    let mut items: Vec<_> = items.iter().collect();
    items.sort_by_key(|item| item["line"].as_i64());
    items
        .iter()
        .map(|item| ["reason", "field", "message"].map(|name| item[name].as_str().unwrap().to_owned()))
        .collect()
}

async fn post(db: &TestApp, source: &str, record: &Value) -> Answer {
    let answer = db.post_json(&format!("/v1/calls?source={source}"), record).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer
}

fn counted(control: tollbook::calls::Control) -> [u64; 4] {
    [control.charged, control.free, control.duplicate, control.suspended]
}

/// The record of ten minutes of talk in an hour of October, as it is posted.
fn posted(id: &str, day: usize, hour: usize) -> String {
    let mut record = Record::new(id).json();
    let time = |at: &str| json!(format!("2026-10-{day:02}T{hour:02}:{at}Z"));
    record["start_time"] = time("00:00");
    record["answer_time"] = time("00:05");
    record["end_time"] = time("10:05");
    record["billsec"] = json!(600);
    record.to_string()
}

on_both_databases! {
    async fn the_same_content_in_another_layout_is_a_duplicate(db: TestApp) {
        operator(&db).await;
        assert_eq!(counted(import_text(&db, "r", &file(&[CALL])).await), [1, 0, 0, 0]);
        let other_order = "disposition,billsec,end_time,answer_time,start_time,called_number,calling_number,direction,record_id,ext_price\n\
             Answered,600.000,2026-10-05T12:10:05+02:00,2026-10-05 10:00:05Z,2026-10-05T10:00:00.000Z,\"+442079460123\",+493023125001,OUTBOUND,v-1,0.10\n";
        assert_eq!(counted(import_text(&db, "r", other_order).await), [0, 0, 1, 0]);
        let with_duration = "record_id,direction,calling_number,called_number,start_time,answer_time,end_time,duration,billsec,disposition\n\
             v-1,outbound,+49 30 23125001,+44 20 7946-0123,2026-10-05T10:00:00Z,2026-10-05T10:00:05Z,2026-10-05T10:10:05Z,605,600,ANSWERED\n";
        assert_eq!(counted(import_text(&db, "r", with_duration).await), [0, 0, 1, 0]);
        let posted = json!({"disposition": "ANSWERED", "end_time": "2026-10-05T10:10:05Z", "answer_time": "2026-10-05T10:00:05Z",
            "start_time": "2026-10-05T10:00:00Z", "called_number": "+442079460123", "calling_number": "+493023125001",
            "direction": "outbound", "record_id": "v-1", "ext": {"codec": "opus"}});
        assert_eq!(post(&db, "r", &posted).await.body["outcome"], "duplicate");
        assert_eq!(amounts(&db, "C-1").await, ["0.20"]);
        assert_eq!(waiting(&db).await, [] as [[String; 3]; 0]);
        assert_adds_up(&db).await;
    }

    async fn blanks_at_the_ends_of_ids_make_no_other_record(db: TestApp) {
        operator(&db).await;
        import_text(&db, "r", &file(&[CALL])).await;
        for id in ["v-1 ", " v-1", "\u{a0}v-1\t"] {
            let blank = file(&[&CALL.replace("v-1", id)]);
            assert_eq!(counted(import_text(&db, "r", &blank).await), [0, 0, 1, 0], "{id:?}");
        }
        assert_eq!(post(&db, "r%20", &{
            let mut record = Record::new("v-2 ").json();
            record["call_id"] = json!(" call-2 ");
            record
        }).await.body["record_id"], "v-2");
        let calls = db.get(&format!("{}/calls", Account::of(&db, "C-1").await.path)).await.body["items"].clone();
        let last = calls.as_array().unwrap().iter().find(|call| call["record_id"] == "v-2").unwrap().clone();
        assert_eq!((&last["call_id"], &last["source"]), (&json!("call-2"), &json!("r")));
        // An earlier version stored the blank.
        let mut tx = db.app.db.begin().await.unwrap();
        tx.execute("update calls set record_id = 'v-1 ', call_id = 'v-1 ' where record_id = 'v-1'", &[]).await.unwrap();
        tx.commit().await.unwrap();
        let blank = file(&[&CALL.replace("v-1", "v-1 ")]);
        assert_eq!(counted(import_text(&db, "r", &blank).await), [0, 0, 1, 0]);
        assert_eq!(amounts(&db, "C-1").await.len(), 2);
    }

    async fn what_was_posted_first_and_comes_in_a_file_later_is_a_duplicate(db: TestApp) {
        operator(&db).await;
        let record = Record::new("r1");
        assert_eq!(post(&db, "pbx", &record.json()).await.body["outcome"], "charged");
        let milliseconds = Record::file(&[record]).replace("10:00:00Z", "10:00:00.000Z");
        assert_eq!(counted(import_text(&db, "pbx", &milliseconds).await), [0, 0, 1, 0]);
        assert_eq!(amounts(&db, "C-1").await, ["0.04"]);
    }

    async fn records_of_earlier_versions_keep_being_known(db: TestApp) {
        operator(&db).await;
        let text = file(&[CALL]);
        import_text(&db, "r", &text).await;
        // Once the hash was that of the line as it came.
        let mut tx = db.app.db.begin().await.unwrap();
        let as_it_came = hash_of(CALL.as_bytes());
        tx.execute("update calls set content_hash = $1", &[&as_it_came]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(counted(import_text(&db, "r", &text).await), [0, 0, 1, 0]);
        // And in another layout too.
        assert_eq!(counted(import_text(&db, "r", &text.replace(",600,", ",600.000,")).await), [0, 0, 1, 0]);
        assert_eq!(counted(import_text(&db, "r", &text.replace(",600,", ",599,")).await), [0, 0, 0, 1]);
    }

    async fn only_a_difference_in_what_is_read_is_a_conflict_and_names_the_fields(db: TestApp) {
        operator(&db).await;
        import_text(&db, "r", &file(&[CALL])).await;
        let changed = CALL.replace("+442079460123", "+442079460999").replace("10:10:05Z,600", "10:01:05Z,60");
        assert_eq!(counted(import_text(&db, "r", &file(&[&changed])).await), [0, 0, 0, 1]);
        let [reason, field, message] = &waiting(&db).await[0];
        assert_eq!((reason.as_str(), field.as_str()), ("conflict", "record_id"));
        assert!(message.contains("differs in called_number, end_time, billsec"), "{message}");
        assert!(message.contains("suspense replace"), "{message}");
        for (from, to, field) in [
            ("outbound", "inbound", "direction"),
            ("ANSWERED", "BUSY", "disposition"),
            ("+493023125001", "+493023125002", "calling_number"),
        ] {
            let changed = CALL.replace(from, to);
            assert_eq!(counted(import_text(&db, "r", &file(&["", &changed])).await)[3], 1, "{field}");
            assert!(waiting(&db).await.iter().any(|[_, _, message]| message.contains(field)), "{field}");
        }
        assert_eq!(amounts(&db, "C-1").await, ["0.20"]);
    }

    async fn a_conflict_that_was_none_leaves_suspense(db: TestApp) {
        operator(&db).await;
        import_text(&db, "r", &file(&[CALL])).await;
        let other = file(&[&CALL.replace(",600,", ",600.000,")]);
        // An earlier version took another layout for another content.
        let flawed = file(&[&CALL.replace(",600,", ",601,")]);
        import_text(&db, "r", &flawed).await;
        let mut tx = db.app.db.begin().await.unwrap();
        let line = CALL.replace(",600,", ",600.000,");
        tx.execute("update suspense set content_hash = $1", &[&hash_of(line.as_bytes())]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(counted(import_text(&db, "r", &other).await), [0, 0, 1, 0]);
        assert_eq!(waiting(&db).await, [] as [[String; 3]; 0]);
    }

    async fn a_file_under_another_name_is_refused_when_its_calls_are_there(db: TestApp) {
        operator(&db).await;
        let at = |hour: usize, id: &str| CALL.replace("T10:", &format!("T{hour:02}:")).replace("v-1", id);
        let lines: Vec<_> = (0..10).map(|hour| at(hour, &format!("v-{hour}"))).collect();
        let text = file(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        import_text(&db, "first", &text).await;
        // Other ids, other ring times, other spelling: the same talks.
        let renamed = text.replace("v-", "w-").replace(":00:00Z,", ":00:02.500Z,").replace("+442079460123", "+44 20 7946 0123");
        let upload = async |query: &str| {
            let request = axum::http::Request::post(format!("/v1/imports?{query}"));
            db.send(request.body(axum::body::Body::from(renamed.clone())).unwrap()).await
        };
        let refused = upload("source=second").await;
        assert_eq!(refused.status, 409, "{refused:?}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("10 of the first 10 calls") && detail.contains("source first"), "{detail}");
        assert_eq!(db.get("/v1/imports").await.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(amounts(&db, "C-1").await.len(), 10);
        let batch: Vec<_> = (0..3).map(|hour| posted(&format!("x{hour}"), 5, hour)).collect();
        let batch = batch.join("\n");
        let post = async |query: &str| {
            let request = axum::http::Request::post(format!("/v1/calls:batch?{query}"));
            db.send(request.body(axum::body::Body::from(batch.clone())).unwrap()).await
        };
        assert_eq!(post("source=third").await.status, 409);
        // However the caller is written, and with a part of a second less.
        for caller in ["0049 30 23125001", "sip:+493023125001@pbx"] {
            let spelled = renamed.replace("+493023125001", caller).replace(",600,", ",599.2,");
            let request = axum::http::Request::post("/v1/imports?source=fourth&region=DE");
            let refused = db.send(request.body(axum::body::Body::from(spelled)).unwrap()).await;
            assert_eq!(refused.status, 409, "{caller}: {refused:?}");
        }
        // Nor under other ids of the same source: a corrected record keeps its own.
        let corrected = file(&[&at(3, "v-3-corrected").replace(",600,", ",60,").replace("10:05Z", "01:05Z")]);
        let request = axum::http::Request::post("/v1/imports?source=first").body(axum::body::Body::from(corrected)).unwrap();
        let refused = db.send(request).await;
        assert!(refused.status == 409 && refused.body["detail"].as_str().unwrap().contains("other ids"), "{refused:?}");
        // Half of them are there: nobody can tell.
        let half = file(&lines.iter().take(2).map(String::as_str).chain([at(20, "y-1").as_str(), at(21, "y-2").as_str()]).collect::<Vec<_>>());
        assert_eq!(counted(import_text(&db, "half", &half).await)[0], 4);
        // Whoever says that they are others is believed, and may say it again.
        assert_eq!(upload("source=second&other_calls=true").await.body["import"]["control"]["charged"], 10);
        assert_eq!(upload("source=second").await.body["import"]["control"]["duplicate"], 10);
        assert_eq!(post("source=third&other_calls=true").await.body["control"]["charged"], 3);
        let told = String::from_utf8(tollbook(&db.url, &["check"]).stdout).unwrap();
        assert!(told.contains("first/v-0 and third/x0 of cus_") && told.contains("of the same talk, from two sources"), "{told}");
        // A later file under the new name goes through.
        let later = text.replace("2026-10-05", "2026-10-06");
        assert_eq!(counted(import_text(&db, "second", &later.replace("v-", "z-")).await)[0], 10);
        assert_adds_up(&db).await;
    }

    async fn two_files_of_the_same_calls_at_the_same_moment_are_charged_once(db: TestApp) {
        operator(&db).await;
        for day in 1..=8 {
            let text: Vec<_> = (10..20).map(|hour| CALL.replace("-05T10:", &format!("-{day:02}T{hour}:")).replace("v-1", &format!("v-{day}-{hour}"))).collect();
            let text = file(&text.iter().map(String::as_str).collect::<Vec<_>>());
            let send = async |path: &str, body: String| {
                let request = axum::http::Request::post(path).body(axum::body::Body::from(body)).unwrap();
                db.send(request).await.status
            };
            let batch: Vec<_> = (10..20).map(|hour| posted(&format!("b-{day}-{hour}"), day, hour)).collect();
            let mut answers = [0; 3];
            (answers[0], answers[1], answers[2]) = tokio::join!(
                async { send("/v1/imports?source=one", text.clone()).await.into() },
                async { send("/v1/imports?source=two", text.clone()).await.into() },
                async { send("/v1/calls:batch?source=three", batch.join("\n")).await.into() },
            );
            let taken = answers.iter().filter(|status| matches!(status, 200 | 201)).count();
            let refused = answers.iter().filter(|status| **status == 409).count();
            assert_eq!((taken, refused), (1, 2), "day {day}: {answers:?}");
            assert_eq!(amounts(&db, "C-1").await.len(), 10 * day);
        }
        assert_adds_up(&db).await;
    }

    async fn a_posted_record_of_which_another_source_says_the_same_waits(db: TestApp) {
        operator(&db).await;
        let unnamed = |id: &str| {
            let mut record = Record::new(id).json();
            record.as_object_mut().unwrap().remove("call_id");
            record
        };
        // Two calls at the same moment are told by one source.
        for id in ["a", "b"] {
            assert_eq!(post(&db, "one", &unnamed(id)).await.body["outcome"], "charged");
        }
        let (path, told) = ("/v1/calls?source=two", &mut unnamed("a"));
        let second = post(&db, "two", told).await;
        assert_eq!((second.status.as_u16(), &second.body["reason"]), (202, &json!("another_leg")), "{second:?}");
        let message = second.body["message"].as_str().unwrap();
        assert!(message.contains("record one/") && message.contains("other_calls=true"), "{message}");
        assert_eq!(db.post_json_once(path, "k1", told).await.body["outcome"], "suspended");
        // In a batch, and in another layout.
        told["start_time"] = json!("2026-10-05T12:00:00+02:00");
        told["called_number"] = json!("+44 20 7946 0123");
        let batch = [told.to_string(), posted("x1", 6, 10), posted("x2", 6, 11)].join("\n");
        let request = axum::http::Request::post("/v1/calls:batch?source=two").body(axum::body::Body::from(batch)).unwrap();
        let answer = db.send(request).await.body["records"].clone();
        assert_eq!((&answer[0]["reason"], &answer[1]["outcome"]), (&json!("another_leg"), &json!("charged")), "{answer}");
        assert_eq!(amounts(&db, "C-1").await, ["0.04", "0.04", "0.20", "0.20"]);
        // Another call is another one: by its length, by its name, or because somebody says so.
        let mut longer = unnamed("c");
        (longer["billsec"], longer["end_time"]) = (json!(62), json!("2026-10-05T10:01:02Z"));
        assert_eq!(post(&db, "two", &longer).await.body["outcome"], "charged");
        let other = db.post_json(&format!("{path}&other_calls=true"), &unnamed("a")).await;
        assert_eq!(other.body["outcome"], "charged", "{other:?}");
        for source in ["one", "two"] {
            assert_eq!(post(&db, source, &unnamed("a")).await.body["outcome"], "duplicate");
        }
        assert_eq!(waiting(&db).await, [] as [[String; 3]; 0]);
        // With parts of a second, which another source does not write, and the other way round.
        for (first, second) in [("2026-10-07T10:00:00.4Z", "2026-10-07T10:00:00Z"), ("2026-10-08T10:00:00Z", "2026-10-08T10:00:00.4Z")] {
            for (source, begun, outcome) in [("one", first, "charged"), ("two", second, "suspended")] {
                let mut record = unnamed(&format!("{source}{begun}"));
                record["start_time"] = json!(begun);
                record["answer_time"] = json!(begun);
                record["end_time"] = json!(begun.replace(":00:00", ":01:01"));
                let answer = post(&db, source, &record).await;
                assert_eq!(answer.body["outcome"], outcome, "{begun}: {answer:?}");
            }
        }
        assert_adds_up(&db).await;
    }

    async fn one_record_that_two_sources_post_at_the_same_moment_is_charged_once(db: TestApp) {
        operator(&db).await;
        for hour in 0..12 {
            let record: Value = serde_json::from_str(&posted("a", 5, hour)).unwrap();
            let record = |id: String| {
                let mut record = record.clone();
                (record["record_id"], record["call_id"]) = (json!(id), json!(""));
                record
            };
            let (one, two) = (record(format!("o{hour}")), record(format!("t{hour}")));
            let (one, two) = tokio::join!(post(&db, "one", &one), post(&db, "two", &two));
            let mut outcomes = [one, two].map(|answer| answer.body["outcome"].as_str().unwrap().to_owned());
            outcomes.sort();
            assert_eq!(outcomes, ["charged", "suspended"]);
        }
        assert_eq!(amounts(&db, "C-1").await.len(), 12);
    }

    async fn legs_of_one_call_are_charged_once(db: TestApp) {
        operator(&db).await;
        let leg = |id: &str, leg: &str| CALL.replace("v-1,,", &format!("{id},call-1,{leg}"));
        let text = file(&[&leg("a", "A"), &leg("b", "B")]);
        assert_eq!(counted(import_text(&db, "one", &text).await), [1, 0, 0, 1]);
        let [reason, field, message] = &waiting(&db).await[0];
        assert_eq!((reason.as_str(), field.as_str()), ("another_leg", "call_id"));
        assert!(message.contains("one/a") && message.contains("terminating leg"), "{message}");
        // Again, in a batch of its own, and from another source of the operator.
        assert_eq!(counted(import_text(&db, "one", &text).await), [0, 0, 1, 1]);
        assert_eq!(counted(import_text(&db, "one", &file(&[&leg("b", "B")])).await), [0, 0, 0, 1]);
        let shifted = leg("c", "").replace("10:00:05Z", "10:00:07Z").replace(",600,", ",598,");
        assert_eq!(counted(import_others(&db, "two", &file(&[&shifted])).await), [0, 0, 0, 1]);
        // A record whose own id is the call's.
        let named = shifted.replace("c,call-1", "call-1,call-1");
        assert_eq!(counted(import_others(&db, "two", &file(&[&named])).await), [0, 0, 0, 1]);
        assert_eq!(amounts(&db, "C-1").await, ["0.20"]);
        assert_adds_up(&db).await;
    }

    async fn the_first_of_two_legs_may_have_the_id_of_the_call(db: TestApp) {
        operator(&db).await;
        let named = CALL.replace("v-1,,", "call-1,call-1,");
        import_others(&db, "one", &file(&[&named])).await;
        let other = CALL.replace("v-1,,", "b,call-1,");
        for source in ["one", "two"] {
            assert_eq!(counted(import_others(&db, source, &file(&[&other])).await), [0, 0, 0, 1], "{source}");
        }
        // Within one file, in either order.
        let later = |line: &str| line.replace("call-1", "call-2").replace("T10:", "T20:");
        let both = file(&[&later(&other), &later(&named)]);
        assert_eq!(counted(import_others(&db, "three", &both).await), [1, 0, 0, 1]);
        assert_eq!(amounts(&db, "C-1").await, ["0.20", "0.20"]);
    }

    async fn another_talk_of_a_call_and_another_party_are_charged(db: TestApp) {
        operator(&db).await;
        let first = CALL.replace("v-1,,", "a,call-1,");
        let transferred_back = first
            .replace("a,call-1", "b,call-1")
            .replace("10:00:00Z", "10:09:00Z")
            .replace("10:10:05Z", "10:20:05Z")
            .replace("10:00:05Z", "10:10:05Z");
        let forwarded = first.replace("a,call-1", "c,call-1").replace(",,,2026", ",+493023125001,redirecting,2026");
        let unnamed = CALL.replace("v-1", "d").replace("T10:", "T11:");
        let other_customer = first.replace("a,call-1", "e,call-1").replace("+493023125001", "+493023125002");
        let text = file(&[&first, &transferred_back, &forwarded, &unnamed, &other_customer]);
        assert_eq!(counted(import_text(&db, "one", &text).await), [5, 0, 0, 0], "{:?}", waiting(&db).await);
        assert_eq!(counted(import_text(&db, "one", &text).await), [0, 0, 5, 0]);
        assert_eq!(amounts(&db, "C-1").await.len(), 4);
        assert_adds_up(&db).await;
    }

    async fn a_leg_is_found_among_records_that_are_posted_at_once(db: TestApp) {
        operator(&db).await;
        let leg = |id: &str| {
            let mut record = Record::new(id).json();
            record["call_id"] = json!("call-1");
            record
        };
        assert_eq!(post(&db, "a", &leg("1")).await.body["outcome"], "charged");
        let second = post(&db, "b", &leg("2")).await.body;
        assert_eq!((&second["outcome"], &second["reason"]), (&json!("suspended"), &json!("another_leg")));
        assert_eq!(amounts(&db, "C-1").await, ["0.04"]);
    }

    async fn two_imports_at_once_charge_one_leg_each_call(db: TestApp) {
        operator(&db).await;
        let legs = |leg: &str| {
            let lines: Vec<_> = (0..200)
                .map(|call| CALL.replace("v-1,,", &format!("{leg}{call},call-{call},")).replace("T10:", &format!("T{:02}:", call % 20)))
                .collect();
            file(&lines.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let (a, b) = (legs("a"), legs("b"));
        let (one, two) = tokio::join!(import_others(&db, "one", &a), import_others(&db, "two", &b));
        assert_eq!((one.charged + two.charged, one.suspended + two.suspended), (200, 200), "{one} / {two}");
        assert_adds_up(&db).await;
    }

    async fn a_second_talk_to_one_number_in_an_asterisk_call_is_charged(db: TestApp) {
        operator(&db).await;
        let head = "calldate,src,dst,channel,dstchannel,answer,end,duration,billsec,disposition,accountcode,uniqueid,linkedid,sequence\n";
        let talk = |from: &str, to: &str, seconds: u32, sequence: u32| {
            format!("2026-10-05T{from}Z,+493023125001,+442079460123,PJSIP/a-1,PJSIP/carrier-2,2026-10-05T{from}Z,2026-10-05T{to}Z,\
                     {seconds},{seconds},ANSWERED,,1791194400.{sequence},1791194400.1,{sequence}\n")
        };
        let (first, again) = (talk("10:00:00", "10:10:00", 600, 1), talk("10:12:00", "10:13:00", 60, 2));
        let leg = talk("10:00:01", "10:10:00", 599, 3);
        let text = format!("{head}{first}{again}{leg}");
        assert_eq!(counted(import_text(&db, "asterisk", &text).await), [2, 0, 0, 1]);
        assert_eq!(waiting(&db).await[0][0], "another_leg");
        assert_eq!(amounts(&db, "C-1").await, ["0.20", "0.02"]);
        // In any order, and each alone.
        assert_eq!(counted(import_text(&db, "asterisk", &format!("{head}{again}{leg}{first}")).await), [0, 0, 2, 1]);
        assert_eq!(counted(import_text(&db, "asterisk", &format!("{head}{again}")).await), [0, 0, 1, 0]);
        assert_eq!(counted(import_others(&db, "backwards", &format!("{head}{}", again.replace("1791194400", "1791200000"))).await)[2..], [0, 0]);
        assert_adds_up(&db).await;
    }
}

/// As earlier versions made it.
fn hash_of(content: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(content)[..16].to_vec()
}
