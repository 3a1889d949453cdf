//! Which codes are countries?

/// The codes of ISO 3166-1 alpha-2 that are given to a country or territory, in their order.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC \
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Whether a code is one of ISO 3166-1 alpha-2.
///
/// ```
/// use calculation::country::is_country;
/// assert!(is_country("GB") && is_country("GR"));
/// // Prefixes of VAT identifiers, and codes that are kept free.
/// assert!(!is_country("UK") && !is_country("EL") && !is_country("XI") && !is_country("ZZ") && !is_country("de"));
/// ```
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && CODES.split(' ').any(|known| known == code)
}

/// What is wrong with a code that is not a country, and what to write.
///
/// ```
/// use calculation::country::fault;
/// assert_eq!(fault("UK").unwrap(), "`UK` is not a country of ISO 3166-1: write GB");
/// assert_eq!(fault("DE"), None);
/// ```
pub fn fault(code: &str) -> Option<String> {
    if is_country(code) {
        return None;
    }
    let upper = code.trim().to_ascii_uppercase();
    let meant = match upper.as_str() {
        "UK" | "XI" | "EN" => "GB",
        "EL" => "GR",
        other if is_country(other) => other,
        _ => "its two letters, such as DE",
    };
    Some(format!("`{code}` is not a country of ISO 3166-1: write {meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_codes_are_two_letters_in_their_order() {
        let codes: Vec<_> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(
            codes.iter().all(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        );
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
