//! The plot: accuracy, and the ratio of signal to noise, against bits.

use std::fmt::Write as _;

use super::{Part, Row, Sweep};
use crate::picture::{self, BOTTOM, LEFTS, PANEL, TALL, TOP, WIDE};

/// Ratios are drawn up to this one.
const MOST_DB: f64 = 60.0;

const LABEL: &str = "accuracy and signal-to-noise ratio against bits";

/// The colours of the parts, of one brightness, and the shapes of their marks, for those who do not tell the colours apart.
const COLOURS: [&str; 5] = ["#0b62c4", "#b4540a", "#1a7f37", "#8250df", "#b3261e"];

/// What the plot looks like wherever it is.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1c2127}.tick{fill:#5d6773}.grid{stroke:#d9dde3}\
    .float{stroke:#5d6773;stroke-dasharray:5 4}polyline{fill:none;stroke-width:2}";

/// The plot as a file of its own.
pub(crate) fn svg(sweep: &Sweep) -> String {
    picture::file(LABEL, STYLE, &drawing(sweep))
}

/// The plot as a part of a page.
pub(super) fn embedded(sweep: &Sweep) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDE} {TALL}\" width=\"100%\" role=\"img\" aria-label=\"{LABEL}\">\
         {}</svg>",
        drawing(sweep)
    )
}

/// An area with axes.
struct Panel {
    left: f64,
    /// The bits at its left and right end.
    bits: (f64, f64),
    /// The greatest value.
    most: f64,
}

impl Panel {
    fn x(&self, bits: f64) -> f64 {
        let (first, last) = self.bits;
        let part = if last > first { (bits - first) / (last - first) } else { 0.5 };
        self.left + 12.0 + (PANEL - 24.0) * part
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * value.clamp(0.0, self.most) / self.most
    }

    /// The title, and a line for every `step` of the values.
    fn axes(&self, svg: &mut String, title: &str, step: f64) {
        let (left, right) = (self.left, self.left + PANEL);
        let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\">{title}</text>", TOP - 18.0);
        for line in 0..=(self.most / step) as u32 {
            let value = f64::from(line) * step;
            let y = self.y(value);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                left - 6.0,
                y + 4.0
            );
        }
        for bits in self.bits.0 as u32..=self.bits.1 as u32 {
            let x = self.x(f64::from(bits));
            let _ = writeln!(
                svg,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{bits}</text>",
                BOTTOM + 18.0
            );
        }
    }

    /// The values of one part of the network.
    fn line(&self, svg: &mut String, part: Part, rows: &[Row], value: impl Fn(&Row) -> f64, unit: &str) {
        let colour = COLOURS[part as usize];
        let places: Vec<(f64, f64, f64)> = rows
            .iter()
            .map(|row| {
                let value = value(row);
                (self.x(row.format.bits().into()), self.y(if value.is_nan() { 0.0 } else { value }), value)
            })
            .collect();
        let points: Vec<String> = places.iter().map(|(x, y, _)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline stroke=\"{colour}\" fill=\"none\" stroke-width=\"2\" points=\"{}\"/>",
            points.join(" ")
        );
        for (row, (x, y, value)) in rows.iter().zip(places) {
            let what = format!("{} {}: {value:.1}{unit}", part.name(), row.format)
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            let _ = writeln!(svg, "{}<title>{what}</title></path>", mark(part, x, y));
        }
    }
}

/// The beginning of the mark of a part: a circle, a square, a triangle, a diamond, a triangle upside down.
fn mark(part: Part, x: f64, y: f64) -> String {
    let outline = match part {
        Part::Inputs => "a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        Part::Weights => "v-4h8v8h-8z",
        Part::Activations => "m0 3.5h8l-4 -8z",
        Part::All => "l4 -5 4 5 -4 5z",
        Part::Fixed => "m0 -3.5h8l-4 8z",
    };
    format!("<path fill=\"{}\" d=\"M{:.1} {y:.1}{outline}\">", COLOURS[part as usize], x - 4.0)
}

fn drawing(sweep: &Sweep) -> String {
    let bits = || sweep.rows.iter().map(|row| f64::from(row.format.bits()));
    let bits = (bits().fold(f64::INFINITY, f64::min).min(24.0), bits().fold(1.0, f64::max));
    let ratios = sweep.rows.iter().map(|row| row.score.sqnr_db()).filter(|ratio| ratio.is_finite());
    let most_db = (ratios.fold(10.0, f64::max).min(MOST_DB) / 10.0).ceil() * 10.0;
    let accuracy = Panel { left: LEFTS[0], bits, most: 100.0 };
    let ratio = Panel { left: LEFTS[1], bits, most: most_db };
    let what = if sweep.float.right.is_some() {
        "right answers (top-1), %, by bits"
    } else {
        "same answers as in floats, %, by bits"
    };
    let mut svg = String::new();
    accuracy.axes(&mut svg, what, 20.0);
    ratio.axes(&mut svg, "signal to noise at the outputs, dB, by bits", 10.0);
    let y = accuracy.y(sweep.float.accuracy());
    let _ = writeln!(
        svg,
        "<line class=\"float\" stroke=\"#5d6773\" stroke-dasharray=\"5 4\" x1=\"{}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
        LEFTS[0],
        LEFTS[0] + PANEL
    );
    let mut at = LEFTS[0];
    let mut last = None;
    for rows in sweep.series() {
        let Some(part) = rows.first().map(|row| row.part) else { continue };
        accuracy.line(&mut svg, part, rows, |row| row.score.accuracy(), " %");
        ratio.line(&mut svg, part, rows, |row| row.score.sqnr_db(), " dB");
        // Several fixed points have one entry in the legend.
        if last.replace(part) == Some(part) {
            continue;
        }
        let (text, below) = (part.name(), TALL - 14.0);
        let _ = writeln!(
            svg,
            "{}</path><text x=\"{:.0}\" y=\"{below}\">{text}</text>",
            mark(part, at + 4.0, below - 4.0),
            at + 14.0
        );
        at += 44.0 + 8.0 * text.len() as f64;
    }
    let _ = writeln!(svg, "<text class=\"tick\" x=\"{at:.0}\" y=\"{}\">- - float</text>", TALL - 14.0);
    svg
}
