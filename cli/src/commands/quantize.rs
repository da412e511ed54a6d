//! `eightbit quantize`: turns a float network into an eight-bit file.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use eightbit_graph::escaped;
use eightbit_graph::quantize::{AccuracyDrop, FromFn, QuantizeReport, WeightPrecision};
use serde_json::json;

use super::inputs_only;
use crate::args::{FileFormat, QuantizeArgs};
use crate::comparison::Calibration;
use crate::engine::Settings;
use crate::error::CliError;
use crate::examples::Examples;
use crate::labels;
use crate::network::{ModelFile, Network, Outputs, is_eight_bit};
use crate::output::OutputFile;
use crate::photo;
use crate::quantized::{self, Quantized, Times};
use crate::report::{self, BOLD, DIM, Table};

/// The number of calibration photos on which the error of each layer is measured.
const MEASURED: usize = 4;
/// The number of layers shown that lose most.
const WORST: usize = 5;
/// The most reasons shown: a summary must fit on a screen.
const REASONS: usize = 8;

pub(crate) fn run(args: &QuantizeArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    // Check this before minutes of work.
    let photos = photo::find(&plain(&args.calibrate))?;
    let sources = photos.iter().map(PathBuf::as_path).chain([args.model.as_path()]);
    let output = OutputFile::prepare(&args.output, sources.clone())?;
    let page = args.report.as_deref().map(|path| OutputFile::prepare(path, sources.clone())).transpose()?;
    if page.as_ref().is_some_and(|page| page.is_same(&output)) {
        return Err(CliError::Usage("--report and --output name the same file: give two".to_owned()));
    }
    let resume = args.resume.as_deref().map(|path| OutputFile::prepare(path, sources)).transpose()?;
    let written = [Some(&output), page.as_ref()];
    if resume.as_ref().is_some_and(|resume| written.into_iter().flatten().any(|file| file.is_same(resume))) {
        return Err(CliError::Usage("--resume names a file that is written: give another".to_owned()));
    }
    if args.labels.is_some() && args.accuracy_drop.is_none() && args.inputs_only.is_none() {
        return Err(CliError::Usage("--labels needs --accuracy-drop or --inputs-only".to_owned()));
    }
    if args.size.is_some() && args.format != FileFormat::Qdq {
        let reason = "--size needs --format qdq: in the others weights of fewer bits take no less than eight";
        return Err(CliError::Usage(reason.to_owned()));
    }
    if let Some(bits) = args.inputs_only {
        return inputs_only::run(args, bits, &output, settings, out);
    }
    let (file, graph) = Network::read(&args.model, &args.input)?;
    if is_eight_bit(&graph) {
        let reason = format!("{}: the network is eight-bit already: give the float one", file.name);
        return Err(CliError::Invalid(reason));
    }
    let form = args.format.form();
    form.check(&graph, args.range.weights).map_err(|error| CliError::model(&file.name, error))?;
    // Constants may lie in other files.
    let float_bytes = graph.constants.values().fold(0, |sum, constant| sum + 4 * constant.len());
    let file_bytes = args.size.map(|size| size.bytes(file.bytes.max(float_bytes)));
    let examples = Examples::of_arguments(&args.calibrate, args.random, &graph.inputs)?;
    let calibration = Calibration::new(&args.calibrate, &args.range, &args.input, MEASURED)
        .with_measured_speed(args.measure_speed)
        .with_accuracy_drop(accuracy_drop(args, examples.is_some())?)
        .with_file_bytes(file_bytes)
        .with_resume(args.resume.as_deref());
    // The weights of the float network are dropped as soon as they are bytes.
    let (file, (graph, report)) = match &examples {
        _ if args.data_free => {
            let quantized = calibration.quantize_without_examples(&file.name, graph, &args.input)?;
            (file, quantized)
        }
        Some(examples) => {
            let inputs = graph.inputs.clone();
            let read = FromFn::new(examples.len(), |index| examples.read(index, &inputs));
            let quantized = calibration.quantize_graph(&file.name, graph, &read)?;
            (file, quantized)
        }
        None => {
            let (file, format, graph) = Network::new(file, graph, &args.input, Outputs::All)?.into_parts();
            let quantized = calibration.quantize(&file.name, &format, graph)?;
            (file, quantized)
        }
    };
    let written = form.of(graph.clone(), args.range.weights).and_then(|graph| graph.to_onnx_bytes());
    let bytes = written.map_err(|error| CliError::model(&file.name, error))?;
    output.write(&bytes)?;
    let kind = if examples.is_some() { "example" } else { "photo" };
    let times = match &page {
        Some(_) if !args.data_free => Some(Times::measure(args, &graph, examples.is_none(), settings)?),
        _ => None,
    };
    let result = Quantized {
        model: &file.path,
        bytes_before: file.bytes,
        output: &args.output.to_string_lossy(),
        bytes_after: bytes.len(),
        noun: kind,
        report: &report,
        times: times.as_ref(),
    };
    page.iter().try_for_each(|page| page.write(quantized::page(&result).as_bytes()))?;
    resume.iter().try_for_each(OutputFile::remove)?;
    if args.json {
        let mut value = json(args, &file, &report, bytes.len());
        value["details"] = quantized::json(&result);
        return Ok(report::json(out, &value)?);
    }
    text(out, args, &file, &report, bytes.len(), kind)
}

