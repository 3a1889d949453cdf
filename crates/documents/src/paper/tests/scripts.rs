//! Do names print in every script, and is a letter that no font has told instead of drawn as a box?
//!
//! `./test` installs the fonts.

use super::super::Fonts;
use super::*;

fn with_fonts() -> Brand {
    Brand { fonts: Fonts::in_places(vec!["/usr/share/fonts".into()]), ..Brand::default() }
}

fn to(name: &str) -> Invoice {
    let mut invoice = a_months_invoice();
    invoice.buyer.name = name.into();
    invoice
}

/// The fonts in a file, without the letters that tell its subset.
fn fonts(file: &[u8]) -> Vec<String> {
    let document = lopdf::Document::load_mem(file).unwrap();
    let mut names = Vec::new();
    for (_, object) in document.objects {
        let Ok(name) =
            object.as_dict().and_then(|font| font.get(b"FontName")).and_then(lopdf::Object::as_name)
        else {
            continue;
        };
        let name = String::from_utf8_lossy(name).into_owned();
        names.push(name.split_once('+').map_or(name.clone(), |(_, name)| name.to_owned()));
    }
    names.sort();
    names.dedup();
    names
}

#[test]
fn a_name_prints_in_a_font_of_its_script() {
    for (name, font) in [
        ("شركة الاتصالات", "NotoSansArabic"),
        ("תקשורת בע\"מ", "NotoSansHebrew"),
        ("บริษัท โทรศัพท์", "NotoSansThai"),
        ("दूरसंचार", "NotoSansDevanagari"),
        ("ტელეკომი", "NotoSansGeorgian"),
        ("Հեռախոս", "NotoSansArmenian"),
    ] {
        let file = pdf(&to(name), &[], &with_fonts()).expect(name);
        let used = fonts(&file);
        assert!(used.iter().any(|used| used.starts_with(font)), "{name}: {used:?}");
        assert_eq!(pdf(&to(name), &[], &with_fonts()).unwrap(), file, "{name}: not the same bytes");
    }
    // Whichever font for these is installed.
    for name in ["上海电话有限公司", "東京電話株式会社", "한국전화"] {
        let used = fonts(&pdf(&to(name), &[], &with_fonts()).expect(name));
        assert!(used.len() > 2, "{name}: {used:?}");
    }
}

#[test]
fn what_the_built_in_font_has_needs_no_other() {
    let plain = pdf(&to("Παπαδόπουλος & Жуков"), &[], &Brand::default()).unwrap();
    assert_eq!(plain, pdf(&to("Παπαδόπουλος & Жуков"), &[], &with_fonts()).unwrap());
}

#[test]
fn a_letter_that_no_font_has_is_told() {
    for (name, told) in [
        ("東京 Ltd", "no font has 京 (U+4EAC), 東 (U+6771): install one that has, or name it in brand.fonts"),
        ("Café 🦊", "no font has 🦊 (U+1F98A): "),
        ("\u{e000}", "(U+E000)"),
        ("абвгд 一二三四五六七八九十", "and 2 more letters"),
    ] {
        let refused = pdf(&to(name), &[], &Brand::default()).unwrap_err();
        assert!(matches!(refused, DocumentError::Letters(_)));
        assert!(refused.to_string().contains(told), "{refused}");
    }
}

#[test]
fn decomposed_letters_are_composed() {
    let composed = pdf(&to("Müller & Söhne Émile Nguyễn"), &[], &Brand::default()).unwrap();
    let decomposed = to("Mu\u{308}ller & So\u{308}hne E\u{301}mile Nguye\u{302}\u{303}n");
    assert_eq!(pdf(&decomposed, &[], &Brand::default()).unwrap(), composed);
    // What has no composed form is set on its letter by the font.
    let yoruba = words_of(&pdf(&to("Ọ\u{301}lá"), &[], &Brand::default()).unwrap()).concat();
    assert_holds(&yoruba, &["lá"]);
}

#[test]
fn long_names_wrap_and_are_never_cut() {
    let name = "Gesellschaft für Fernsprechwesen und Nachrichtentechnik ".repeat(4);
    let name = name.trim().get(..200).unwrap();
    let mut invoice = to(name);
    (invoice.buyer.street, invoice.buyer.city) = (name.to_uppercase(), "Llanfairpwllgwyngyll".repeat(9));
    (invoice.seller.name, invoice.seller.street) = (name.replace("Gesell", "Seller"), "Straße ".repeat(25));
    let page = drawn(&Drawing::from(invoice.clone())).concat();
    assert_holds(&page, &[name, &name.to_uppercase()]);
    let unbroken = page.replace(' ', "");
    assert!(unbroken.contains(&invoice.buyer.city), "{page}");
    assert!(unbroken.contains(&invoice.seller.street.replace(' ', "")), "{page}");
}
