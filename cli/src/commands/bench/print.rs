//! Prints measurements as comma-separated values, JSON or a table.

use std::io::Write;

use serde_json::json;

use super::Bench;
use crate::bench::Case;
use crate::bench::peak::Peak;
use crate::bench::timing::Rates;
use crate::error::CliError;
use crate::report::{self, BOLD, DIM};

pub(super) fn csv(
    out: &mut dyn Write,
    operator: &str,
    shape: &str,
    types: &str,
    rates: Rates,
    note: &str,
) -> Result<(), CliError> {
    let Rates { median, max, min, samples } = rates;
    writeln!(out, "eightbit,{operator},{shape},{types},yes,{median:.3},{max:.3},{min:.3},{samples},{note}")?;
    // Flush each line: the next may take a second.
    Ok(out.flush()?)
}

/// What all lines share.
pub(super) fn json_head(bench: &Bench) -> serde_json::Value {
    json!({
        "backend": bench.setup.backend.name(),
        "threads": bench.setup.threads,
        "clock": bench.stopwatch.clock_name(),
    })
}

pub(super) fn json_line(
    operator: &str,
    bench: &Bench,
    peak: &Peak,
    case: &Case,
    rates: Rates,
) -> serde_json::Value {
    let mut line = json!({
        "operator": operator,
        "shape": case.shape,
        "types": case.types,
        "median_gops": rates.median,
        "max_gops": rates.max,
        "min_gops": rates.min,
        "samples": rates.samples,
        "fraction_of_peak": fraction(bench, peak, rates),
        "path": case.path,
    });
    if let Some(verdict) = case.verdict {
        line["results_compared"] = verdict.compared.into();
        line["results_wrong"] = verdict.wrong.into();
    }
    line
}

/// A rate as a fraction of the peak of all threads.
fn fraction(bench: &Bench, peak: &Peak, rates: Rates) -> f64 {
    rates.median / (peak.rate() * bench.setup.threads as f64)
}

pub(super) fn table_head(out: &mut dyn Write, bench: &Bench, peak: &Peak) -> Result<(), CliError> {
    writeln!(
        out,
        "backend {BOLD}{}{BOLD:#}, {}, {}, 1 Gop/s = 10⁹ multiplications and additions",
        bench.setup.backend,
        report::count(bench.setup.threads, "thread"),
        bench.stopwatch.clock_name()
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
    bench: &Bench,
    peak: &Peak,
    case: &Case,
    rates: Rates,
) -> Result<(), CliError> {
    let fraction = 100.0 * fraction(bench, peak, rates);
    let range = format!("{:.1} – {:.1}", rates.min, rates.max);
    let verdict = case.verdict.map_or_else(String::new, |verdict| format!("  {verdict}"));
    let (shape, types) = (report::fit(&case.shape, 28), &case.types);
    writeln!(
        out,
        "{shape:<28}  {types:<14}  {:>8.1}  {fraction:>4.0} %  {DIM}{range:>17}{DIM:#}{verdict}",
        rates.median
    )?;
    Ok(out.flush()?)
}
