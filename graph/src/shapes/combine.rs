//! Rules of operators that combine tensors: elementwise with broadcasting, products, convolutions.

use super::window::{Window, kernel_shape};
use super::{Inputs, TensorType};
use crate::{DataType, Error};

/// The shape that `a` and `b` broadcast to (numpy's rule).
pub(super) fn broadcast(inputs: &Inputs<'_>, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    let rank = a.len().max(b.len());
    let dim =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |index| shape[index]);
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (1, size) | (size, 1) => Ok(size),
            (left, right) if left == right => Ok(left),
            _ => Err(inputs.error(format!("shapes {a:?} and {b:?} do not broadcast"))),
        })
        .collect()
}

/// Any number of inputs, broadcast together; the type is the first one's.
pub(super) fn elementwise(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let first = inputs.get(0)?;
    let mut shape = first.shape.clone();
    for index in 1..inputs.types.len() {
        let input = inputs.get(index)?;
        if input.data_type != first.data_type {
            return Err(inputs.error(format!("inputs of types {} and {}", first.data_type, input.data_type)));
        }
        shape = broadcast(inputs, &shape, &input.shape)?;
    }
    Ok(TensorType::new(first.data_type, shape))
}

/// `PRelu`: the slope broadcasts to the input, not the other way round.
pub(super) fn prelu(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let (x, slope) = (inputs.get(0)?, inputs.shape(1)?);
    if broadcast(inputs, &x.shape, slope)? != x.shape {
        return Err(inputs.error(format!("a slope of shape {slope:?} for an input of shape {:?}", x.shape)));
    }
    Ok(x.clone())
}

/// The shape of a matrix product of inputs `a` and `b`, with numpy's rules for vectors and batches.
pub(super) fn matmul(inputs: &Inputs<'_>, a: usize, b: usize) -> Result<Vec<usize>, Error> {
    let (a, b) = (inputs.shape(a)?, inputs.shape(b)?);
    let misfit = || inputs.error(format!("shapes {a:?} and {b:?} do not multiply"));
    if a.is_empty() || b.is_empty() {
        return Err(misfit());
    }
    // A vector is a row on the left and a column on the right; that axis is gone afterwards.
    let (rows, left_k) = if let [.., m, k] = *a { (Some(m), k) } else { (None, a[0]) };
    let (right_k, columns) = if let [.., k, n] = *b { (k, Some(n)) } else { (b[0], None) };
    if left_k != right_k {
        return Err(misfit());
    }
    let batch = |shape: &[usize]| shape[..shape.len().saturating_sub(2)].to_vec();
    let mut shape = broadcast(inputs, &batch(a), &batch(b))?;
    shape.extend(rows);
    shape.extend(columns);
    Ok(shape)
}

/// `Gemm`.
pub(super) fn gemm(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let (a, b) = (inputs.get(0)?, inputs.shape(1)?);
    let (&[a0, a1], &[b0, b1]) = (a.shape.as_slice(), b) else {
        return Err(inputs.error(format!("needs two matrices, has shapes {:?} and {b:?}", a.shape)));
    };
    let (m, k) = if inputs.node.flag("transA", false)? { (a1, a0) } else { (a0, a1) };
    let (k_right, n) = if inputs.node.flag("transB", false)? { (b1, b0) } else { (b0, b1) };
    if k != k_right {
        return Err(inputs.error(format!("an inner dimension of {k} on the left and {k_right} on the right")));
    }
    if let Some(c) = inputs.optional(2)
        && broadcast(inputs, &[m, n], &c.shape)? != [m, n]
    {
        return Err(inputs.error(format!("a bias of shape {:?} for an output of {m}×{n}", c.shape)));
    }
    Ok(TensorType::new(a.data_type, [m, n]))
}

/// The shape of a convolution of input `x` with the weights that are input `w`; input `bias` fits if it is there.
pub(super) fn conv(inputs: &Inputs<'_>, x: usize, w: usize, bias: usize) -> Result<Vec<usize>, Error> {
    let (x, w) = (inputs.shape(x)?, inputs.shape(w)?);
    let ([batch, channels, spatial @ ..], [outputs, group_channels, kernel @ ..]) = (x, w) else {
        return Err(inputs.error(format!("an input of shape {x:?} and weights of shape {w:?}")));
    };
    if spatial.is_empty() || spatial.len() != kernel.len() {
        return Err(inputs.error(format!("an input of shape {x:?} and weights of shape {w:?}")));
    }
    let group = inputs.node.int("group", 1)?;
    let fits = usize::try_from(group).ok().filter(|&group| {
        group > 0 && group_channels.checked_mul(group) == Some(*channels) && outputs % group == 0
    });
    if fits.is_none() {
        return Err(inputs.error(format!(
            "{group} groups do not divide an input of shape {x:?} and weights of shape {w:?}"
        )));
    }
    if let Some(declared) = kernel_shape(inputs.node)?
        && declared != kernel
    {
        return Err(Error::attribute(
            inputs.node,
            "kernel_shape",
            format!("is {declared:?}, but the weights' shape is {w:?}"),
        ));
    }
    if let Some(bias) = inputs.optional(bias)
        && bias.shape != [*outputs]
    {
        return Err(inputs.error(format!("a bias of shape {:?} for {outputs} channels", bias.shape)));
    }
    let window = Window::resolve(inputs.node, spatial, kernel)?;
    Ok([&[*batch, *outputs], window.output.as_slice()].concat())
}

/// `MaxPool` and `AveragePool`.
pub(super) fn pool(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let [batch, channels, spatial @ ..] = x.shape.as_slice() else {
        return Err(inputs.error(format!("an input of shape {:?}", x.shape)));
    };
    let kernel = kernel_shape(inputs.node)?
        .ok_or_else(|| Error::attribute(inputs.node, "kernel_shape", "is missing"))?;
    let window = Window::resolve(inputs.node, spatial, &kernel)?;
    Ok(TensorType::new(x.data_type, [&[*batch, *channels], window.output.as_slice()].concat()))
}

/// `GlobalAveragePool` and `GlobalMaxPool`.
pub(super) fn global_pool(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    if x.shape.len() < 3 {
        return Err(inputs.error(format!("an input of shape {:?}", x.shape)));
    }
    let keep = |(axis, &size): (usize, &usize)| if axis < 2 { size } else { 1 };
    Ok(TensorType::new(x.data_type, x.shape.iter().enumerate().map(keep).collect::<Vec<_>>()))
}

/// `BatchNormalization` for inference: four statistics per channel.
pub(super) fn batch_normalization(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    if inputs.node.flag("training_mode", false)? || inputs.node.output(1).is_some() {
        return Err(Error::unsupported(inputs.node, "training mode: export the model for inference"));
    }
    let x = inputs.get(0)?;
    let channels = x.shape.get(1).copied().unwrap_or(1);
    for index in 1..5 {
        let shape = inputs.shape(index)?;
        if shape != [channels] {
            return Err(inputs.error(format!("input {index} of shape {shape:?} for {channels} channels")));
        }
    }
    Ok(x.clone())
}

/// `QuantizeLinear`'s type: the zero point's, else `output_dtype`'s, else u8.
pub(super) fn quantize(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let data_type = match inputs.optional(2) {
        Some(zero_point) => zero_point.data_type,
        None => super::arrange::type_attribute(inputs, "output_dtype")?.unwrap_or(DataType::U8),
    };
    Ok(TensorType::new(data_type, inputs.shape(0)?))
}
