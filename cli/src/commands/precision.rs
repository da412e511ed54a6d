//! `eightbit precision`: how few bits will do.

use std::io::Write;
use std::path::PathBuf;
use std::thread::available_parallelism;

use eightbit_graph::Limits;
use eightbit_graph::precision::{LayerInfo, Precision, Study};
use eightbit_graph::quantize::{FromFn, Granularity};

use super::quantize::plain;
use crate::args::{ExampleArgs, PrecisionArgs};
use crate::engine::Settings;
use crate::error::CliError;
use crate::labels::{self, Truth};
use crate::network::is_eight_bit;
use crate::output::OutputFile;
use crate::photo;
use crate::report;
use crate::source::Source;
use crate::sweep::{self, LayerRow, Part, Point, Reference, Row, Sweep, points};

pub(crate) fn run(args: &PrecisionArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let truth = args.labels.as_deref().map(labels::read_truth).transpose()?;
    let images = images(args, truth.as_deref())?;
    let outputs = Outputs::prepare(args, &images)?;
    let examples = ExampleArgs { images, inputs: args.examples.clone(), random: None, limit: args.limit };
    let source = Source::open(&args.model, &examples, &args.input, None)?;
    if is_eight_bit(&source.graph) {
        let reason = format!("{}: the network is eight-bit already: give the float one", source.file.name);
        return Err(CliError::Invalid(reason));
    }
    let classes = truth.map(|truth| {
        truth.iter().take(source.len()).map(|truth| truth.class.saturating_add(args.label_offset)).collect()
    });
    let jobs = args.jobs.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let study = calibrated(args, &source)?;
    let sweep = measure(args, &source, &study, (classes, settings, jobs))?;
    outputs.write(&sweep)?;
    if args.json {
        return Ok(report::json(out, &sweep::json(&sweep))?);
    }
    Ok(sweep::text(out, &sweep)?)
}

/// The photos: those of --labels in the folder, or all.
fn images(args: &PrecisionArgs, truth: Option<&[Truth]>) -> Result<Vec<PathBuf>, CliError> {
    let Some(truth) = truth else { return Ok(args.images.clone()) };
    let [folder] = args.images.as_slice() else {
        return Err(CliError::Usage("--images: give one folder, with the photos of --labels".to_owned()));
    };
    let photos: Vec<PathBuf> = truth.iter().map(|truth| folder.join(&truth.file)).collect();
    // Report a missing photo before spending minutes on the others.
    for path in &photos {
        std::fs::metadata(path).map_err(|source| CliError::read(path, source))?;
    }
    Ok(photos)
}

/// What makes the text of a file of what was found.
type Text = fn(&Sweep) -> String;

/// The files that are written in the end.
struct Outputs {
    files: Vec<(OutputFile, Text)>,
}

impl Outputs {
    /// Checks that they can be written.
    fn prepare(args: &PrecisionArgs, images: &[PathBuf]) -> Result<Self, CliError> {
        let read = [images, &args.examples, &args.calibrate].map(|paths| photo::find(&plain(paths)));
        let read = read.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        let sources = read.iter().chain(&args.labels).chain([&args.model]).map(PathBuf::as_path);
        let kinds: [(_, Text); 3] =
            [(&args.csv, sweep::csv), (&args.svg, sweep::svg), (&args.report, sweep::page)];
        let mut files: Vec<(OutputFile, Text)> = Vec::new();
        for (path, text) in kinds {
            let Some(path) = path else { continue };
            let file = OutputFile::prepare(path, sources.clone())?;
            if files.iter().any(|(other, _)| other.is_same(&file)) {
                let path = report::path(path);
                return Err(CliError::Usage(format!(
                    "{path} is named by two options: give each file a name"
                )));
            }
            files.push((file, text));
        }
        Ok(Self { files })
    }

