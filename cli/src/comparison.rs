//! The networks that a command compares: the float and the eight-bit one, or a single one.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use eightbit_graph::quantize::data_free::{DataFreeOptions, InputMoments};
use eightbit_graph::quantize::{
    self, AccuracyDrop, Dataset, Effort, Form, FromFn, Granularity, Progress, QuantizeOptions,
    QuantizeReport, Range, WeightRange,
};
use eightbit_graph::{Graph, Limits, Tensor};
use indicatif::ProgressBar;

use crate::args::{InputArgs, NetworkArgs, RangeArgs};
use crate::builtin;
use crate::candidate::{Candidate, Kind};
use crate::engine::Settings;
use crate::error::CliError;
use crate::network::Network;
use crate::photo::{self, InputFormat, Photo, PhotoOptions};
use crate::report;

/// One or two networks that run on the same photos.
pub(crate) struct Comparison {
    /// The network that was given.
    pub(crate) network: Network,
    /// The float network, if there is one, before the eight-bit one.
    pub(crate) candidates: Vec<Candidate>,
    /// The number of photos that the eight-bit network was calibrated with, if it was quantized here.
    pub(crate) calibrated: Option<usize>,
}

impl Comparison {
    /// Compares a float `network` with its eight-bit form: `quantized` if given, otherwise made in memory. An eight-bit
    /// `network` runs alone.
    pub(crate) fn new(
        network: Network,
        quantized: Option<Network>,
        calibration: &Calibration,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let given = |kind, network: &Network| {
            Candidate::new(kind, network.file.bytes, &network.file.name, &network.graph, settings)
        };
        if network.is_eight_bit() {
            if quantized.is_some() {
                let reason =
                    "--graph is an eight-bit network already: give it alone, or the float one".to_owned();
                return Err(CliError::Usage(reason));
            }
            let alone = given(Kind::EightBit, &network)?;
            return Ok(Self { network, candidates: vec![alone], calibrated: None });
        }
        let float = given(Kind::Float, &network)?;
        let (eight_bit, calibrated) = match quantized {
            Some(quantized) => {
                if quantized.format != network.format {
                    let reason = format!(
                        "{} does not take the same input as {}",
                        quantized.file.name, network.file.name
                    );
                    return Err(CliError::Invalid(reason));
                }
                (given(Kind::EightBit, &quantized)?, None)
            }
            None => {
                let (name, open) = (&network.file.name, network.open_graph());
                let (graph, report) = calibration.quantize(name, &network.format, &open)?;
                let name = format!("{} in eight bits", network.file.name);
                let written = Form::Qdq.of(graph.clone(), calibration.range.weights);
                let bytes = written.and_then(|graph| graph.to_onnx_bytes());
                let bytes = bytes.map_err(|error| CliError::model(&name, error))?.len();
                (
                    Candidate::new(Kind::EightBit, bytes, &name, &graph, settings)?,
                    Some(report.calibration.inputs),
                )
            }
        };
        Ok(Self { network, candidates: vec![float, eight_bit], calibrated })
    }
}

/// The most warnings shown, so that they fit on a screen. The library returns all of them.
const WARNINGS: usize = 8;

/// How to quantize a float network.
pub(crate) struct Calibration<'a> {
    /// Files and folders; the built-in photos if empty.
    photos: &'a [PathBuf],
    range: &'a RangeArgs,
    options: PhotoOptions,
    /// The number of photos on which the error of each layer is measured.
    measured: usize,
    /// Whether nodes that take longer in eight bits on this machine stay float.
    measure_speed: bool,
    accuracy_drop: Option<AccuracyDrop>,
    /// The most bytes of the file.
    file_bytes: Option<u64>,
    resume: Option<&'a Path>,
}

impl<'a> Calibration<'a> {
    pub(crate) fn new(
        photos: &'a [PathBuf],
        range: &'a RangeArgs,
        input: &InputArgs,
        measured: usize,
    ) -> Self {
        Self {
            photos,
            range,
            options: input.photo_options(),
            measured,
            measure_speed: false,
            accuracy_drop: None,
            file_bytes: None,
            resume: None,
        }
    }

    /// As this, and nodes that take longer in eight bits on this machine stay float if `measure_speed`.
    pub(crate) fn with_measured_speed(self, measure_speed: bool) -> Self {
        Self { measure_speed, ..self }
    }

    /// As this, and layers have fewer bits until the file takes no more than so many bytes.
    pub(crate) fn with_file_bytes(self, file_bytes: Option<u64>) -> Self {
        Self { file_bytes, ..self }
    }

    /// As this, and nodes go back to float until no more accuracy is lost.
    pub(crate) fn with_accuracy_drop(self, accuracy_drop: Option<AccuracyDrop>) -> Self {
        Self { accuracy_drop, ..self }
    }

