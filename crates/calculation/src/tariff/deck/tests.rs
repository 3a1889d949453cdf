//! Are decks read as they are meant, and refused as they must be?

use super::*;

fn terms() -> Terms {
    serde_json::from_str(
        r#"{"currency": "EUR", "rounding": {"digits": 4, "mode": "half-up"}, "increments": "60/60",
            "zone": "Europe/Berlin",
            "bands": [{"name": "peak", "days": ["mon"], "from": "08:00", "to": "18:00"}]}"#,
    )
    .unwrap()
}

fn faults(deck: &str) -> Vec<(u64, &'static str, String)> {
    let faults = read(terms(), deck.as_bytes(), &Columns::default()).unwrap_err();
    faults.into_iter().map(|fault| (fault.line, fault.field, fault.message)).collect()
}

fn only_fault(row: &str) -> (&'static str, String) {
    let header = "prefix,destination,rate_per_min,connection_charge,initial_increment,increment,min_charge,\
                  step_from,step_to,time_band,effective_from,effective_to,status,currency";
    let commas = 13_usize.saturating_sub(row.matches(',').count());
    let found = faults(&format!("{header}\n{row}{}\n", ",".repeat(commas)));
    let [(line, field, message)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(*line, 2);
    (field, message.clone())
}

fn rates(deck: &str) -> Vec<Rate> {
    read(terms(), deck.as_bytes(), &Columns::default()).unwrap().rates().to_vec()
}

#[test]
fn headers_of_common_decks_are_understood() {
    for header in [
        "prefix,destination,rate_per_min",
        "\u{feff}Code,Destination,Rate",
        "Destination Prefixes,Description,Price / min",
        "dialprefix;destination;rateinitial",
    ] {
        let row = if header.contains(';') { "44;UK;0.01" } else { "44,UK,0.01" };
        assert_eq!(rates(&format!("{header}\r\n{row}\r\n")).len(), 1, "{header}");
    }
}

#[test]
fn a_cell_may_list_prefixes_and_ranges() {
    let found = rates("prefix,destination,rate_per_min\n\"49152, 49172-49174; +521\",Mobile,0.10\n");
    let prefixes: Vec<_> = found.iter().map(|rate| rate.prefix.as_str()).collect();
    assert_eq!(prefixes, ["49152", "49172", "49173", "49174", "521"]);
}

#[test]
fn first_and_next_prices_become_steps() {
    let deck = "prefix,description,price 1,price n,interval 1,interval n\n44,UK,0.10,0.05,60,1\n";
    let steps = &rates(deck)[0].steps;
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[1].from_seconds, steps[1].price), (60, "0.05".parse().unwrap()));
}

#[test]
fn every_fault_of_a_deck_is_listed_with_its_line() {
    let deck =
        "prefix,destination,rate_per_min\n4.95E+12,Germany,0.01\n44,UK,\"0,01\"\n44,UK,0.01\n44,UK,0.02\n";
    let found = faults(deck);
    let places: Vec<_> = found.iter().map(|(line, field, _)| (*line, *field)).collect();
    assert_eq!(places, [(2, "prefix"), (3, "rate_per_min"), (5, "prefix")]);
    assert!(found[2].2.contains("first on line 4"), "{}", found[2].2);
}

#[test]
fn lines_are_counted_as_an_editor_shows_them() {
    for end in ["\n", "\r\n"] {
        let deck =
            ["prefix,destination,rate", "44,UK,0.01", "", "45,Denmark,x", "\"46\",Sweden,x", ""].join(end);
        let lines: Vec<_> = faults(&deck).into_iter().map(|(line, ..)| line).collect();
        assert_eq!(lines, [4, 5], "{end:?}");
    }
}

#[test]
fn damaged_cells_are_refused_with_a_remedy() {
    for (row, field, part) in [
        ("4950000000000,X,0.01", "prefix", "spreadsheet"),
        ("373000000000,X,0.01", "prefix", "spreadsheet"),
        ("0044,X,0.01", "prefix", "no prefix"),
        ("336 07,X,0.01", "prefix", "no prefix"),
        (",X,0.01", "prefix", "no prefix"),
        ("93-70,X,0.01", "prefix", "range"),
        ("44-4,X,0.01", "prefix", "range"),
        (
            "44,XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX,0.01",
            "destination",
            "longer",
        ),
        ("44,,0.01", "destination", "empty"),
        ("44,X,", "rate_per_min", "empty"),
        ("44,X,-0.01", "rate_per_min", "below zero"),
        ("44,X,1e3", "rate_per_min", "decimal"),
        ("44,X,0.01,0.1,60", "increment", "next one"),
        ("44,X,0.01,0.1,60,0", "increment", "1 to 86400"),
        ("44,X,0.01,0.1,,1.5", "increment", "whole number"),
        ("44,X,0.01,0,60,60,-1", "min_charge", "below zero"),
        ("44,X,0.01,0,60,60,0,60", "step_from", "gap"),
        ("44,X,0.01,0,60,60,0,0,60", "step_to", "gap"),
        ("44,X,0.01,0,60,60,0,0,,peak", "prefix", "time bands only"),
        ("44,X,0.01,0,60,60,0,0,,,31/10/2026", "effective_from", "no date"),
        ("44,X,0.01,0,60,60,0,0,,,-009998-01-01T00:00:00Z", "effective_from", "1970"),
        ("44,X,0.01,0,60,60,0,0,,,2026-10-02,2026-10-01", "prefix", "not after"),
        ("44,X,0.01,0,60,60,0,0,,,,,deprecated", "status", "not a known status"),
        ("44,X,0.01,0,60,60,0,0,,,,,,USD", "currency", "EUR"),
    ] {
        let (found, message) = only_fault(row);
        assert_eq!(found, field, "{row}: {message}");
        assert!(message.contains(part), "{row}: {message}");
    }
}

