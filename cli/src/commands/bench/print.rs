//! Measurements as JSON and as a table.

use std::io::Write;

use serde_json::json;

use super::session::Session;
use crate::bench::case::Case;
use crate::bench::peak::Peak;
use crate::bench::rates::Rates;
use crate::error::CliError;
use crate::report::{self, BOLD, DIM};

/// What all lines share.
pub(super) fn json_head(session: &Session) -> serde_json::Value {
    json!({
        "backend": session.setup.backend.name(),
        "threads": session.setup.threads,
        "clock": session.stopwatch.clock_name(),
    })
}

pub(super) fn json_line(
    operator: &str,
    session: &Session,
    peak: &Peak,
    case: &Case,
    rates: Rates,
) -> serde_json::Value {
    let mut line = json!({
        "operator": operator,
        "shape": case.shape,
        "types": case.types,
        "median_gops": rates.median,
        "max_gops": rates.range[1],
        "min_gops": rates.range[0],
        "samples": rates.samples,
        "fraction_of_peak": fraction(session, peak, rates),
        "path": case.path,
    });
    if let Some(verdict) = case.verdict {
        line["results_compared"] = verdict.compared.into();
        line["results_wrong"] = verdict.wrong.into();
    }
    line
}

/// A rate as a fraction of the peak of all threads.
fn fraction(session: &Session, peak: &Peak, rates: Rates) -> f64 {
    rates.median / (peak.rate() * session.setup.threads as f64)
}

pub(super) fn table_head(out: &mut dyn Write, session: &Session, peak: &Peak) -> Result<(), CliError> {
    writeln!(
        out,
        "backend {BOLD}{}{BOLD:#}, {}, {}, 1 Gop/s = 10⁹ multiplications and additions",
        session.setup.backend,
        report::count(session.setup.threads, "thread"),
        session.stopwatch.clock_name()
    )?;
    writeln!(out, "peak of a thread {BOLD}{:.1} Gop/s{BOLD:#}: {}", peak.rate(), peak.what)?;
    writeln!(
        out,
        "\n{BOLD}{:<28}  {:<14}  {:>8}  {:>6}  {:>17}{BOLD:#}",
        "shape", "types", "Gop/s", "peak", "min – max"
    )?;
    Ok(())
}

pub(super) fn table_line(
    out: &mut dyn Write,
    session: &Session,
    peak: &Peak,
    case: &Case,
    rates: Rates,
) -> Result<(), CliError> {
    let fraction = 100.0 * fraction(session, peak, rates);
    let range = format!("{:.1} – {:.1}", rates.range[0], rates.range[1]);
    let verdict = case.verdict.map_or_else(String::new, |verdict| format!("  {verdict}"));
    let (shape, types) = (report::fit(&case.shape, 28), &case.types);
    writeln!(
        out,
        "{shape:<28}  {types:<14}  {:>8.1}  {fraction:>4.0} %  {DIM}{range:>17}{DIM:#}{verdict}",
        rates.median
    )?;
    Ok(out.flush()?)
}
