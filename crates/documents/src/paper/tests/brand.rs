//! Do documents look as the settings say, and is what cannot be drawn refused at the start?

use super::super::{Colour, Logo, Texts};
use super::*;

#[test]
fn a_colour_is_six_hexadecimal_digits() {
    assert_eq!(Colour::try_from(String::from("#1f5F8b")), Ok(Colour(0x1f, 0x5f, 0x8b)));
    for text in ["", "#", "1f5f8b", "#1f5f8", "#1f5f8bb", "#+1+1+1", "#1f5f8ä", "blue"] {
        assert!(Colour::try_from(String::from(text)).is_err(), "{text}");
    }
}

#[test]
fn a_pale_accent_is_darkened_where_it_carries_text() {
    let ink = |accent| Brand { accent, ..Brand::default() }.accent_ink();
    assert!(ink(Colour(255, 235, 59)).brightness() <= 115);
    assert_eq!(ink(Colour(0x1f, 0x5f, 0x8b)), Colour(0x1f, 0x5f, 0x8b));
}

/// A picture of 2 × 1 pixels, red and half transparent blue, made for this test.
const PNG: &[u8] = include_bytes!("logo.png");
const JPEG: &[u8] = include_bytes!("logo.jpg");

#[test]
fn a_logo_is_drawn_once_on_the_first_page() {
    for file in [PNG, JPEG] {
        let brand = Brand { logo: Some(Logo::read(file.to_vec()).unwrap()), ..Brand::default() };
        let file = pdf(&many_lines(60), &[], &brand).unwrap();
        let document = lopdf::Document::load_mem(&file).unwrap();
        let images = |page: &lopdf::ObjectId| document.get_page_images(*page).unwrap().len();
        let images: Vec<usize> = document.get_pages().values().map(images).collect();
        assert_eq!(images, [1, 0, 0]);
        assert_eq!(file, pdf(&many_lines(60), &[], &brand).unwrap());
    }
}

#[test]
fn what_is_no_logo_is_refused_with_a_reason() {
    let mut broken = PNG.to_vec();
    let last = broken.len() - 20;
    broken.truncate(last);
    let mut wide = JPEG.to_vec();
    let frame = wide.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    wide[frame + 7..frame + 9].copy_from_slice(&5000_u16.to_be_bytes());
    let cases: [(Vec<u8>, &str); 6] = [
        (Vec::new(), "neither"),
        (b"<svg/>".to_vec(), "neither"),
        (PNG[..20].to_vec(), "cannot be read"),
        (broken, "cannot be"),
        (wide, "2000"),
        ([PNG, vec![0; 600_000].as_slice()].concat(), "512 KiB"),
    ];
    for (file, reason) in cases {
        let message = Logo::read(file).unwrap_err();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn greeting_and_closing_stand_on_invoices_of_their_language() {
    let texts =
        |word: &str| Texts { greeting: Some(format!("{word} first")), closing: Some(format!("{word} last")) };
    let brand = Brand { en: texts("English"), de: texts("Deutsch"), ..Brand::default() };
    let english = shown(&a_months_invoice(), &[], &brand).concat();
    assert_holds(&english, &["English first", "English last"]);
    assert!(!english.contains("Deutsch"));
    let german = shown(&Invoice { language: Language::De, ..a_months_invoice() }, &[], &brand).concat();
    assert_holds(&german, &["Deutsch first", "Deutsch last"]);
    let credit = Invoice { kind: DocumentKind::CreditNote, ..a_months_invoice() };
    assert!(!shown(&credit, &[], &brand).concat().contains("English first"));
}