#[test]
fn a_time_band_must_be_one_of_the_terms() {
    let found = faults("prefix,destination,rate,time band\n44,UK,0.01,\n44,UK,0.02,night\n");
    assert_eq!((found.len(), found[0].0), (1, 3));
    assert!(found[0].2.contains("not defined"), "{}", found[0].2);
}

#[test]
fn steps_must_join_without_gap_or_contradiction() {
    let header = "prefix,destination,rate_per_min,step_from,step_to\n";
    assert_eq!(rates(&format!("{header}44,UK,0.10,0,60\n44,UK,0.05,60,\n"))[0].steps.len(), 2);
    assert_eq!(faults(&format!("{header}44,UK,0.10,0,60\n44,UK,0.05,90,\n"))[0].1, "step_from");
    assert_eq!(faults(&format!("{header}44,UK,0.10,0,\n44,France,0.05,60,\n"))[0].1, "prefix");
    let two_prices =
        "prefix,destination,price 1,price n,step_from,increments\n44,UK,1,1,0,6/6\n44,UK,1,1,60,6/6\n";
    assert_eq!(faults(two_prices)[0].1, "step_from");
}

#[test]
fn a_header_that_is_not_understood_is_refused() {
    let of = |deck: &str, columns: &Columns| {
        read(terms(), deck.as_bytes(), columns)
            .unwrap_err()
            .into_iter()
            .map(|fault| fault.message)
            .collect::<Vec<_>>()
    };
    let none = Columns::default();
    assert!(of("44,UK,0.01\n", &none).iter().any(|message| message.contains("not understood")));
    assert!(of("", &none).iter().any(|message| message.contains("no column is prefix")));
    assert!(of("code,prefix,name,rate\n", &none).iter().any(|message| message.contains("two columns")));
    assert!(of("prefix,destination,rate\n", &none).iter().any(|message| message.contains("no rates")));
    let wrong = Columns { named: vec![("price".into(), "nope".into())], ignored: vec![], end_dates: None };
    let found = of("prefix,destination,rate\n44,UK,1\n", &wrong);
    assert!(found[0].contains("none of our columns") && found[1].contains("not in the header"), "{found:?}");
    assert!(of("prefix,destination,rate\n44,UK\n", &none)[0].contains("2 columns"));
    let latin1 = read(terms(), b"prefix,destination,rate\n44,K\xf6ln,1\n", &none).unwrap_err();
    assert_eq!((latin1[0].line, latin1[0].field), (2, "line"));
}

#[test]
fn a_column_map_names_and_ignores_columns() {
    let columns = Columns {
        named: vec![("rate_per_min".into(), "EK".into()), ("destination".into(), "Ziel".into())],
        ignored: vec!["rate".into()],
        end_dates: None,
    };
    let deck = "prefix,Ziel,EK,rate\n44,UK,0.01,9\n";
    let tariff = read(terms(), deck.as_bytes(), &columns).unwrap();
    assert_eq!(tariff.rates()[0].steps[0].price, "0.01".parse().unwrap());
}

#[test]
fn a_last_line_that_may_be_cut_is_refused() {
    assert_eq!(faults("prefix,destination,rate\n44,UK,0.01\n45,Denmark,0.0")[0].0, 3);
    assert_eq!(rates("prefix,rate,destination\n44,0.01,UK").len(), 1);
}

#[test]
fn a_quote_that_is_never_closed_swallows_no_rates() {
    let found = faults("prefix,rate,destination\n44,0.01,\"UK\n45,0.02,Denmark\n46,0.03,Sweden\n");
    assert!(found[0].1 == "destination" && found[0].2.contains("quote"), "{found:?}");
}

