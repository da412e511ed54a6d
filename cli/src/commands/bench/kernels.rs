//! Matrix multiplications and convolutions, shape by shape.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use eightbit::Conv2dShape;
use eightbit_graph::quoted;
use serde_json::json;

use super::session::Session;
use super::stdin::on_demand;
use super::{csv, print};
use crate::args::KernelArgs;
use crate::bench::asked::Asked;
use crate::bench::case::Case;
use crate::bench::shapes::{self, Shape};
use crate::bench::signs::SignOperator;
use crate::bench::timing::Stopwatch;
use crate::bench::types::{Operator, Types};
use crate::engine::Settings;
use crate::error::CliError;
use crate::report;

/// Reads shapes from the text of the file at a path.
type Parse<S> = fn(&Path, &str) -> Result<Vec<Shape<S>>, CliError>;

/// An operator to measure, with shapes of sizes `S`.
pub(super) struct Kind<S> {
    /// Its name as the peers' drivers write it.
    operator: &'static str,
    default_types: &'static [Asked],
    /// The shapes that are measured by default.
    embedded: &'static str,
    parse: Parse<S>,
}

/// Matrix multiplications.
pub(super) const GEMM: Kind<[usize; 3]> = Kind {
    operator: "matmul",
    default_types: &[Asked::Bytes(Types::U8S8S32), Asked::Bytes(Types::S8S8S32), Asked::Bytes(Types::U8S8U8)],
    embedded: shapes::GEMM,
    parse: shapes::gemm,
};

/// Convolutions.
pub(super) const CONV: Kind<Conv2dShape> = Kind {
    operator: "conv",
    default_types: &[Asked::Bytes(Types::U8S8U8)],
    embedded: shapes::CONV,
    parse: shapes::conv,
};

pub(super) fn run<S>(
    kind: &Kind<S>,
    args: &KernelArgs,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError>
where
    Shape<S>: Operator + SignOperator,
{
    let session = Session::new(&args.measure, args.check, settings)?;
    let types = if args.types.is_empty() { kind.default_types } else { &args.types };
    let cases = |shape: &Shape<S>| -> Result<Vec<Case>, CliError> {
        // Signs have no products in groups.
        types
            .iter()
            .filter_map(|types| types.case(shape, &session.setup).transpose())
            .map(|case| Ok(case?))
            .collect()
    };
    if args.measure.stdin {
        let mut ready = Vec::new();
        return on_demand(out, |line, again, out| {
            if !again {
                ready.clear();
                for shape in (kind.parse)(Path::new("standard input"), line)? {
                    ready.append(&mut cases(&shape)?);
                }
            }
            ready.iter_mut().try_for_each(|case| csv::measure(&session, case, kind.operator, out))
        });
    }
    let (path, text) = match &args.shapes {
        Some(path) => (path.as_path(), crate::labels::read_text(path)?),
        None => (Path::new("the embedded shapes"), kind.embedded.to_owned()),
    };
    let filter = args.filter.as_deref().unwrap_or_default();
    // Check all shapes before measuring the first.
    let mut shapes = (kind.parse)(path, &text)?;
    shapes.retain(|shape| shape.name.contains(filter) || shape.class == filter);
    if shapes.is_empty() {
        return Err(CliError::Invalid(format!(
            "no shape has {} in its name or as its class",
            quoted(filter)
        )));
    }
    if args.once {
        return shapes.iter().try_for_each(|shape| {
            cases(shape)?.iter_mut().try_for_each(|case| {
                case.measure(&Stopwatch { budget: Duration::ZERO, ..session.stopwatch });
                Ok(writeln!(out, "{}  {}  {}", case.shape, case.types, case.path)?)
            })
        });
    }
    if args.measure.csv {
        return shapes.iter().try_for_each(|shape| {
            cases(shape)?.iter_mut().try_for_each(|case| csv::measure(&session, case, kind.operator, out))
        });
    }
    let peak = session.peak()?;
    if args.measure.json {
        let mut lines = Vec::new();
        for shape in &shapes {
            for mut case in cases(shape)? {
                let rates = case.measure(&session.stopwatch);
                lines.push(print::json_line(kind.operator, &session, &peak, &case, rates));
            }
        }
        let mut value = print::json_head(&session);
        value["peak"] = json!({ "gops": peak.rate(), "what": peak.what });
        value["lines"] = lines.into();
        return Ok(report::json(out, &value)?);
    }
    print::table_head(out, &session, &peak)?;
    for shape in &shapes {
        for mut case in cases(shape)? {
            let rates = case.measure(&session.stopwatch);
            print::table_line(out, &session, &peak, &case, rates)?;
        }
    }
    Ok(())
}
