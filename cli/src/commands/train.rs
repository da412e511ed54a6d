//! `eightbit train`: a network of few bits.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use eightbit_graph::{Executor, ExecutorOptions, Graph, Tensor};
use eightbit_train::{
    Architecture, Dataset, Epoch, Format, Imported, LayerSpec, Network, Precision, Quantizer, TrainOptions,
    Trainer,
};

use crate::args::{OutputFormat, Rule, TrainArgs};
use crate::engine::Settings;
use crate::error::CliError;
use crate::output::OutputFile;
use crate::report::{self, BOLD, DIM, GOOD};
use crate::training::{self, Executed, Source, Trained};

/// The size limit of a checkpoint.
const CHECKPOINT_LIMIT: u64 = 4 << 30;
/// The side of photos whose size nothing says.
const SIDE: usize = 32;

pub(crate) fn run(args: &TrainArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let outputs = Outputs::prepare(args)?;
    let precision = precision(args)?;
    let imported = args.from.as_deref().map(read_network).transpose()?;
    let data = training::read(&args.data, photos(args, imported.as_ref()))?;
    let (train, test) = data.split(args.test_fraction, args.seed)?;
    let network = network(args, imported.as_ref(), &data, precision)?;
    // Refuse what cannot be written before minutes of training.
    network.export(format(args))?;
    let mut trainer = Trainer::new(network, options(args), &train, &test)?;
    resume(args, &mut trainer)?;
    if !args.json {
        head(out, &trainer, [&train, &test])?;
    }
    while !trainer.is_finished() {
        let bar = report::progress(trainer.batches(), trainer.stage().name());
        let epoch = trainer.epoch(|done| {
            bar.set_position(done as u64);
            ControlFlow::Continue(())
        });
        bar.finish_and_clear();
        let epoch = epoch?;
        if let Some(file) = &outputs.checkpoint {
            file.write(&trainer.checkpoint()?)?;
        }
        if let Some(epoch) = epoch.filter(|_| !args.json) {
            line(out, &epoch)?;
        }
    }
    let seconds = cpu_seconds();
    let executed =
        outputs.model.as_ref().map(|file| write_model(args, settings, &trainer, &test, file)).transpose()?;
    let trained = Trained {
        name: trainer.network().precision().to_string(),
        weights: trainer.network().weights(),
        images: [train.len(), test.len()],
        curve: trainer.curve(),
        seconds,
        executed,
    };
    if let Some(file) = &outputs.csv {
        file.write(training::csv(trained.curve).as_bytes())?;
    }
    if let Some(file) = &outputs.plot {
        file.write(training::svg(&trained.name, trained.curve).as_bytes())?;
    }
    if args.json {
        return Ok(report::json(out, &training::json(&trained))?);
    }
    Ok(foot(out, &trained, args.out.as_deref())?)
}

/// The files that are written.
struct Outputs {
    model: Option<OutputFile>,
    checkpoint: Option<OutputFile>,
    csv: Option<OutputFile>,
    plot: Option<OutputFile>,
}

impl Outputs {
    /// Checks that they can be written, and have a name each.
    fn prepare(args: &TrainArgs) -> Result<Self, CliError> {
        let sources = || args.data.iter().chain(&args.from).map(PathBuf::as_path);
        let prepare = |path: &Option<PathBuf>| -> Result<Option<OutputFile>, CliError> {
            path.as_ref().map(|path| OutputFile::prepare(path, sources())).transpose()
        };
        let outputs = Self {
            model: prepare(&args.out)?,
            checkpoint: prepare(&args.checkpoint)?,
            csv: prepare(&args.csv)?,
            plot: prepare(&args.plot)?,
        };
        let files = [&outputs.model, &outputs.checkpoint, &outputs.csv, &outputs.plot];
        let files: Vec<&OutputFile> = files.into_iter().flatten().collect();
        if files.iter().enumerate().any(|(at, file)| files[..at].iter().any(|other| other.is_same(file))) {
            return Err(CliError::Usage("two options name the same file: give each file a name".to_owned()));
        }
        Ok(outputs)
    }
}