#[test]
fn a_number_with_separators_is_no_list_of_prefixes() {
    let prefixes = |cell: &str| {
        let deck = format!("prefix,destination,rate\n\"{cell}\",Samoa,0.95\n");
        read(terms(), deck.as_bytes(), &Columns::default()).map(|tariff| tariff.rates().len()).ok()
    };
    for cell in ["1,684", "1,684,1,340", "+1,684", "12,345;67", "44; 1,684", "330,331", "49,172,49,173"] {
        assert_eq!(prefixes(cell), None, "{cell}");
    }
    for (cell, count) in [
        ("49152, 49172-49174", 4),
        ("30, 40", 2),
        ("1;684", 2),
        ("1, 684", 2),
        ("1624,1534", 2),
        ("49152,491", 2),
    ] {
        assert_eq!(prefixes(cell), Some(count), "{cell}");
    }
    let found = faults("prefix,destination,rate\n\"1,684\",Samoa,0.95\n");
    let [(2, "prefix", message)] = found.as_slice() else { panic!("{found:?}") };
    assert!(message.contains("thousands") && message.contains("semicolon"), "{message}");
}

#[test]
fn a_deck_is_found_below_its_title_and_between_its_separators() {
    let tabs = rates("Code\tDestination\tRate\n49\tGermany, all\t0.015\n");
    assert_eq!((tabs.len(), &*tabs[0].destination), (1, "Germany, all"));
    assert_eq!(rates("Code|Destination|Rate\n49|Germany|0.015\n").len(), 1);
    let titled = "Example Carrier,,\nPrices in EUR,,\n,,\nCode,Destination,Rate\n49,Germany,0.015\n,,\n33,France,0.02\n";
    assert_eq!(rates(titled).len(), 2);
    let found = faults(&format!("{titled},,\nTotal,2 codes,\n"));
    let [(9, "prefix", message)] = found.as_slice() else { panic!("{found:?}") };
    assert!(message.contains("total"), "{message}");
    // A second table does not hide the prices of the first.
    let two = "Code,Destination,Rate,Note\n49,Germany,0.015,x\nCode,Destination,Rate\n33,France,0.02\n";
    assert!(faults(two).iter().any(|(line, _, message)| *line == 1 && message.contains("Note")));
    // Of a header with an unknown column that row speaks, not the title.
    let found = faults("Example,,\nCode,Destination,Preis\n49,Germany,0.015\n");
    assert!(found.iter().any(|(line, _, message)| *line == 2 && message.contains("Preis")), "{found:?}");
}

#[test]
fn the_words_of_a_change_column_price_or_delete() {
    let deck = "Code,Destination,Rate,Change\n49,Germany,0.02,No Change\n882,Networks,0.5,Deleted\n4917,Mobile,0.1,Increase\n";
    let read_deck = |deck: &str| read_rows(&terms(), deck.as_bytes(), &Columns::default());
    let found = read_deck(deck).unwrap();
    let prefixes: Vec<_> = found.rates.iter().map(|rate| rate.prefix.as_str()).collect();
    assert_eq!((prefixes, found.removed.len()), (vec!["49", "4917"], 1));
    // From a day on: what is priced ends then. From no day: both cannot be.
    let dated =
        "prefix,destination,rate,effective,status\n49,Germany,0.02,,\n49,Germany,,2026-12-06,deleted\n";
    let found = read_deck(dated).unwrap();
    assert_eq!(found.rates[0].effective_to, found.removed[0].from);
    let both = read_deck(&dated.replace("2026-12-06", "")).unwrap_err();
    assert_eq!((both[0].line, both[0].field), (3, "status"));
    assert_eq!(faults("prefix,destination,rate,status\n49,Germany,0.02,+5%\n")[0].1, "status");
}

#[test]
fn an_end_date_that_leaves_a_day_is_told_until_its_meaning_is_said() {
    let header = "prefix,destination,rate,effective,end date\n";
    let read_as = |rows: &str, end_dates| {
        let columns = Columns { end_dates, ..Columns::default() };
        read_rows(&terms(), format!("{header}{rows}").as_bytes(), &columns)
    };
    let day = "49,X,0.02,,\n4917,X,0.10,2026-01-01,2026-11-27\n4917,X,0.12,2026-11-28,\n";
    let told = read_as(day, None).unwrap_err();
    assert_eq!((told.len(), told[0].line, told[0].field), (1, 3, "effective_to"));
    assert!(
        told[0].message.contains("on line 4") && told[0].message.contains("inclusive"),
        "{}",
        told[0].message
    );
    let ends = |rows: &str, end_dates| {
        read_as(rows, end_dates).unwrap().rates.iter().find_map(|rate| rate.effective_to).unwrap().to_string()
    };
    assert_eq!(ends(day, Some(EndDates::Inclusive)), "2026-11-27T23:00:00Z");
    assert_eq!(ends(day, Some(EndDates::Exclusive)), "2026-11-26T23:00:00Z");
    let second = "49,X,0.10,,2026-11-27T23:59:59\n49,X,0.12,2026-11-28,\n";
    assert!(read_as(second, None).is_err());
    assert_eq!(ends(second, Some(EndDates::Inclusive)), "2026-11-27T23:00:00Z");
    assert!(read_as(&second.replace("23:59:59", "23:59"), None).is_err());
    // A whole day between is a season, or told when the list takes over from another.
    assert!(read_as(&day.replace("2026-11-28", "2026-11-29"), None).is_ok());
    assert!(read_as(&day.replace("2026-11-27", "2026-11-28"), None).is_ok());
}
