//! Errors about all that stops a model, not about the first thing alone.

use std::collections::BTreeMap;

use crate::Error;
use crate::escape::{escaped, quoted, reason};

impl Error {
    /// `Ok` for no errors, the error itself for one, and [`Error::Several`] for more. What is invalid comes before what is not
    /// supported: the first error of that kind is returned alone.
    pub(crate) fn all(mut errors: Vec<Self>) -> Result<(), Self> {
        if let Some(index) = errors.iter().position(|error| !error.is_about_support()) {
            return Err(errors.swap_remove(index));
        }
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.swap_remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

    /// Whether the model may be valid, and this crate does not support a part of it, or is not told enough.
    pub(crate) fn is_about_support(&self) -> bool {
        matches!(
            self,
            Self::UnsupportedModel { .. }
                | Self::UnsupportedOpset { .. }
                | Self::UnsupportedOp { .. }
                | Self::MissingOperators(_)
                | Self::UnknownDimension { .. }
                | Self::Several(_)
        )
    }
}

/// The most lines of a message about several errors.
const MAX_LINES: usize = 24;

/// One line for each error; nodes of one operator with one reason share a line.
pub(crate) fn several(errors: &[Error]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut nodes: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for error in errors {
        match error {
            Error::UnsupportedOp { node, op, domain, reason } => {
                nodes.entry((domain, op, reason)).or_default().push(node.clone());
            }
            other => lines.push(other.to_string()),
        }
    }
    lines.extend(nodes.into_iter().map(|((domain, op, why), nodes)| {
        let node = MissingOperator { op: op.to_owned(), domain: domain.to_owned(), nodes };
        format!("unsupported operator {}: {}", with_nodes(&node, LISTED), reason(why))
    }));
    let more = lines.len().saturating_sub(MAX_LINES);
    let mut message = format!("{} things stop the model:", lines.len());
    for line in lines.iter().take(MAX_LINES) {
        message += "\n  * ";
        message += line;
    }
    if more > 0 {
        message += &format!("\n  * and {more} more");
    }
    message
}

/// An operator that a model uses and this crate does not implement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingOperator {
    /// The operator.
    pub op: String,
    /// The operator's domain; empty for ONNX's own.
    pub domain: String,
    /// The names of its nodes, in the model's order.
    pub nodes: Vec<String>,
}

/// The most node names of one operator that a message lists; the others are counted.
const LISTED: usize = 4;
/// The most characters of a list of operators. A longer one names one node of each, and counts the operators for which it has no
/// room for.
const MAX_LIST: usize = 900;

pub(crate) fn listed(missing: &[MissingOperator]) -> String {
    let list = missing.iter().map(|one| with_nodes(one, LISTED)).collect::<Vec<_>>().join("; ");
    if list.chars().count() <= MAX_LIST {
        return list;
    }
    let mut list = String::new();
    for (index, one) in missing.iter().enumerate() {
        let next = with_nodes(one, 1);
        if index > 0 && list.chars().count() + next.chars().count() > MAX_LIST {
            return format!("{list}; and {} more", missing.len() - index);
        }
        list += if index == 0 { "" } else { "; " };
        list += &next;
    }
    list
}

/// An operator and the first `names` of its nodes.
fn with_nodes(missing: &MissingOperator, names: usize) -> String {
    let count = missing.nodes.len();
    let nodes = if count == 1 { "node" } else { "nodes" };
    let more = match count.saturating_sub(names) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<String> = missing.nodes.iter().take(names).map(|name| quoted(name).to_string()).collect();
    format!("{} ({nodes} {}{more})", qualified(&missing.domain, &missing.op), names.join(", "))
}

pub(crate) fn qualified(domain: &str, op: &str) -> String {
    let domain = if domain.is_empty() { "ai.onnx" } else { domain };
    format!("{}.{}", escaped(domain), escaped(op))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;

    #[test]
    fn all_that_is_not_supported_is_one_message() {
        let node = |name: &str| Node::new(name, "Resize", &["x"], &["y"]);
        let unsupported = |name: &str| Error::unsupported(&node(name), "mode \"cubic\"");
        let model = Error::unsupported_model("initializer \"w\"", "elements of type string");
        assert!(Error::all(Vec::new()).is_ok());
        assert!(matches!(Error::all(vec![unsupported("a")]), Err(Error::UnsupportedOp { .. })));
        let error = Error::all(vec![unsupported("a"), model, unsupported("b")]).expect_err("three");
        assert_eq!(
            error.to_string(),
            "2 things stop the model:\n  * unsupported: initializer \"w\": elements of type string\n  \
             * unsupported operator ai.onnx.Resize (nodes \"a\", \"b\"): mode \"cubic\""
        );
        let invalid = Error::all(vec![unsupported("a"), Error::node(&node("c"), "has no input")]);
        assert!(matches!(invalid, Err(Error::InvalidNode { node, .. }) if node == "c"));
    }

    #[test]
    fn a_long_list_is_cut() {
        let many = (0..100).map(|at| Error::unsupported_model(format!("part {at}"), "no")).collect();
        let message = Error::all(many).expect_err("many").to_string();
        assert_eq!(message.lines().count(), MAX_LINES + 2);
        assert!(message.ends_with("and 76 more"), "{message}");
    }
}
