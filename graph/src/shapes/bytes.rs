//! Rules for the operators on bytes that ONNX does not define: those that `fuse_quantized` makes.

use super::{Inputs, TensorType, combine};
use crate::{DataType, Error};

/// The type of a node's only output; `None` for operators that are not known here.
pub(super) fn output(inputs: &Inputs<'_>) -> Result<Option<TensorType>, Error> {
    let node = inputs.node;
    // The zero point of the output also tells its type.
    let of_type = |zero: usize, shape: Vec<usize>| Ok(TensorType::new(inputs.get(zero)?.data_type, shape));
    let output = match (node.domain.as_str(), node.op.as_str()) {
        ("com.microsoft", "QLinearAdd" | "QLinearMul") => {
            of_type(7, combine::broadcast(inputs, inputs.shape(0)?, inputs.shape(3)?)?)
        }
        ("com.microsoft", "QLinearConcat") => of_type(1, concat(inputs)?),
        ("com.microsoft", "QLinearAveragePool") => of_type(4, combine::pool(inputs)?.shape),
        ("com.microsoft", "QLinearGlobalAveragePool") => of_type(4, combine::global_pool(inputs)?.shape),
        ("com.microsoft", "QGemm") => {
            let data_type = inputs.optional(8).map_or(DataType::F32, |zero| zero.data_type);
            gemm(inputs).map(|shape| TensorType::new(data_type, shape))
        }
        ("com.microsoft", "QuantizeLinear") => combine::quantize(inputs),
        ("com.microsoft", "DequantizeLinear") => Ok(TensorType::new(DataType::F32, inputs.shape(0)?)),
        (crate::passes::DOMAIN, "LookupTable") => of_type(1, inputs.shape(0)?.to_vec()),
        _ => return Ok(None),
    };
    output.map(Some)
}

fn gemm(inputs: &Inputs<'_>) -> Result<Vec<usize>, Error> {
    let (a, b) = (inputs.shape(0)?, inputs.shape(3)?);
    let (&[a0, a1], &[b0, b1]) = (a, b) else {
        return Err(inputs.error(format!("needs two matrices, has shapes {a:?} and {b:?}")));
    };
    let (m, k) = if inputs.node.flag("transA", false)? { (a1, a0) } else { (a0, a1) };
    let (depth, n) = if inputs.node.flag("transB", false)? { (b1, b0) } else { (b0, b1) };
    if k != depth {
        return Err(inputs.error(format!("shapes {a:?} and {b:?} do not multiply")));
    }
    Ok(vec![m, n])
}

fn concat(inputs: &Inputs<'_>) -> Result<Vec<usize>, Error> {
    let mut shape = inputs.shape(2)?.to_vec();
    let axis = inputs.axis(inputs.node.int("axis", 1)?, shape.len())?;
    shape[axis] = 0;
    for part in (2..inputs.node.inputs.len()).step_by(3) {
        let dims = inputs.shape(part)?;
        let fits = dims.len() == shape.len()
            && dims.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b);
        if !fits {
            return Err(inputs.error(format!("a part of shape {dims:?} does not fit along axis {axis}")));
        }
        shape[axis] = shape[axis].saturating_add(dims[axis]);
    }
    Ok(shape)
}
