//! How long does it take to draw an invoice, next to a document of the same fonts that says nothing?
//!
//! `cargo bench -p documents`; `docs/performance.md` has the figures.

use calculation::invoice::{
    DocumentKind, Invoice, InvoiceLine, InvoicePeriod, Itemisation, Language, LineKind, Party, totals,
};
use calculation::money::Amount;
use divan::{Bencher, black_box};
use documents::{Brand, Drawing, ItemisedCall, pdf};
use jiff::civil::date;

fn main() {
    divan::main();
}

fn line(kind: LineKind, description: String, calls: u64, net: &str) -> InvoiceLine {
    InvoiceLine {
        kind,
        description,
        calls,
        seconds: calls * 137,
        included_seconds: 0,
        net: net.parse().expect("an amount"),
        tax_category: calculation::tax::TaxCategory::Standard,
        tax_rate: "19".parse().expect("a rate"),
        days: None,
    }
}

fn party(name: &str, country: &str) -> Party {
    Party {
        name: name.into(),
        street: "Speicherstraße 14".into(),
        postcode: "20457".into(),
        city: "Hamburg".into(),
        country: country.into(),
        vat_id: Some("DE129273398".into()),
        iban: Some("DE02120300000000202051".into()),
        ..Party::default()
    }
}

/// An invoice of two pages: a fee and calls to 24 destinations.
fn two_pages(language: Language, itemisation: Itemisation) -> Drawing {
    let mut lines = vec![line(LineKind::Fee, "Office 500, monthly fee".into(), 0, "49.90")];
    lines
        .extend((1..=24).map(|each| line(LineKind::Usage, format!("Country {each}, mobile"), each, "12.34")));
    let currency = "EUR".parse().expect("a currency");
    let sums = totals(&lines, currency).expect("the sums fit");
    let instant = |text: &str| text.parse().expect("an instant");
    Drawing::from(Invoice {
        kind: DocumentKind::Invoice,
        number: Some("INV-2026-000123".into()),
        corrects: None,
        language,
        itemisation,
        issued_on: date(2026, 11, 1),
        due_on: date(2026, 11, 15),
        period: InvoicePeriod {
            first_day: date(2026, 10, 1),
            last_day: date(2026, 10, 31),
            starts_at: instant("2026-09-30T22:00:00Z"),
            ends_at: instant("2026-10-31T23:00:00Z"),
            zone: "Europe/Berlin".into(),
        },
        seller: party("Harbour Telecom GmbH", "DE"),
        buyer: party("Παπαδόπουλος & Жуков OÜ", "EE"),
        customer_reference: "C-4711".into(),
        currency,
        lines,
        taxes: sums.taxes,
        net: sums.net,
        tax: sums.tax,
        gross: sums.gross,
        tax_note: None,
    })
}

fn calls(count: i64) -> Vec<ItemisedCall> {
    let call = |index: i64| ItemisedCall {
        answered_at: jiff::Timestamp::from_second(1_790_900_000 + index * 2_400_000 / count)
            .expect("an instant"),
        caller: "+493023125001".into(),
        number: format!("+44207946{:04}", index % 10_000),
        destination: format!("Country {}, mobile", index % 24),
        billed_seconds: 137,
        amount: Amount::from_micros(17_300 + index),
        late: false,
    };
    (0..count).map(call).collect()
}

fn page_count(file: &[u8]) -> usize {
    lopdf::Document::load_mem(file).expect("a document").get_pages().len()
}

/// What every month's customer gets: lines, totals, payment code and chart.
#[divan::bench(args = ["en", "de"])]
fn an_invoice_of_two_pages(bencher: Bencher, language: &str) {
    let language = if language == "de" { Language::De } else { Language::En };
    let (invoice, calls, brand) = (two_pages(language, Itemisation::None), calls(60), Brand::default());
    let draw = || pdf(black_box(&invoice), black_box(&calls), &brand).expect("it can be drawn");
    assert_eq!(page_count(&draw()), 2);
    bencher.bench_local(draw);
}

#[divan::bench(args = [100, 1_000, 10_000], sample_size = 1, sample_count = 20)]
fn with_calls_listed(bencher: Bencher, count: i64) {
    let (invoice, calls) = (two_pages(Language::De, Itemisation::Masked), calls(count));
    let brand = Brand::default();
    bencher.bench_local(|| pdf(black_box(&invoice), black_box(&calls), &brand).expect("it can be drawn"));
}

/// The reference: two pages of PDF/A-3b with the alphabet in both fonts.
#[divan::bench]
fn reference_of_two_pages_that_say_nothing(bencher: Bencher) {
    let fonts = [reference::font(notosans::REGULAR_TTF), reference::font(notosans::BOLD_TTF)];
    assert_eq!(page_count(&reference::document(&fonts)), 2);
    bencher.bench_local(|| reference::document(black_box(&fonts)));
}

mod reference {
    use krilla::configure::{Archival, ConfigurationBuilder};
    use krilla::geom::Point;
    use krilla::metadata::{DateTime, Metadata};
    use krilla::page::PageSettings;
    use krilla::text::{Font, GlyphId, KrillaGlyph};
    use krilla::{Document, SerializeSettings};
    use skrifa::{FontRef, MetadataProvider};

    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:+-%";

    pub(super) fn font(file: &'static [u8]) -> (Font, Vec<KrillaGlyph>) {
        let charmap = FontRef::new(file).expect("a font").charmap();
        let glyphs = ALPHABET.char_indices().map(|(index, char)| {
            let glyph = charmap.map(char).expect("a glyph").to_u32();
            KrillaGlyph::new(GlyphId::new(glyph), 0.5, 0.0, 0.0, 0.0, index..index + 1, None)
        });
        (Font::new(file.into(), 0).expect("a font"), glyphs.collect())
    }

    pub(super) fn document(fonts: &[(Font, Vec<KrillaGlyph>)]) -> Vec<u8> {
        let archival = ConfigurationBuilder::new().with_archival_validator(Archival::A3_B);
        let configuration = archival.finish().expect("a configuration");
        let mut document =
            Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
        let metadata = Metadata::new().title("Nothing".into()).language("en".into());
        document.set_metadata(metadata.creation_date(DateTime::new(2026)));
        for _ in 0..2 {
            let mut page = document.start_page_with(PageSettings::from_wh(595.0, 842.0).expect("a size"));
            let mut surface = page.surface();
            for (font, glyphs) in fonts {
                let start = Point::from_xy(50.0, 50.0);
                surface.draw_glyphs(start, glyphs, font.clone(), ALPHABET, 9.0, false);
            }
            surface.finish();
            page.finish();
        }
        document.finish().expect("it can be written")
    }
}
