//! Arguments of the commands on TensorFlow's graphs, in TensorFlow's spelling.

use std::path::PathBuf;

use clap::Args;

use super::photos::InputArgs;

/// The graph that a command reads.
#[derive(Args)]
pub(crate) struct FromGraph {
    /// The graph: a frozen GraphDef, in binary or text form.
    #[arg(
        long = "in_graph",
        visible_alias = "in-graph",
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) in_graph: String,
}

/// Transform a TensorFlow graph, as TensorFlow's transform_graph does.
#[derive(Args)]
#[command(
    args_override_self = true,
    after_help = "Example, the usual way to an eight-bit graph:
  eightbit transform-graph --in_graph=graph.pb --out_graph=quantized_graph.pb --inputs=Mul --outputs=softmax \\
    --transforms='add_default_attributes strip_unused_nodes(type=float, shape=\"1,299,299,3\")
      remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true) fold_batch_norms
      fold_old_batch_norms quantize_weights quantize_nodes strip_unused_nodes sort_by_execution_order'

With --calibrate the ranges of quantize_nodes are constants and biases keep 32 bits: a graph that is faster and more exact.

`--list` prints the transforms and their parameters.",
    mut_arg("input_layer", |arg| arg.hide(true)),
    mut_arg("output_layer", |arg| arg.hide(true))
)]
pub(crate) struct TransformGraphArgs {
    #[command(flatten)]
    pub(crate) from: FromGraph,

    /// The file for the result.
    #[arg(
        long = "out_graph",
        visible_alias = "out-graph",
        value_name = "FILE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) out_graph: String,

    /// The graph's inputs: names of nodes, separated by commas.
    #[arg(long, value_name = "NAMES", default_value = "", hide_default_value = true)]
    pub(crate) inputs: String,

    /// The graph's outputs: names of nodes, separated by commas.
    #[arg(long, value_name = "NAMES", default_value = "", hide_default_value = true)]
    pub(crate) outputs: String,

    /// The transforms, in order: names, each with its parameters in parentheses.
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    pub(crate) transforms: String,

    /// Write the text form.
    #[arg(long = "output_as_text", visible_alias = "output-as-text", value_name = "true|false",
          num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true",
          hide_default_value = true, action = clap::ArgAction::Set)]
    pub(crate) output_as_text: bool,

    /// Choose the ranges of quantize_nodes once, from these examples, not in each run: photos, NumPy files or folders of either,
    /// as `eightbit quantize` takes them.
    #[arg(long, value_name = "FILE|DIR|NAME=DIR", num_args = 1..)]
    pub(crate) calibrate: Vec<PathBuf>,

    /// Choose them from this many random inputs, to try whether a graph can be calibrated. Its answers may be wrong.
    #[arg(long, value_name = "N", conflicts_with = "calibrate", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) random: Option<u16>,

    /// List the transforms with their parameters.
    #[arg(long)]
    pub(crate) list: bool,

    #[command(flatten)]
    pub(crate) input: InputArgs,
}

/// Describe a TensorFlow graph: inputs, outputs, parameters, operators.
#[derive(Args)]
#[command(args_override_self = true)]
pub(crate) struct SummarizeGraphArgs {
    #[command(flatten)]
    pub(crate) from: FromGraph,

    /// Print every node, too.
    #[arg(long = "print_structure", visible_alias = "print-structure", value_name = "true|false",
          num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true",
          hide_default_value = true, action = clap::ArgAction::Set)]
    pub(crate) print_structure: bool,
}

/// Compare two TensorFlow graphs: exit code 0 if they mean the same, 1 if not, 255 if one cannot be read.
#[derive(Args)]
pub(crate) struct CompareGraphsArgs {
    /// The two graphs.
    #[arg(value_name = "FILE")]
    pub(crate) graphs: Vec<String>,
}
