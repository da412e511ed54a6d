//! Passes: functions from graph to graph.

mod cancel_transposes;
mod extract;
mod fake_quantize;
mod fold_batch_norms;
mod fold_constants;
mod fold_scales;
mod fuse_dynamic;
mod fuse_gelu;
mod fuse_quantized;
mod inline_branches;
mod links;
mod narrow_constants;
mod pin_float_layers;
mod quantize_inputs;
mod quantize_nodes;
mod quantize_weights;
mod raise_opset;
mod remove_nodes;
mod sort_by_execution_order;
mod strip_unused_nodes;
#[cfg(test)]
mod testing;

pub use crate::ops::shared::domains::EIGHTBIT as DOMAIN;
pub use cancel_transposes::cancel_transposes;
pub use extract::extract;
pub use fake_quantize::fake_quantize;
pub(crate) use fake_quantize::{heads, weights_of_layers};
pub use fold_batch_norms::fold_batch_norms;
pub use fold_constants::{FoldBudget, fold_constants, fold_constants_within};
pub use fold_scales::fold_scales;
pub use fuse_dynamic::fuse_dynamic;
pub use fuse_gelu::fuse_gelu;
pub use fuse_quantized::fuse_quantized;
pub use inline_branches::inline_branches;
pub use narrow_constants::narrow_constants;
pub(crate) use narrow_constants::{opset_of, writable};
pub use pin_float_layers::pin_float_layers;
pub use quantize_inputs::quantize_inputs;
pub use quantize_nodes::quantize_nodes;
pub use quantize_weights::quantize_weights;
pub(crate) use quantize_weights::quantize_weights_and_warn;
pub use raise_opset::raise_opset;
pub use remove_nodes::remove_nodes;
pub use sort_by_execution_order::sort_by_execution_order;
pub use strip_unused_nodes::strip_unused_nodes;
