//! Flame graphs.
//!
//! The picture is drawn by `inferno`; colours by kind and the legend are ours. The
//! legend stands where `inferno` puts a subtitle.
#![forbid(unsafe_code)]

use std::io;

use inferno::flamegraph::color::{Color, PaletteMap};
use inferno::flamegraph::{self, Options};

use super::{Function, Kind, Profile, Unit};

/// Height of the letters, in pixels.
const FONT: usize = 12;
const WIDTH: usize = 1200;

/// Hues that stay apart in grey and for those who see no red or no green (Wong,
/// *Points of view: Color blindness*, Nature Methods 2011), lighter here: they carry
/// black letters.
fn base(kind: Kind) -> [u8; 3] {
    match kind {
        Kind::Interpreted => [240, 190, 80],
        Kind::Compiled => [120, 200, 150],
        Kind::Native => [130, 185, 230],
        Kind::Collector => [225, 130, 90],
        Kind::Runtime => [205, 150, 190],
        Kind::Waiting => [205, 205, 205],
    }
}

/// The colour of a function: neighbours differ a little.
fn color(function: &Function) -> Color {
    let seed = function.label().bytes().fold(7u32, |h, b| h.wrapping_mul(31) ^ u32::from(b));
    let shift = (seed % 25) as i16 - 12;
    let [r, g, b] = base(function.kind).map(|c| (i16::from(c) + shift).clamp(0, 255) as u8);
    Color { r, g, b }
}

/// What a legend says of a kind.
fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Interpreted => "Gene, interpreted",
        Kind::Compiled => "Gene, machine code",
        Kind::Native => "native (Rust)",
        Kind::Collector => "garbage collection",
        Kind::Runtime => "compiler and start",
        Kind::Waiting => "waiting",
    }
}

impl Profile {
    /// The flame graph.
    ///
    /// # Errors
    ///
    /// If there is nothing to draw.
    pub fn svg(&self) -> io::Result<String> {
        let mut palette = PaletteMap::default();
        for function in &self.functions {
            palette.insert(function.label().replace(';', ","), color(function));
        }
        // The frame below all others has no name.
        palette.insert("", Color { r: 240, g: 240, b: 240 });
        let mut options = Options::default();
        options.title = self.title();
        options.subtitle = Some(" ".into());
        options.image_width = Some(WIDTH);
        options.font_size = FONT;
        // Of the letters of DejaVu Sans Mono, which are rather wide.
        options.font_width = 0.61;
        options.min_width = 0.05;
        options.palette_map = Some(&mut palette);
        options.bgcolors =
            Some(flamegraph::color::BackgroundColor::Flat(Color { r: 250, g: 250, b: 250 }));
        options.count_name = match self.unit {
            Unit::Nanoseconds => "us".into(),
            Unit::Bytes => "bytes".into(),
        };
        let lines = self.folded();
        let mut out = Vec::new();
        flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut out)?;
        let mut svg = String::from_utf8_lossy(&out).into_owned();
        if let Some(frames) = svg.find("<svg id=\"frames\"") {
            svg.insert_str(frames, &self.legend());
        }
        Ok(svg)
    }

    /// What the colours mean, of those that occur.
    fn legend(&self) -> String {
        let occurs = |kind: &Kind| self.functions.iter().any(|f| f.kind == *kind);
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(occurs).collect();
        // A letter is less than 7 pixels wide, in the mean.
        let width = |kind: &Kind| 18 + 7 * words(*kind).len() + 22;
        let all: usize = kinds.iter().map(width).sum();
        let (mut x, y) = (WIDTH.saturating_sub(all) / 2, FONT * 4);
        let mut out = String::from("<g id=\"legend\" text-anchor=\"start\">");
        for kind in &kinds {
            let [r, g, b] = base(*kind);
            out += &format!(
                "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\" fill=\"rgb({r},{g},{b})\"/>\
                 <text x=\"{}\" y=\"{y}\" font-size=\"{FONT}px\">{}</text>",
                y - 10,
                x + 18,
                words(*kind),
            );
            x += width(kind);
        }
        out + "</g>"
    }
}
