//! Is every instant, day and month that is accepted one that the databases can hold?

use calculation::period::Period;
use calculation::tariff::deck::instant;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tollbook::http::check_instant;

use crate::input::Choice;

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/St_Johns",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Africa/Casablanca",
    "UTC",
    "nowhere",
];

pub(crate) fn run(input: &[u8]) {
    let Some((mut choice, text)) = Choice::of_text(input) else { return };
    let name = choice.one(&ZONES);
    if let Ok(at) = instant(text, name) {
        assert_eq!(instant(&at.to_string(), name), Ok(at), "{text} in {name}");
    }
    if let Ok(at) = text.parse::<Timestamp>()
        && check_instant("/at", at).is_ok()
    {
        let stored = Timestamp::from_microsecond(at.as_microsecond());
        assert!(stored.is_ok_and(|stored| stored == at), "{text} is stored as another instant");
    }
    let _ = text.parse::<Date>();
    let Ok(zone) = TimeZone::get(name) else { return };
    if let Ok(period) = Period::of_month(text, &zone) {
        assert_eq!(period.month(), text);
        assert!(period.starts_at < period.ends_at, "{text}: {period:?}");
        assert_eq!(Period::holding(period.starts_at, &zone), Ok(period), "{text} in {name}");
    }
    // The name of a zone may be any text, too.
    if let Ok(zone) = TimeZone::get(text) {
        let _ = Period::of_month("2026-03", &zone);
    }
}
