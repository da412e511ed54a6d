//! `eightbit bench`: how fast the kernels are, shape by shape.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use eightbit::Backend;
use serde_json::json;

use crate::args::{BenchArgs, BenchKind};
use crate::bench::peak::{self, Peak};
use crate::bench::{Line, conv, gemm, shapes, timing};
use crate::error::CliError;
use crate::report::{self, BOLD, DIM};

pub(crate) fn run(args: &BenchArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let backend = match &args.backend {
        Some(name) => {
            Backend::by_name(name).map_err(|error| CliError::Usage(format!("--backend: {error}")))?
        }
        None => Backend::best()?,
    };
    let wanted = |name: &str| args.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    let budget = Duration::from_millis(args.budget);
    // The jobs are known to make sense before the first is measured.
    let jobs: Vec<Job> = match args.kind {
        BenchKind::Gemm => {
            let (path, text) = shape_file(args, shapes::GEMM)?;
            shapes::gemm(&path, &text)?
                .into_iter()
                .filter(|shape| wanted(&shape.name))
                .map(Job::Gemm)
                .collect()
        }
        BenchKind::Conv => {
            let (path, text) = shape_file(args, shapes::CONV)?;
            shapes::conv(&path, &text)?
                .into_iter()
                .filter(|shape| wanted(&shape.name))
                .map(Job::Conv)
                .collect()
        }
    };
    if jobs.is_empty() {
        let filter = args.filter.as_deref().unwrap_or_default();
        return Err(CliError::Invalid(format!("no shape has {filter:?} in its name")));
    }
    if args.csv {
        return jobs.iter().try_for_each(|job| {
            job.measure(backend, budget)?.iter().try_for_each(|line| csv(out, job.operator(), backend, line))
        });
    }
    let peak = peak::measure(backend, budget)?;
    if args.json {
        let mut lines = Vec::new();
        for job in &jobs {
            lines.extend(
                job.measure(backend, budget)?.iter().map(|line| json_line(job.operator(), &peak, line)),
            );
        }
        let value = json!({
            "backend": backend.name(),
            "threads": 1,
            "clock": timing::CLOCK,
            "peak": { "gops": peak.rate, "what": peak.what },
            "lines": lines,
        });
        return Ok(report::json(out, &value)?);
    }
    table(out, backend, &peak, &jobs, budget)
}

enum Job {
    Gemm(shapes::GemmShape),
    Conv(shapes::ConvShape),
}

impl Job {
    /// The operator's name as the drivers of the peers write it.
    fn operator(&self) -> &'static str {
        match self {
            Self::Gemm(_) => "matmul",
            Self::Conv(_) => "conv",
        }
    }

    fn measure(&self, backend: Backend, budget: Duration) -> Result<Vec<Line>, eightbit::Error> {
        match self {
            Self::Gemm(shape) => gemm::lines(backend, shape, budget),
            Self::Conv(shape) => Ok(vec![conv::line(backend, shape, budget)?]),
        }
    }
}

fn shape_file(args: &BenchArgs, embedded: &str) -> Result<(PathBuf, String), CliError> {
    match &args.shapes {
        None => Ok((PathBuf::from("the embedded shapes"), embedded.to_owned())),
        Some(path) => Ok((path.clone(), crate::labels::read_text(path)?)),
    }
}

fn csv(out: &mut dyn Write, operator: &str, backend: Backend, line: &Line) -> Result<(), CliError> {
    let Line { shape, types, rates, .. } = line;
    writeln!(
        out,
        "eightbit,{operator},{shape},{types},yes,{:.3},{:.3},{:.3},{},{backend}",
        rates.median, rates.max, rates.min, rates.samples
    )?;
    // Each line as it comes: the next may take a second.
    Ok(out.flush()?)
}

fn json_line(operator: &str, peak: &Peak, line: &Line) -> serde_json::Value {
    json!({
        "operator": operator,
        "shape": line.shape,
        "types": line.types,
        "median_gops": line.rates.median,
        "max_gops": line.rates.max,
        "min_gops": line.rates.min,
        "samples": line.rates.samples,
        "fraction_of_peak": line.rates.median / peak.rate,
        "path": line.path,
    })
}

fn table(
    out: &mut dyn Write,
    backend: Backend,
    peak: &Peak,
    jobs: &[Job],
    budget: Duration,
) -> Result<(), CliError> {
    writeln!(
        out,
        "backend {BOLD}{backend}{BOLD:#}, 1 thread, {}, 1 Gop/s = 10⁹ multiplications and additions",
        timing::CLOCK
    )?;
    writeln!(out, "peak {BOLD}{:.1} Gop/s{BOLD:#}: {}", peak.rate, peak.what)?;
    writeln!(
        out,
        "\n{BOLD}{:<28}  {:<18}  {:>8}  {:>6}  {:>17}{BOLD:#}",
        "shape", "types", "Gop/s", "peak", "min – max"
    )?;
    for job in jobs {
        for Line { shape, types, rates, .. } in job.measure(backend, budget)? {
            let fraction = 100.0 * rates.median / peak.rate;
            let range = format!("{:.1} – {:.1}", rates.min, rates.max);
            writeln!(
                out,
                "{:<28}  {types:<18}  {:>8.1}  {fraction:>4.0} %  {DIM}{range:>17}{DIM:#}",
                report::fit(&shape, 28),
                rates.median
            )?;
            out.flush()?;
        }
    }
    Ok(())
}