/// The arguments that may be photos: those that are not `NAME=…` for an input.
pub(super) fn plain(arguments: &[PathBuf]) -> Vec<PathBuf> {
    let is_plain = |path: &&PathBuf| path.exists() || !path.to_string_lossy().contains('=');
    arguments.iter().filter(is_plain).cloned().collect()
}

fn text(
    out: &mut dyn Write,
    args: &QuantizeArgs,
    file: &ModelFile,
    report: &QuantizeReport,
    bytes: usize,
    kind: &str,
) -> Result<(), CliError> {
    writeln!(out, "{BOLD}{}{BOLD:#}", report::path(&args.output))?;
    let part = 100.0 * bytes as f64 / file.bytes.max(1) as f64;
    writeln!(out, "size        {} → {}  ({part:.1} %)", report::bytes(file.bytes), report::bytes(bytes))?;
    if args.data_free {
        writeln!(out, "calibrated  by batch normalizations, without examples")?;
    } else {
        writeln!(out, "calibrated  with {}", report::count(report.calibration.inputs, kind))?;
    }
    if args.range.pair_safe_weights {
        writeln!(out, "weights     pair-safe: sums of neighbours within 128 steps")?;
    }
    let few_bits = args.range.weights != WeightPrecision::EIGHT;
    if few_bits && report.precisions.is_empty() {
        writeln!(out, "weights     {}", args.range.weights)?;
    } else if few_bits {
        let low = report.precisions.iter().filter(|layer| layer.precision == args.range.weights).count();
        let all = report.precisions.len();
        writeln!(out, "weights     {} in {low} of {all} layers, int8 in the others", args.range.weights)?;
    }
    if args.range.activations < 8 {
        writeln!(out, "activations {} bits", args.range.activations)?;
    }
    let (eight_bit, float) = (report.quantized().count(), report.float().count());
    writeln!(out, "nodes       {eight_bit} in eight bits, {float} left float")?;
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (node, reason) in report.float() {
        reasons.entry((&node.op, reason)).or_default().push(&node.name);
    }
    for ((op, reason), nodes) in reasons.iter().take(REASONS) {
        let first = nodes.first().map_or_else(String::new, |name| escaped(name).to_string());
        let (first, op, reason) = (report::fit(&first, 40), escaped(op), escaped(reason));
        let others = if nodes.len() > 1 { format!(" and {} more", nodes.len() - 1) } else { String::new() };
        writeln!(out, "  {op} \"{first}\"{others}: {DIM}{reason}{DIM:#}")?;
    }
    if reasons.len() > REASONS {
        writeln!(out, "  and {} more reasons: see --json", reasons.len() - REASONS)?;
    }
    aids(out, report)?;
    precisions(out, report)?;
    let worst = report.worst_layers(WORST);
    if !worst.is_empty() {
        writeln!(
            out,
            "\nLayers that lose most, as signal-to-noise ratio (dB; 20 dB is a tenth, 40 dB a hundredth)"
        )?;
        let mut table = Table::new(&["node", "operator", "alone", "up to here"], 2);
        for layer in worst {
            table.row([
                report::fit(&escaped(&layer.node).to_string(), 60),
                escaped(&layer.op).to_string(),
                format!("{:.1}", layer.sqnr_db),
                format!("{:.1}", layer.accumulated_sqnr_db),
            ]);
        }
        table.write(out)?;
    }
    Ok(())
}

/// Where precisions are mixed, the layers at the border between both.
fn precisions(out: &mut dyn Write, report: &QuantizeReport) -> Result<(), CliError> {
    let all = &report.precisions;
    if all.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nLayers by the noise that fewer bits add for the bytes that they save; those around the last that has them"
    )?;
    let last = all.iter().take_while(|layer| layer.precision != WeightPrecision::EIGHT).count();
    let mut table = Table::new(&["node", "weights", "noise more, %", "bytes saved"], 2);
    for layer in &all[last.saturating_sub(WORST)..(last + WORST).min(all.len())] {
        table.row([
            report::fit(&escaped(&layer.node).to_string(), 60),
            layer.precision.to_string(),
            format!("{:.4}", 100.0 * layer.noise),
            layer.saved.to_string(),
        ]);
    }
    table.write(out)?;
    Ok(())
}

