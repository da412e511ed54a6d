//! Prints the operators as a table.

use std::fmt::Write as _;

use super::operator::Operator;

/// The page `docs/operators.md` for these operators.
pub(super) fn markdown(operators: &[&Operator]) -> String {
    let mut text = "\
# Operators

Printed by `eightbit operators --markdown` from the registry (`graph/src/ops/mod.rs`); a test holds this page to it.
[How to add one](adding-an-operator.md).

*Since* is the version of the domain's operator set that brought the operator; nodes of ONNX's operator sets 1 to 26 are read.
*Eight bits* is what becomes of it in a quantized graph: it *computes* on bytes, *clamps* inside the operator before it, *moves*
bytes without changing them, is a *table* of 256 bytes between bytes, stays *float*, or works on *bytes* by itself.

| operator | domain | since | eight bits | what it computes |
|---|---|---|---|---|
"
    .to_owned();
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
