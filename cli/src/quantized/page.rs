//! The report as a page.

use std::fmt::{Display, Write as _};

use eightbit_graph::quantize::{ActivationReport, Role};

use super::{Quantized, Row, svg};
use crate::html::{self, Text};
use crate::profiled::milliseconds;
use crate::report;

/// Ratios in dB below these are marked.
const DOUBTFUL_DB: f64 = 20.0;
const BAD_DB: f64 = 10.0;

/// The page: warnings, sizes, the error along the network, and a table of the nodes.
pub(crate) fn page(of: &Quantized<'_>) -> String {
    let mut body = String::new();
    let _ = write!(
        body,
        "<h1>{} in eight bits</h1>\n<p class=\"quiet\">written to {} by eightbit {}</p>\n",
        Text(of.model),
        Text(of.output),
        env!("CARGO_PKG_VERSION")
    );
    warnings(&mut body, of);
    tiles(&mut body, of);
    errors(&mut body, of);
    table(&mut body, of);
    html::page(&format!("{} in eight bits", of.model), &body, include_str!("../html/sort.js"))
}

fn warnings(body: &mut String, of: &Quantized<'_>) {
    if of.report.warnings.is_empty() {
        return;
    }
    let count = report::count(of.report.warnings.len(), "warning");
    let _ = write!(body, "<section class=\"warnings\"><h2>{count}</h2><ul>");
    for warning in &of.report.warnings {
        let _ = write!(body, "<li>{}</li>", Text(&warning.to_string()));
    }
    body.push_str("</ul></section>\n");
}

fn tiles(body: &mut String, of: &Quantized<'_>) {
    let tile = |body: &mut String, value: &dyn Display, what: &dyn Display| {
        let _ = write!(body, "<div class=\"tile\"><b>{value}</b>{what}</div>");
    };
    body.push_str("<section class=\"tiles\">");
    let part = 100.0 * of.bytes_after as f64 / of.bytes_before.max(1) as f64;
    let sizes = format!("{} → {}", report::bytes(of.bytes_before), report::bytes(of.bytes_after));
    tile(body, &format_args!("{part:.1} %"), &format_args!("of the size: {sizes}"));
    let count = |is: fn(&Role) -> bool| of.report.nodes.iter().filter(|node| is(&node.role)).count();
    let tables = count(|role| *role == Role::Table);
    let float = count(|role| matches!(role, Role::Float(_)));
    let eight_bit = of.report.nodes.len() - tables - float;
    tile(
        body,
        &format_args!("{eight_bit} of {}", of.report.nodes.len()),
        &format_args!("nodes in eight bits, {tables} as tables, {float} as floats"),
    );
    if let Some(last) = of.report.layers.last() {
        tile(body, &ratio(last.accumulated_sqnr_db), &"signal to noise at the last layer");
    }
    if let Some(times) = of.times {
        let [float, eight_bit] = times.totals.map(milliseconds);
        tile(
            body,
            &format_args!("{:.2} ×", float / eight_bit.max(1e-9)),
            &format_args!("as fast: {float:.2} → {eight_bit:.2} ms, {}", Text(&times.run_by)),
        );
    }
    let calibrated = of.report.calibration.inputs;
    tile(body, &calibrated, &format_args!("calibrated it: {}", report::count(calibrated, of.noun)));
    body.push_str("</section>\n");
}

fn errors(body: &mut String, of: &Quantized<'_>) {
    if of.report.layers.is_empty() {
        return;
    }
    let _ = write!(
        body,
        "<h2>Error along the network</h2>\n<p class=\"quiet\">Signal-to-noise ratio: at 20 dB the error is a tenth of the signal, at \
         40 dB a hundredth. <span class=\"key\" style=\"background:var(--second)\"></span>a layer alone, on exact inputs \
         <span class=\"key\" style=\"background:var(--accent)\"></span>all layers up to it</p>\n{}\n",
        svg::errors(&of.report.layers)
    );
}

