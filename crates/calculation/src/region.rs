//! Which regions have a numbering plan?

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use crate::money::serde_as_text;

/// A region with a numbering plan, by its code of ISO 3166-1, such as `DE`.
///
/// ```
/// use calculation::phone_number::Region;
/// let italy: Region = "IT".parse()?;
/// assert_eq!(italy.to_string(), "IT");
/// assert!("it".parse::<Region>().is_err());
/// assert!("ZZ".parse::<Region>().is_err());
/// # Ok::<(), calculation::phone_number::UnknownRegion>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region([u8; 2]);

/// Why a text is not a region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a region with a numbering plan: use its ISO 3166-1 code in capitals, such as DE")]
pub struct UnknownRegion(String);

impl Region {
    /// All regions with a numbering plan, in no particular order.
    pub fn all() -> impl Iterator<Item = Self> {
        PHONE_NUMBER_UTIL.get_supported_regions().filter_map(Self::from_library)
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        // Only capitals are ever put in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn from_library(region: rlibphonenumber::Region) -> Option<Self> {
        // The world, as the satellite networks' region is called, has three characters.
        region.as_region_str().as_bytes().try_into().ok().map(Self)
    }

    pub(crate) fn calling_code(self) -> Option<i32> {
        PHONE_NUMBER_UTIL.get_country_code_for_region(self.library()?)
    }

    pub(crate) fn library(self) -> Option<rlibphonenumber::Region> {
        self.as_str().parse().ok()
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let unknown = || UnknownRegion(text.chars().take(20).collect());
        let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| unknown())?;
        if !letters.iter().all(u8::is_ascii_uppercase) {
            return Err(unknown());
        }
        let region = Self(letters);
        let code =
            region.library().and_then(|library| PHONE_NUMBER_UTIL.get_country_code_for_region(library));
        code.map(|_| region).ok_or_else(unknown)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

serde_as_text!(Region);
