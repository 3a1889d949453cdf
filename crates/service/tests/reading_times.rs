//! Is the time of a call the one that its record proves, and is nothing charged or given away that it denies?

use jiff::tz::TimeZone;
use serde_json::json;

use crate::support::operator::{import_text, operator};
use crate::support::reading::{history, import, source, suspended};
use crate::support::{TestApp, on_both_databases};

const HEADER: &str = "record_id,direction,calling_number,called_number,start_time,answer_time,end_time,duration,billsec,disposition";
const TABLE: &str = "calldate,src,dst,channel,dstchannel,answer,end,duration,billsec,disposition,accountcode,uniqueid,linkedid,sequence";

/// A record of C-1 to Germany (0.03 a minute, by the second): its id, then the columns from the start on.
fn lines(records: &[(&str, &str)]) -> String {
    let line = |(id, rest): &(&str, &str)| format!("{id},outbound,+493023125001,+493012345678,{rest}\n");
    format!("{HEADER}\n{}", records.iter().map(line).collect::<String>())
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

async fn is_empty(db: &TestApp) -> bool {
    let imports = db.get("/v1/imports").await.body["items"].as_array().unwrap().len();
    imports == 0 && suspended(db).await.is_empty()
}

on_both_databases! {
    async fn in_the_hour_that_happens_twice_the_record_proves_which_was_meant(db: TestApp) {
        operator(&db).await;
        let text = lines(&[
            ("f-1", "2026-10-25 01:59:50,2026-10-25 01:59:55,2026-10-25 02:10:00,4210,4205,ANSWERED"),
            ("f-2", "2026-10-25 02:50:00,2026-10-25 02:50:05,2026-10-25 02:20:05,1805,1800,ANSWERED"),
            ("f-3", "2026-10-25 02:30:00,2026-10-25 02:30:05,2026-10-25 03:10:05,2405,2400,ANSWERED"),
            // Only the billed seconds tell, and only an id.
            ("f-4", "2026-10-25 01:59:50,2026-10-25 01:59:55,2026-10-25 02:10:00,,4205,ANSWERED"),
            ("1792891799.7", "2026-10-25 02:30:00,2026-10-25 02:30:05,2026-10-25 02:40:05,605,600,ANSWERED"),
            // Nothing tells which hour it was, but how long it was is sure.
            ("f-5", "2026-10-25 02:30:00,2026-10-25 02:30:05,2026-10-25 02:40:05,605,600,ANSWERED"),
            // Nothing tells how long it was.
            ("f-6", "2026-10-25 01:59:50,2026-10-25 01:59:55,2026-10-25 02:10:00,,,ANSWERED"),
            ("f-7", "2026-10-25 02:30:00,,2026-10-25 02:31:00,60,0,BUSY"),
        ]);
        let read = import(&db, source(|source| source.zone = zone("Europe/Berlin")), text.as_bytes()).await.unwrap();
        assert_eq!(read.control.to_string(), "8 records = 6 charged + 1 free + 0 duplicate + 1 suspended");
        assert_eq!(read.warnings, [("doubled_hour", 1)].into());
        let calls = history(&db, "C-1").await;
        for (id, answered, seconds, amount) in [
            ("f-1", "2026-10-24T23:59:55Z", 4205, "2.1025"),
            ("f-2", "2026-10-25T00:50:05Z", 1800, "0.90"),
            ("f-3", "2026-10-25T01:30:05Z", 2400, "1.20"),
            ("f-4", "2026-10-24T23:59:55Z", 4205, "2.1025"),
            ("1792891799.7", "2026-10-25T01:30:05Z", 600, "0.30"),
            ("f-5", "2026-10-25T00:30:05Z", 600, "0.30"),
        ] {
            let call = &calls[id];
            let found = (&call["answered_at"], &call["talk_seconds"], &call["amount"]["amount"]);
            assert_eq!(found, (&json!(answered), &json!(seconds), &json!(amount)), "{id}");
        }
        let waiting = suspended(&db).await;
        assert!(waiting["8"].2.contains("showed this hour twice"), "{waiting:?}");
    }

    async fn a_record_that_denies_what_it_says_waits_and_what_it_says_thrice_is_charged(db: TestApp) {
        operator(&db).await;
        let at = |hour: &str, rest: &str| {
            let rest = rest.replace("s+", &format!("2026-11-02T{hour}:00:05Z")).replace("e+", &format!("2026-11-02T{hour}:10:05Z"));
            rest.replace('s', &format!("2026-11-02T{hour}:00:00Z"))
        };
        let cases = [
            ("c-1", "s,s+,e+,605,0,ANSWERED", "contradiction"),
            ("c-2", "2026-11-02T11:00:00.640Z,2026-11-02T11:00:00Z,2026-11-02T11:10:00Z,600,600,ANSWERED", "0.30"),
            ("c-3", "2026-11-02T12:00:00.250Z,2026-11-02T12:00:05.125Z,2026-11-02T12:10:05Z,604.874913,599.874913,ANSWERED", "0.30"),
            ("c-4", "s,,e+,605,600,ANSWERED", "0.30"),
            ("c-5", "s,s+,2026-11-02T09:59:58Z,605,600,ANSWERED", "impossible_times"),
            ("c-6", "s,s+,2026-11-02T10:05:11Z,306,10800,ANSWERED", "impossible_duration"),
            ("c-7", "s,s+,2026-11-02T10:02:21Z,136298900000.000000,136.2989,ANSWERED", "0.0685"),
            ("c-8", "s,s+,e+,600000,600000,ANSWERED", "0.30"),
            ("c-9", "s,s+,e+,10:05,10:00,ANSWERED", "invalid_field"),
            ("c-10", "s,s+,s+,5,600,ANSWERED", "contradiction"),
            ("c-11", "s,s,s,,600,ANSWERED", "contradiction"),
            ("c-12", "s,s+,e+,605,600,NORMAL_CLEARING", "invalid_field"),
            ("c-13", "s,s+,e+,605,600,FAILED", "contradiction"),
            ("c-14", "s,s+,e+,605,600,BUSY", "contradiction"),
            ("c-16", "s,,e+,605,600,NO ANSWER", "contradiction"),
            ("c-17", "s,s+,,605,600,ANSWERED", "0.30"),
            ("c-18", "s,s+,,900,600,ANSWERED", "missing_field"),
            ("c-19", "s,,e+,,600,ANSWERED", "missing_field"),
            ("c-20", "s,,e+,605,,ANSWERED", "missing_field"),
            ("c-21", "s,s+,e+,605,60,ANSWERED", "0.03"),
            ("c-22", "s,s+,e+,605,10,ANSWERED", "contradiction"),
            ("c-23", "s,NULL,e+,605,NULL,BUSY", "not_answered"),
            ("c-24", "s,s+,2026-11-02T10:00:07Z,7,0,ANSWERED", "zero_seconds"),
            ("c-26", "s,,e+,605,0,ANSWERED", "contradiction"),
            ("c-27", "s,,e+,,0,ANSWERED", "contradiction"),
            ("c-28", "s,,2026-11-02T10:00:02Z,2,0,ANSWERED", "not_answered"),
            ("c-29", "s,,e+,605,0,NO ANSWER", "not_answered"),
            ("c-25", "2026-11-02T10:00:06.100Z,s+,e+,600,600,ANSWERED", "impossible_times"),
        ];
        let records: Vec<_> = cases.iter().map(|(id, rest, _)| (*id, at("10", rest))).collect();
        let records: Vec<_> = records.iter().map(|(id, rest)| (*id, rest.as_str())).collect();
        let read = import(&db, source(|_| ()), lines(&records).as_bytes()).await.unwrap();
        assert_eq!(read.warnings, [("answered_before_start", 1), ("durations_differ", 3), ("time_computed", 2)].into());
        let (calls, waiting) = (history(&db, "C-1").await, suspended(&db).await);
        for ((id, _, expected), line) in cases.iter().zip(2..) {
            let outcome = calls.get(*id).map(|call| call["amount"]["amount"].as_str().unwrap_or_else(|| call["outcome"].as_str().unwrap()));
            let line = line.to_string();
            let reason = [*id, &line].into_iter().find_map(|id| waiting.get(id)).map(|(reason, ..)| reason.as_str());
            assert_eq!(outcome.or(reason), Some(*expected), "{id}: {waiting:?}");
        }
    }

    async fn a_file_in_a_wrong_zone_is_refused_whole_and_told_which_would_fit(db: TestApp) {
        operator(&db).await;
        let line = "2026-11-02 10:00:00,+493023125001,+442079460123,PJSIP/a-00000001,PJSIP/carrier-00000002,2026-11-02 10:00:05,2026-11-02 10:01:05,65,60,ANSWERED,,1793610000.1,1793610000.1,1\n";
        let text = format!("{TABLE}\n{line}");
        let switch = |name: &str| source(|source| {
            source.zone = zone(name);
            source.trunks = vec!["PJSIP/carrier".to_owned()];
        });
        for wrong in ["America/Los_Angeles", "UTC", "Asia/Kathmandu", "Australia/Adelaide"] {
            let refusal = import(&db, switch(wrong), text.as_bytes()).await.err().unwrap();
            assert!(refusal.contains("offset of +01") && refusal.contains("Europe/Berlin") && refusal.contains(wrong), "{refusal}");
        }
        assert!(is_empty(&db).await);
        assert_eq!(import(&db, switch("Europe/Berlin"), text.as_bytes()).await.unwrap().control.charged, 1);
        assert_eq!(history(&db, "C-1").await["1793610000.1>+442079460123"]["answered_at"], "2026-11-02T09:00:05Z");
        // A clock that keeps summer time when its zone ends it: the file's head is right, what comes after waits.
        let summer = "2026-10-24 10:00:00,+493023125001,+442079460123,PJSIP/a-3,PJSIP/carrier-4,2026-10-24 10:00:05,2026-10-24 10:01:05,65,60,ANSWERED,,1792828800.1,1792828800.1,1\n";
        let winter = "2026-10-26 10:00:00,+493023125001,+442079460123,PJSIP/a-5,PJSIP/carrier-6,2026-10-26 10:00:05,2026-10-26 10:01:05,65,60,ANSWERED,,1793001600.1,1793001600.1,1\n";
        let read = import(&db, switch("Europe/Berlin"), format!("{TABLE}\n{summer}{winter}").as_bytes()).await.unwrap();
        assert_eq!((read.control.charged, read.control.suspended), (1, 1));
        let waiting = suspended(&db).await;
        let (reason, field, message) = &waiting["3"];
        assert_eq!((reason.as_str(), field.as_str()), ("contradiction", "start"));
        assert!(message.contains("with an offset of +02 they agree"), "{message}");
    }

    async fn a_file_of_another_format_is_refused_whole(db: TestApp) {
        operator(&db).await;
        let naive = lines(&[("t-1", "02/11/2026 11:00:00,,02/11/2026 11:00:10,10,0,BUSY"), ("t-2", "1793615400,,1793615460,10,0,BUSY")]);
        let garbage = "neither,fish\n".repeat(200);
        let semicolons = HEADER.replace(',', ";") + "\nx;y\n";
        for (format, text, told) in [
            (None, naive, "day and month may stand in either order"),
            (Some("asterisk"), garbage, "none of the first 100 records"),
            (Some("csv"), semicolons.clone(), "separated by semicolons"),
            (None, semicolons, "separated by semicolons"),
            (Some("csv"), HEADER.replace(',', "\t") + "\n", "separated by tabs"),
        ] {
            let source = source(|source| source.format = format.map(|format| format.parse().unwrap()));
            let refusal = import(&db, source, text.as_bytes()).await.err().unwrap();
            assert!(refusal.contains(told), "{refusal}");
        }
        assert!(is_empty(&db).await);
        // One that can be read is enough: the others wait.
        let mixed = lines(&[("t-1", "soon,,,,,BUSY"), ("t-2", "2026-11-02T10:00:00Z,,2026-11-02T10:00:10Z,10,0,BUSY")]);
        let control = import_text(&db, "switch", &mixed).await;
        assert_eq!((control.free, control.suspended), (1, 1));
    }

    async fn a_name_that_is_not_utf_8_harms_nobody(db: TestApp) {
        operator(&db).await;
        let mut line = br#""","+493023125001","+442079460123","from-internal","""M?ller"" <+493023125001>","PJSIP/a-00000301","PJSIP/carrier-00000302","Dial","PJSIP/x","2026-11-03 15:00:00","2026-11-03 15:00:05","2026-11-03 15:01:05",65,60,"ANSWERED","DOCUMENTATION","1793714400.1","","","1793714400.1",1"#.to_vec();
        line.push(b'\n');
        let place = line.iter().position(|byte| *byte == b'?').unwrap();
        line[place] = 0xFC;
        let switch = source(|source| {
            source.zone = zone("Europe/Berlin");
            source.trunks = vec!["PJSIP/carrier".to_owned()];
        });
        assert_eq!(import(&db, switch, &line).await.unwrap().control.charged, 1);
        let mut text = lines(&[]).replace("disposition", "disposition,ext_name").into_bytes();
        text.extend_from_slice(b"n-1,outbound,+493023125001,+493012345678,2026-11-02T10:00:00Z,2026-11-02T10:00:00Z,2026-11-02T10:01:00Z,60,60,ANSWERED,M\xFCller\n");
        text.extend_from_slice(b"n-2,outbound,+49302312\xFC,+493012345678,2026-11-02T10:00:00Z,2026-11-02T10:00:00Z,2026-11-02T10:01:00Z,60,60,ANSWERED,M\n");
        let control = import(&db, source(|_| ()), &text).await.unwrap().control;
        assert_eq!((control.charged, control.suspended), (1, 1));
        assert!(suspended(&db).await["3"].2.contains("`calling_number` is not UTF-8"));
        let json = b"{\"record_id\":\"n-3\",\"direction\":\"outbound\",\"calling_number\":\"+493023125001\",\"called_number\":\"+493012345678\",\"start_time\":\"2026-11-02T11:00:00Z\",\"answer_time\":\"2026-11-02T11:00:00Z\",\"end_time\":\"2026-11-02T11:01:00Z\",\"disposition\":\"ANSWERED\",\"ext\":{\"name\":\"M\xFCller\"}}\n";
        assert_eq!(import(&db, source(|_| ()), json).await.unwrap().control.charged, 1);
    }

    async fn from_trunk_to_trunk_the_named_customer_pays_and_nobody_is_free(db: TestApp) {
        operator(&db).await;
        let line = |account: &str, id: &str| format!("2026-11-02 10:00:00,+4940111222,+493012345678,PJSIP/carrier-00000001,PJSIP/carrier-00000002,2026-11-02 10:00:08,2026-11-02 10:10:08,608,600,ANSWERED,{account},{id},{id},1\n");
        let text = format!("{TABLE}\n{}{}", line("C-1", "1793610000.1"), line("", "1793610000.2"));
        let switch = source(|source| {
            source.zone = zone("Europe/Berlin");
            source.trunks = vec!["PJSIP/carrier".to_owned()];
        });
        let control = import(&db, switch, text.as_bytes()).await.unwrap().control;
        assert_eq!((control.charged, control.free, control.suspended), (1, 0, 1));
        assert_eq!(history(&db, "C-1").await["1793610000.1>+493012345678"]["amount"]["amount"], "0.30");
        let waiting = suspended(&db).await;
        let (reason, field, message) = &waiting["1793610000.2>+493012345678"];
        assert_eq!((reason.as_str(), field.as_str()), ("unknown_number", "account_ref"));
        assert!(message.contains("from trunk to trunk"), "{message}");
    }

    async fn a_forwarded_call_is_charged_to_the_number_that_forwarded_it(db: TestApp) {
        operator(&db).await;
        let header = "record_id,direction,calling_number,called_number,redirecting_number,charged_party,start_time,answer_time,end_time,billsec,disposition\n";
        let line = |id: &str, direction: &str, party: &str| format!("{id},{direction},+4940111222,+493012345678,+493023125001,{party},2026-11-02T11:00:00Z,2026-11-02T11:00:05Z,2026-11-02T11:10:05Z,600,ANSWERED\n");
        let text = header.to_owned() + &line("l-2b", "outbound", "") + &line("l-3b", "outbound", "redirecting") + &line("l-4", "transit", "");
        let control = import_text(&db, "switch", &text).await;
        assert_eq!((control.charged, control.free, control.suspended), (2, 0, 1));
        let calls = history(&db, "C-1").await;
        assert_eq!([&calls["l-3b"]["amount"]["amount"], &calls["l-4"]["amount"]["amount"]], ["0.30", "0.30"]);
        let waiting = suspended(&db).await;
        let (reason, field, message) = &waiting["l-2b"];
        assert_eq!((reason.as_str(), field.as_str()), ("unknown_number", "charged_party"));
        assert!(message.contains("`+493023125001` is a customer's") && message.contains("`charged_party` redirecting"), "{message}");
    }
}
