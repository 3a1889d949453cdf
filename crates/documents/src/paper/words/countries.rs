//! What is a country called?

use calculation::invoice::Language;

/// The name of a country; nothing where we have none for the code.
pub(super) fn name(code: &str, language: Language) -> Option<&'static str> {
    let place = COUNTRIES.binary_search_by_key(&code, |(listed, _, _)| listed).ok()?;
    COUNTRIES.get(place).map(|(_, english, german)| match language {
        Language::En => *english,
        Language::De => *german,
    })
}

/// The countries an address is likely to name, which ends a letter that crosses a border. By code.
const COUNTRIES: [(&str, &str, &str); 58] = [
    ("AD", "Andorra", "Andorra"),
    ("AE", "United Arab Emirates", "Vereinigte Arabische Emirate"),
    ("AL", "Albania", "Albanien"),
    ("AT", "Austria", "Österreich"),
    ("AU", "Australia", "Australien"),
    ("BA", "Bosnia and Herzegovina", "Bosnien und Herzegowina"),
    ("BE", "Belgium", "Belgien"),
    ("BG", "Bulgaria", "Bulgarien"),
    ("BR", "Brazil", "Brasilien"),
    ("CA", "Canada", "Kanada"),
    ("CH", "Switzerland", "Schweiz"),
    ("CN", "China", "China"),
    ("CY", "Cyprus", "Zypern"),
    ("CZ", "Czechia", "Tschechien"),
    ("DE", "Germany", "Deutschland"),
    ("DK", "Denmark", "Dänemark"),
    ("EE", "Estonia", "Estland"),
    ("ES", "Spain", "Spanien"),
    ("FI", "Finland", "Finnland"),
    ("FR", "France", "Frankreich"),
    ("GB", "United Kingdom", "Vereinigtes Königreich"),
    ("GR", "Greece", "Griechenland"),
    ("HK", "Hong Kong", "Hongkong"),
    ("HR", "Croatia", "Kroatien"),
    ("HU", "Hungary", "Ungarn"),
    ("IE", "Ireland", "Irland"),
    ("IL", "Israel", "Israel"),
    ("IN", "India", "Indien"),
    ("IS", "Iceland", "Island"),
    ("IT", "Italy", "Italien"),
    ("JP", "Japan", "Japan"),
    ("KR", "South Korea", "Südkorea"),
    ("LI", "Liechtenstein", "Liechtenstein"),
    ("LT", "Lithuania", "Litauen"),
    ("LU", "Luxembourg", "Luxemburg"),
    ("LV", "Latvia", "Lettland"),
    ("MC", "Monaco", "Monaco"),
    ("MD", "Moldova", "Moldau"),
    ("ME", "Montenegro", "Montenegro"),
    ("MK", "North Macedonia", "Nordmazedonien"),
    ("MT", "Malta", "Malta"),
    ("MX", "Mexico", "Mexiko"),
    ("NL", "Netherlands", "Niederlande"),
    ("NO", "Norway", "Norwegen"),
    ("NZ", "New Zealand", "Neuseeland"),
    ("PL", "Poland", "Polen"),
    ("PT", "Portugal", "Portugal"),
    ("RO", "Romania", "Rumänien"),
    ("RS", "Serbia", "Serbien"),
    ("SE", "Sweden", "Schweden"),
    ("SG", "Singapore", "Singapur"),
    ("SI", "Slovenia", "Slowenien"),
    ("SK", "Slovakia", "Slowakei"),
    ("SM", "San Marino", "San Marino"),
    ("TR", "Türkiye", "Türkei"),
    ("UA", "Ukraine", "Ukraine"),
    ("US", "United States", "Vereinigte Staaten"),
    ("ZA", "South Africa", "Südafrika"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_listed_is_found_and_is_one() {
        for (code, english, german) in COUNTRIES {
            assert_eq!(name(code, Language::En), Some(english));
            assert_eq!(name(code, Language::De), Some(german));
            assert!(code.parse::<calculation::phone_number::Region>().is_ok(), "{code}");
        }
        assert_eq!(name("XX", Language::De), None);
        assert_eq!(name("", Language::En), None);
    }
}
