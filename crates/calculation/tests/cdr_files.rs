//! Are whole files read: real ones where they are at hand, and hostile ones?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use calculation::cdr::{
    Cdr, Direction, Disposition, Feed, FirstLine, Flaw, Format, Reader, Reason, Seventeenth, detect,
};
use jiff::tz::TimeZone;
use proptest::prelude::*;

const CANONICAL: &[u8] =
    b"record_id,direction,calling_number,called_number,start_time,answer_time,end_time,disposition,billsec";
const TABLE: &[u8] = b"calldate,src,dst,channel,dstchannel,duration,billsec,disposition,uniqueid,clid";

/// Real records of other people, which are not part of this project.
fn real_file(name: &str) -> Option<Vec<u8>> {
    let path = format!("{}/../../../shared/data/cdr/{name}", env!("CARGO_MANIFEST_DIR"));
    let content = std::fs::read(&path).ok();
    if content.is_none() {
        println!("did not run: {name} is not there");
    }
    content
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.strip_suffix(b"\n").unwrap_or(content).split(|byte| *byte == b'\n')
}

/// One reader of each format.
static READERS: LazyLock<[Reader; 4]> = LazyLock::new(|| {
    let reader = |format, first_line: &[u8]| {
        let zone = TimeZone::get("America/New_York").expect("the zone exists");
        let trunks = vec!["PJSIP/carrier".to_owned()];
        Reader::new(Feed { zone, trunks, ..Feed::new(format) }, first_line).expect("the header is right").0
    };
    [
        reader(Format::Canonical, CANONICAL),
        reader(Format::CanonicalNdjson, b""),
        reader(Format::AsteriskMaster, b""),
        reader(Format::AsteriskTable, TABLE),
    ]
});

fn count<T: Ord>(values: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    values.fold(BTreeMap::new(), |mut counts, value| {
        *counts.entry(value).or_default() += 1;
        counts
    })
}

#[test]
fn a_real_table_of_four_hundred_records_is_read_whole() {
    let Some(content) = real_file("asterisk_cdr_first_400.csv") else { return };
    let mut lines = lines(&content);
    let header = lines.next().unwrap();
    assert_eq!(detect(header), Some(Format::AsteriskTable));
    let trunks = ["PJSIP/VIOrig", "PJSIP/thinQ", "PJSIP/VITerm", "PJSIP/IDT"].map(str::to_owned).into();
    let zone = TimeZone::get("America/New_York").unwrap();
    let feed = Feed { zone, trunks, ..Feed::new(Format::AsteriskTable) };
    let (reader, first) = Reader::new(feed, header).unwrap();
    assert_eq!(first, FirstLine::Header);
    let cdrs: Vec<Cdr> = lines.map(|line| reader.read(line).unwrap()).collect();
    assert_eq!(cdrs.len(), 400);

    let directions = count(cdrs.iter().map(|cdr| format!("{:?}", cdr.direction)));
    assert_eq!(directions, [("Inbound", 107), ("Internal", 177), ("Outbound", 116)].map(owned).into());
    let dispositions = count(cdrs.iter().map(|cdr| format!("{:?}", cdr.disposition)));
    let expected = [("Answered", 242), ("Busy", 4), ("Failed", 55), ("NoAnswer", 99)];
    assert_eq!(dispositions, expected.map(owned).into());
    let not_answered_yet_billed =
        |cdr: &&Cdr| cdr.disposition != Disposition::Answered && cdr.billsec_ms > Some(0);
    assert_eq!(cdrs.iter().filter(not_answered_yet_billed).count(), 23);

    // The channel's epoch is in the call id: New York was five hours behind.
    let first = cdrs.first().unwrap();
    assert_eq!((&*first.call_id, first.start.as_second()), ("1543540774.0", 1_543_540_774));

    // One call was answered on two trunk legs to the same number: one key, so one charge.
    let keys = count(cdrs.iter().map(|cdr| &*cdr.record_id));
    let twice: Vec<_> = keys.into_iter().filter(|(_, count)| *count > 1).collect();
    assert_eq!(twice, [("1543606225.347>33181543608508", 2)]);
    let outbound =
        cdrs.iter().filter(|cdr| cdr.direction == Direction::Outbound && cdr.record_id.contains('>'));
    assert_eq!(outbound.count(), 62);
}

fn owned((name, count): (&str, usize)) -> (String, usize) {
    (name.to_owned(), count)
}

