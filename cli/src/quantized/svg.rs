//! Drawings in a page: histograms, and the error along the network.

use std::fmt::Write as _;

use eightbit_graph::quantize::{ActivationReport, LayerError};

use crate::html::Text;

/// The size of a histogram.
const BAR: f64 = 3.0;
const HEIGHT: f64 = 36.0;

/// The numbers of an activation, with the ends of what bytes cover. Heights are square roots: a few large numbers matter.
pub(super) fn histogram(of: &ActivationReport) -> String {
    let width = BAR * of.bars.len() as f64;
    let [min, max] = [of.observed.min, of.observed.max].map(f64::from);
    let span = max - min;
    let place = |number: f32| if span > 0.0 { (f64::from(number) - min) / span * width } else { 0.0 };
    let ends = [place(of.covered.min), place(of.covered.max)];
    let most = of.bars.iter().copied().max().unwrap_or(0) as f64;
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{HEIGHT}\" viewBox=\"0 0 {width} {HEIGHT}\" role=\"img\" aria-label=\"histogram\">"
    );
    for (at, &count) in of.bars.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = ((count as f64 / most).sqrt() * (HEIGHT - 2.0)).max(1.0);
        let (x, y) = (at as f64 * BAR, HEIGHT - height);
        let middle = x + BAR / 2.0;
        let class = if middle < ends[0] - BAR || middle > ends[1] + BAR { "bar out" } else { "bar" };
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            BAR - 0.5
        );
    }
    for end in ends.into_iter().filter(|end| (0.0..=width).contains(end)) {
        let _ =
            write!(svg, "<line class=\"clip\" x1=\"{end:.1}\" x2=\"{end:.1}\" y1=\"0\" y2=\"{HEIGHT}\"/>");
    }
    svg + "</svg>"
}

/// The size of the drawing of errors, and the room around its axes.
const WIDE: f64 = 1000.0;
const TALL: f64 = 260.0;
const LEFT: f64 = 40.0;
const AROUND: f64 = 14.0;
/// Ratios are drawn up to this one.
const MOST_DB: f64 = 60.0;

/// The error of each layer alone and of all layers up to it, in execution order.
pub(super) fn errors(layers: &[LayerError]) -> String {
    let shown = |ratio: f64| if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, MOST_DB) };
    let best = layers.iter().flat_map(|layer| [layer.sqnr_db, layer.accumulated_sqnr_db]).map(shown);
    let top = (best.fold(10.0, f64::max) / 10.0).ceil() * 10.0;
    let x = |at: usize| {
        LEFT + (WIDE - LEFT - AROUND)
            * if layers.len() > 1 { at as f64 / (layers.len() - 1) as f64 } else { 0.5 }
    };
    let y = |ratio: f64| AROUND + (TALL - 2.0 * AROUND) * (1.0 - shown(ratio) / top);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDE} {TALL}\" width=\"100%\" role=\"img\" aria-label=\"signal-to-noise ratio along the network\">"
    );
    for line in 0..=(top / 10.0) as u32 {
        let ratio = f64::from(line) * 10.0;
        let at = y(ratio);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{ratio} dB</text>",
            WIDE - AROUND,
            LEFT - 6.0,
            at + 4.0
        );
    }
    let points: Vec<String> = layers
        .iter()
        .enumerate()
        .map(|(at, layer)| format!("{:.1},{:.1}", x(at), y(layer.accumulated_sqnr_db)))
        .collect();
    let _ = write!(svg, "<polyline class=\"far\" points=\"{}\"/>", points.join(" "));
    for (at, layer) in layers.iter().enumerate() {
        let name = Text(&layer.node);
        for (class, ratio, what) in
            [("alone-dot", layer.sqnr_db, "alone"), ("far-dot", layer.accumulated_sqnr_db, "up to here")]
        {
            let _ = write!(
                svg,
                "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{name}: {ratio:.1} dB {what}</title></circle>",
                x(at),
                y(ratio)
            );
        }
    }
    svg + "</svg>"
}
