//! Measurements as comma-separated values.

use std::io::Write;

use super::session::Session;
use crate::bench::case::Case;
use crate::bench::rates::Rates;
use crate::error::CliError;

/// Measures a case and prints it.
pub(super) fn measure(
    session: &Session,
    case: &mut Case,
    operator: &str,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let rates = case.measure(&session.stopwatch);
    let mut note = session.setup.backend.to_string();
    if let Some(verdict) = case.verdict {
        note += &format!(";{verdict}");
    }
    line(out, operator, &case.shape, &case.types, rates, &note)
}

/// Prints a line.
pub(super) fn line(
    out: &mut dyn Write,
    operator: &str,
    shape: &str,
    types: &str,
    rates: Rates,
    note: &str,
) -> Result<(), CliError> {
    let Rates { median, range: [min, max], samples } = rates;
    writeln!(out, "eightbit,{operator},{shape},{types},yes,{median:.3},{max:.3},{min:.3},{samples},{note}")?;
    // Flush each line: the next may take a second.
    Ok(out.flush()?)
}
