//! Errors as codes, with the text kept for the calling thread.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eightbit_graph::Error as GraphError;

thread_local! {
    static TEXT: RefCell<CString> = RefCell::new(CString::default());
}

/// The codes of the header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    Null = 1,
    Argument = 2,
    Shape = 3,
    Type = 4,
    Model = 5,
    Unsupported = 6,
    Limit = 7,
    Io = 8,
    Backend = 9,
    Packed = 10,
    Internal = 11,
}

/// An error: its code and its text.
pub(crate) struct Failure(Code, String);

impl Failure {
    pub(crate) fn new(code: Code, text: impl Display) -> Self {
        Self(code, text.to_string())
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.1
    }

    /// A pointer that must not be null.
    pub(crate) fn null(what: &str) -> Self {
        Self::new(Code::Null, format!("{what} is NULL"))
    }
}

impl From<eightbit::Error> for Failure {
    fn from(error: eightbit::Error) -> Self {
        use eightbit::Error::*;
        let code = match &error {
            Backend(_) => Code::Backend,
            TooShort { .. } | Mismatch { .. } | Shape { .. } | OfMatrix { .. } | Overlap { .. } => {
                Code::Shape
            }
            ElementType { .. } => Code::Type,
            Packed(_) => Code::Packed,
            _ => Code::Argument,
        };
        Self::new(code, error)
    }
}

impl From<eightbit::BackendError> for Failure {
    fn from(error: eightbit::BackendError) -> Self {
        Self::new(Code::Backend, error)
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        let code = match &error {
            _ if is_unsupported(&error) => Code::Unsupported,
            GraphError::Io { .. } | GraphError::NotAFile { .. } => Code::Io,
            GraphError::FileTooLarge { .. } | GraphError::OverLimit { .. } => Code::Limit,
            GraphError::InvalidTensor { .. } | GraphError::UnknownDimension { .. } => Code::Shape,
            GraphError::WrongType { .. } => Code::Type,
            GraphError::InvalidArgument { .. } => Code::Argument,
            _ => Code::Model,
        };
        Self::new(code, error)
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

/// Does `work`: 0, or the code of its error, whose text is kept. A panic is an error, too.
pub(crate) fn guarded(work: impl FnOnce() -> Result<(), Failure>) -> i32 {
    // After a panic nothing of ours is used that it left half done: plans and sessions do not change, and a workspace holds nothing.
    let Failure(code, text) = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return 0,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(Code::Internal, format!("a fault of this library: {}", message(&*panic))),
    };
    let text = CString::new(text.replace('\0', "\\0")).unwrap_or_default();
    TEXT.with_borrow_mut(|last| *last = text);
    code as i32
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked")
}

/// As [`guarded`], for what returns a number: 0 after an error.
pub(crate) fn counted(work: impl FnOnce() -> Result<usize, Failure>) -> usize {
    let mut found = 0;
    guarded(|| {
        found = work()?;
        Ok(())
    });
    found
}

/// See the header.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn eb_last_error() -> *const c_char {
    TEXT.with_borrow(|last| last.as_ptr())
}
