//! `fold_old_batch_norms`: batch norms that are one operator become a bias and factors of the weights.
//!
//! With `all_versions=true` it folds `FusedBatchNormV2` and `FusedBatchNormV3`, too. Other than the tool, it
//!
//! * ends where batch norms share a constant, and keeps that constant;
//! * leaves weights as they are for others that use them, and folds into a copy `CONV_bn_weights`;
//! * leaves a batch norm in training, and one behind a node that is an output of the graph or has other users;
//! * gives each node once where two convolutions read the same;
//! * gives an error where the channels of the convolution are not those of the batch norm.

use super::context::Context;
use super::shared::batch_norm::{debug, scaled};
use super::shared::pattern::Pattern;
use super::shared::replace::{Found, Missing, replace};
use super::shared::turns::replace_in_turn;
use super::{Transform, TransformError};
use crate::evaluate::{MAX_REPEATED, Value};
use crate::node::{Builder, constant, value};
use crate::proto::{NodeDef, Value as Attribute};

pub(super) static TRANSFORM: Transform = Transform {
    name: "fold_old_batch_norms",
    parameters: &["all_versions"],
    summary: "folds batch norms of one operator into the convolution before them",
    run,
};

/// What stands between a batch norm and its convolutions.
#[derive(Clone, Copy)]
enum Between {
    Nothing,
    BatchToSpace,
    Concat,
}

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let ops = match context.flag("all_versions", false)? {
        true => "BatchNormWithGlobalNormalization|FusedBatchNorm|FusedBatchNormV2|FusedBatchNormV3",
        false => "BatchNormWithGlobalNormalization|FusedBatchNorm",
    };
    let required = context.required();
    let conv = || Pattern::with("Conv2D|DepthwiseConv2dNative", [Pattern::any(), Pattern::op("Const")]);
    let constant = || Pattern::op("Const");
    let mut left = MAX_REPEATED;
    for between in [Between::Nothing, Between::BatchToSpace, Between::Concat] {
        let source = match between {
            Between::Nothing => conv(),
            Between::BatchToSpace => Pattern::with("BatchToSpaceND", [conv(), constant(), constant()]),
            Between::Concat => Pattern::with("ConcatV2", [conv(), conv(), constant()]),
        };
        let pattern = Pattern::with(ops, [source, constant(), constant(), constant(), constant()]);
        let count = |nodes: &[NodeDef]| nodes.iter().filter(|node| ops.split('|').any(|op| op == node.op)).count();
        // Batch norms that share a node are folded one after the other.
        loop {
            let is_last = !context.may_repeat(nodes.len());
            let before = count(&nodes);
            let replacement = |found: &Found<'_>| {
                let inner: &[&[usize]] = match between {
                    Between::Nothing => &[&[0]],
                    Between::BatchToSpace => &[&[0], &[0, 0]],
                    Between::Concat => &[&[0], &[0, 0], &[0, 1]],
                };
                let is_needed =
                    |path: &&[usize]| found.is_used_elsewhere(path) || required.contains(&found.at(path).name);
                let is_training = value(found.at(&[]), "is_training") == Some(&Attribute::B(true));
                if is_training || inner.iter().any(is_needed) {
                    return Ok(found.original());
                }
                fold(found, between, &mut left)
            };
            nodes = if is_last {
                replace_in_turn(nodes, &pattern, Missing::KeepMatch, context, replacement)?
            } else {
                replace(&nodes, &pattern, Missing::KeepMatch, context, replacement)?.0
            };
            if is_last || count(&nodes) >= before {
                break;
            }
        }
    }
    Ok(nodes)
}

/// What replaces a match. `left` elements of copied weights may still be made.
fn fold(found: &Found<'_>, between: Between, left: &mut usize) -> Result<Vec<NodeDef>, TransformError> {
    let head = found.at(&[]);
    let norm = Norm::of(found)?;
    let mut new = New { found, nodes: Vec::new(), left };
    match between {
        Between::Nothing => new.convolution(&[0], &norm, &head.name)?,
        Between::BatchToSpace => {
            let bias = format!("{}/biasadd", found.at(&[0, 0]).name);
            new.convolution(&[0, 0], &norm, &bias)?;
            new.push(found.at(&[0, 1]).clone());
            new.push(found.at(&[0, 2]).clone());
            new.push(renamed(found.at(&[0]), &head.name, [bias]));
        }
        Between::Concat => {
            let concat = found.at(&[0]);
            let names = [0, 1].map(|input| format!("{}_bn_in{input}", concat.name));
            let axis = Value::of(found.at(&[0, 2])).ok().and_then(|axis| axis.integers());
            // The constants are for the channels of both where these are concatenated.
            let norms = match axis.as_deref() {
                Some([3 | -1]) => norm.split(channels(found.at(&[0, 0]), found.at(&[0, 0, 1]))?)?,
                _ => [norm.clone(), norm],
            };
            for (input, (norm, name)) in norms.iter().zip(&names).enumerate() {
                new.convolution(&[0, input], norm, name)?;
            }
            new.push(found.at(&[0, 2]).clone());
            new.push(renamed(concat, &head.name, names));
        }
    }
    // Constants that others read.
    for input in 1..5 {
        if found.is_used_elsewhere(&[input]) {
            new.push(found.at(&[input]).clone());
        }
    }
    Ok(new.nodes)
}

fn renamed<const N: usize>(node: &NodeDef, name: &str, inputs: [String; N]) -> NodeDef {
    let mut node = node.clone();
    name.clone_into(&mut node.name);
    node.input.iter_mut().zip(inputs).for_each(|(input, new)| *input = new);
    node
}

