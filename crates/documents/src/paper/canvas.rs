//! How do texts, rules and areas get onto a page?

#![expect(
    clippy::disallowed_types,
    clippy::float_arithmetic,
    reason = "PDF coordinates are points, not money; amounts arrive here as finished text"
)]

use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;

use super::Colour;
use super::shape::Run;
use super::text::{Face, printable};

/// The smallest size at which a text is still one.
const SMALLEST: f32 = 6.0;

/// What a text looks like.
#[derive(Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) face: &'a Face,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

/// One page being drawn; coordinates are points from its upper left corner.
pub(super) struct Canvas<'a> {
    surface: Surface<'a>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(surface: Surface<'a>) -> Self {
        Self { surface }
    }

    pub(super) fn finish(self) {
        self.surface.finish();
    }

    /// Prints a text from `x` on, cut with an ellipsis before it is wider than `width`.
    pub(super) fn text(&mut self, style: Style, x: f32, baseline: f32, width: f32, text: &str) {
        let text = printable(text);
        let text = style.face.fit(&text, style.size, width);
        self.glyphs(style, x, baseline, &text);
    }

    /// Prints a text that one has to copy, such as an account number: before it is cut it is set
    /// smaller, as long as it can be read.
    pub(super) fn whole(&mut self, style: Style, x: f32, baseline: f32, width: f32, text: &str) {
        let natural = style.face.width(&printable(text), style.size);
        // A hair smaller than exact, so that no rounding makes it too wide after all.
        let size = if natural > width { style.size * width / natural * 0.999 } else { style.size };
        self.text(Style { size: size.max(SMALLEST), ..style }, x, baseline, width, text);
    }

    /// Prints lines that were already wrapped.
    pub(super) fn lines(&mut self, style: Style, x: f32, baseline: f32, leading: f32, lines: &[String]) {
        let mut at = baseline;
        for line in lines {
            self.glyphs(style, x, at, line);
            at += leading;
        }
    }

    /// Prints a figure that ends at `right`. A figure is never cut: if it is wider than `width`, it
    /// is set smaller.
    pub(super) fn figure(&mut self, style: Style, right: f32, baseline: f32, width: f32, figure: &str) {
        let text = printable(figure);
        let natural = style.face.width(&text, style.size);
        let size = if natural > width { style.size * width / natural } else { style.size };
        let style = Style { size, ..style };
        self.glyphs(style, right - natural.min(width), baseline, &text);
    }

    /// Prints a mark across the page, rising from the lower left.
    pub(super) fn across(&mut self, style: Style, centre: (f32, f32), degrees: f32, text: &str) {
        let width = style.face.width(text, style.size);
        self.surface.push_transform(&Transform::from_rotate_at(-degrees, centre.0, centre.1));
        self.glyphs(style, centre.0 - width / 2.0, centre.1 + style.size * 0.36, text);
        self.surface.pop();
    }

    pub(super) fn rule(&mut self, colour: Colour, x: (f32, f32), y: f32, weight: f32) {
        self.area(colour, (x.0, y - weight / 2.0), (x.1 - x.0, weight));
    }

    pub(super) fn area(&mut self, colour: Colour, corner: (f32, f32), size: (f32, f32)) {
        self.areas(colour, [(corner, size)]);
    }

    /// Fills several areas, each a corner and a size, as one path.
    pub(super) fn areas(
        &mut self,
        colour: Colour,
        areas: impl IntoIterator<Item = ((f32, f32), (f32, f32))>,
    ) {
        let mut path = PathBuilder::new();
        let rects = areas
            .into_iter()
            .filter_map(|(corner, size)| Rect::from_xywh(corner.0, corner.1, size.0, size.1));
        rects.for_each(|rect| path.push_rect(rect));
        if let Some(path) = path.finish() {
            self.surface.set_fill(Some(fill(colour)));
            self.surface.draw_path(&path);
        }
    }

    pub(super) fn image(&mut self, image: &Image, corner: (f32, f32), size: (f32, f32)) {
        let Some(size) = Size::from_wh(size.0, size.1) else { return };
        self.surface.push_transform(&Transform::from_translate(corner.0, corner.1));
        self.surface.draw_image(image.clone(), size);
        self.surface.pop();
    }

    fn glyphs(&mut self, style: Style, x: f32, baseline: f32, text: &str) {
        if text.is_empty() {
            return;
        }
        self.surface.set_fill(Some(fill(style.colour)));
        let mut x = x;
        for Run { font, glyphs, advance } in style.face.set(text) {
            self.surface.draw_glyphs(Point::from_xy(x, baseline), &glyphs, font, text, style.size, false);
            x += advance * style.size;
        }
    }
}

fn fill(colour: Colour) -> Fill {
    let Colour(red, green, blue) = colour;
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}
