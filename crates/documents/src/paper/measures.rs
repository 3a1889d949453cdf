//! Where does what stand on a sheet of paper?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

/// A millimetre in points.
const MM: f32 = 72.0 / 25.4;
pub(super) const PAGE_WIDTH: f32 = 210.0 * MM;
pub(super) const PAGE_HEIGHT: f32 = 297.0 * MM;
/// The address must start 25 mm from the edge to show in a window envelope; all else follows it.
pub(super) const LEFT: f32 = 25.0 * MM;
pub(super) const RIGHT: f32 = PAGE_WIDTH - 20.0 * MM;
/// Where the information column beside the address begins (DIN 5008).
pub(super) const SIDE: f32 = 125.0 * MM;
/// Where the address field of a window envelope begins and ends (DIN 5008, form B).
pub(super) const ADDRESS_TOP: f32 = 45.0 * MM;
pub(super) const ADDRESS_WIDTH: f32 = 80.0 * MM;
/// Where a sheet is folded to fit the envelope.
pub(super) const FOLDS: [f32; 2] = [105.0 * MM, 210.0 * MM];
pub(super) const TABLE_TOP_FIRST: f32 = 115.0 * MM;
pub(super) const TABLE_TOP_NEXT: f32 = 32.0 * MM;
pub(super) const FOOTER_TOP: f32 = PAGE_HEIGHT - 24.0 * MM;
pub(super) const TABLE_BOTTOM: f32 = FOOTER_TOP - 4.0 * MM;

/// The baseline of the title.
pub(super) const TITLE: f32 = 290.0;

pub(super) const TABLE_HEAD: f32 = 20.0;
pub(super) const BODY: f32 = 9.0;
pub(super) const SMALL: f32 = 8.0;
pub(super) const LEADING: f32 = 11.5;
pub(super) const PAYMENT_GAP: f32 = 16.0;
/// How high a call's row is.
pub(super) const CALL_HEIGHT: f32 = 12.0;

/// The right edges of the columns after the description, which takes the rest.
pub(super) struct Columns;

impl Columns {
    pub(super) const NET: f32 = RIGHT;
    pub(super) const TAX_RATE: f32 = Self::NET - 72.0;
    pub(super) const INCLUDED: f32 = Self::TAX_RATE - 42.0;
    pub(super) const DURATION: f32 = Self::INCLUDED - 56.0;
    pub(super) const CALLS: f32 = Self::DURATION - 56.0;
    pub(super) const DESCRIPTION_WIDTH: f32 = Self::CALLS - 40.0 - LEFT;
    /// Where a line has no calls, its description takes their columns.
    pub(super) const WIDE_DESCRIPTION_WIDTH: f32 = Self::TAX_RATE - 40.0 - LEFT;
}

pub(super) fn stacked(lines: usize, leading: f32) -> f32 {
    f32::from(u16::try_from(lines).unwrap_or(u16::MAX)) * leading
}
