//! Matrix multiplications and convolutions, shape by shape.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::{Bench, on_demand, print};
use crate::args::KernelArgs;
use crate::bench::timing::Stopwatch;
use crate::bench::types::Types;
use crate::bench::{Case, Setup, conv, gemm, shapes};
use crate::engine::Settings;
use crate::error::CliError;
use crate::report;

/// The operator to measure.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Gemm,
    Conv,
}

impl Kind {
    /// The operator's name as the peers' drivers write it.
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

pub(super) fn run(
    kind: Kind,
    args: &KernelArgs,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
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
    // Check all shapes before measuring the first.
    let mut shapes = kind.shapes(&path, &text)?;
    shapes.retain(|shape| shape.is_wanted(filter));
    if shapes.is_empty() {
        return Err(CliError::Invalid(format!("no shape has {filter:?} in its name or as its class")));
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
                lines.push(print::json_line(kind.operator(), &bench, &peak, &case, rates));
            }
        }
        let mut value = print::json_head(&bench);
        value["peak"] = json!({ "gops": peak.rate(), "what": peak.what });
        value["lines"] = lines.into();
        return Ok(report::json(out, &value)?);
    }
    print::table_head(out, &bench, &peak)?;
    for shape in &shapes {
        for mut case in cases(shape)? {
            let rates = case.measure(&bench.stopwatch);
            print::table_line(out, &bench, &peak, &case, rates)?;
        }
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
