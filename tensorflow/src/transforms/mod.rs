//! The transforms of TensorFlow's Graph Transform Tool, each in a file of its own, and [`TRANSFORMS`], which lists them.
//!
//! A transform gives the nodes that the tool of TensorFlow 1.15 gives, in its order and with its names; `tests/suite/transforms.rs`
//! compares them. Where the tool does not end, aborts, or gives a graph that computes something else, this one ends with a graph
//! that computes the same, or with an error; the file of the transform says so.
//!
//! Source of what the transforms do: the tool's manual,
//! <https://github.com/tensorflow/tensorflow/tree/v1.15.0/tensorflow/tools/graph_transforms>, and its results.

mod context;
mod error;
mod pipeline;
pub(crate) mod shared;

use crate::proto::NodeDef;
use context::Context;

pub use error::TransformError;
pub use pipeline::{Observe, Report, transform, transform_calibrated};
pub use shared::ranges::Ranges;

/// What a transform does with the nodes of a graph.
type Run = fn(Vec<NodeDef>, &mut Context) -> Result<Vec<NodeDef>, TransformError>;

/// A transform.
pub struct Transform {
    /// Its name.
    pub name: &'static str,
    /// Its parameters, beside `ignore_errors`, which all have; several values of one that ends with `…` may be given.
    pub parameters: &'static [&'static str],
    /// What it does, in a line.
    pub summary: &'static str,
    run: Run,
}

impl Transform {
    /// The transform with a name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TRANSFORMS.iter().copied().find(|transform| transform.name == name)
    }
}

macro_rules! transforms {
    ($($file:ident)*) => {
        $(mod $file;)*

        /// All transforms, in the order of their names.
        pub static TRANSFORMS: &[&Transform] = &[$(&$file::TRANSFORM),*];
    };
}

transforms! {
    add_default_attributes
    backport_concatv2
    backport_tensor_array_v3
    flatten_atrous_conv
    fold_batch_norms
    fold_constants
    fold_old_batch_norms
    freeze_requantization_ranges
    fuse_pad_and_conv
    fuse_resize_and_conv
    fuse_resize_pad_and_conv
    insert_logging
    merge_duplicate_nodes
    obfuscate_names
    quantize_nodes
    quantize_weights
    remove_attribute
    remove_control_dependencies
    remove_device
    remove_nodes
    rename_attribute
    rename_node
    rename_op
    round_weights
    set_device
    sort_by_execution_order
    sparsify_gather
    strip_unused_nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(TRANSFORMS.is_sorted_by_key(|transform| transform.name));
    }
}
