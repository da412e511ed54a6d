//! Batch normalization with the statistics of training.

use eightbit_graph::{Attribute, Error, Tensor};

use super::convolution::Order;
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("BatchNormWithGlobalNormalization", global),
    ("FusedBatchNorm", fused),
    ("FusedBatchNormV2", fused),
    ("FusedBatchNormV3", fused),
];

fn fused<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    if operation.flag("is_training", true)? {
        let reason = "normalization by the batch itself (is_training): freeze the graph for inference";
        return Err(operation.unsupported(reason));
    }
    let [x, scale, offset] = [operation.input(0)?, operation.input(1)?, operation.input(2)?];
    let [mean, variance] = [operation.input(3)?, operation.input(4)?];
    let epsilon = operation.float("epsilon", 1e-4)?;
    let order = Order::of(operation)?;
    let y = normalize(importer, operation, order, x, [scale, offset, mean, variance], epsilon)?;
    // The other outputs are for training: the statistics as they are.
    let mut outputs = vec![y];
    outputs.extend([mean, variance, mean, variance].map(str::to_owned));
    Ok(outputs)
}

/// The form before `FusedBatchNorm`.
fn global<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let [x, mean, variance] = [operation.input(0)?, operation.input(1)?, operation.input(2)?];
    let [offset, scale] = [operation.input(3)?, operation.input(4)?];
    let epsilon = operation.float("variance_epsilon", 1e-3)?;
    let ones = match importer.constant(mean).map(Tensor::len) {
        _ if operation.flag("scale_after_normalization", false)? => None,
        Some(channels) => {
            Some(importer.add_constant(operation, "scale", Tensor::vector(vec![1.0f32; channels])))
        }
        None => return Err(operation.unsupported("a mean that is not constant")),
    };
    let scale = ones.as_deref().unwrap_or(scale);
    let statistics = [scale, offset, mean, variance];
    Ok(vec![normalize(importer, operation, Order::ChannelsLast, x, statistics, epsilon)?])
}

/// Adds a normalization with scale, offset, mean and variance of each channel.
pub(super) fn normalize<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    order: Order,
    x: &str,
    [scale, offset, mean, variance]: [&str; 4],
    epsilon: f32,
) -> Result<String, Error> {
    let x = order.first(importer, operation, x)?;
    let inputs = [&x, scale, offset, mean, variance];
    let epsilon = ("epsilon", Attribute::Float(epsilon));
    let y = importer.emit(operation, "", "BatchNormalization", &inputs, &[epsilon])?;
    order.restore(importer, operation, y)
}