/// A batch norm as a factor and an offset for each channel.
#[derive(Clone)]
struct Norm {
    scale: Vec<f32>,
    offset: Vec<f32>,
}

impl Norm {
    fn of(found: &Found<'_>) -> Result<Self, TransformError> {
        let node = found.at(&[]);
        let is_fused = node.op.starts_with("FusedBatchNorm");
        let [mean, variance, beta, gamma] = if is_fused { [3, 4, 2, 1] } else { [1, 2, 3, 4] };
        let floats = |input: usize| Value::floats(found.at(&[input])).map_err(TransformError::Invalid);
        let (shape, mean) = floats(mean)?;
        let [_] = shape.as_slice() else {
            return Err(TransformError::Invalid(format!("Mean input to batch norm has bad shape: {}", debug(&shape))));
        };
        let vector = |name: &str, input: usize| match floats(input)? {
            (own, elements) if own == shape => Ok(elements),
            (own, _) => {
                let reason = format!("{name} input to batch norm has bad shape: {}", debug(&own));
                Err(TransformError::Invalid(reason))
            }
        };
        let (variance, beta, gamma) = (vector("Variance", variance)?, vector("Beta", beta)?, vector("gamma", gamma)?);
        let epsilon = match value(node, if is_fused { "epsilon" } else { "variance_epsilon" }) {
            Some(&Attribute::F(epsilon)) => epsilon,
            _ => 1e-4,
        };
        let is_scaled = is_fused || value(node, "scale_after_normalization") == Some(&Attribute::B(true));
        let scale = variance.iter().zip(gamma).map(|(variance, gamma)| {
            let scale = 1.0 / (variance + epsilon).sqrt();
            if is_scaled { scale * gamma } else { scale }
        });
        let scale: Vec<f32> = scale.collect();
        let offset = mean.iter().zip(&scale).zip(beta).map(|((mean, scale), beta)| -mean * scale + beta).collect();
        Ok(Self { scale, offset })
    }

    /// The first channels, and the others.
    fn split(&self, channels: usize) -> Result<[Self; 2], TransformError> {
        match (self.scale.split_at_checked(channels), self.offset.split_at_checked(channels)) {
            (Some((a, b)), Some((c, d))) => {
                Ok([(a, c), (b, d)].map(|(scale, offset)| Self { scale: scale.to_vec(), offset: offset.to_vec() }))
            }
            _ => Err(mismatch(channels, self.scale.len())),
        }
    }
}

fn mismatch(channels: usize, constants: usize) -> TransformError {
    TransformError::Invalid(format!(
        "The convolution before a batch norm has {channels} channels, but the batch norm's constants have {constants}"
    ))
}

/// The channels that a convolution gives.
fn channels(conv: &NodeDef, weights: &NodeDef) -> Result<usize, TransformError> {
    let (shape, _) = Value::floats(weights).map_err(TransformError::Invalid)?;
    match (conv.op.as_str(), shape.as_slice()) {
        ("Conv2D", &[_, _, _, channels]) => Ok(channels),
        ("DepthwiseConv2dNative", &[_, _, channels, multiplier]) => Ok(channels * multiplier),
        _ => Err(TransformError::Invalid(format!("Weights {} have bad shape: {}", weights.name, debug(&shape)))),
    }
}

/// The nodes that replace a match, each once.
struct New<'a> {
    found: &'a Found<'a>,
    nodes: Vec<NodeDef>,
    left: &'a mut usize,
}

impl New<'_> {
    fn push(&mut self, node: NodeDef) {
        if self.nodes.iter().all(|known| known.name != node.name) {
            self.nodes.push(node);
        }
    }

    /// The convolution at the end of a path, scaled, and a bias named `output`.
    fn convolution(&mut self, path: &[usize], norm: &Norm, output: &str) -> Result<(), TransformError> {
        let at = |input: usize| [path, &[input]].concat();
        let (conv, input, weights) = (self.found.at(path), self.found.at(&at(0)), self.found.at(&at(1)));
        let count = channels(conv, weights)?;
        if norm.scale.len() != count {
            return Err(mismatch(count, norm.scale.len()));
        }
        let (shape, elements) = Value::floats(weights).map_err(TransformError::Invalid)?;
        let is_shared = self.found.is_used_elsewhere(&at(1)) || self.reads(&weights.name) > 1;
        let name = if is_shared { format!("{}_bn_weights", conv.name) } else { weights.name.clone() };
        let mut conv = conv.clone();
        if is_shared {
            let left = self.left.checked_sub(elements.len());
            *self.left = left.ok_or_else(|| {
                TransformError::Invalid(format!(
                    "copies of shared weights take more than {MAX_REPEATED} elements; the last are {}", weights.name
                ))
            })?;
            self.push(weights.clone());
            conv.input.iter_mut().skip(1).take(1).for_each(|input| input.clone_from(&name));
        }
        self.push(constant(name, scaled(&shape, elements, &norm.scale)));
        self.push(input.clone());
        let offset = format!("{}_bn_offset", conv.name);
        let bias = Builder::new(output, "BiasAdd")
            .copied(&conv, "data_format")
            .copied(&conv, "T")
            .input(&conv.name)
            .input(&offset)
            .build();
        self.push(conv);
        self.push(constant(offset, Value::vector(norm.offset.clone()).to_content()));
        self.push(bias);
        Ok(())
    }

    /// How often nodes of the match read a node.
    fn reads(&self, name: &str) -> usize {
        let nodes = self.found.original();
        nodes.iter().flat_map(|node| &node.input).filter(|input| crate::node::node_name(input) == name).count()
    }
}
