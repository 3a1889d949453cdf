//! What habits does a switch have when it writes numbers? Its operator says so; it cannot be seen from a number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Region, ShortCode};
use crate::emergency;
use crate::money::serde_as_text;

/// How the numbers of a source are written, as its operator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NumberForm {
    /// How full digits without `+` are read.
    pub bare_digits: BareDigits,
    /// The digit that callers dial for an outside line, if the switch writes it before their numbers.
    pub outside_digit: Option<OutsideDigit>,
}

/// How digits that are neither marked as international nor valid nationally are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BareDigits {
    /// They are refused, for `34688880101` might be anything.
    #[default]
    National,
    /// The trunk is known to leave out the `+`: if they are a valid number with it, they are that.
    /// What is valid nationally, as it is customarily dialled there, stays national.
    International,
}

/// The digit that callers behind a switchboard dial for an outside line: `0`, `9`.
///
/// ```
/// use calculation::phone_number::OutsideDigit;
/// let digit: OutsideDigit = "9".parse()?;
/// assert_eq!(digit.to_string(), "9");
/// assert!("10".parse::<OutsideDigit>().is_err());
/// # Ok::<(), calculation::phone_number::UnknownOutsideDigit>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutsideDigit(u8);

/// A text that is not one digit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digit for an outside line: write one digit, such as 0 or 9")]
pub struct UnknownOutsideDigit(String);

/// A text that names no [`BareDigits`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not say how bare digits are read: write international or national")]
pub struct UnknownBareDigits(String);

impl OutsideDigit {
    /// Those that switchboards have, the likelier first.
    pub(super) const USUAL: [Self; 3] = [Self(b'0'), Self(b'9'), Self(b'8')];

    /// What was dialled behind the digit.
    pub(super) fn stripped(self, digits: &str) -> Option<&str> {
        digits.strip_prefix(char::from(self.0)).filter(|rest| !rest.is_empty())
    }

    /// An emergency number behind the digit, be it dialled twice: `0112`, `00112`.
    pub(super) fn emergency_behind(self, digits: &str, region: Option<Region>) -> Option<ShortCode> {
        let once = self.stripped(digits)?;
        let behind = [Some(once), self.stripped(once)].into_iter().flatten();
        let mut found = behind.filter(|number| emergency::is_emergency(number, region));
        found.next().and_then(|number| ShortCode::new(number, region))
    }
}

impl FromStr for OutsideDigit {
    type Err = UnknownOutsideDigit;

    fn from_str(text: &str) -> Result<Self, UnknownOutsideDigit> {
        match text.as_bytes() {
            [digit @ b'0'..=b'9'] => Ok(Self(*digit)),
            _ => Err(UnknownOutsideDigit(text.chars().take(20).collect())),
        }
    }
}

impl fmt::Display for OutsideDigit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Write::write_char(out, char::from(self.0))
    }
}

serde_as_text!(OutsideDigit);

impl FromStr for BareDigits {
    type Err = UnknownBareDigits;

    fn from_str(text: &str) -> Result<Self, UnknownBareDigits> {
        match text {
            "national" => Ok(Self::National),
            "international" => Ok(Self::International),
            _ => Err(UnknownBareDigits(text.chars().take(20).collect())),
        }
    }
}
