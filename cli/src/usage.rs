//! Errors of the command line, safe to print.

use clap::Error;
use clap::error::ContextValue;
use eightbit_graph::escaped;

/// The error with the words of the command line escaped and cut.
pub(crate) fn printable(mut error: Error) -> Error {
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
