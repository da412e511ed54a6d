//! Whole networks.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::{Bench, on_demand, print};
use crate::args::ModelArgs;
use crate::bench::model;
use crate::engine::Settings;
use crate::error::CliError;
use crate::report::{self, BOLD, DIM};

pub(super) fn run(args: &ModelArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let bench = Bench::new(&args.measure, false, settings)?;
    if args.measure.stdin {
        let mut ready = None;
        return on_demand(out, |line, again, out| {
            if !again || ready.is_none() {
                // The memory of one network at a time.
                ready = None;
                ready = Some(model::case(&bench.setup, Path::new(line))?);
            }
            ready.iter_mut().try_for_each(|case| bench.csv(case, "model", out))
        });
    }
    if !args.measure.json && !args.measure.csv {
        let threads = report::count(bench.setup.threads, "thread");
        writeln!(
            out,
            "backend {BOLD}{}{BOLD:#}, {threads}, {}",
            bench.setup.backend,
            bench.stopwatch.clock_name()
        )?;
        writeln!(out, "\n{BOLD}{:<40}  {:<5}  {:>8}  {:>19}{BOLD:#}", "model", "types", "ms", "min – max")?;
    }
    let mut lines = Vec::new();
    for file in &args.files {
        let mut case = model::case(&bench.setup, file)?;
        if args.measure.csv {
            bench.csv(&mut case, "model", out)?;
            continue;
        }
        let rates = case.measure(&bench.stopwatch);
        // Rates are in runs per second.
        let [median, least, most] = [rates.median, rates.max, rates.min].map(|rate| 1e3 / rate);
        if args.measure.json {
            lines.push(json!({
                "model": case.shape,
                "types": case.types,
                "median_ms": median,
                "min_ms": least,
                "max_ms": most,
                "samples": rates.samples,
                "path": case.path,
            }));
            continue;
        }
        let (name, range) = (report::fit(&case.shape, 40), format!("{least:.2} – {most:.2}"));
        writeln!(out, "{name:<40}  {:<5}  {median:>8.2}  {DIM}{range:>19}{DIM:#}", case.types)?;
        out.flush()?;
    }
    if args.measure.json {
        let mut value = print::json_head(&bench);
        value["lines"] = lines.into();
        report::json(out, &value)?;
    }
    Ok(())
}
