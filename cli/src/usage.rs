//! Errors of the command line, safe to print.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use eightbit_graph::escaped;

use crate::error::CliError;

/// Why a command line is refused.
pub(crate) enum Refused {
    /// In TensorFlow's words, as its users' scripts expect.
    ByGraphTool(CliError),
    ByClap(Error),
}

impl Refused {
    pub(crate) fn new(error: Error) -> Self {
        match unknown_of_graph_tool(&error) {
            Some(message) => Self::ByGraphTool(CliError::GraphTool(message)),
            None => Self::ByClap(printable(error)),
        }
    }
}

/// TensorFlow's message about an argument that one of its tools does not know.
fn unknown_of_graph_tool(error: &Error) -> Option<String> {
    const TOOLS: [&str; 3] = ["transform-graph", "summarize-graph", "compare-graphs"];
    let mut arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    if error.kind() != ErrorKind::UnknownArgument || !TOOLS.contains(&arguments.next()?.as_str()) {
        return None;
    }
    let ContextValue::String(unknown) = error.get(ContextKind::InvalidArg)? else { return None };
    // With its value, which clap leaves out.
    let whole = arguments.find(|argument| argument.starts_with(unknown.as_str()));
    Some(format!("Unknown argument {}.", escaped(whole.as_ref().unwrap_or(unknown))))
}

/// The error with the words of the command line escaped and cut.
fn printable(mut error: Error) -> Error {
    let context: Vec<_> = error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in context {
        error.insert(kind, printable_value(value));
    }
    error
}

fn printable_value(value: ContextValue) -> ContextValue {
    let plain = |text: &str| escaped(text).to_string();
    match value {
        ContextValue::String(text) => ContextValue::String(plain(&text)),
        ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(|text| plain(text)).collect()),
        // Styled text is a suggestion, which may repeat a word: without it the error says enough.
        ContextValue::StyledStrs(mut texts) => {
            texts.retain(|text| plain(&text.to_string()) == text.to_string());
            ContextValue::StyledStrs(texts)
        }
        other => other,
    }
}
