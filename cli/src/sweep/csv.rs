//! Every row as comma-separated values (RFC 4180).

use std::fmt::Write as _;

use super::{Row, Score, Sweep};

const HEAD: &str = "reduced,layer,bits,format,examples,top1,same_answer,score_error,sqnr_db,weight_bytes\n";

/// The file: the float network, whole networks, single layers. Parts are of 1; `top1` is empty without classes, `sqnr_db` without an error.
pub(crate) fn csv(sweep: &Sweep) -> String {
    let mut text = HEAD.to_owned();
    line(&mut text, ["nothing", "", "32", "float"], &sweep.float, sweep.float_bytes);
    for row in &sweep.rows {
        reduced(&mut text, "", row);
    }
    for layer in &sweep.layers {
        reduced(&mut text, &layer.layer, &layer.row);
    }
    text
}

fn reduced(text: &mut String, layer: &str, row: &Row) {
    let (bits, format) = (row.format.bits().to_string(), row.format.to_string());
    line(text, [row.part.name(), layer, &bits, &format], &row.score, row.bytes);
}

fn line(text: &mut String, words: [&str; 4], score: &Score, bytes: u64) {
    for word in words {
        let _ = write!(text, "{},", field(word));
    }
    let part = |count: usize| score.percent(count) / 100.0;
    let top1 = score.right.map_or_else(String::new, |right| part(right).to_string());
    let ratio = score.sqnr_db();
    let ratio = if ratio.is_finite() { ratio.to_string() } else { String::new() };
    let (same, error) = (part(score.same), score.mean_difference());
    let _ = writeln!(text, "{},{top1},{same},{error},{ratio},{bytes}", score.examples);
}

/// A field, in quotation marks where it needs them.
fn field(text: &str) -> String {
    let is_plain = !text.contains([',', '"', '\n', '\r']);
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_needed() {
        assert_eq!(field("conv"), "conv");
        assert_eq!(field("ap_fixed<16,6>"), "\"ap_fixed<16,6>\"");
        assert_eq!(field("a\"b\n"), "\"a\"\"b\n\"");
    }
}
