//! stub
use std::fmt;
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164(u64);
impl E164 {
    pub fn digits(self) -> u64 {
        self.0
    }
    pub fn leading_digits(self) -> impl Iterator<Item = u8> {
        self.0.to_string().into_bytes().into_iter().map(|b| b.wrapping_sub(48))
    }
}
impl std::str::FromStr for E164 {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        s.strip_prefix('+').and_then(|s| s.parse().ok()).map(E164).ok_or_else(|| s.to_string())
    }
}
impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region([u8; 2]);
impl Region {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortCode {
    region: Region,
    digits: String,
}
impl ShortCode {
    pub fn region(&self) -> Region {
        self.region
    }
    pub fn digits(&self) -> &str {
        &self.digits
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialled {
    Number(E164),
    Emergency(ShortCode),
    Short(ShortCode),
}
impl fmt::Display for Dialled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Emergency(c) | Self::Short(c) => f.write_str(c.digits()),
        }
    }
}
