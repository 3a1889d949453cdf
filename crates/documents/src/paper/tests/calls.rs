//! Do the chart and the annex show the calls behind an invoice, and no more of them than is wanted?

use super::super::{DocumentError, pdf_while};
use super::*;

fn call(answered_at: &str, seconds: u64, price: &str) -> ItemisedCall {
    ItemisedCall {
        answered_at: answered_at.parse().unwrap(),
        caller: "+493023125001".into(),
        number: "+442079460123".into(),
        destination: "United Kingdom, London".into(),
        billed_seconds: seconds,
        amount: amount(price),
        late: false,
    }
}

fn of(itemisation: Itemisation) -> Invoice {
    Invoice { itemisation, ..invoice(vec![fee("Basic", "9.90"), usage("France", 2, 120, "0.20")]) }
}

fn drawn(itemisation: Itemisation, calls: &[ItemisedCall]) -> Vec<String> {
    shown(&of(itemisation), calls, &Brand::default())
}

#[test]
fn the_annex_lists_each_call_at_the_customers_time() {
    // Berlin is two hours ahead until the 25th, and one from then on.
    let calls = [
        call("2026-10-01T21:59:59Z", 61, "0.0173"),
        call("2026-10-01T22:00:00Z", 4000, "1.5"),
        call("2026-10-31T22:59:59Z", 1, "0"),
    ];
    let pages = drawn(Itemisation::Full, &calls);
    assert_eq!(pages.len(), 2);
    assert!(!pages[0].contains("Itemised calls"), "{}", pages[0]);
    let annex = &pages[1];
    assert_holds(
        annex,
        &["Itemised calls", "Times are Europe/Berlin time.", "Number dialled", "Page 2 of 2"],
    );
    let london = "+493023125001 +442079460123 United Kingdom, London";
    assert_holds(annex, &[&format!("1 Oct 2026 23:59:59 {london} 1:01 0.0173")]);
    assert_holds(annex, &[&format!("2 Oct 2026 00:00:00 {london} 1:06:40 1.5000")]);
    assert_holds(annex, &[&format!("31 Oct 2026 23:59:59 {london} 0:01 0.0000")]);
    assert_holds(annex, &["Total, number of calls: 3 1:07:42 1.5173"]);
    assert!(!annex.contains("hidden"));
}

#[test]
fn masked_numbers_hide_their_end_and_none_lists_nothing() {
    let calls = [call("2026-10-02T10:00:00Z", 61, "0.02")];
    let masked = drawn(Itemisation::Masked, &calls).concat();
    assert_holds(
        &masked,
        &["+442079460xxx", "+493023125001", "The last three digits of each number are hidden."],
    );
    assert!(!masked.contains("+442079460123"));
    let none = drawn(Itemisation::None, &calls);
    assert_eq!(none.len(), 1);
    assert!(!none[0].contains("Itemised") && none[0].contains("Minutes a day"), "{}", none[0]);
    for itemisation in [Itemisation::Masked, Itemisation::Full] {
        let without = drawn(itemisation, &[]);
        assert!(without.len() == 1 && !without[0].contains("Minutes a day"), "{without:?}");
    }
}

#[test]
fn amounts_have_the_digits_they_need_and_at_least_the_currencys() {
    for (price, printed) in [("0.5", "1:00 0.50"), ("0.000001", "1:00 0.000001")] {
        assert_holds(&drawn(Itemisation::Full, &[call("2026-10-02T10:00:00Z", 60, price)])[1], &[printed]);
    }
}

#[test]
fn late_calls_stand_apart_and_not_in_the_chart() {
    let late = ItemisedCall { late: true, ..call("2026-09-28T10:00:00Z", 60_000, "5") };
    let pages = drawn(Itemisation::Full, &[late.clone(), call("2026-10-02T10:00:00Z", 60, "1")]);
    let annex = pages.last().unwrap();
    let place = |text: &str| annex.find(text).unwrap();
    assert!(place("2 Oct 2026") < place("Calls of earlier months"), "{annex}");
    assert!(place("Calls of earlier months") < place("28 Sep 2026"), "{annex}");
    assert_holds(&pages[0], &["Minutes a day 1 min"]);
    let only_late = drawn(Itemisation::None, &[late]).concat();
    assert!(!only_late.contains("Minutes a day"));
}

