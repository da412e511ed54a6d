//! The curve as a picture: accuracy and loss by epoch.

use std::fmt::Write as _;

use eightbit_train::Epoch;

use crate::html;
use crate::picture::{self, BOTTOM, LEFTS, PANEL, TALL, TOP};

/// Of what is trained with and of what is not.
const COLOURS: [&str; 2] = ["#b4540a", "#0b62c4"];
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1c2127}.tick{fill:#5d6773}.grid{stroke:#d9dde3}\
    .stage{stroke:#5d6773;stroke-dasharray:5 4}polyline{fill:none;stroke-width:2}";

/// The plot as a file.
pub(crate) fn svg(title: &str, curve: &[Epoch]) -> String {
    let mut svg = String::new();
    // Wrong answers by their logarithm: half a point matters at the end, and not in the beginning.
    let wrong = |accuracy: f64| (100.0 * (1.0 - accuracy)).max(0.01);
    let loss = |loss: f64| loss.max(1e-4);
    panel(&mut svg, LEFTS[0], "wrong answers, %, by epoch", curve, |epoch| {
        [wrong(epoch.accuracy), wrong(epoch.test_accuracy)]
    });
    panel(&mut svg, LEFTS[1], "cross-entropy, by epoch", curve, |epoch| {
        [loss(epoch.loss), loss(epoch.test_loss)]
    });
    for (index, name) in ["trained with", "not trained with"].iter().enumerate() {
        let (x, y) = (LEFTS[0] + 130.0 * index as f64, TALL - 14.0);
        let _ = writeln!(
            svg,
            "<polyline stroke=\"{0}\" points=\"{x},{1} {2},{1}\"/><text x=\"{3}\" y=\"{y}\">{name}</text>",
            COLOURS[index],
            y - 4.0,
            x + 20.0,
            x + 26.0
        );
    }
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{}</text>", LEFTS[1], TALL - 14.0, html::Text(title));
    picture::file("accuracy and loss by epoch", STYLE, &svg)
}

/// An area with axes, of which the vertical one is logarithmic.
fn panel(svg: &mut String, left: f64, title: &str, curve: &[Epoch], values: impl Fn(&Epoch) -> [f64; 2]) {
    let all: Vec<[f64; 2]> = curve.iter().map(values).collect();
    let logarithms = all.iter().flatten().map(|value| value.log10());
    let low = logarithms.clone().fold(f64::INFINITY, f64::min).floor().clamp(-4.0, 3.0);
    let high = logarithms.fold(f64::NEG_INFINITY, f64::max).ceil().clamp(low + 1.0, 4.0);
    let right = left + PANEL;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * (value.log10().clamp(low, high) - low) / (high - low);
    let last = (curve.len().saturating_sub(1)).max(1) as f64;
    let x = |index: usize| left + 12.0 + (PANEL - 24.0) * index as f64 / last;
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\">{title}</text>", TOP - 18.0);
    for exponent in low as i32..=high as i32 {
        let value = 10f64.powi(exponent);
        let y = y(value);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            left - 6.0,
            y + 4.0
        );
    }
    let step = curve.len().div_ceil(12).max(1);
    for (index, epoch) in curve.iter().enumerate() {
        if index % step == 0 {
            let _ = writeln!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x(index),
                BOTTOM + 18.0,
                epoch.number
            );
        }
        if index > 0 && curve[index - 1].stage != epoch.stage {
            let between = (x(index - 1) + x(index)) / 2.0;
            let _ = writeln!(
                svg,
                "<line class=\"stage\" x1=\"{between:.1}\" x2=\"{between:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                between + 4.0,
                TOP + 10.0,
                epoch.stage.name()
            );
        }
    }
    for (which, colour) in COLOURS.iter().enumerate() {
        let point = |(index, values): (usize, &[f64; 2])| format!("{:.1},{:.1}", x(index), y(values[which]));
        let points: Vec<String> = all.iter().enumerate().map(point).collect();
        let _ = writeln!(svg, "<polyline stroke=\"{colour}\" points=\"{}\"/>", points.join(" "));
    }
}
