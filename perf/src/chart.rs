//! Horizontal bars as inline SVG. Colours are classes that the page defines,
//! so one drawing serves light and dark.

use std::fmt::Write;

/// One bar.
pub struct Bar {
    /// Text to its left.
    pub label: String,
    /// Its length, or why there is none.
    pub value: Result<f64, String>,
    /// Least and most of the measurements, drawn as a thin line.
    pub spread: Option<(f64, f64)>,
    /// Text to its right.
    pub note: String,
    /// Text shown by a browser when pointing at it.
    pub hint: String,
    /// CSS class of the bar.
    pub class: &'static str,
}

/// As wide as a card where there is room for several, so that text keeps its size.
const WIDTH: f64 = 400.0;
const ROW: f64 = 26.0;
const THICKNESS: f64 = 14.0;
const LABEL: f64 = 68.0;
/// Room for the notes on the right.
const NOTE: f64 = 140.0;

/// Draws bars from a common zero. `mark` is a value to draw a vertical line
/// at. `title` describes the chart for those who cannot see it.
pub fn bars(title: &str, bars: &[Bar], mark: Option<f64>) -> String {
    let lengths = bars.iter().flat_map(|bar| {
        let value = bar.value.as_ref().copied().unwrap_or(0.0);
        [value, bar.spread.map_or(value, |(_, most)| most)]
    });
    let longest = lengths.chain(mark).fold(0.0, f64::max);
    let scale = if longest > 0.0 { (WIDTH - LABEL - NOTE) / longest } else { 0.0 };
    let mark = mark.map(|mark| LABEL + mark * scale);
    let height = ROW * bars.len() as f64 + 4.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        escape(title)
    );
    for (row, bar) in bars.iter().enumerate() {
        draw(&mut svg, bar, ROW * row as f64 + 2.0, scale, mark);
    }
    if let Some(x) = mark {
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{height}\"/>"
        );
    }
    svg.push_str("</svg>");
    svg
}

fn draw(svg: &mut String, bar: &Bar, top: f64, scale: f64, mark: Option<f64>) {
    let middle = top + ROW / 2.0;
    let baseline = middle + 4.5;
    let _ = write!(
        svg,
        "<g><title>{}</title><text class=\"label\" x=\"{:.1}\" y=\"{baseline:.1}\">{}</text>",
        escape(&bar.hint),
        LABEL - 8.0,
        escape(&bar.label)
    );
    let end = match &bar.value {
        Ok(value) => {
            let length = (value * scale).max(1.5);
            let _ = write!(
                svg,
                "<rect class=\"{}\" x=\"{LABEL}\" y=\"{:.1}\" width=\"{length:.1}\" \
                 height=\"{THICKNESS}\" rx=\"3\"/>",
                bar.class,
                middle - THICKNESS / 2.0
            );
            LABEL + length
        }
        Err(_) => LABEL,
    };
    let mut right = end;
    if let (Ok(_), Some((least, most))) = (&bar.value, bar.spread) {
        let (from, to) = (LABEL + least * scale, LABEL + most * scale);
        right = right.max(to);
        let _ = write!(
            svg,
            "<path class=\"spread\" d=\"M{from:.1} {middle:.1}H{to:.1}M{from:.1} {a:.1}V{b:.1}\
             M{to:.1} {a:.1}V{b:.1}\"/>",
            a = middle - 3.5,
            b = middle + 3.5
        );
    }
    // A note that the line would cross begins behind it.
    if let Some(mark) = mark.filter(|mark| (right..right + NOTE).contains(mark)) {
        right = mark;
    }
    let (class, note) = match &bar.value {
        Ok(_) => ("note", &bar.note),
        Err(reason) => ("failed", reason),
    };
    let _ = write!(
        svg,
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{baseline:.1}\">{}</text></g>",
        right + 8.0,
        escape(note)
    );
}

/// Makes text safe between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: Result<f64, String>) -> Bar {
        Bar {
            label: "a<b".to_owned(),
            value,
            spread: None,
            note: "n".to_owned(),
            hint: "h".to_owned(),
            class: "peer",
        }
    }

    #[test]
    fn lengths_are_in_proportion() {
        let svg = bars("t", &[bar(Ok(50.0)), bar(Ok(100.0))], None);
        assert!(svg.contains("width=\"96.0\"") && svg.contains("width=\"192.0\""), "{svg}");
        assert!(svg.contains("a&lt;b"));
    }

    #[test]
    fn a_failure_is_a_text_without_a_bar() {
        let svg = bars("t", &[bar(Err("failed".to_owned()))], Some(1.0));
        assert!(!svg.contains("<rect") && svg.contains("class=\"failed\""), "{svg}");
        assert!(svg.contains("class=\"mark\""));
    }
}
