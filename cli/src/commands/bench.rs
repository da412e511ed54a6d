//! `eightbit bench`: how fast the kernels are, shape by shape, and whole networks.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use eightbit::Backend;
use serde_json::json;

use crate::args::{BenchArgs, BenchCommand, KernelArgs, MeasureArgs, ModelArgs};
use crate::bench::peak::{self, Peak};
use crate::bench::timing::{Clock, Rates, Stopwatch};
use crate::bench::types::Types;
use crate::bench::{Case, Setup, conv, gemm, model, shapes};
use crate::engine::Settings;
use crate::error::CliError;
use crate::report::{self, BOLD, DIM};

pub(crate) fn run(args: &BenchArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    match &args.what {
        BenchCommand::Gemm(args) => kernels(Kind::Gemm, args, settings, out),
        BenchCommand::Conv(args) => kernels(Kind::Conv, args, settings, out),
        BenchCommand::Model(args) => models(args, settings, out),
        BenchCommand::Peak(args) => peaks(args, settings, out),
    }
}

/// Which kernels are measured.
#[derive(Clone, Copy)]
enum Kind {
    Gemm,
    Conv,
}

impl Kind {
    /// The operator's name as the drivers of the peers write it.
    fn operator(self) -> &'static str {
        match self {
            Self::Gemm => "matmul",
            Self::Conv => "conv",
        }
    }

    fn default_types(self) -> &'static [Types] {
        match self {
            Self::Gemm => &[Types::U8S8S32, Types::S8S8S32, Types::U8S8U8],
            Self::Conv => &[Types::U8S8U8],
        }
    }

    fn shapes(self, path: &Path, text: &str) -> Result<Vec<Shape>, CliError> {
        Ok(match self {
            Self::Gemm => shapes::gemm(path, text)?.into_iter().map(Shape::Gemm).collect(),
            Self::Conv => shapes::conv(path, text)?.into_iter().map(Shape::Conv).collect(),
        })
    }
}

enum Shape {
    Gemm(shapes::GemmShape),
    Conv(shapes::ConvShape),
}

impl Shape {
    fn is_wanted(&self, filter: &str) -> bool {
        let (name, class) = match self {
            Self::Gemm(shape) => (&shape.name, &shape.class),
            Self::Conv(shape) => (&shape.name, &shape.class),
        };
        name.contains(filter) || class == filter
    }

    fn case(&self, setup: &Setup, types: Types) -> Result<Case, eightbit::Error> {
        match self {
            Self::Gemm(shape) => gemm::case(setup, shape, types),
            Self::Conv(shape) => conv::case(setup, shape, types),
        }
    }
}

/// What all commands measure with.
struct Bench {
    setup: Setup,
    stopwatch: Stopwatch,
}

impl Bench {
    fn new(args: &MeasureArgs, check: bool, settings: &Settings) -> Result<Self, CliError> {
        let backend = match &args.backend {
            Some(name) => {
                Backend::by_name(name).map_err(|error| CliError::Usage(format!("--backend: {error}")))?
            }
            None => settings.backend,
        };
        let threads = settings.threads;
        Ok(Self {
            setup: Setup { backend, threads, check },
            stopwatch: Stopwatch {
                budget: Duration::from_millis(args.budget),
                threads,
                clock: args.clock.unwrap_or(Clock::for_threads(threads)),
            },
        })
    }

    fn one_thread(&self) -> Stopwatch {
        Stopwatch { threads: 1, clock: Clock::for_threads(1), ..self.stopwatch }
    }

    /// The peak of one thread.
    fn peak(&self) -> Result<Peak, CliError> {
        Ok(peak::measure(self.setup.backend, &self.one_thread())?)
    }

    /// Measures a case and prints it as a line of comma-separated values.
    fn csv(&self, case: &mut Case, operator: &str, out: &mut dyn Write) -> Result<(), CliError> {
        let rates = case.measure(&self.stopwatch);
        let mut note = self.setup.backend.to_string();
        if let Some(verdict) = case.verdict {
            note += &format!(";{verdict}");
        }
        csv(out, operator, &case.shape, &case.types, rates, &note)
    }
}

