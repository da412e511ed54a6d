//! The sweep as a page.

use std::fmt::Write as _;
use std::path::Path;

use super::{Row, Score, Sweep, decibels, plot};
use crate::html::{self, Text};
use crate::report;

pub(crate) fn page(sweep: &Sweep) -> String {
    let name =
        Path::new(&sweep.path).file_name().map_or(sweep.path.as_str().into(), |name| name.to_string_lossy());
    let mut body = format!(
        "<h1>{} in fewer bits</h1>\n<p class=\"quiet path\">{}, by eightbit {}; calibrated with {}, answered {}</p>\n",
        Text(&name),
        Text(&sweep.path),
        env!("CARGO_PKG_VERSION"),
        report::count(sweep.calibrated, sweep.noun),
        report::count(sweep.float.examples, sweep.noun)
    );
    tiles(&mut body, sweep);
    let _ = writeln!(body, "<div class=\"scroll\">{}</div>", plot::embedded(sweep));
    table(&mut body, sweep);
    layers(&mut body, sweep);
    html::page(&format!("{name} in fewer bits"), &body, include_str!("../html/sort.js"))
}

/// The fewest bits that will do.
fn tiles(body: &mut String, sweep: &Sweep) {
    body.push_str("<section class=\"tiles\">");
    for series in sweep.series() {
        let format = sweep.enough(series).map_or("none tried".to_owned(), |row| row.format.to_string());
        let (format, what) = (Text(&format), series.first().map_or("", |row| row.part.name()));
        let drop = sweep.accuracy_drop;
        let _ = write!(
            body,
            "<div class=\"tile\"><b>{format}</b>{what}: the fewest bits, if {drop:.2} points may be lost</div>"
        );
    }
    body.push_str("</section>\n");
}

fn head(body: &mut String, title: &str, columns: &[(&str, &str)]) {
    let _ = write!(body, "<h2>{title}</h2>\n<table class=\"sortable\"><thead><tr>");
    for (name, class) in columns {
        let _ = write!(body, "<th scope=\"col\" class=\"{class}\">{name}</th>");
    }
    body.push_str("</tr></thead><tbody>\n");
}

const NUMBERS: [(&str, &str); 6] = [
    ("to bits", "number"),
    ("top-1", "number"),
    ("same answer", "number"),
    ("score error", "number"),
    ("dB", "number"),
    ("weights", "number"),
];

fn table(body: &mut String, sweep: &Sweep) {
    head(body, "Whole network", &[&[("reduced", "")][..], &NUMBERS].concat());
    cells(body, &["nothing"], ("32", 32.0), &sweep.float, sweep.float_bytes);
    for row in &sweep.rows {
        reduced(body, &[row.part.name()], row);
    }
    body.push_str("</tbody></table>\n");
}

fn layers(body: &mut String, sweep: &Sweep) {
    if sweep.layers.is_empty() {
        return;
    }
    head(
        body,
        "One layer at a time",
        &[&[("reduced", ""), ("layer", ""), ("operator", "")][..], &NUMBERS].concat(),
    );
    for layer in &sweep.layers {
        reduced(body, &[layer.row.part.name(), &layer.layer, &layer.op], &layer.row);
    }
    body.push_str("</tbody></table>\n");
}

fn reduced(body: &mut String, words: &[&str], row: &Row) {
    cells(body, words, (&row.format.to_string(), row.format.bits().into()), &row.score, row.bytes);
}

fn cells(body: &mut String, words: &[&str], format: (&str, f64), score: &Score, bytes: u64) {
    body.push_str("<tr>");
    for word in words {
        let _ = write!(body, "<td class=\"name\">{}</td>", Text(word));
    }
    let bytes_shown = report::bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
    let percent = |count: usize| report::percent(count, score.examples);
    let numbers = [
        (Text(format.0).to_string(), format.1),
        (score.right.map_or_else(String::new, percent), score.right.unwrap_or(0) as f64),
        (percent(score.same), score.same as f64),
        (format!("{:.4}", score.mean_difference()), score.mean_difference()),
        (decibels(score.sqnr_db()), score.sqnr_db()),
        (bytes_shown, bytes as f64),
    ];
    for (shown, number) in numbers {
        let _ = write!(body, "<td class=\"number\" data-sort=\"{number}\">{shown}</td>");
    }
    body.push_str("</tr>\n");
}