    fn write(&self, sweep: &Sweep) -> Result<(), CliError> {
        self.files.iter().try_for_each(|(file, text)| file.write(text(sweep).as_bytes()))
    }
}

/// The network with the ranges of its activations.
fn calibrated(args: &PrecisionArgs, source: &Source) -> Result<Study, CliError> {
    let others = match args.calibrate.as_slice() {
        [] => None,
        paths => Some(source.with_examples("--calibrate", paths)?),
    };
    let calibrating = others.as_ref().unwrap_or(source);
    let examples = FromFn::new(calibrating.len(), |index| calibrating.read(index));
    let bar = report::progress(calibrating.len(), "calibrating");
    let (method, limits) = (args.range.rule.method(), Limits::for_model(&source.graph));
    let study = Study::new(&source.graph, &examples, method, &limits, |count| bar.set_position(count as u64));
    bar.finish_and_clear();
    study.map_err(|error| error.of_model(&source.file.name))
}

/// Runs the network in every precision.
fn measure(
    args: &PrecisionArgs,
    source: &Source,
    study: &Study,
    (classes, settings, jobs): (Option<Vec<usize>>, &Settings, usize),
) -> Result<Sweep, CliError> {
    let granularity = if args.range.per_tensor { Granularity::PerTensor } else { Granularity::PerChannel };
    let points = points(args);
    let measured = args.per_layer.map_or(0, |count| source.len().min(count as usize));
    let of_layers = if measured > 0 { of_layers(study, &points, granularity) } else { Vec::new() };
    let runs = source.len() * (points.len() + 1) + measured * of_layers.len();
    let bar = report::progress(runs, "answering");
    let done = || bar.inc(1);
    let reference = Reference::new(source, classes, settings, jobs, &done)?;
    let of_model = |error| CliError::model(&source.file.name, error);
    let row = |point: Point, precision: &Precision, count: usize| {
        let graph = study.reduced(precision).map_err(of_model)?;
        let score = reference.score(&graph, count, &done)?;
        Ok::<Row, CliError>(Row::new(point, score, study.weight_bytes(precision)))
    };
    let mut sweep = Sweep {
        name: source.file.name.clone(),
        path: source.file.path.clone(),
        noun: source.noun(),
        calibrated: study.calibration().inputs,
        float: reference.float(),
        float_bytes: study.weight_bytes(&Precision::default()),
        rows: Vec::new(),
        layers: Vec::new(),
        accuracy_drop: args.accuracy_drop,
    };
    for &point in &points {
        sweep.rows.push(row(point, &point.part.precision(point.format, granularity), source.len())?);
    }
    for (layer, point) in of_layers {
        let layers = Some([layer.node.clone()].into());
        let precision = Precision { layers, ..point.part.precision(point.format, granularity) };
        let row = row(point, &precision, measured)?;
        sweep.layers.push(LayerRow { layer: layer.node.clone(), op: layer.op.clone(), row });
    }
    bar.finish_and_clear();
    Ok(sweep)
}

/// What is reduced of one layer at a time: the precisions of the whole network, weights first.
fn of_layers<'s>(
    study: &'s Study,
    points: &[Point],
    granularity: Granularity,
) -> Vec<(&'s LayerInfo, Point)> {
    let mut all = Vec::new();
    for part in [Part::Weights, Part::Activations] {
        let is_weights = part == Part::Weights;
        let mut own: Vec<Point> = Vec::new();
        for point in points {
            let Precision { weights, activations, .. } = point.part.precision(point.format, granularity);
            let reduces = if is_weights { weights } else { activations };
            if reduces.is_some() && own.iter().all(|other| other.format != point.format) {
                own.push(Point { part, ..*point });
            }
        }
        let layers = study.layers().iter();
        for layer in layers.filter(|layer| if is_weights { layer.weights > 0 } else { layer.has_activation })
        {
            all.extend(own.iter().map(|&point| (layer, point)));
        }
    }
    all
}