    /// As this, and what is found is kept in this file, or taken from it.
    pub(crate) fn with_resume(self, resume: Option<&'a Path>) -> Self {
        Self { resume, ..self }
    }

    /// Quantizes the network of `args` without measuring the errors of layers.
    pub(crate) fn in_memory(args: &'a NetworkArgs) -> Self {
        Self::new(&args.calibrate, &args.range, &args.input, 0)
    }

    /// The eight-bit form of `graph`, the model `name`, whose only input is a photo of this format, with a progress bar.
    pub(crate) fn quantize<'g>(
        &self,
        name: &str,
        format: &InputFormat,
        graph: impl Into<Cow<'g, Graph>>,
    ) -> Result<(Graph, QuantizeReport), CliError> {
        type Reader<'a> = Box<dyn Fn() -> Result<Photo, CliError> + 'a>;
        let paths;
        let readers: Vec<Reader> = if self.photos.is_empty() {
            builtin::PHOTOS.iter().map(|photo| Box::new(|| photo::builtin(photo)) as Reader).collect()
        } else {
            paths = photo::for_calibration(self.photos)?;
            paths.iter().map(|path| Box::new(|| photo::read(path, self.options)) as Reader).collect()
        };
        let examples = FromFn::new(readers.len(), |index| -> Result<Vec<Tensor>, CliError> {
            Ok(vec![format.tensor(&readers[index]()?).map_err(|error| CliError::model(name, error))?])
        });
        self.quantize_graph(name, graph, &examples)
    }

    /// The eight-bit form of `graph`, the model `name`, with a progress bar.
    pub(crate) fn quantize_graph<'g>(
        &self,
        name: &str,
        graph: impl Into<Cow<'g, Graph>>,
        examples: &impl Dataset<Error = CliError>,
    ) -> Result<(Graph, QuantizeReport), CliError> {
        let bar = report::progress(examples.len() + self.measured.min(examples.len()), "calibrating");
        let graph = graph.into();
        let options = self.options(&graph);
        let result = quantize::quantize(graph, examples, &options, |progress| show(&bar, progress));
        bar.finish_and_clear();
        let (graph, report) = result.map_err(|error| error.of_model(name))?;
        self.warn(&report);
        Ok((graph, report))
    }

    /// The eight-bit form of `graph`, the model `name`, by its batch normalizations; its inputs are photos.
    pub(crate) fn quantize_without_examples(
        &self,
        name: &str,
        graph: Graph,
        input: &InputArgs,
    ) -> Result<(Graph, QuantizeReport), CliError> {
        let (mean, std) = (input.input_mean.0, input.input_std.0);
        let ends = mean.into_iter().zip(std).flat_map(|(mean, std)| [-mean / std, (255.0 - mean) / std]);
        let range = ends.fold(Range { min: f32::INFINITY, max: f32::NEG_INFINITY }, |range, end| {
            range.union(Range { min: end, max: end })
        });
        let data_free =
            DataFreeOptions { other_inputs: InputMoments::photos(range), ..DataFreeOptions::default() };
        let bar = report::progress(0, "data-free");
        let options = self.options(&graph);
        let result =
            quantize::quantize_without_examples(graph, &data_free, &options, |progress| show(&bar, progress));
        bar.finish_and_clear();
        let (graph, report) = result.map_err(|error| CliError::model(name, error))?;
        self.warn(&report);
        Ok((graph, report))
    }

    fn options(&self, graph: &Graph) -> QuantizeOptions {
        let weights = if self.range.pair_safe_weights { WeightRange::PairSafe } else { WeightRange::Full };
        QuantizeOptions {
            limits: Limits::for_model(graph),
            method: self.range.rule.method(),
            weights,
            weight_precision: self.range.weights,
            activation_bits: self.range.activations,
            granularity: if self.range.per_tensor { Granularity::PerTensor } else { Granularity::PerChannel },
            measured: self.measured,
            effort: Effort::from_number(self.range.effort).unwrap_or_default(),
            accuracy_drop: self.accuracy_drop.clone(),
            file_bytes: self.file_bytes,
            measure_speed: self.measure_speed,
            resume: self.resume.map(Path::to_path_buf),
            ..QuantizeOptions::default()
        }
    }

    fn warn(&self, report: &QuantizeReport) {
        // The built-in photos are few, but known to suffice.
        if !self.photos.is_empty() {
            for warning in report.warnings.iter().take(WARNINGS) {
                report::warning(&warning.to_string());
            }
            if report.warnings.len() > WARNINGS {
                report::warning(&format!("and {} more", report.warnings.len() - WARNINGS));
            }
        }
    }
}

/// Shows progress in a bar.
fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Observed(count) => bar.set_position(count as u64),
        Progress::Measured(_) => bar.inc(1),
        Progress::Pass(pass) => bar.set_message(pass),
        Progress::Searched { done, of } => bar.set_message(format!("search {done}/{of}")),
        _ => {}
    }
}
