//! Codes element by element.

use eightbit_kernels::elementwise::{decode, encode};

use super::{by_element, has_outputs, push, range, step, store};
use crate::exec::builder::Builder;
use crate::ops::dequantize::Dequantizer;
use crate::ops::quantize_v2::{Mode, Quantizer};
use crate::ops::shared::by_code::by_code;
use crate::ops::shared::clamped_codes::bounds;
use crate::ops::shared::code_range::Decoder;
use crate::ops::shared::slices::Slices;
use crate::{DataType, Error, Node};

pub(crate) fn quantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?;
    if x.data_type != DataType::F32 || Slices::new(node, &x.shape)?.count != 1 || !has_outputs(node, 3) {
        return Ok(false);
    }
    let (mode, to) = (Mode::of(node)?, builder.type_of(node.required_output(0)?)?.data_type);
    if to == DataType::U8 {
        let (node_of_step, backend) = (node.clone(), builder.backend);
        let kernel = step(builder, "quantize to a range", (), move |context, workers, ()| {
            let quantizer = Quantizer::<u8>::new(&node_of_step, mode, range(context, 1, 2)?)?;
            by_element(context, workers, 1, |x, codes| match quantizer.steps() {
                Some((scale, offset)) => encode(backend, x, scale, offset, codes),
                None => quantizer.run(x, codes),
            })?;
            store(context, 1, quantizer.range)
        });
        return push(builder, node, kernel);
    }
    let kernel = by_code!(T, to, {
        let node = node.clone();
        step(builder, "quantize to a range", (), move |context, workers, ()| {
            let quantizer = Quantizer::<T>::new(&node, mode, range(context, 1, 2)?)?;
            by_element(context, workers, 1, |x, codes| quantizer.run(x, codes))?;
            store(context, 1, quantizer.range)
        })
    }, _other => return Ok(false));
    push(builder, node, kernel)
}

pub(crate) fn dequantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?;
    if Slices::new(node, &x.shape)?.count != 1 {
        return Ok(false);
    }
    let mode = Mode::of(node)?;
    if x.data_type == DataType::U8 && matches!(mode, Mode::First) {
        let backend = builder.backend;
        let kernel = step(builder, "dequantize from a range", (), move |context, workers, ()| {
            let [scale, offset] = Decoder::<u8>::new(range(context, 1, 2)?).line();
            by_element(context, workers, 1, |codes, y| decode(backend, codes, scale, offset, y))
        });
        return push(builder, node, kernel);
    }
    let kernel = by_code!(T, x.data_type, {
        step(builder, "dequantize from a range", (), move |context, workers, ()| {
            let dequantizer = Dequantizer::<T>::new(mode, range(context, 1, 2)?);
            by_element(context, workers, 1, |codes, y| dequantizer.run(codes, y))
        })
    }, _other => return Ok(false));
    push(builder, node, kernel)
}

pub(crate) fn clamp(builder: &mut Builder<'_>, node: &Node, upper: Option<f32>) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?.data_type;
    if !has_outputs(node, 3) {
        return Ok(false);
    }
    let kernel = by_code!(T, x, {
        step(builder, "clamp codes", (), move |context, workers, ()| {
            let range = range(context, 1, 2)?;
            let (low, high) = bounds::<T>(range, upper);
            by_element(context, workers, 1, |x: &[T], y: &mut [T]| {
                for (&x, y) in x.iter().zip(y) {
                    *y = x.max(low).min(high);
                }
            })?;
            store(context, 1, range)
        })
    }, _other => return Ok(false));
    push(builder, node, kernel)
}