#[test]
fn a_real_master_csv_of_21_columns_is_read_whole() {
    let Some(content) = real_file("asterisk_master_21col_sample_pseudonymised.csv") else { return };
    let first_line = lines(&content).next().unwrap();
    assert_eq!(detect(first_line), Some(Format::AsteriskMaster));
    // The clock of this switch shows the epoch in its ids: it runs on UTC, as a new feed does.
    let feed =
        Feed { zone: TimeZone::UTC, trunks: vec!["SIP/211553".into()], ..Feed::new(Format::AsteriskMaster) };
    let (reader, first) = Reader::new(feed, first_line).unwrap();
    assert_eq!(first, FirstLine::Record);
    let cdrs: Vec<Cdr> = lines(&content).map(|line| reader.read(line).unwrap()).collect();
    assert_eq!(cdrs.len(), 7);
    let keys = count(cdrs.iter().map(|cdr| &*cdr.record_id));
    assert_eq!(keys.len(), 7);
    assert!(keys.contains_key("1706369600.6/1706369600.6/7"));
    assert_eq!(cdrs.first().unwrap().start.as_second(), 1_706_369_600);
    assert_eq!(cdrs.iter().filter(|cdr| cdr.direction == Direction::Inbound).count(), 6);
}

#[test]
fn every_format_is_recognised_by_its_first_line() {
    let sixteen = r#""","1","2","x","","SIP/1-1","","Dial","","2026-07-01 12:00:00",,"2026-07-01 12:00:20",20,0,"BUSY","BILL""#;
    let custom = r#""","1","2","x","SIP/1-1","","Dial","","2026-07-01 12:00:00","","2026-07-01 12:00:20","20","0","BUSY","3","","1.7","","3""#;
    for (first_line, format) in [
        (CANONICAL, Some(Format::Canonical)),
        (b"\xEF\xBB\xBFrecord_id,\"start_time\"\r", Some(Format::Canonical)),
        (b" {\"record_id\"", Some(Format::CanonicalNdjson)),
        (sixteen.as_bytes(), Some(Format::AsteriskMaster)),
        (custom.as_bytes(), Some(Format::AsteriskMaster)),
        (TABLE, Some(Format::AsteriskTable)),
        (b"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", None),
        (b"a,b", None),
        (b"\"a", None),
        (b"\xFF", None),
        (b"", None),
    ] {
        assert_eq!(detect(first_line), format, "{}", String::from_utf8_lossy(first_line));
    }
}

#[test]
fn a_format_is_named_as_it_is_printed() {
    for name in ["csv", "ndjson", "asterisk", "asterisk-table"] {
        assert_eq!(name.parse::<Format>().unwrap().to_string(), name);
    }
    let unknown = "Excel".repeat(20).parse::<Format>().unwrap_err().to_string();
    assert!(unknown.contains("asterisk-table") && unknown.len() < 150, "{unknown}");
}

#[test]
fn a_byte_order_mark_and_a_carriage_return_do_not_matter() {
    let with_mark = [b"\xEF\xBB\xBF", CANONICAL, b"\r"].concat();
    let (reader, _) = Reader::new(Feed::new(Format::Canonical), &with_mark).unwrap();
    let cdr = reader.read(b"a,inbound,1,2,2026-07-01T12:00:00Z,,2026-07-01T12:00:20Z,BUSY,0\r").unwrap();
    assert_eq!((&*cdr.record_id, cdr.billsec_ms), ("a", Some(0)));

    let line = r#"{"record_id":"a","direction":"inbound","calling_number":"1","called_number":"2","start_time":"2026-07-01T12:00:00Z","end_time":"2026-07-01T12:00:20Z","disposition":"BUSY"}"#;
    let (reader, _) = Reader::new(Feed::new(Format::CanonicalNdjson), line.as_bytes()).unwrap();
    let with_mark = format!("\u{FEFF}{line}\r");
    assert_eq!(reader.read(with_mark.as_bytes()), reader.read(line.as_bytes()));
    assert!(reader.read(line.as_bytes()).is_ok());
}

#[test]
fn what_has_no_escapes_is_not_copied() {
    let (reader, _) = Reader::new(Feed::new(Format::Canonical), CANONICAL).unwrap();
    let line = br#""a",inbound,"1""2",3,2026-07-01T12:00:00Z,,2026-07-01T12:00:20Z,BUSY,0"#;
    let cdr = reader.read(line).unwrap();
    assert!(matches!(cdr.record_id, Cow::Borrowed("a")));
    assert!(matches!(cdr.called_number, Cow::Borrowed("3")));
    assert_eq!(cdr.calling_number, "1\"2");
}