fn table(body: &mut String, of: &Quantized<'_>) {
    const HEAD: [(&str, bool); 10] = [
        ("#", true),
        ("node", false),
        ("runs in", false),
        ("activation", true),
        ("weights dB", true),
        ("alone dB", true),
        ("so far dB", true),
        ("float ms", true),
        ("eight-bit ms", true),
        ("kernel", false),
    ];
    body.push_str("<h2>Nodes</h2>\n<div><table class=\"sortable cards\"><thead><tr>");
    for (name, is_number) in HEAD {
        let class = if is_number { " class=\"number\"" } else { "" };
        let _ = write!(body, "<th scope=\"col\"{class}>{name}</th>");
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for (index, row) in of.rows().iter().enumerate() {
        body.push_str("<tr>");
        number(body, "#", Some((index + 1) as f64), &(index + 1));
        let _ = write!(
            body,
            "<td class=\"name\" data-label=\"node\" data-sort=\"{0}\">{0}<br><small>{1}</small></td>",
            Text(&row.node.name),
            Text(&row.operators())
        );
        role(body, row);
        activation(body, row.activation);
        let layer = row.layer;
        decibels(body, "weights dB", row.weights.map(|weights| weights.sqnr_db));
        decibels(body, "alone dB", layer.map(|layer| layer.sqnr_db));
        decibels(body, "so far dB", layer.map(|layer| layer.accumulated_sqnr_db));
        times(body, row);
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody></table></div>\n");
}

fn role(body: &mut String, row: &Row<'_>) {
    let (role, why) = row.role();
    let class = if role == "eight-bit" { "eight" } else { role };
    let _ = write!(
        body,
        "<td data-label=\"runs in\" data-sort=\"{role}\"><span><span class=\"badge {class}\">{role}</span>"
    );
    if let Some(why) = why {
        let _ = write!(body, "<br><small>{}</small>", Text(why));
    }
    body.push_str("</span></td>");
}

fn activation(body: &mut String, of: Option<&ActivationReport>) {
    let Some(of) = of else { return body.push_str("<td data-label=\"activation\"></td>") };
    let clamped = if of.clamped > 0.0 {
        format!(", <span class=\"doubtful\">{} clamped</span>", percent(of.clamped))
    } else {
        String::new()
    };
    let _ = write!(
        body,
        "<td class=\"number\" data-label=\"activation\" data-sort=\"{}\"><span>{}<small>{} … {}{clamped}</small></span></td>",
        of.clamped,
        svg::histogram(of),
        short(of.covered.min),
        short(of.covered.max)
    );
}

fn times(body: &mut String, row: &Row<'_>) {
    let Some(time) = row.time else {
        return body.push_str("<td></td><td></td><td></td>");
    };
    let [float, eight_bit] = time.sides.each_ref().map(|side| milliseconds(side.time));
    number(body, "float ms", Some(float), &format_args!("{float:.3}"));
    let class = if eight_bit > float { "bad" } else { "good" };
    let text = format!("<span class=\"{class}\">{eight_bit:.3}</span>");
    number(body, "eight-bit ms", Some(eight_bit), &text);
    let kernel = Text(&time.sides[1].kernel);
    let _ = write!(
        body,
        "<td class=\"kernel\" data-label=\"kernel\" data-sort=\"{kernel}\"><span>{kernel}</span></td>"
    );
}

/// A cell with a number, by which rows are sorted.
fn number(body: &mut String, label: &str, key: Option<f64>, text: &dyn Display) {
    // What is infinite has no place among numbers.
    let key = key.filter(|key| key.is_finite()).map_or_else(String::new, |key| key.to_string());
    let _ = write!(body, "<td class=\"number\" data-label=\"{label}\" data-sort=\"{key}\">{text}</td>");
}

fn decibels(body: &mut String, label: &str, found: Option<f64>) {
    let text = match found {
        None => String::new(),
        Some(found) if found < BAD_DB => format!("<span class=\"bad\">{}</span>", ratio(found)),
        Some(found) if found < DOUBTFUL_DB => format!("<span class=\"doubtful\">{}</span>", ratio(found)),
        Some(found) => ratio(found),
    };
    number(body, label, found, &text);
}

fn ratio(ratio: f64) -> String {
    match ratio {
        f64::INFINITY => "exact".to_owned(),
        ratio if ratio.is_finite() => format!("{ratio:.1}"),
        _ => "none".to_owned(),
    }
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 0.001 { "&lt; 0.001 %".to_owned() } else { format!("{percent:.3} %") }
}

/// A number in about three digits.
fn short(number: f32) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if (0.01..1000.0).contains(&size) => format!("{number:.2}"),
        _ => format!("{number:.2e}"),
    }
}
