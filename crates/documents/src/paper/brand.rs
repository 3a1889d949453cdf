//! How do the operator's documents look?

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use calculation::invoice::Language;
use krilla::image::Image;
use krilla::page::PageSettings;
use serde::Deserialize;

use super::canvas::Canvas;
use super::{DocumentError, Fonts, archival_document};

/// How the operator's documents look, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Stands for the operator's name at the top of the first page.
    pub logo: Option<Logo>,
    /// The colour of the name, the rules and the payment box.
    pub accent: Colour,
    /// Up to three lines below the operator's name and address on each page: the commercial
    /// register, the directors, the supervisory authority.
    pub footer: Vec<String>,
    /// Where fonts are that take over where the built-in one lacks a letter.
    pub fonts: Fonts,
    /// What documents in English say besides the facts.
    pub en: Texts,
    /// What documents in German say besides the facts.
    pub de: Texts,
}

/// How the operator's documents are to look.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrandSettings {
    pub logo: Option<PathBuf>,
    pub accent: Colour,
    pub footer: Vec<String>,
    pub fonts: Vec<PathBuf>,
    #[serde(default)]
    pub en: Texts,
    #[serde(default)]
    pub de: Texts,
}

/// What of the settings cannot be used, by its name.
#[derive(Debug, thiserror::Error)]
pub enum BrandError {
    #[error("brand.logo {}: {error}", path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("brand.logo {}: {reason}", path.display())]
    Logo { path: PathBuf, reason: String },
    #[error("brand.fonts {0}")]
    Fonts(String),
}

/// What a document says besides the facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    /// Between the title and the lines.
    pub greeting: Option<String>,
    /// After the payment.
    pub closing: Option<String>,
}

/// A picture that can be drawn; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo(pub(super) Image);

/// A colour: red, green and blue; as text `#1f5f8b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Colour(pub u8, pub u8, pub u8);

/// A larger file would be in every invoice.
const LARGEST_LOGO_BYTES: u64 = 512 * 1024;
/// A small file may hold a huge picture.
const LARGEST_LOGO_SIDE: u32 = 2_000;

impl Default for Brand {
    /// A calm blue, and nothing of its own.
    fn default() -> Self {
        Self {
            logo: None,
            accent: Colour(0x1f, 0x5f, 0x8b),
            footer: Vec::new(),
            fonts: Fonts::default(),
            en: Texts::default(),
            de: Texts::default(),
        }
    }
}

impl Brand {
    /// Reads what the settings name; a relative path counts from the working directory.
    pub fn load(settings: BrandSettings) -> Result<Self, BrandError> {
        let BrandSettings { logo, accent, footer, fonts, en, de } = settings;
        let logo = logo.map(|path| Logo::load(&path)).transpose()?;
        let fonts = Fonts::in_places(fonts);
        if let Some(fault) = fonts.faults().first() {
            return Err(BrandError::Fonts(fault.clone()));
        }
        Ok(Self { logo, accent, footer, fonts, en, de })
    }

    /// What documents say that the settings say.
    pub fn said(&self) -> impl Iterator<Item = &str> {
        let texts = [&self.en.greeting, &self.en.closing, &self.de.greeting, &self.de.closing];
        self.footer.iter().map(String::as_str).chain(texts.into_iter().flatten().map(String::as_str))
    }

    pub(super) fn texts(&self, language: Language) -> &Texts {
        match language {
            Language::En => &self.en,
            Language::De => &self.de,
        }
    }

    /// The accent as the colour of a text: darkened until it reads on white.
    pub(super) fn accent_ink(&self) -> Colour {
        let mut ink = self.accent;
        while ink.brightness() > 115 {
            let Colour(red, green, blue) = ink;
            let darker = |part: u8| part - part.div_ceil(8);
            ink = Colour(darker(red), darker(green), darker(blue));
        }
        ink
    }

    /// The accent as the ground of a box: almost white.
    pub(super) fn tint(&self) -> Colour {
        let Colour(red, green, blue) = self.accent;
        let lighter = |part: u8| 255 - (255 - part) / 14;
        Colour(lighter(red), lighter(green), lighter(blue))
    }
}

impl Logo {
    fn load(path: &Path) -> Result<Self, BrandError> {
        let unread = |error| BrandError::File { path: path.to_owned(), error };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unread)?;
        file.take(LARGEST_LOGO_BYTES + 1).read_to_end(&mut bytes).map_err(unread)?;
        Self::read(bytes).map_err(|reason| BrandError::Logo { path: path.to_owned(), reason })
    }

    /// Reads a PNG or JPEG file; or says why it cannot be a logo.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, String> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST_LOGO_BYTES) {
            return Err(format!("is larger than {} KiB", LARGEST_LOGO_BYTES / 1024));
        }
        let image = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Image::from_png(bytes.into(), false)
        } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Image::from_jpeg(bytes.into(), false)
        } else {
            return Err("is neither a PNG nor a JPEG file".to_owned());
        };
        let image = image.map_err(|error| format!("cannot be read: {error}"))?;
        let (width, height) = image.size();
        if width.max(height) > LARGEST_LOGO_SIDE || width.min(height) == 0 {
            return Err(format!(
                "has {width} × {height} pixels: each side must have 1 to {LARGEST_LOGO_SIDE}"
            ));
        }
        let logo = Self(image);
        logo.draw_once().map_err(|error| format!("cannot be drawn: {error}"))?;
        Ok(logo)
    }

    /// Draws it once, for only then it is decoded: a broken one is found now, not at the first invoice.
    fn draw_once(&self) -> Result<(), DocumentError> {
        let mut document = archival_document()?;
        let mut page = document.start_page_with(PageSettings::from_wh(100.0, 100.0).unwrap_or_default());
        let mut canvas = Canvas::new(page.surface());
        canvas.image(&self.0, (0.0, 0.0), (100.0, 100.0));
        canvas.finish();
        page.finish();
        document.finish().map_err(DocumentError::refused)?;
        Ok(())
    }
}

impl Colour {
    /// How bright it looks, from 0 to 255 (ITU-R BT.601).
    pub(super) fn brightness(self) -> u32 {
        (u32::from(self.0) * 299 + u32::from(self.1) * 587 + u32::from(self.2) * 114) / 1000
    }
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let part =
            |from: usize| digits.and_then(|digits| u8::from_str_radix(digits.get(from..from + 2)?, 16).ok());
        match (part(0), part(2), part(4)) {
            (Some(red), Some(green), Some(blue)) => Ok(Self(red, green, blue)),
            _ => Err(format!("`{text}` is no colour: write # and six hexadecimal digits, such as #1f5f8b")),
        }
    }
}
