//! `eightbit transform-graph`, `summarize-graph` and `compare-graphs`: TensorFlow's tools for graphs, with their messages and exit
//! codes.

use std::io::Write;
use std::path::{Path, PathBuf};

use eightbit_graph::{Error, escaped};
use eightbit_tensorflow::proto::GraphDef;
use eightbit_tensorflow::transforms::{TRANSFORMS, TransformError, transform, transform_calibrated};
use eightbit_tensorflow::{Summary, difference, grammar};

use crate::args::{CompareGraphsArgs, SummarizeGraphArgs, TransformGraphArgs};
use crate::error::CliError;
use crate::observed;
use crate::output::OutputFile;
use crate::report;

pub(crate) fn transform_graph(args: &TransformGraphArgs, out: &mut dyn Write) -> Result<(), CliError> {
    if args.list {
        for transform in TRANSFORMS {
            writeln!(out, "{}({}): {}", transform.name, transform.parameters.join(", "), transform.summary)?;
        }
        return Ok(());
    }
    for (name, value) in [("in_graph", &args.from.in_graph), ("out_graph", &args.out_graph)] {
        if value.is_empty() {
            return Err(failed(&format!("{name} graph can't be empty.")));
        }
    }
    let calls =
        grammar::parse(&args.transforms).map_err(|error| failed(&TransformError::from(error).to_string()))?;
    if calls.is_empty() {
        return Err(failed(&TransformError::Empty.to_string()));
    }
    let is_calibrated = !args.calibrate.is_empty() || args.random.is_some();
    if is_calibrated && calls.iter().all(|call| call.name != "quantize_nodes") {
        return Err(failed(
            "--calibrate and --random are for quantize_nodes, which --transforms does not have.",
        ));
    }
    if args.input.input_layer.is_some() || args.input.output_layer.is_some() {
        return Err(failed(
            "the part of the graph is what --inputs and --outputs name, without --input-layer and --output-layer.",
        ));
    }
    let graph = load(&args.from.in_graph)?;
    let (inputs, outputs) = (names(&args.inputs), names(&args.outputs));
    let result = if is_calibrated {
        let mut observe = |float| {
            let ranges = observed::ranges(float, args);
            ranges.map_err(|error| TransformError::Invalid(format!("calibration: {error}")))
        };
        transform_calibrated(graph, &inputs, &outputs, &calls, &mut observe)
    } else {
        transform(graph, &inputs, &outputs, &calls)
    };
    let (graph, done) = result.map_err(|error| failed(&error.to_string()))?;
    done.warnings.iter().for_each(|warning| report::warning(&printable(warning)));
    save(&graph, args)
}

pub(crate) fn summarize_graph(args: &SummarizeGraphArgs, out: &mut dyn Write) -> Result<(), CliError> {
    if args.from.in_graph.is_empty() {
        return Err(failed("in_graph graph can't be empty."));
    }
    let graph = load(&args.from.in_graph)?;
    let summary = Summary(&graph);
    let of_graph = |error: TransformError| failed(&error.to_string());
    let mut lines = summary.lines().map_err(of_graph)?;
    if args.print_structure {
        lines.extend(summary.structure().map_err(of_graph)?);
    }
    lines.iter().try_for_each(|line| Ok(writeln!(out, "{}", printable(line))?))
}

pub(crate) fn compare_graphs(args: &CompareGraphsArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let [first, second] = args.graphs.as_slice() else {
        return Err(failed("compare_graphs expects two file names as arguments"));
    };
    match difference(&load(first)?, &load(second)?) {
        None => Ok(writeln!(out, "Graphs are equal.")?),
        Some(difference) => {
            writeln!(out, "{}", printable(&difference))?;
            Err(CliError::Different)
        }
    }
}

fn failed(message: &str) -> CliError {
    CliError::GraphTool(printable(message))
}

/// Text with names from files and the command line, safe for a terminal.
fn printable(text: &str) -> String {
    // Word by word, since a name is cut where it is long.
    text.split(' ').map(|word| escaped(word).to_string()).collect::<Vec<_>>().join(" ")
}

/// Names separated by commas, as they are.
fn names(list: &str) -> Vec<String> {
    match list {
        "" => Vec::new(),
        list => list.split(',').map(str::to_owned).collect(),
    }
}

/// A path, whose `~` no shell replaces behind an equals sign.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix('~'), std::env::home_dir()) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(path),
    }
}

fn load(file: &str) -> Result<GraphDef, CliError> {
    GraphDef::from_file(expanded(file)).map_err(|error| {
        let reason = match error {
            Error::Io { source, .. } => format!("{file}; {source}"),
            Error::NotAModel { reason, .. } => {
                format!("Can't parse {file} as binary proto (both text and binary parsing failed for file {file}): {reason}")
            }
            error => error.to_string(),
        };
        failed(&format!("Loading graph '{file}' failed with {reason}"))
    })
}

fn save(graph: &GraphDef, args: &TransformGraphArgs) -> Result<(), CliError> {
    let file = &args.out_graph;
    let unsaved = |reason: String| failed(&format!("Saving graph '{file}' failed with {reason}"));
    let bytes = match args.output_as_text {
        true => graph.to_text().map_err(|error| unsaved(error.to_string()))?.into_bytes(),
        false => graph.to_bytes(),
    };
    // The graph that was read may be replaced: it is in memory.
    let output = OutputFile::prepare(&expanded(file), std::iter::empty::<&Path>());
    output.and_then(|output| output.write(&bytes)).map_err(|error| match error {
        CliError::Io { source, .. } => unsaved(format!("{file}; {source}")),
        error => unsaved(error.to_string()),
    })
}
