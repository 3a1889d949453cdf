//! Can an account number be one? IBAN by ISO 13616, BIC by ISO 9362.

/// How many characters the IBANs of a country have, as the registry says.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 \
    DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 \
    IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 \
    OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 \
    UA29 VA22 VG24 XK20 YE30";

/// An IBAN without blanks; or what is wrong with it.
///
/// ```
/// use calculation::bank_account::iban;
/// assert_eq!(iban("DE02 1203 0000 0000 2020 51").as_deref(), Ok("DE02120300000000202051"));
/// assert!(iban("DE03120300000000202051").unwrap_err().contains("check digits"));
/// assert!(iban("DE0212030000000020205").unwrap_err().contains("22 characters"));
/// ```
pub fn iban(text: &str) -> Result<String, String> {
    let compact: String = text.split_whitespace().collect::<String>().to_ascii_uppercase();
    if !compact.is_ascii() || compact.len() < 5 {
        return Err(format!("`{text}` is not an IBAN: it begins with a country and two check digits"));
    }
    let (country, rest) = compact.split_at(2);
    let length = LENGTHS.split_ascii_whitespace().find_map(|entry| entry.strip_prefix(country));
    let length = length.and_then(|length| length.parse::<usize>().ok());
    let digits_first = rest.bytes().take(2).all(|byte| byte.is_ascii_digit());
    match length {
        None => return Err(format!("`{text}` is not an IBAN: no country with IBANs is `{country}`")),
        Some(length) if compact.len() != length => {
            return Err(format!(
                "`{text}` is not an IBAN: one of {country} has {length} characters, not {}",
                compact.len()
            ));
        }
        Some(_) if !digits_first || !compact.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            return Err(format!("`{text}` is not an IBAN: only letters and digits stand in one"));
        }
        Some(_) => {}
    }
    if remainder(&compact) == Some(1) {
        Ok(compact)
    } else {
        Err(format!("`{text}` is not an IBAN: its check digits are wrong, so some character is"))
    }
}

/// What is left of the whole, its first four characters moved to the end (ISO 7064, mod 97-10).
fn remainder(compact: &str) -> Option<u32> {
    let moved = compact.chars().skip(4).chain(compact.chars().take(4));
    moved.map(|char| char.to_digit(36)).try_fold(0_u32, |rest, digit| {
        let digit = digit?;
        let shift = if digit < 10 { 10 } else { 100 };
        rest.checked_mul(shift)?.checked_add(digit)?.checked_rem(97)
    })
}

/// A BIC without blanks; or what is wrong with it.
///
/// ```
/// use calculation::bank_account::bic;
/// assert_eq!(bic("byladem1001").as_deref(), Ok("BYLADEM1001"));
/// assert!(bic("BYLADEM").is_err() && bic("BYLAXXM1").is_err());
/// ```
pub fn bic(text: &str) -> Result<String, String> {
    let compact: String = text.split_whitespace().collect::<String>().to_ascii_uppercase();
    let letter = |place: usize, byte: u8| {
        if place < 6 { byte.is_ascii_uppercase() } else { byte.is_ascii_alphanumeric() }
    };
    let country = compact.get(4..6).unwrap_or_default();
    let sound = matches!(compact.len(), 8 | 11)
        && compact.bytes().enumerate().all(|(place, byte)| letter(place, byte))
        && (crate::country::is_country(country) || country == "XK");
    if sound {
        Ok(compact)
    } else {
        Err(format!(
            "`{text}` is not a BIC: it has 8 or 11 characters, the bank's, its country's and the place's"
        ))
    }
}
