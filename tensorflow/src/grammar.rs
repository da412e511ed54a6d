//! The list of transforms that a user writes: `fold_constants(ignore_errors=true) quantize_weights`.
//!
//! It is that of TensorFlow's Graph Transform Tool: names of letters, digits and underscores; values of these, `-`, `.` and `/`, or
//! anything between quotation marks, where a backslash keeps the next character from ending the value; a comma and white space
//! before a parameter, white space before a transform, and none elsewhere.

use std::collections::BTreeMap;

/// A transform with the values of its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The transform.
    pub name: String,
    /// Parameters by name; one that is given several times has several values.
    pub parameters: BTreeMap<String, Vec<String>>,
}

/// What is wrong with a list of transforms, in the words of TensorFlow's tool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Looking for {expected}, but found {found}")]
pub struct GrammarError {
    expected: &'static str,
    found: String,
}

/// Reads a list of transforms. A list of white space is empty.
///
/// # Errors
///
/// [`GrammarError`] if it is not well-formed. TensorFlow's tool drops a transform whose closing parenthesis is missing; here that
/// is an error.
///
/// ```
/// # use eightbit_tensorflow::grammar;
/// let calls = grammar::parse(r#"remove_device strip_unused_nodes(type=float, shape="1,299,299,3")"#)?;
/// assert_eq!(calls[1].name, "strip_unused_nodes");
/// assert_eq!(calls[1].parameters["shape"], ["1,299,299,3"]);
/// # Ok::<_, grammar::GrammarError>(())
/// ```
pub fn parse(text: &str) -> Result<Vec<Call>, GrammarError> {
    let mut rest = Rest(text);
    let mut calls = Vec::new();
    loop {
        rest.skip_space();
        if rest.0.is_empty() {
            return Ok(calls);
        }
        let name = rest.word(is_name).ok_or_else(|| rest.missing("transform name"))?.to_owned();
        let parameters = if rest.skip("(") { parameters(&mut rest)? } else { BTreeMap::new() };
        calls.push(Call { name, parameters });
    }
}

fn parameters(rest: &mut Rest<'_>) -> Result<BTreeMap<String, Vec<String>>, GrammarError> {
    let mut parameters = BTreeMap::<String, Vec<String>>::new();
    while !rest.skip(")") {
        if rest.0.is_empty() {
            return Err(rest.missing(")"));
        }
        rest.skip(",");
        rest.skip_space();
        let name = rest.word(is_name).ok_or_else(|| rest.missing("parameter name"))?;
        if !rest.skip("=") {
            return Err(rest.missing("="));
        }
        // The tool calls a missing value a missing name.
        let value = match rest.skip("\"") {
            true => rest.quoted(),
            false => rest.word(|byte| is_name(byte) || matches!(byte, b'-' | b'.' | b'/')),
        };
        let value = value.ok_or_else(|| rest.missing("parameter name"))?;
        parameters.entry(name.to_owned()).or_default().push(value.to_owned());
        // What is left of doubled quotation marks, and of shells' quotes.
        rest.skip("\"");
        rest.skip("'");
    }
    Ok(parameters)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The text that is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    }

    fn skip(&mut self, literal: &str) -> bool {
        let rest = self.0.strip_prefix(literal);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// The bytes, all ASCII and at least one, for which `accepts` holds.
    fn word(&mut self, accepts: impl Fn(u8) -> bool) -> Option<&'a str> {
        let end = self.0.bytes().position(|byte| !accepts(byte)).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
        self.0 = rest;
        Some(word)
    }

    /// The text before the next quotation mark, which is skipped.
    fn quoted(&mut self) -> Option<&'a str> {
        let mut escaped = false;
        let end = self.0.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    fn missing(&self, expected: &'static str) -> GrammarError {
        GrammarError { expected, found: self.0.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).expect_err("not well-formed").to_string()
    }

    #[test]
    fn the_whole_recipe() {
        let recipe = r#"add_default_attributes strip_unused_nodes(type=float, shape="1,299,299,3")
            remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true)"#;
        let calls = parse(recipe).expect("well-formed");
        let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["add_default_attributes", "strip_unused_nodes", "remove_nodes", "fold_constants"]);
        assert_eq!(calls[2].parameters["op"], ["Identity", "CheckNumerics"]);
    }

    #[test]
    fn nothing_between_transforms_and_nothing_in_parentheses() {
        assert_eq!(parse("a(b=c)d()").expect("well-formed").len(), 2);
        assert_eq!(parse(" \n").expect("empty"), []);
    }

    #[test]
    fn quotation_marks_keep_everything() {
        let calls = parse(r#"a(b="x\"y, ö:)")"#).expect("well-formed");
        assert_eq!(calls[0].parameters["b"], [r#"x\"y, ö:)"#]);
        assert_eq!(error(r#"a(b="x\"#), "Looking for parameter name, but found x\\");
    }

    #[test]
    fn an_open_parenthesis_is_an_error() {
        assert_eq!(error("a(b=c"), "Looking for ), but found ");
        assert_eq!(error("a("), "Looking for ), but found ");
        assert_eq!(error("ö"), "Looking for transform name, but found ö");
    }
}
