//! Is every phone number that is accepted possible, and read as itself again?

use std::sync::LazyLock;

use calculation::phone_number::{
    BareDigits, Dialled, E164, NumberForm, Region, dialled, dialled_as, is_assigned, is_shortened, region_of,
};
use calculation::zone::zone_of;

use crate::input::Choice;

/// Regions whose plans have rules of their own.
static REGIONS: LazyLock<Vec<Option<Region>>> = LazyLock::new(|| {
    let known = ["DE", "US", "GB", "IT", "BR", "AR", "RU", "AU", "JP", "FI", "KZ", "HU", "MX", "CH", "FR"];
    known.iter().map(|code| code.parse().ok()).chain([None]).collect()
});

pub(crate) fn run(input: &[u8]) {
    let Some((mut choice, text)) = Choice::of_text(input) else { return };
    let region = choice.one(&REGIONS);
    let bare_digits = choice.one(&["international", "national", "ambiguous"]).parse::<BareDigits>();
    let outside_digit = choice.one(&["", "0", "9"]).parse().ok();
    let form = NumberForm { bare_digits: bare_digits.unwrap_or_default(), outside_digit };
    if let Ok(number) = text.parse::<E164>() {
        assert_eq!(number.to_string(), text);
        assert_eq!(number.leading_digits().count() + 1, text.len(), "{text}");
        let _ = (zone_of(number), region_of(number), is_assigned(number), is_shortened(text, number));
    }
    assert_eq!(dialled(text, region), dialled_as(text, region, NumberForm::default()));
    match dialled_as(text, region, form) {
        Ok(Dialled::Number(number)) => {
            let written = number.to_string();
            let again = (dialled(&written, region), dialled(&written, None));
            let same = Ok(Dialled::Number(number));
            assert_eq!(again, (same, same), "{text} in {region:?} is {written}");
        }
        Ok(Dialled::Emergency(code) | Dialled::Short(code)) => {
            let digits = code.digits();
            assert!(
                !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()),
                "{text}: {code:?}"
            );
        }
        Err(refusal) => assert!(refusal.to_string().len() < 500, "{text}: {refusal}"),
    }
}