#[test]
fn text_that_no_format_can_hold_is_a_flaw_in_all_of_them() {
    for reader in READERS.iter() {
        for line in [&b""[..], b"\r", b"a\0b", b"\xFF\xFE", b"a\nb", b"\"", b"{"] {
            let flaw = reader.read(line).unwrap_err();
            assert_eq!((flaw.reason, flaw.field), (Reason::MalformedLine, "line"), "{line:?}");
        }
    }
}

#[test]
fn ids_and_numbers_longer_than_any_real_one_are_refused() {
    let (reader, _) = Reader::new(Feed::new(Format::CanonicalNdjson), b"").unwrap();
    for field in
        ["record_id", "call_id", "account_ref", "calling_number", "called_number", "redirecting_number"]
    {
        let read = |length: usize| -> Result<(), Flaw> {
            let mut record = serde_json::json!({
                "record_id": "a", "direction": "inbound", "calling_number": "1", "called_number": "2", "disposition": "BUSY",
                "start_time": "2026-07-01T12:00:00Z", "end_time": "2026-07-01T12:00:20Z",
            });
            record[field] = "7".repeat(length).into();
            reader.read(record.to_string().as_bytes()).map(|_| ())
        };
        assert_eq!(read(200), Ok(()));
        let flaw = read(201).unwrap_err();
        assert_eq!((flaw.reason, flaw.field), (Reason::InvalidField, field));
        assert!(flaw.message.contains("201 bytes") && flaw.message.len() < 150, "{flaw}");
    }
}

#[test]
fn asterisk_ids_and_numbers_longer_than_any_real_one_are_refused() {
    let (reader, _) = Reader::new(
        Feed { zone: TimeZone::UTC, ..Feed::new(Format::AsteriskTable) },
        b"calldate,accountcode,src,dst,duration,billsec,disposition,uniqueid,sequence",
    )
    .unwrap();
    let long = "7".repeat(201);
    let flawed = |account: &str, src: &str, dst: &str, id: &str, sequence: &str| {
        let line = format!("2026-07-01 12:00:00,{account},{src},{dst},20,0,BUSY,{id},{sequence}");
        reader.read(line.as_bytes()).unwrap_err().field
    };
    assert_eq!(flawed(&long, "1", "2", "3.4", "5"), "accountcode");
    assert_eq!(flawed("", &long, "2", "3.4", "5"), "src");
    assert_eq!(flawed("", "1", &long, "3.4", "5"), "dst");
    assert_eq!(flawed("", "1", "2", "3.4", &long), "record_id");
    let (reader, _) = Reader::new(
        Feed { zone: TimeZone::UTC, ..Feed::new(Format::AsteriskTable) },
        b"calldate,src,dst,duration,billsec,disposition,linkedid,uniqueid",
    )
    .unwrap();
    let line = format!("2026-07-01 12:00:00,1,2,20,15,ANSWERED,{long},");
    assert_eq!(reader.read(line.as_bytes()).unwrap_err().field, "record_id");
}

#[test]
fn a_record_without_a_called_number_is_read_again_as_it_was_written() {
    let table = &READERS[3];
    let line = b"2026-10-01 10:09:35,202,,SIP/202-1,PJSIP/carrier-2,28,20,ANSWERED,1790863775.17,202";
    let cdr = table.read(line).unwrap();
    let json = cdr.to_json();
    let again = Reader::written().read(json.as_bytes()).map(|again| Cdr {
        second_id: cdr.second_id.clone(),
        warnings: cdr.warnings,
        ..again
    });
    assert_eq!((cdr.called_number.as_ref(), again.as_ref()), ("", Ok(&cdr)));
    // Of a switch's own record it is missing.
    let flaw = READERS[1].read(json.as_bytes()).unwrap_err();
    assert_eq!((flaw.reason, flaw.field), (Reason::MissingField, "called_number"));
}

