//! Why saved panels cannot be used.

/// The most columns that saved panels without depth may claim: they have no bytes to check the number against.
pub const MAX_EMPTY_COLUMNS: usize = 1 << 16;

/// Why saved panels cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PanelError {
    /// The panels were packed in a layout that the backend does not read.
    Layout {
        /// The layout that the backend reads.
        expected: &'static str,
    },
    /// The number of bytes does not fit the shape.
    Length {
        /// Bytes that the shape needs.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The shape's size overflows.
    TooLarge,
    /// There is no depth, but more than one segment of it or more than [`MAX_EMPTY_COLUMNS`] columns.
    Empty,
    /// Weights have no such number of bits.
    Bits,
    /// The buffer that the panels are shared with has become shorter.
    Shrunk,
}

impl core::fmt::Display for PanelError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            PanelError::Layout { expected } => write!(f, "the backend reads panels of layout `{expected}`"),
            PanelError::Length { expected, found } => {
                write!(f, "the shape needs {expected} bytes of panels, found {found}")
            }
            PanelError::TooLarge => f.write_str("the shape's size overflows"),
            PanelError::Empty => {
                write!(f, "without depth there is one segment, and at most {MAX_EMPTY_COLUMNS} columns")
            }
            PanelError::Bits => f.write_str("weights have two to eight bits"),
            PanelError::Shrunk => {
                f.write_str("the buffer that the panels are shared with has become shorter")
            }
        }
    }
}

impl core::error::Error for PanelError {}
