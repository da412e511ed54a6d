//! Operators that graph optimizers and tfjs made of several: a product with what follows it.

use eightbit_graph::Error;

use super::batch_norm::normalize;
use super::convolution::{Kind, Order, add_bias, conv};
use super::elementwise::apply;
use super::importer::Importer;
use super::operation::Operation;
use super::product::matmul;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("FusedDepthwiseConv2dNative", |importer, operation| {
        let y = conv(importer, operation, Kind::Depthwise)?;
        followed(importer, operation, y)
    }),
    ("_FusedConv2D", |importer, operation| {
        let y = conv(importer, operation, Kind::Full)?;
        followed(importer, operation, y)
    }),
    ("_FusedDepthwiseConv2dNative", |importer, operation| {
        let y = conv(importer, operation, Kind::Depthwise)?;
        followed(importer, operation, y)
    }),
    ("_FusedMatMul", |importer, operation| {
        let y = matmul(importer, operation)?;
        followed(importer, operation, y)
    }),
];

/// Applies what the attribute `fused_ops` lists to `y`; its arguments are the inputs from the third.
fn followed<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    mut y: String,
) -> Result<Vec<String>, Error> {
    let mut next = 2;
    for name in operation.texts("fused_ops")? {
        y = match name {
            "BiasAdd" => {
                next += 1;
                add_bias(importer, operation, &y, operation.input(next - 1)?)?
            }
            "FusedBatchNorm" => {
                let mut statistics = [""; 4];
                for (statistic, index) in statistics.iter_mut().zip(next..) {
                    *statistic = operation.input(index)?;
                }
                next += 4;
                let epsilon = operation.float("epsilon", 1e-4)?;
                normalize(importer, operation, Order::of(operation)?, &y, statistics, epsilon)?
            }
            activation => {
                let mut inputs = vec![y];
                if activation == "Prelu" {
                    next += 1;
                    inputs.push(operation.input(next - 1)?.to_owned());
                }
                if activation == "LeakyRelu" {
                    let alpha = ("alpha", operation.float("leakyrelu_alpha", 0.2)?.into());
                    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                    importer.emit(operation, "", "LeakyRelu", &inputs, &[alpha])?
                } else {
                    let operation = Operation { node: operation.node, inputs };
                    let outputs = apply(importer, &operation, activation)?;
                    outputs.into_iter().next().ok_or_else(|| operation.error("has no output"))?
                }
            }
        };
    }
    Ok(vec![y])
}
