//! What holds for every input?

use calculation::phone_number::{BareDigits, Dialled, E164, Region, dialled, dialled_on};
use calculation::zone::zone_of;
use proptest::prelude::*;

fn some_region() -> impl Strategy<Value = Option<Region>> {
    let known = ["DE", "US", "GB", "IT", "BR", "AR", "RU", "AU", "JP", "FI", "KZ"];
    prop::option::of(prop::sample::select(known.to_vec()))
        .prop_map(|code| code.and_then(|code| code.parse().ok()))
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in any::<String>(), region in some_region()) {
        let _ = dialled(&text, region);
        let _ = dialled_on(&text, region, BareDigits::International);
    }

    #[test]
    fn no_text_of_the_characters_of_numbers_is_too_strange(
        text in "(sip:|tel:|\\+|00)?[-+0-9 ()x*#;,.%=@<>:]{0,30}", region in some_region(),
    ) {
        let _ = dialled(&text, region);
        let _ = dialled_on(&text, region, BareDigits::International);
    }

    #[test]
    fn a_number_survives_the_round_trip(text in "\\+[1-9][0-9]{6,14}") {
        let number: E164 = text.parse().unwrap();
        prop_assert_eq!(number.to_string(), text.clone());
        prop_assert!(number.starts_with(&text[1..]));
        let digits: String = number.leading_digits().map(|digit| digit.to_string()).collect();
        prop_assert_eq!(&digits, &text[1..]);
        prop_assert_eq!(number.leading_digits().len(), digits.len());
        let _ = zone_of(number);
    }

    #[test]
    fn a_number_with_plus_is_the_same_wherever_it_is_dialled(
        text in "\\+[1-9][0-9]{9,14}", region in some_region(),
    ) {
        prop_assert_eq!(dialled(&text, region), Ok(Dialled::Number(text.parse().unwrap())));
    }

    #[test]
    fn what_is_read_as_a_number_reads_as_itself(digits in "[0-9]{7,16}", region in some_region()) {
        if let Ok(Dialled::Number(number)) = dialled(&digits, region) {
            prop_assert_eq!(dialled(&number.to_string(), region), Ok(Dialled::Number(number)));
        }
    }
}
