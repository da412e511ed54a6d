//! Whole networks.

use std::io::Write;
use std::path::Path;

use eightbit_graph::{StepTime, escaped};
use serde_json::json;

use super::session::Session;
use super::stdin::on_demand;
use super::{csv, print};
use crate::args::ModelArgs;
use crate::bench::model::Model;
use crate::engine::Settings;
use crate::error::CliError;
use crate::report::{self, BOLD, DIM};

pub(super) fn run(args: &ModelArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let session = Session::new(&args.measure, false, settings)?;
    if args.measure.stdin {
        let mut ready = None;
        return on_demand(out, |line, again, out| {
            if !again || ready.is_none() {
                // Hold one network in memory at a time.
                ready = None;
                ready = Some(Model::open(&session.setup, Path::new(line), &args.fix)?.case());
            }
            ready.iter_mut().try_for_each(|case| csv::measure(&session, case, "model", out))
        });
    }
    if args.steps {
        return steps(args, &session, out);
    }
    if !args.measure.json && !args.measure.csv {
        let threads = report::count(session.setup.threads, "thread");
        writeln!(
            out,
            "backend {BOLD}{}{BOLD:#}, {threads}, {}",
            session.setup.backend,
            session.stopwatch.clock_name()
        )?;
        writeln!(out, "\n{BOLD}{:<40}  {:<5}  {:>8}  {:>19}{BOLD:#}", "model", "types", "ms", "min – max")?;
    }
    let mut lines = Vec::new();
    for file in &args.files {
        let mut case = Model::open(&session.setup, file, &args.fix)?.case();
        if args.measure.csv {
            csv::measure(&session, &mut case, "model", out)?;
            continue;
        }
        let rates = case.measure(&session.stopwatch);
        // Rates are in runs per second.
        let [median, least, most] = [rates.median, rates.range[1], rates.range[0]].map(|rate| 1e3 / rate);
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
        let mut value = print::json_head(&session);
        value["lines"] = lines.into();
        report::json(out, &value)?;
    }
    Ok(())
}

/// The time of each network's steps.
fn steps(args: &ModelArgs, session: &Session, out: &mut dyn Write) -> Result<(), CliError> {
    if args.measure.csv {
        writeln!(out, "model,step,operator,us,share,kernel")?;
    }
    let mut models = Vec::new();
    for file in &args.files {
        let mut model = Model::open(&session.setup, file, &args.fix)?;
        let steps = model.steps(session.stopwatch.budget)?;
        let total: f64 = steps.iter().map(|step| step.time.as_secs_f64()).sum();
        let share = |step: &StepTime| step.time.as_secs_f64() / total;
        let us = |step: &StepTime| step.time.as_secs_f64() * 1e6;
        if args.measure.json {
            let line = |step: &StepTime| {
                json!({
                    "step": step.name,
                    "operator": step.op,
                    "us": us(step),
                    "share": share(step),
                    "kernel": step.description,
                })
            };
            let lines: Vec<_> = steps.iter().map(line).collect();
            models.push(json!({ "model": model.name, "total_us": total * 1e6, "steps": lines }));
        } else if args.measure.csv {
            for step in &steps {
                let [name, op, kernel] = [&step.name, &step.op, &step.description]
                    .map(|text| escaped(text).to_string().replace(',', ";"));
                let (us, share) = (us(step), share(step));
                writeln!(out, "{},{name},{op},{us:.1},{share:.4},{kernel}", model.name)?;
            }
        } else {
            writeln!(out, "{BOLD}{}{BOLD:#}, backend {}", model.name, session.setup.backend)?;
            writeln!(out, "{BOLD}{:>9}  {:>6}  {:<40}  kernel{BOLD:#}", "µs", "share", "step")?;
            for step in &steps {
                let (us, share) = (us(step), 100.0 * share(step));
                let (name, kernel) = (escaped(&step.name).to_string(), escaped(&step.description));
                let name = report::fit(&name, 40);
                writeln!(out, "{us:>9.1}  {share:>4.1} %  {name:<40}  {DIM}{kernel}{DIM:#}")?;
            }
            writeln!(out, "{:.2} ms in {}\n", total * 1e3, report::count(steps.len(), "step"))?;
        }
        out.flush()?;
    }
    if args.measure.json {
        let mut value = print::json_head(session);
        value["clock"] = "wall-clock time".into();
        value["models"] = models.into();
        report::json(out, &value)?;
    }
    Ok(())
}