fn kernels(kind: Kind, args: &KernelArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let bench = Bench::new(&args.measure, args.check, settings)?;
    let types = if args.types.is_empty() { kind.default_types() } else { &args.types };
    let cases = |shape: &Shape| -> Result<Vec<Case>, CliError> {
        types.iter().map(|&types| Ok(shape.case(&bench.setup, types)?)).collect()
    };
    if args.measure.stdin {
        let mut ready = Vec::new();
        return on_demand(out, |line, again, out| {
            if !again {
                ready.clear();
                for shape in kind.shapes(Path::new("standard input"), line)? {
                    ready.append(&mut cases(&shape)?);
                }
            }
            ready.iter_mut().try_for_each(|case| bench.csv(case, kind.operator(), out))
        });
    }
    let (path, text) = shape_file(kind, args)?;
    let filter = args.filter.as_deref().unwrap_or_default();
    // All shapes are known to make sense before the first is measured.
    let mut shapes = kind.shapes(&path, &text)?;
    shapes.retain(|shape| shape.is_wanted(filter));
    if shapes.is_empty() {
        return Err(CliError::Invalid(format!("no shape has {filter:?} in its name or is of this class")));
    }
    if args.once {
        return shapes.iter().try_for_each(|shape| {
            cases(shape)?.iter_mut().try_for_each(|case| {
                case.measure(&Stopwatch { budget: Duration::ZERO, ..bench.stopwatch });
                Ok(writeln!(out, "{}  {}  {}", case.shape, case.types, case.path)?)
            })
        });
    }
    if args.measure.csv {
        return shapes.iter().try_for_each(|shape| {
            cases(shape)?.iter_mut().try_for_each(|case| bench.csv(case, kind.operator(), out))
        });
    }
    let peak = bench.peak()?;
    if args.measure.json {
        let mut lines = Vec::new();
        for shape in &shapes {
            for mut case in cases(shape)? {
                let rates = case.measure(&bench.stopwatch);
                lines.push(json_line(kind.operator(), &bench, &peak, &case, rates));
            }
        }
        let mut value = json_head(&bench);
        value["peak"] = json!({ "gops": peak.rate(), "what": peak.what });
        value["lines"] = lines.into();
        return Ok(report::json(out, &value)?);
    }
    table_head(out, &bench, &peak)?;
    for shape in &shapes {
        for mut case in cases(shape)? {
            let rates = case.measure(&bench.stopwatch);
            table_line(out, &bench, &peak, &case, rates)?;
        }
    }
    Ok(())
}

fn models(args: &ModelArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
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
        let mut value = json_head(&bench);
        value["lines"] = lines.into();
        report::json(out, &value)?;
    }
    Ok(())
}

fn peaks(args: &MeasureArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let bench = Bench::new(args, false, settings)?;
    let backend = bench.setup.backend;
    let print = |out: &mut dyn Write| {
        peak::all(backend, &bench.one_thread())?.iter().try_for_each(|peak| {
            csv(out, "peak", "registers", &peak.what.replace(',', ";"), peak.rates, backend.name())
        })
    };
    if args.stdin {
        return on_demand(out, |_, _, out| print(out));
    }
    if args.csv {
        return print(out);
    }
    let peak = bench.peak()?;
    if args.json {
        let mut value = json_head(&bench);
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

/// Answers each line of standard input, with an empty line at the end. `answer` learns whether it is the line before again.
fn on_demand(
    out: &mut dyn Write,
    mut answer: impl FnMut(&str, bool, &mut dyn Write) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut last = String::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|source| CliError::read(Path::new("standard input"), source))?;
        answer(&line, line == last, out)?;
        writeln!(out)?;
        out.flush()?;
        last = line;
    }
    Ok(())
}

fn shape_file(kind: Kind, args: &KernelArgs) -> Result<(PathBuf, String), CliError> {
    match (&args.shapes, kind) {
        (Some(path), _) => Ok((path.clone(), crate::labels::read_text(path)?)),
        (None, Kind::Gemm) => Ok((PathBuf::from("the embedded shapes"), shapes::GEMM.to_owned())),
        (None, Kind::Conv) => Ok((PathBuf::from("the embedded shapes"), shapes::CONV.to_owned())),
    }
}

fn csv(
    out: &mut dyn Write,
    operator: &str,
    shape: &str,
    types: &str,
    rates: Rates,
    note: &str,
) -> Result<(), CliError> {
    let Rates { median, max, min, samples } = rates;
    writeln!(out, "eightbit,{operator},{shape},{types},yes,{median:.3},{max:.3},{min:.3},{samples},{note}")?;
    // Each line as it comes: the next may take a second.
    Ok(out.flush()?)
}

/// What holds for all lines.
fn json_head(bench: &Bench) -> serde_json::Value {
    json!({
        "backend": bench.setup.backend.name(),
        "threads": bench.setup.threads,
        "clock": bench.stopwatch.clock_name(),
    })
}

fn json_line(operator: &str, bench: &Bench, peak: &Peak, case: &Case, rates: Rates) -> serde_json::Value {
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

/// How much of the peak of all threads a rate is.
fn fraction(bench: &Bench, peak: &Peak, rates: Rates) -> f64 {
    rates.median / (peak.rate() * bench.setup.threads as f64)
}

fn table_head(out: &mut dyn Write, bench: &Bench, peak: &Peak) -> Result<(), CliError> {
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

fn table_line(
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
