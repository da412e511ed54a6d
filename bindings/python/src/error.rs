//! Errors of the library as exceptions of the package: `eightbit.errors` defines them, each with a class of Python's own as second base.

use eightbit_graph::Error as GraphError;
use eightbit_vision::{InputError, PhotoError, ScoreError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use rayon::ThreadPoolBuildError;

/// The exceptions of `eightbit.errors`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class {
    Argument,
    Backend,
    Cancelled,
    DataType,
    Limit,
    Model,
    PackedWeights,
    Photo,
    Shape,
    Unsupported,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Argument => "ArgumentError",
            Self::Backend => "BackendError",
            Self::Cancelled => "Cancelled",
            Self::DataType => "DataTypeError",
            Self::Limit => "LimitError",
            Self::Model => "ModelError",
            Self::PackedWeights => "PackedWeightsError",
            Self::Photo => "PhotoError",
            Self::Shape => "ShapeError",
            Self::Unsupported => "UnsupportedError",
        }
    }

    /// An exception of this class.
    pub(crate) fn with(self, message: impl ToString) -> PyErr {
        let message = message.to_string();
        Python::attach(|py| {
            let class = py.import("eightbit.errors").and_then(|errors| errors.getattr(self.name()));
            match class.and_then(|class| class.call1((message,))) {
                Ok(exception) => PyErr::from_value(exception),
                Err(error) => error,
            }
        })
    }
}

/// An error that becomes an exception.
pub(crate) trait Raise {
    /// The exception.
    fn raised(self) -> PyErr;
}

impl Raise for PyErr {
    fn raised(self) -> PyErr {
        self
    }
}

impl Raise for eightbit::BackendError {
    fn raised(self) -> PyErr {
        Class::Backend.with(self)
    }
}

impl Raise for eightbit::Error {
    fn raised(self) -> PyErr {
        use eightbit::Error::*;
        let class = match &self {
            Backend(_) => Class::Backend,
            TooShort { .. } | Mismatch { .. } | Shape { .. } | OfMatrix { .. } | Overlap { .. } => {
                Class::Shape
            }
            ElementType { .. } => Class::DataType,
            Packed(_) => Class::PackedWeights,
            _ => Class::Argument,
        };
        class.with(self)
    }
}

impl Raise for GraphError {
    fn raised(self) -> PyErr {
        if let Self::Io { path, source, .. } = &self
            && let Some(number) = source.raw_os_error()
        {
            // Python chooses the subclass by the number: FileNotFoundError, PermissionError.
            return PyOSError::new_err((number, source.to_string(), path.clone().into_os_string()));
        }
        let class = match &self {
            Self::Io { .. } => return PyOSError::new_err(self.to_string()),
            _ if is_unsupported(&self) => Class::Unsupported,
            Self::FileTooLarge { .. } | Self::OverLimit { .. } => Class::Limit,
            Self::InvalidTensor { .. } | Self::UnknownDimension { .. } => Class::Shape,
            Self::WrongType { .. } => Class::DataType,
            Self::NotAFile { .. } | Self::InvalidArgument { .. } => Class::Argument,
            Self::Cancelled => Class::Cancelled,
            _ => Class::Model,
        };
        class.with(self)
    }
}

/// Whether the model is right, and asks for what is not implemented.
fn is_unsupported(error: &GraphError) -> bool {
    match error {
        GraphError::UnsupportedModel { .. }
        | GraphError::UnsupportedOpset { .. }
        | GraphError::UnsupportedOp { .. }
        | GraphError::MissingOperators(_) => true,
        GraphError::Several(errors) => errors.iter().all(is_unsupported),
        _ => false,
    }
}

impl Raise for PhotoError {
    fn raised(self) -> PyErr {
        match self {
            Self::File(error) => error.raised(),
            other => Class::Photo.with(other),
        }
    }
}

impl Raise for InputError {
    fn raised(self) -> PyErr {
        Class::Shape.with(format!("the input takes no photo: {self}"))
    }
}

impl Raise for ScoreError {
    fn raised(self) -> PyErr {
        Class::Argument.with(self)
    }
}

impl Raise for ThreadPoolBuildError {
    fn raised(self) -> PyErr {
        Class::Argument.with(format!("threads: they cannot be started: {self}"))
    }
}

/// A result whose error becomes an exception.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self) -> PyResult<T>;
}

impl<T, E: Raise> OrRaise<T> for Result<T, E> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(Raise::raised)
    }
}
