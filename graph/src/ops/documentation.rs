//! Prints the operators as a table.

use std::fmt::Write as _;

use super::operator::Operator;
use crate::{NEWEST_OPSET, OLDEST_OPSET};

/// The page `docs/operators.md` for these operators.
pub(super) fn markdown(operators: &[&Operator]) -> String {
    let mut text = format!(
        "\
# Operators

Printed by `eightbit operators --markdown` from the registry (`graph/src/ops/mod.rs`); a test holds this page to it.
[How to add one](adding-an-operator.md).

*Since* is the version of the domain's operator set that brought the operator; nodes of ONNX's operator sets {OLDEST_OPSET} to {NEWEST_OPSET} are read.
*Eight bits* is what becomes of it in a quantized graph: it *computes* on bytes, *clamps* inside the operator before it, *moves*
bytes without changing them, is a *table* of 256 bytes between bytes, stays *float*, works on *bytes* by itself, or is *replaced* by other
operators when a file is read.

| operator | domain | since | eight bits | what it computes |
|---|---|---|---|---|
"
    );
    for operator in operators {
        let domains: Vec<&str> = operator
            .domains
            .iter()
            .map(|&domain| if domain.is_empty() { "ai.onnx" } else { domain })
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            operator.name,
            domains.join(", "),
            operator.since,
            operator.eight_bit(),
            operator.summary
        );
    }
    text
}