/// What was tried for accuracy, and what it brought.
fn aids(out: &mut dyn Write, report: &QuantizeReport) -> Result<(), CliError> {
    if !report.aids.is_empty() {
        writeln!(
            out,
            "\nAids to accuracy, as signal-to-noise ratio of the answers to examples held out (dB)"
        )?;
        let mut table = Table::new(&["aid", "", "before", "with it"], 2);
        for aid in &report.aids {
            let outcome = match &aid.skipped {
                Some(_) => "skipped",
                None if aid.kept => "kept",
                None => "dropped",
            };
            table.row([
                report::fit(&escaped(&aid.name).to_string(), 60),
                outcome.to_owned(),
                format!("{:.1}", decibels(aid.error_before)),
                format!("{:.1}", decibels(aid.error_after)),
            ]);
        }
        table.write(out)?;
        for aid in &report.aids {
            if let Some(reason) = &aid.skipped {
                writeln!(out, "  skipped {}: {DIM}{}{DIM:#}", escaped(&aid.name), escaped(reason))?;
            }
        }
    }
    if let Some((lost, again)) = &report.accuracy {
        writeln!(out, "\naccuracy    {lost:.2} percentage points lost on the examples given")?;
        let mut table = Table::new(&["float again", "noise less, %", "ms more", "then lost"], 1);
        for node in again {
            table.row([
                report::fit(&escaped(&node.node).to_string(), 60),
                format!("{:.4}", 100.0 * node.gain),
                format!("{:.3}", node.milliseconds),
                format!("{:.2}", node.drop),
            ]);
        }
        if !again.is_empty() {
            table.write(out)?;
        }
    }
    Ok(())
}

/// The signal-to-noise ratio of a part that is noise.
fn decibels(noise: f64) -> f64 {
    -10.0 * noise.log10()
}

/// The accuracy that may be lost, with the classes of the photos that calibrate.
fn accuracy_drop(args: &QuantizeArgs, has_arrays: bool) -> Result<Option<AccuracyDrop>, CliError> {
    let Some(most) = args.accuracy_drop else { return Ok(None) };
    let Some(labels) = &args.labels else { return Ok(Some(AccuracyDrop { most, classes: None })) };
    Ok(Some(AccuracyDrop { most, classes: Some(classes(args, labels, !has_arrays)?) }))
}

/// The classes that the file `labels` gives the photos of --calibrate, if these are photos.
pub(super) fn classes(args: &QuantizeArgs, labels: &Path, are_photos: bool) -> Result<Vec<usize>, CliError> {
    if !are_photos {
        let reason =
            "--labels names the classes of photos, and --calibrate has arrays: leave it out".to_owned();
        return Err(CliError::Usage(reason));
    }
    let truth = labels::read_truth(labels)?;
    let classes: HashMap<&OsStr, usize> =
        truth.iter().filter_map(|truth| Some((truth.file.file_name()?, truth.class))).collect();
    let class = |photo: PathBuf| {
        let class = photo
            .file_name()
            .and_then(|name| classes.get(name))
            .map(|class| class.saturating_add(args.label_offset));
        let reason = || format!("no line for the photo {}", report::path(&photo));
        class.ok_or_else(|| CliError::text(labels, None, reason()))
    };
    photo::for_calibration(&args.calibrate)?.into_iter().map(class).collect()
}

fn json(args: &QuantizeArgs, file: &ModelFile, report: &QuantizeReport, bytes: usize) -> serde_json::Value {
    let float: Vec<_> = report
        .float()
        .map(|(node, reason)| json!({ "node": node.name, "operator": node.op, "reason": reason }))
        .collect();
    let layers: Vec<_> = report
        .worst_layers(usize::MAX)
        .into_iter()
        .map(|layer| {
            json!({
                "node": layer.node,
                "operator": layer.op,
                // JSON has no infinity: the ratio of a layer without error is null.
                "sqnr_db": layer.sqnr_db,
                "accumulated_sqnr_db": layer.accumulated_sqnr_db,
            })
        })
        .collect();
    let aids: Vec<_> = report
        .aids
        .iter()
        .map(|aid| json!({ "aid": aid.name, "kept": aid.kept, "skipped": aid.skipped, "noise_before": aid.error_before, "noise_with": aid.error_after }))
        .collect();
    let accuracy = report.accuracy.as_ref().map(|(lost, again)| {
        let again: Vec<_> = again
            .iter()
            .map(|node| json!({ "node": node.node, "noise_less": node.gain, "milliseconds_more": node.milliseconds, "lost_then": node.drop }))
            .collect();
        json!({ "lost": lost, "float_again": again })
    });
    let precisions: Vec<_> = report
        .precisions
        .iter()
        .map(|layer| json!({ "node": layer.node, "weights": layer.precision.to_string(), "noise_more": layer.noise, "bytes_saved": layer.saved }))
        .collect();
    json!({
        "aids": aids,
        "weights": args.range.weights.to_string(),
        "activation_bits": args.range.activations,
        "layer_precisions": precisions,
        "accuracy": accuracy,
        "data_free": args.data_free,
        "model": args.model.display().to_string(),
        "output": args.output.display().to_string(),
        "bytes_before": file.bytes,
        "bytes_after": bytes,
        "calibration_photos": report.calibration.inputs,
        "pair_safe_weights": args.range.pair_safe_weights,
        "nodes_eight_bit": report.quantized().count(),
        "nodes_float": float,
        "layers": layers,
        "warnings": report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
