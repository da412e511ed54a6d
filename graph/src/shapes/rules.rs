//! Which rule belongs to which operator.

use super::arrange::{self, type_attribute};
use super::{Inputs, TensorType, bytes, combine};
use crate::{DataType, Error, Tensor, element_count, ops};

/// The types of a node's outputs, in the operator's order.
pub(super) fn outputs(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let node = inputs.node;
    if !node.domain.is_empty() {
        let output = bytes::output(inputs)?.ok_or_else(|| unknown(inputs))?;
        return Ok(vec![output]);
    }
    let one = |output: Result<TensorType, Error>| output.map(|output| vec![output]);
    match node.op.as_str() {
        "Abs" | "Ceil" | "Clip" | "Elu" | "Erf" | "Exp" | "Floor" | "HardSigmoid" | "HardSwish"
        | "Identity" | "LRN" | "LeakyRelu" | "Log" | "LogSoftmax" | "Neg" | "Relu" | "Round" | "Sigmoid"
        | "Softmax" | "Sqrt" | "Tanh" => one(inputs.get(0).cloned()),
        "Add" | "Div" | "Max" | "Min" | "Mul" | "Pow" | "Sub" | "Sum" => one(combine::elementwise(inputs)),
        "PRelu" => one(combine::prelu(inputs)),
        "Dropout" => {
            let x = inputs.get(0)?;
            Ok(vec![x.clone(), TensorType::new(DataType::Bool, x.shape.as_slice())])
        }
        "BatchNormalization" => one(combine::batch_normalization(inputs)),
        "Conv" => typed(inputs.get(0)?.data_type, combine::conv(inputs, 0, 1, 2)?),
        "ConvInteger" => typed(DataType::I32, combine::conv(inputs, 0, 1, usize::MAX)?),
        "QLinearConv" => typed(inputs.get(7)?.data_type, combine::conv(inputs, 0, 3, 8)?),
        "MatMul" => typed(inputs.get(0)?.data_type, combine::matmul(inputs, 0, 1)?),
        "MatMulInteger" => typed(DataType::I32, combine::matmul(inputs, 0, 1)?),
        "QLinearMatMul" => typed(inputs.get(7)?.data_type, combine::matmul(inputs, 0, 3)?),
        "Gemm" => one(combine::gemm(inputs)),
        "AveragePool" => one(combine::pool(inputs)),
        "MaxPool" => {
            let output = combine::pool(inputs)?;
            let indices = TensorType::new(DataType::I64, output.shape.as_slice());
            Ok(vec![output, indices])
        }
        "GlobalAveragePool" | "GlobalMaxPool" => one(combine::global_pool(inputs)),
        "QuantizeLinear" => one(combine::quantize(inputs)),
        "DequantizeLinear" => {
            let data_type = match type_attribute(inputs, "output_dtype")? {
                Some(data_type) => data_type,
                None => inputs.get(1)?.data_type,
            };
            typed(data_type, inputs.shape(0)?.to_vec())
        }
        "DynamicQuantizeLinear" => Ok(vec![
            TensorType::new(DataType::U8, inputs.shape(0)?),
            TensorType::new(DataType::F32, []),
            TensorType::new(DataType::U8, []),
        ]),
        "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum" => one(arrange::reduce(inputs)),
        "ArgMax" | "ArgMin" => one(arrange::arg(inputs)),
        "Reshape" => one(arrange::reshape(inputs)),
        "Flatten" => one(arrange::flatten(inputs)),
        "Transpose" => one(arrange::transpose(inputs)),
        "Concat" => one(arrange::concat(inputs)),
        "Pad" => one(arrange::pad(inputs)),
        "Squeeze" => one(arrange::squeeze(inputs)),
        "Unsqueeze" => one(arrange::unsqueeze(inputs)),
        "Gather" => one(arrange::gather(inputs)),
        "Cast" => {
            let to =
                type_attribute(inputs, "to")?.ok_or_else(|| Error::attribute(node, "to", "is missing"))?;
            typed(to, inputs.shape(0)?.to_vec())
        }
        "Constant" => {
            let value = node.tensor("value")?.ok_or_else(|| Error::attribute(node, "value", "is missing"))?;
            Ok(vec![TensorType::of(value)])
        }
        "Shape" => typed(DataType::I64, vec![arrange::shape_value(node, inputs.shape(0)?)?.len()]),
        _ => Err(unknown(inputs)),
    }
}

fn typed(data_type: DataType, shape: Vec<usize>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType { data_type, shape }])
}

fn unknown(inputs: &Inputs<'_>) -> Error {
    Error::unsupported(inputs.node, "the shapes of its outputs are not known here")
}

/// Larger values than any shape; they are not computed here.
const MAX_VALUE: usize = 1 << 12;

/// The value of a node's first output, where shapes alone decide it: `Shape`, and what is computed from it.
pub(super) fn value(inputs: &Inputs<'_>, outputs: &[TensorType]) -> Result<Option<Tensor>, Error> {
    let node = inputs.node;
    if node.is("Shape") {
        return arrange::shape_value(node, inputs.shape(0)?).map(|shape| Some(Tensor::vector(shape)));
    }
    let mut depends_on_shape = false;
    let mut values = Vec::with_capacity(node.inputs.len());
    for name in &node.inputs {
        let computed = inputs.computed.get(name.as_str());
        depends_on_shape |= computed.is_some();
        let value = computed.or_else(|| inputs.graph.constants.get(name));
        if value.is_none() && !name.is_empty() {
            return Ok(None);
        }
        values.push(value);
    }
    let is_small = |output: &TensorType| element_count(&output.shape).is_ok_and(|count| count <= MAX_VALUE);
    if !depends_on_shape || !outputs.iter().all(is_small) {
        return Ok(None);
    }
    match ops::evaluate(node, &values) {
        Ok(results) => Ok(results.into_iter().next()),
        Err(Error::UnsupportedOp { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
