//! Does a banking app read from the code what the invoice says?

#![expect(clippy::disallowed_types, clippy::float_arithmetic, reason = "PDF coordinates are points")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "points become pixels")]

use lopdf::content::Operation;

use super::*;

const PIXELS_PER_POINT: f32 = 4.0;
const MARGIN: usize = 16;
/// A4 in pixels.
const PAGE: (usize, usize) = (2381, 3368);

/// The pixels of a page that are filled in pure black: only the code is.
fn black(file: &[u8], page: usize) -> Vec<bool> {
    let document = lopdf::Document::load_mem(file).unwrap();
    let page = *document.get_pages().values().nth(page).unwrap();
    let mut pixels = vec![false; PAGE.0 * PAGE.1];
    let (mut is_black, mut corners) = (false, Vec::new());
    for Operation { operator, operands } in document.get_and_decode_page_content(page).unwrap().operations {
        let numbers: Vec<f32> = operands.iter().filter_map(|number| number.as_float().ok()).collect();
        match operator.as_str() {
            "scn" => is_black = numbers.iter().all(|part| *part < 0.001),
            "m" => corners = vec![(numbers[0], numbers[1])],
            "l" => corners.push((numbers[0], numbers[1])),
            "h" if is_black => fill(&mut pixels, &corners),
            _ => {}
        }
    }
    pixels
}

fn fill(pixels: &mut [bool], corners: &[(f32, f32)]) {
    let pixel = |points: f32| (points * PIXELS_PER_POINT).round() as usize;
    let bounds = |part: fn(&(f32, f32)) -> f32| {
        let parts = corners.iter().map(part);
        let least = parts.clone().fold(f32::MAX, f32::min);
        pixel(least)..pixel(parts.fold(0.0, f32::max))
    };
    for y in bounds(|corner| corner.1) {
        for x in bounds(|corner| corner.0) {
            pixels[y * PAGE.0 + x] = true;
        }
    }
}

/// What a reader that shares nothing with the writer finds on the last page.
pub(super) fn scanned(drawing: &Drawing) -> Option<String> {
    let file = super::super::pdf(drawing, &[], &Brand::default()).unwrap();
    let last = lopdf::Document::load_mem(&file).unwrap().get_pages().len() - 1;
    let pixels = black(&file, last);
    let places: Vec<_> = (0..pixels.len()).filter(|place| pixels[*place]).collect();
    // The rows of the code, with some white around.
    let (top, bottom) = (places.first()? / PAGE.0 - MARGIN, places.last()? / PAGE.0 + MARGIN);
    let left = places.iter().map(|place| place % PAGE.0).min()? - MARGIN;
    let shade = |x: usize, y: usize| if pixels[(y + top) * PAGE.0 + x + left] { 0 } else { 255 };
    let side = bottom - top;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, shade);
    let grids = image.detect_grids();
    assert!(grids.len() <= 1);
    grids.first().map(|grid| grid.decode().unwrap().1)
}

#[test]
fn the_code_is_a_credit_transfer_of_the_standard() {
    let mut invoice = a_months_invoice();
    let lines = |invoice: &Invoice| {
        scanned(&Drawing::from(invoice.clone()))
            .map(|text| text.split('\n').map(String::from).collect::<Vec<_>>())
    };
    let expected = [
        "BCD",
        "002",
        "1",
        "SCT",
        "",
        "Nordlicht Telefon GmbH",
        "DE89370400440532013000",
        "EUR1490.42",
        "",
        "",
        "2026-000123",
    ];
    assert_eq!(lines(&invoice).unwrap(), expected);
    // As people write it, and longer than the standard has room for.
    invoice.seller.iban = Some("DE89 3704 0044 0532 0130 00".into());
    invoice.seller.name = "Ä\nß ".repeat(40);
    invoice.gross = amount("0.01");
    invoice.number = Some("2026-1 A".into());
    invoice.language = Language::De;
    let lines = lines(&invoice).unwrap();
    assert_eq!((lines[5].chars().count(), lines[6].as_str()), (69, expected[6]));
    assert_eq!(
        (lines[5].get(..5), lines[7].as_str(), lines[10].as_str()),
        (Some("Ä ß"), "EUR0.01", "2026-1 A")
    );
}

#[test]
fn where_the_code_would_be_wrong_there_is_none() {
    let with = |change: fn(&mut Invoice)| {
        let mut invoice = a_months_invoice();
        change(&mut invoice);
        invoice
    };
    let without_code = [
        with(|invoice| invoice.currency = "CHF".parse().unwrap()),
        with(|invoice| invoice.gross = Amount::ZERO),
        with(|invoice| invoice.gross = amount("-1")),
        with(|invoice| invoice.gross = amount("1000000000")),
        with(|invoice| invoice.gross = amount("1.005")),
        with(|invoice| invoice.number = None),
        with(|invoice| invoice.number = Some("9".repeat(141))),
        with(|invoice| invoice.seller.iban = None),
        with(|invoice| invoice.seller.iban = Some("DE89370400440532013001".into())),
        with(|invoice| invoice.seller.name = " ".into()),
        with(|invoice| invoice.kind = DocumentKind::CreditNote),
    ];
    for invoice in without_code {
        assert_eq!(scanned(&Drawing::from(invoice.clone())), None, "{invoice:?}");
        assert!(!pages(&invoice).concat().contains("Scan to pay"));
    }
    let largest = with(|invoice| invoice.gross = amount("999999999.99"));
    assert!(scanned(&Drawing::from(largest)).unwrap().contains("\nEUR999999999.99\n"));
    // A wrong account is shown as it is set, for the reader to see.
    let wrong = with(|invoice| invoice.seller.iban = Some("DE89370400440532013001".into()));
    assert_holds(&pages(&wrong).concat(), &["Please pay", "DE89 3704 0044 0532 0130 01"]);
}
