//! A network of any kind, and the examples that it runs on.

use std::path::{Path, PathBuf};

use eightbit_graph::shapes::ShapeOptions;
use eightbit_graph::{Graph, Limits, Tensor, ValueInfo};

use crate::args::{ExampleArgs, InputArgs};
use crate::error::CliError;
use crate::examples::Examples;
use crate::network::{ModelFile, Network, Outputs};
use crate::photo::{self, InputFormat, PhotoOptions};
use crate::report;

/// A network, float or eight-bit, with examples of its inputs.
pub(crate) struct Source {
    pub(crate) file: ModelFile,
    pub(crate) graph: Graph,
    from: From,
    /// The number of examples used.
    count: usize,
}

/// Where examples come from.
enum From {
    Photos { paths: Vec<PathBuf>, format: InputFormat, options: PhotoOptions },
    Examples(Examples),
}

impl Source {
    /// Opens the network `path` with the examples of `args`; without any, with `random` examples, or with an error if that is `None`.
    pub(crate) fn open(
        path: &Path,
        args: &ExampleArgs,
        input: &InputArgs,
        random: Option<u16>,
    ) -> Result<Self, CliError> {
        let (file, graph) = Network::read(path, input)?;
        let (file, graph, from) = if args.images.is_empty() {
            let from = From::Examples(arrays(args, random, &graph.inputs)?);
            (file, graph, from)
        } else {
            let paths = photo::find(&args.images)?;
            if paths.is_empty() {
                let folders = args.images.iter().map(|path| report::path(path));
                let folders = folders.collect::<Vec<_>>().join(", ");
                return Err(CliError::Usage(format!("--images: there is no PNG or JPEG photo in {folders}")));
            }
            let network = Network::new(file, graph, input, Outputs::All)?;
            let Network { file, graph, format, .. } = network;
            (file, graph, From::Photos { paths, format, options: input.photo_options() })
        };
        let all = match &from {
            From::Photos { paths, .. } => paths.len(),
            From::Examples(examples) => examples.len(),
        };
        let count = args.limit.map_or(all, |limit| all.min(limit as usize));
        Ok(Self { file, graph, from, count })
    }

    /// Opens the network `path`, with the open dimensions of its file, and the examples to calibrate it with: `random` ones, or those that
    /// `paths` name.
    pub(crate) fn calibrating(
        path: &Path,
        paths: &[PathBuf],
        random: Option<u16>,
        input: &InputArgs,
    ) -> Result<Self, CliError> {
        let (file, graph) = Network::read(path, input)?;
        if let Some(examples) = Examples::of_arguments(paths, random, &graph.inputs)? {
            let count = examples.len();
            return Ok(Self { file, graph, from: From::Examples(examples), count });
        }
        let paths = photo::for_calibration(paths)?;
        let (file, format, graph) = Network::new(file, graph, input, Outputs::All)?.into_parts();
        let count = paths.len();
        let from = From::Photos { paths, format, options: input.photo_options() };
        Ok(Self { file, graph, from, count })
    }

    /// The same network with the examples that `paths`, the argument of `flag`, name: of the kind of these.
    pub(crate) fn with_examples(&self, flag: &str, paths: &[PathBuf]) -> Result<Self, CliError> {
        let (from, count) = match &self.from {
            From::Photos { format, options, .. } => {
                let paths = photo::for_calibration(paths)?;
                let count = paths.len();
                (From::Photos { paths, format: format.clone(), options: *options }, count)
            }
            From::Examples(_) => {
                let none = || CliError::Usage(format!("{flag}: there is no .npy or .npz file among them"));
                let examples = Examples::find(flag, paths, &self.graph.inputs)?.ok_or_else(none)?;
                let count = examples.len();
                (From::Examples(examples), count)
            }
        };
        Ok(Self { file: self.file.clone(), graph: self.graph.clone(), from, count })
    }

    /// The number of examples.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether the examples are photos.
    pub(crate) fn is_photos(&self) -> bool {
        matches!(self.from, From::Photos { .. })
    }

    /// What an example is called.
    pub(crate) fn noun(&self) -> &'static str {
        match self.from {
            From::Photos { .. } => "photo",
            From::Examples(Examples::Random(_)) => "random example",
            From::Examples(_) => "example",
        }
    }

    /// Example number `index`: a tensor for each input.
    pub(crate) fn read(&self, index: usize) -> Result<Vec<Tensor>, CliError> {
        match &self.from {
            From::Photos { paths, format, options } => {
                let tensor = format.tensor(&photo::read(&paths[index], *options)?);
                Ok(vec![tensor.map_err(|error| CliError::model(&self.file.name, error))?])
            }
            From::Examples(examples) => examples.read(index, &self.graph.inputs),
        }
    }

    /// The tensors of an example with the names of the inputs.
    pub(crate) fn named<'a>(&'a self, example: &'a [Tensor]) -> Vec<(&'a str, &'a Tensor)> {
        self.graph.inputs.iter().map(|input| input.name.as_str()).zip(example).collect()
    }

    /// The sizes that `example` has.
    pub(crate) fn shapes(&self, example: &[Tensor]) -> ShapeOptions {
        let shapes = self.named(example).into_iter();
        ShapeOptions {
            inputs: shapes.map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec())).collect(),
            limits: Limits::for_model(&self.graph),
            ..ShapeOptions::default()
        }
    }
}

/// The arrays or random numbers of `args`.
fn arrays(args: &ExampleArgs, random: Option<u16>, inputs: &[ValueInfo]) -> Result<Examples, CliError> {
    if !args.inputs.is_empty() {
        let none = || CliError::Usage("--inputs: there is no .npy or .npz file among them".to_owned());
        return Examples::find("--inputs", &args.inputs, inputs)?.ok_or_else(none);
    }
    let count = args.random.or(random).ok_or_else(|| {
        CliError::Usage("there is nothing to run on: give --images, --inputs or --random N".to_owned())
    })?;
    Ok(Examples::Random(count.into()))
}
