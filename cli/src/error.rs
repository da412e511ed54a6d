//! The errors of commands, and their exit codes.

use std::path::{Path, PathBuf};

use eightbit_graph::escaped;

use crate::report;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Arguments that are well-formed but contradict each other or do not fit the model.
    #[error("{0}")]
    Usage(String),
    #[error("cannot {action} {}: {source}", report::path(path))]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// A file that cannot be read: the error names it.
    #[error(transparent)]
    File(Box<eightbit_graph::Error>),
    #[error("{}: not a PNG or JPEG photo, or a damaged one: {}", report::path(path), escaped(reason))]
    Photo { path: PathBuf, reason: String },
    #[error("{}: not a whole photo: {}: --lenient accepts the rest", report::path(path), escaped(reason))]
    IncompletePhoto { path: PathBuf, reason: String },
    #[error("{}: the photo is too large: {reason}", report::path(path))]
    LargePhoto { path: PathBuf, reason: String },
    #[error("{}: not an array that can be used: {}", report::path(path), escaped(reason))]
    Array { path: PathBuf, reason: String },
    #[error("{}{}: {reason}", report::path(path), line(*number))]
    TextFile { path: PathBuf, number: Option<usize>, reason: String },
    #[error("{}: {source}", escaped(model))]
    Model { model: String, source: Box<eightbit_graph::Error> },
    /// An error in a graph whose model is not known yet.
    #[error(transparent)]
    Graph(Box<eightbit_graph::Error>),
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Scores(#[from] eightbit_vision::ScoreError),
    #[error("the calibration set is empty: no PNG or JPEG photo in {0}")]
    NoCalibration(String),
    /// An error of a command on TensorFlow's graphs, in TensorFlow's words.
    #[error("{0}")]
    GraphTool(String),
    /// Two graphs differ: the command said in what.
    #[error("the graphs differ")]
    Different,
    #[error(transparent)]
    Arithmetic(#[from] eightbit::Error),
    #[error(transparent)]
    Backend(eightbit::BackendError),
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(#[from] eightbit_train::Error),
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

fn line(number: Option<usize>) -> String {
    number.map_or_else(String::new, |number| format!(", line {number}"))
}

impl From<eightbit_graph::Error> for CliError {
    fn from(error: eightbit_graph::Error) -> Self {
        Self::Graph(Box::new(error))
    }
}

impl From<eightbit::BackendError> for CliError {
    fn from(error: eightbit::BackendError) -> Self {
        Self::Backend(with_printable_name(error))
    }
}

/// The error with the name of the backend, which a user gave, escaped and cut.
pub(crate) fn with_printable_name(mut error: eightbit::BackendError) -> eightbit::BackendError {
    use eightbit::BackendError::{Unknown, Unsupported};
    if let Unknown { name, .. } | Unsupported { name, .. } = &mut error {
        let plain = escaped(name).to_string();
        *name = plain;
    }
    error
}

impl CliError {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Io { action: "read", path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Io { action: "write", path: path.to_owned(), source }
    }

    pub(crate) fn model(model: &str, source: eightbit_graph::Error) -> Self {
        Self::Model { model: model.to_owned(), source: Box::new(source) }
    }

    /// Maps the error of reading a file.
    pub(crate) fn file(source: eightbit_graph::Error) -> Self {
        Self::File(Box::new(source))
    }

    /// Maps the error of reading a model from a file.
    pub(crate) fn model_file(model: &str, source: eightbit_graph::Error) -> Self {
        use eightbit_graph::Error;
        match source {
            // These name the file already.
            Error::Io { .. } | Error::FileTooLarge { .. } | Error::NotAFile { .. } => Self::file(source),
            source => Self::model(model, source),
        }
    }

    /// Adds the name of the model to an error about a graph.
    pub(crate) fn of_model(self, model: &str) -> Self {
        match self {
            Self::Graph(source) => Self::Model { model: model.to_owned(), source },
            other => other,
        }
    }

    pub(crate) fn text(path: &Path, number: impl Into<Option<usize>>, reason: impl Into<String>) -> Self {
        Self::TextFile { path: path.to_owned(), number: number.into(), reason: reason.into() }
    }

    /// 2 for a wrong command line, as in clap; 255 where TensorFlow's tools give it; 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::GraphTool(_) => 255,
            _ => 1,
        }
    }
}