#[test]
fn a_field_of_ten_megabytes_is_a_flaw_with_a_short_message() {
    let huge = "7".repeat(10_000_000);
    let lines = [
        huge.clone(),
        format!("\"{huge}"),
        format!("\"{huge}\",\"\"\"{huge}\"\"\""),
        ",".repeat(10_000_000),
        "\"\"".repeat(5_000_000),
        format!("{{\"record_id\":\"{huge}\"}}"),
        format!("{{\"{huge}\":1}}"),
        "[".repeat(10_000_000),
        format!("{{\"ext\":{}", "[".repeat(1_000_000)),
        format!("{huge},inbound,1,2,2026-07-01T12:00:00Z,,2026-07-01T12:00:20Z,BUSY,0"),
        format!("a,inbound,1,2,2026-07-01T12:00:00Z,,2026-07-01T12:00:20Z,BUSY,{huge}"),
        format!("a,inbound,1,2,{huge},,2026-07-01T12:00:20Z,BUSY,0"),
        format!("2026-07-01 12:00:00,1,2,SIP/1-1,,{huge},0,BUSY,1.1,"),
        format!("2026-07-01 12:00:00,1,2,SIP/1-1,,20,0,BUSY,{huge}.1,"),
        format!("2026-07-01 12:00:00,1,2,SIP/1-1,,20,0,{huge},1.1,"),
    ];
    for reader in READERS.iter() {
        for line in &lines {
            let flaw = reader.read(line.as_bytes()).unwrap_err();
            assert!(flaw.message.len() < 300, "{}", flaw.message.len());
        }
    }
    for format in [Format::Canonical, Format::AsteriskTable] {
        for line in &lines {
            let flaw = Reader::new(Feed::new(format), line.as_bytes()).unwrap_err();
            assert!(flaw.message.len() < 3_000, "{}", flaw.message.len());
        }
    }
}

#[test]
fn a_header_wider_than_any_real_one_is_refused() {
    let with_more = |more: usize| {
        let header = [CANONICAL, ",ext_a".as_bytes()].concat();
        let header = (0..more).fold(String::from_utf8_lossy(&header).into_owned(), |header, number| {
            format!("{header},ext_{number}")
        });
        Reader::new(Feed::new(Format::Canonical), header.as_bytes()).map(|_| ())
    };
    assert_eq!(with_more(990), Ok(()));
    assert_eq!(with_more(991).unwrap_err().message, "1001 columns where a header may have 1000");
}

/// Bytes that reach deeper than noise does: pieces of real lines, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\"",
        "\"\"",
        ",",
        "2026-07-01 12:00:00",
        "2026-10-25T02:30:00",
        "Z",
        "+01:00",
        "ANSWERED",
        "inbound",
        "20",
        "-1",
        "1792888199.7",
        "PJSIP/carrier-1",
        "{",
        "}",
        "\"record_id\":",
        "null",
        "[",
        "é",
        "\0",
        "\r",
        "NULL",
        "9999-12-31 23:59:59",
        "0000-01-01 00:00:00",
        "9223372036854775",
        "\\u0000",
        "<",
        ">",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A line with the right number of columns, each of them any text.
fn any_columns() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        3 => prop::sample::select(vec![
            "", "2026-10-25 01:30:00", "2026-10-25 02:30:00", "9999-12-30 23:59:59", "-009999-01-02T00:00:00Z",
            "9223372036854775", "-9223372036854775.808", "ANSWERED", "inbound", "1792888199.7", "\"a\"\"b\"", "NULL",
        ]).prop_map(str::to_owned),
        1 => "[^\",\n]{0,8}",
    ];
    prop::collection::vec(value, 9..22).prop_map(|values| values.join(",").into_bytes())
}

fn check(line: &[u8]) {
    for reader in READERS.iter() {
        if let Err(flaw) = reader.read(line) {
            assert!(!flaw.message.is_empty() && flaw.message.len() < 500);
        }
    }
    for format in [Format::Canonical, Format::CanonicalNdjson, Format::AsteriskMaster, Format::AsteriskTable]
    {
        for seventeenth in [Seventeenth::UniqueId, Seventeenth::UserField] {
            if let Ok((reader, _)) =
                Reader::new(Feed { seventeenth, zone: TimeZone::UTC, ..Feed::new(format) }, line)
            {
                let _read = reader.read(line);
            }
        }
    }
    let _format = detect(line);
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&line);
    }

    #[test]
    fn no_pieces_of_lines_make_a_reader_panic(line in pieces()) {
        check(&line);
    }

    #[test]
    fn no_columns_make_a_reader_panic(line in any_columns()) {
        check(&line);
    }

    #[test]
    fn a_quoted_number_is_read_as_it_was_written(number in "[^\n\0]{0,50}") {
        let (reader, _) = Reader::new(Feed::new(Format::Canonical), CANONICAL).unwrap();
        let escaped = number.replace('"', "\"\"");
        let line = format!("a,inbound,\"{escaped}\",2,2026-07-01T12:00:00Z,,2026-07-01T12:00:20Z,BUSY,0");
        prop_assert_eq!(&*reader.read(line.as_bytes()).unwrap().calling_number, &*number);
    }
}
