//! `eightbit bench`: the speed of kernels, shape by shape, and of whole networks.

mod kernels;
mod models;
mod print;

use std::io::{BufRead, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::args::{BenchArgs, BenchCommand, MeasureArgs};
use crate::bench::peak::{self, Peak};
use crate::bench::timing::{Clock, Stopwatch};
use crate::bench::{Case, Setup};
use crate::engine::{Settings, by_name};
use crate::error::CliError;
use crate::report::{self, BOLD};
use kernels::Kind;

pub(crate) fn run(args: &BenchArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    match &args.what {
        BenchCommand::Gemm(args) => kernels::run(Kind::Gemm, args, settings, out),
        BenchCommand::Conv(args) => kernels::run(Kind::Conv, args, settings, out),
        BenchCommand::Model(args) => models::run(args, settings, out),
        BenchCommand::Peak(args) => peaks(args, settings, out),
    }
}

/// The settings of all measurements.
struct Bench {
    setup: Setup,
    stopwatch: Stopwatch,
}

impl Bench {
    fn new(args: &MeasureArgs, check: bool, settings: &Settings) -> Result<Self, CliError> {
        let backend = match &args.backend {
            Some(name) => by_name(name)?,
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

    /// The single-thread peak.
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
        print::csv(out, operator, &case.shape, &case.types, rates, &note)
    }
}

fn peaks(args: &MeasureArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let bench = Bench::new(args, false, settings)?;
    let backend = bench.setup.backend;
    let print = |out: &mut dyn Write| {
        peak::all(backend, &bench.one_thread())?.iter().try_for_each(|peak| {
            print::csv(out, "peak", "registers", &peak.what.replace(',', ";"), peak.rates, backend.name())
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
        let mut value = print::json_head(&bench);
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

/// Answers each line of standard input, with an empty line at the end. `answer` is told whether the line repeats the last.
fn on_demand(
    out: &mut dyn Write,
    mut answer: impl FnMut(&str, bool, &mut dyn Write) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut last = String::new();
    let mut input = std::io::stdin().lock();
    while let Some(line) = next_line(&mut input)? {
        answer(&line, line == last, out)?;
        writeln!(out)?;
        out.flush()?;
        last = line;
    }
    Ok(())
}

/// The longest line of a shape or path, in bytes: endless input must not fill the memory.
const LINE_LIMIT: u64 = 1 << 16;

/// The next line without its line end; `None` after the last.
fn next_line(input: &mut impl BufRead) -> Result<Option<String>, CliError> {
    let name = Path::new("standard input");
    let mut line = Vec::new();
    let read = input.take(LINE_LIMIT).read_until(b'\n', &mut line);
    read.map_err(|source| CliError::read(name, source))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    } else if line.len() as u64 == LINE_LIMIT {
        return Err(CliError::text(name, None, format!("a line of more than {LINE_LIMIT} bytes")));
    }
    let line = String::from_utf8(line).map_err(|_| CliError::text(name, None, "not a text in UTF-8"))?;
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_have_an_end() {
        let mut input = &b"one\r\n\ntwo"[..];
        let mut next = || next_line(&mut input).expect("lines");
        assert_eq!(
            [next(), next(), next(), next()],
            [Some("one".into()), Some(String::new()), Some("two".into()), None]
        );
        assert!(next_line(&mut &vec![0; 1 << 17][..]).is_err() && next_line(&mut &b"\xff\n"[..]).is_err());
    }
}