/// The rules of `--bits` and `--quantizer`.
fn precision(args: &TrainArgs) -> Result<Precision, CliError> {
    let Precision { weights, activations } = args.bits;
    let with = |rule: Option<Quantizer>, of_bits: fn(u32) -> Quantizer| match rule {
        Some(Quantizer::Lsq { bits, .. }) => Some(of_bits(bits)),
        other => other,
    };
    let dorefa = |bits| Quantizer::DoReFa { bits };
    let precision = match args.quantizer {
        Rule::Lsq => args.bits,
        Rule::Pact => Precision {
            weights: with(weights, dorefa),
            activations: with(activations, |bits| Quantizer::Pact { bits }),
        },
        Rule::Dorefa => Precision { weights: with(weights, dorefa), activations: with(activations, dorefa) },
    };
    Ok(precision.checked()?)
}

fn read_network(path: &Path) -> Result<Imported, CliError> {
    let name = report::path(path);
    let graph = Graph::from_onnx_file(path).map_err(|error| CliError::model_file(&name, error))?;
    eightbit_train::import(&graph).map_err(|error| match error {
        eightbit_train::Error::Graph(error) => CliError::model(&name, error),
        other => CliError::Invalid(format!("{name}: {other}")),
    })
}

/// How photos become images: as the network has them, or as the options say.
fn photos(args: &TrainArgs, imported: Option<&Imported>) -> Source {
    match imported {
        Some(Imported { input: [height, width, channels], .. }) => {
            Source { size: [*height, *width], channels: *channels }
        }
        None => {
            Source { size: [args.size.map_or(SIDE, usize::from); 2], channels: if args.grey { 1 } else { 3 } }
        }
    }
}

fn network(
    args: &TrainArgs,
    imported: Option<&Imported>,
    data: &Dataset,
    precision: Precision,
) -> Result<Network, CliError> {
    let layers: Vec<LayerSpec> = match imported {
        Some(imported) => imported.layers.clone(),
        None => Architecture::layers(args.arch, data.shape(), data.classes()),
    };
    let input = imported.map_or(data.shape(), |imported| imported.input);
    Ok(Network::new(input, data.is_signed(), &layers, precision, args.seed)?)
}

fn options(args: &TrainArgs) -> TrainOptions {
    let mut options = TrainOptions::default();
    let count = |count: u32| count as usize;
    options.epochs = count(args.epochs);
    options.float_epochs = args.float_epochs.map_or(options.epochs / 4, count);
    options.frozen_epochs = args.frozen_epochs.map_or(options.epochs / 6, count);
    options.batch = count(args.batch);
    options.learning_rate = args.learning_rate.unwrap_or(if args.from.is_some() { 1e-3 } else { 3e-3 });
    options.weight_decay = args.weight_decay;
    options.shift = args.shift.into();
    options.seed = args.seed;
    options
}

fn format(args: &TrainArgs) -> Format {
    match args.format {
        OutputFormat::Qonnx => Format::Qonnx,
        OutputFormat::Qdq => Format::Qdq,
    }
}

/// Goes on from the checkpoint, if there is one.
fn resume(args: &TrainArgs, trainer: &mut Trainer<'_>) -> Result<(), CliError> {
    let Some(path) = args.checkpoint.as_deref().filter(|path| args.resume && path.exists()) else {
        return Ok(());
    };
    let bytes = eightbit_graph::read_limited(path, CHECKPOINT_LIMIT).map_err(CliError::file)?;
    trainer.restore(&bytes).map_err(|error| CliError::Invalid(format!("{}: {error}", report::path(path))))
}