#[test]
fn the_chart_has_a_bar_for_each_day_with_calls() {
    let calls = [
        call("2026-10-01T21:59:59Z", 600, "0"),
        call("2026-10-01T22:00:00Z", 1800, "0"),
        call("2026-10-31T22:59:59Z", 6, "0"),
        call("2026-10-31T22:59:59Z", 0, "0"),
    ];
    let bars = |calls: &[ItemisedCall]| {
        let file = pdf(&of(Itemisation::None), calls, &Brand::default()).unwrap();
        let document = lopdf::Document::load_mem(&file).unwrap();
        let page = *document.get_pages().values().next().unwrap();
        let content = document.get_and_decode_page_content(page).unwrap();
        content.operations.iter().filter(|operation| operation.operator == "h").count()
    };
    // Three rules and three bars; the bars are one path with three parts.
    assert_eq!(bars(&calls) - bars(&[]), 6);
    assert_holds(&drawn(Itemisation::None, &calls)[0], &["Minutes a day 50 min 1 2 3", "29 30 31"]);
    let mut century = of(Itemisation::None);
    century.period.first_day = date(1926, 10, 1);
    assert!(!shown(&century, &calls, &Brand::default()).concat().contains("Minutes a day"));
}

#[test]
fn the_head_is_on_each_page_and_the_total_never_alone() {
    for count in (45..58).chain(98..112).chain([1, 1000]) {
        let seconds = |index: i64| jiff::SignedDuration::from_secs(index);
        let first: jiff::Timestamp = "2026-10-02T10:00:00Z".parse().unwrap();
        let calls: Vec<_> = (0..count)
            .map(|index| ItemisedCall {
                answered_at: first.checked_add(seconds(index)).unwrap(),
                destination: format!("Destination {index}."),
                ..call("2026-10-02T10:00:00Z", 1, "0.01")
            })
            .collect();
        let pages = drawn(Itemisation::Masked, &calls);
        let annex: Vec<_> = pages.iter().filter(|page| page.contains("Number dialled")).collect();
        assert!(annex.iter().all(|page| page.contains("temised calls")), "{count}");
        let last = annex.last().unwrap();
        assert_holds(last, &["Total, number of calls", &format!("Destination {}.", count - 1)]);
        let all = pages.concat();
        assert!((0..count).all(|index| all.contains(&format!("Destination {index}."))), "{count}");
    }
}

#[test]
fn a_document_that_nobody_waits_for_is_not_drawn_to_its_end() {
    let calls: Vec<_> = (0..500).map(|_| call("2026-10-05T10:00:00Z", 60, "0.02")).collect();
    let drawing = Drawing::from(of(Itemisation::Full));
    let asked = std::cell::Cell::new(0);
    let is_wanted = || {
        asked.set(asked.get() + 1);
        asked.get() <= 3
    };
    let left = pdf_while(&drawing, &calls, &Brand::default(), &is_wanted);
    assert!(matches!(left, Err(DocumentError::Unwanted)) && asked.get() == 4, "{}", asked.get());
}

#[test]
fn an_annex_gives_the_same_bytes_again() {
    let calls = [call("2026-10-02T10:00:00Z", 61, "0.02"), call("2026-10-03T10:00:00Z", 1, "0.02")];
    let draw = || pdf(&of(Itemisation::Full), &calls, &Brand::default()).unwrap();
    assert_eq!(draw(), draw());
}

#[test]
fn calls_without_a_zone_are_refused_rather_than_shown_at_another_time() {
    let mut invoice = of(Itemisation::Full);
    invoice.period.zone = "Nowhere/At_All".into();
    let refused = pdf(&invoice, &[call("2026-10-02T10:00:00Z", 61, "0.02")], &Brand::default());
    assert!(matches!(refused, Err(DocumentError::Zone(zone)) if zone == "Nowhere/At_All"));
    assert!(pdf(&invoice, &[], &Brand::default()).is_ok());
}

#[test]
fn strange_texts_and_sums_that_do_not_fit_do_no_harm() {
    let strange = ItemisedCall {
        caller: "\u{202e}ж".repeat(1000),
        number: "9".repeat(5000),
        destination: "\0".into(),
        billed_seconds: u64::MAX,
        amount: Amount::from_micros(i64::MAX),
        ..call("2026-10-02T10:00:00Z", 1, "0")
    };
    let pages = drawn(Itemisation::Full, &[strange.clone(), strange]);
    assert_holds(pages.last().unwrap(), &["9,223,372,036,854.775807"]);
    assert!(!pages.concat().contains("Total, number of calls"));
}
