//! What was tried for accuracy, as a part of the page: aids, and the nodes that went back to float.

use std::fmt::Write as _;

use eightbit_graph::quantize::{AidReport, FloatAgain, QuantizeReport};

use crate::html::{Message, Text};
use crate::report;

/// Tables of what went back to float and of the aids, if there are any.
pub(super) fn section(body: &mut String, report: &QuantizeReport) {
    if let Some((lost, again)) = &report.accuracy {
        float_again(body, *lost, again);
    }
    aids(body, &report.aids);
}

/// Percentage points.
pub(super) fn points(lost: f64) -> String {
    format!("{lost:.2} points")
}

fn float_again(body: &mut String, lost: f64, again: &[FloatAgain]) {
    let how = match again.len() {
        0 => "with every node in eight bits that can be".to_owned(),
        count => format!("with {} in float again, in this order", report::count(count, "node")),
    };
    let _ = writeln!(
        body,
        "<h2>Accuracy</h2>\n<p class=\"quiet\">{} lost on the examples given, {how}.</p>",
        points(lost)
    );
    if again.is_empty() {
        return;
    }
    head(
        body,
        &[("float again", ""), ("noise less", "number"), ("ms more", "number"), ("lost then", "number")],
    );
    for node in again {
        let _ = writeln!(
            body,
            "<tr><td class=\"name\">{}</td><td class=\"number\">{}</td><td class=\"number\">{:.3}</td><td class=\"number\">{:.2}</td></tr>",
            Text(&node.node),
            format_args!("{:.2} %", 100.0 * node.gain),
            node.milliseconds,
            node.drop
        );
    }
    body.push_str(END);
}

fn aids(body: &mut String, aids: &[AidReport]) {
    if aids.is_empty() {
        return;
    }
    body.push_str(
        "<h2>Aids to accuracy</h2>\n<p class=\"quiet\">Error of the answers on examples held out, as a part of the signal: an aid is \
         kept where it falls.</p>\n",
    );
    head(body, &[("aid", ""), ("", ""), ("without", "number"), ("with", "number")]);
    for aid in aids {
        let (class, kept) = match (&aid.skipped, aid.kept) {
            (Some(_), _) => ("doubtful", "skipped"),
            (None, true) => ("good", "kept"),
            (None, false) => ("quiet", "not kept"),
        };
        let why = aid.skipped.as_ref().map(|reason| format!("<br><small>{}</small>", Message(reason)));
        // What was not tried has no error.
        let with = if aid.skipped.is_some() { String::new() } else { percent(aid.error_after) };
        let _ = writeln!(
            body,
            "<tr><td>{}{}</td><td class=\"{class}\">{kept}</td><td class=\"number\">{}</td><td class=\"number\">{with}</td></tr>",
            Text(&aid.name),
            why.unwrap_or_default(),
            percent(aid.error_before)
        );
    }
    body.push_str(END);
}

fn percent(part: f64) -> String {
    format!("{:.4} %", 100.0 * part)
}

/// What [`head`] opened.
const END: &str = "</tbody></table></div>\n";

/// The beginning of a table whose columns have these names and classes.
fn head(body: &mut String, columns: &[(&str, &str)]) {
    body.push_str("<div class=\"scroll\"><table><thead><tr>");
    for (name, class) in columns {
        let _ = write!(body, "<th scope=\"col\" class=\"{class}\">{name}</th>");
    }
    body.push_str("</tr></thead><tbody>\n");
}
