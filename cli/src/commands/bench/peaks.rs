//! The peak of the CPU's multipliers.

use std::io::Write;

use serde_json::json;

use super::session::Session;
use super::stdin::on_demand;
use super::{csv, print};
use crate::args::MeasureArgs;
use crate::bench::peak;
use crate::engine::Settings;
use crate::error::CliError;
use crate::report::{self, BOLD};

pub(super) fn run(args: &MeasureArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let session = Session::new(args, false, settings)?;
    let backend = session.setup.backend;
    let print = |out: &mut dyn Write| {
        peak::all(backend, &session.one_thread())?.iter().try_for_each(|peak| {
            csv::line(out, "peak", "registers", &peak.what.replace(',', ";"), peak.rates, backend.name())
        })
    };
    if args.stdin {
        return on_demand(out, |_, _, out| print(out));
    }
    if args.csv {
        return print(out);
    }
    let peak = session.peak()?;
    if args.json {
        let mut value = print::json_head(&session);
        value["peak"] = json!({ "gops": peak.rate(), "what": peak.what });
        return Ok(report::json(out, &value)?);
    }
    writeln!(
        out,
        "backend {BOLD}{}{BOLD:#}: {BOLD}{:.1} Gop/s{BOLD:#}, {}",
        backend,
        peak.rate(),
        peak.what
    )?;
    Ok(())
}
