//! The report as a page.

use std::fmt::{Display, Write as _};
use std::path::Path;

use eightbit_graph::quantize::{ActivationReport, Role};

use super::{Quantized, Row, accuracy, svg};
use crate::html::{self, Message, Text};
use crate::profiled::milliseconds;
use crate::report;

/// Ratios in dB below these are marked.
const DOUBTFUL_DB: f64 = 20.0;
const BAD_DB: f64 = 10.0;

/// The page: warnings, sizes, the error along the network, and a table of the nodes.
pub(crate) fn page(of: &Quantized<'_>) -> String {
    let mut body = String::new();
    let name = Path::new(of.model).file_name().map_or(of.model.into(), |name| name.to_string_lossy());
    let _ = write!(
        body,
        "<h1>{} in eight bits</h1>\n<p class=\"quiet path\">{} → {}, by eightbit {}</p>\n",
        Text(&name),
        Text(of.model),
        Text(of.output),
        env!("CARGO_PKG_VERSION")
    );
    warnings(&mut body, of);
    tiles(&mut body, of);
    accuracy::section(&mut body, of.report);
    errors(&mut body, of);
    table(&mut body, of);
    html::page(&format!("{name} in eight bits"), &body, include_str!("../html/sort.js"))
}

fn warnings(body: &mut String, of: &Quantized<'_>) {
    if of.report.warnings.is_empty() {
        return;
    }
    let count = report::count(of.report.warnings.len(), "warning");
    let _ = write!(body, "<section class=\"warnings\"><h2>{count}</h2><ul>");
    for warning in &of.report.warnings {
        let _ = write!(body, "<li>{}</li>", Message(&warning.to_string()));
    }
    body.push_str("</ul></section>\n");
}

fn tiles(body: &mut String, of: &Quantized<'_>) {
    let tile = |body: &mut String, value: &str, what: &str| {
        let _ = write!(body, "<div class=\"tile\"><b>{value}</b>{what}</div>");
    };
    body.push_str("<section class=\"tiles\">");
    let part = 100.0 * of.bytes_after as f64 / of.bytes_before.max(1) as f64;
    let sizes =
        format!("of the size: {} → {}", report::bytes(of.bytes_before), report::bytes(of.bytes_after));
    tile(body, &format!("{part:.1} %"), &sizes);
    let all = of.report.nodes.len();
    let tables = of.report.nodes.iter().filter(|node| node.role == Role::Table).count();
    let float = of.report.float().count();
    let others: Vec<String> = [(tables, "as tables"), (float, "as floats")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, how)| format!(", {count} {how}"))
        .collect();
    tile(
        body,
        &format!("{} of {all}", all - tables - float),
        &format!("nodes in eight bits{}", others.concat()),
    );
    if let Some(last) = of.report.layers.last() {
        let found = marked(last.accumulated_sqnr_db, &format!("{} dB", ratio(last.accumulated_sqnr_db)));
        tile(body, &found, "signal to noise at the last layer");
    }
    if let Some(times) = of.times {
        let [float, eight_bit] = times.totals.map(milliseconds);
        let what = format!("as fast: {float:.2} → {eight_bit:.2} ms, {}", Text(&times.run_by));
        tile(body, &format!("{:.2} ×", float / eight_bit.max(1e-9)), &what);
    }
    if let Some((lost, again)) = &of.report.accuracy {
        let floats = if again.is_empty() {
            String::new()
        } else {
            format!(", {} float again", report::count(again.len(), "node"))
        };
        tile(body, &accuracy::points(*lost), &format!("of accuracy lost on the examples{floats}"));
    }
    tile(body, &report::count(of.report.calibration.inputs, of.noun), "showed the ranges");
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
         <span class=\"key\" style=\"background:var(--accent)\"></span>all layers up to it</p>\n<div class=\"scroll\">{}</div>\n",
        svg::errors(&of.report.layers)
    );
}

fn table(body: &mut String, of: &Quantized<'_>) {
    // What rows are sorted by: text, or numbers beside others, or below a picture.
    const HEAD: [(&str, &str); 10] = [
        ("#", "number"),
        ("node", ""),
        ("runs in", ""),
        ("activation", "picture"),
        ("weights dB", "number"),
        ("alone dB", "number"),
        ("so far dB", "number"),
        ("float ms", "number"),
        ("eight-bit ms", "number"),
        ("kernel", ""),
    ];
    body.push_str("<h2>Nodes</h2>\n<table class=\"sortable cards\"><thead><tr>");
    for (name, class) in HEAD {
        let _ = write!(body, "<th scope=\"col\" class=\"{class}\">{name}</th>");
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for (index, row) in of.rows().iter().enumerate() {
        body.push_str("<tr>");
        number(body, "#", Some((index + 1) as f64), &(index + 1));
        let name = Text(&row.node.name).to_string();
        let _ = write!(
            body,
            "<td class=\"name\" data-sort=\"{name}\">{}<br><small>{}</small></td>",
            name.replace('/', "/<wbr>"),
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
    body.push_str("</tbody></table>\n");
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
        "<td class=\"picture\" data-label=\"activation\" data-sort=\"{}\"><span>{}<small>{} … {}{clamped}</small></span></td>",
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
        "<td class=\"kernel\" data-label=\"kernel\" data-sort=\"{kernel}\"><span title=\"{kernel}\">{kernel}</span></td>"
    );
}

/// A cell with a number, by which rows are sorted.
fn number(body: &mut String, label: &str, key: Option<f64>, text: &dyn Display) {
    // What is infinite has no place among numbers.
    let key = key.filter(|key| key.is_finite()).map_or_else(String::new, |key| key.to_string());
    let _ = write!(body, "<td class=\"number\" data-label=\"{label}\" data-sort=\"{key}\">{text}</td>");
}

fn decibels(body: &mut String, label: &str, found: Option<f64>) {
    let text = found.map_or_else(String::new, |found| marked(found, &ratio(found)));
    number(body, label, found, &text);
}

/// A ratio as it is shown, marked if it is low.
fn marked(ratio: f64, shown: &str) -> String {
    let class = match ratio {
        ratio if ratio < BAD_DB => "bad",
        ratio if ratio < DOUBTFUL_DB => "doubtful",
        _ => return shown.to_owned(),
    };
    format!("<span class=\"{class}\">{shown}</span>")
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