fn head(out: &mut dyn Write, trainer: &Trainer<'_>, [train, test]: [&Dataset; 2]) -> std::io::Result<()> {
    let network = trainer.network();
    let [height, width, channels] = network.input();
    let weights = report::count(network.weights(), "weight");
    writeln!(out, "{DIM}network{DIM:#}  {}, {weights}, {height}×{width}×{channels}", network.precision())?;
    writeln!(
        out,
        "{DIM}images{DIM:#}   {} to train with, {} to test with, {}\n",
        train.len(),
        test.len(),
        report::count_as(network.classes(), "class", "classes")
    )?;
    writeln!(out, "{BOLD}epoch  stage            loss   right  test loss   right{BOLD:#}")?;
    trainer.curve().iter().try_for_each(|epoch| line(out, epoch))
}

fn line(out: &mut dyn Write, epoch: &Epoch) -> std::io::Result<()> {
    let Epoch { number, stage, loss, accuracy, test_loss, test_accuracy, .. } = epoch;
    writeln!(
        out,
        "{number:>5}  {:<12} {loss:>8.4} {:>5.2} % {test_loss:>10.4} {:>5.2} %",
        stage.name(),
        accuracy * 100.0,
        test_accuracy * 100.0
    )?;
    out.flush()
}

fn foot(out: &mut dyn Write, trained: &Trained<'_>, path: Option<&Path>) -> std::io::Result<()> {
    writeln!(out)?;
    if let Some(seconds) = trained.seconds {
        writeln!(out, "{DIM}trained{DIM:#}   {seconds:.1} CPU seconds")?;
    }
    let (Some(executed), Some(path)) = (&trained.executed, path) else { return Ok(()) };
    let images = trained.images[1];
    let [products, exact] = executed.products;
    writeln!(out, "{DIM}written{DIM:#}   {} ({})", report::path(path), report::bytes(executed.bytes))?;
    writeln!(out, "{DIM}executed{DIM:#}  {} right of {images} test images", executed.right)?;
    let style = if executed.same == images { GOOD } else { BOLD };
    writeln!(
        out,
        "          {style}{} of {images}{style:#} answers are those of the training, {} with the same bits",
        executed.same, executed.equal
    )?;
    writeln!(out, "          {exact} of {products} products have exact sums")
}

/// Writes the network, and compares its execution with the training.
fn write_model(
    args: &TrainArgs,
    settings: &Settings,
    trainer: &Trainer<'_>,
    test: &Dataset,
    file: &OutputFile,
) -> Result<Executed, CliError> {
    let exported = trainer.network().export(format(args))?;
    let bytes = exported.graph.to_onnx_bytes()?;
    file.write(&bytes)?;
    // What is executed is what was written.
    let graph = Graph::from_onnx_bytes(&bytes)?;
    let mut options = ExecutorOptions::default();
    options.backend = Some(settings.backend);
    let executor = Executor::new(&graph, &options)?;
    let [height, width, channels] = test.shape();
    let predictions = trainer.predictions(test)?;
    let mut executed = Executed {
        right: 0,
        same: 0,
        equal: 0,
        products: [exported.products, exported.exact],
        bytes: bytes.len(),
    };
    let bar = report::progress(test.len(), "executing");
    for (index, (&label, &expected)) in test.labels().iter().zip(&predictions).enumerate() {
        let image = Tensor::new([1, channels, height, width], test.planes(index))?;
        let outputs = executor.run(&[("image", &image)])?;
        let scores = outputs[0].as_f32()?;
        let own = trainer.network().scores(test, &[index], trainer.network().precision().is_quantized())?;
        let class = eightbit_train::class_of(scores);
        executed.right += usize::from(class == label);
        executed.same += usize::from(class == expected);
        executed.equal += usize::from(own == scores);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(executed)
}

/// CPU seconds of this process.
#[cfg(unix)]
fn cpu_seconds() -> Option<f64> {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
}

#[cfg(not(unix))]
fn cpu_seconds() -> Option<f64> {
    None
}
