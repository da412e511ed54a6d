//! Ranges that training found: floats on the grid of eight-bit numbers.
//!
//! The grid is TensorFlow's "nudged" one (tensorflow/core/kernels/fake_quant_ops_functor.h): zero is one of its points.

use eightbit_graph::{Attribute, Error, Tensor, TensorData};

use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("FakeQuantWithMinMaxArgs", |importer, operation| {
        let range = (operation.float("min", -6.0)?, operation.float("max", 6.0)?);
        quantize(importer, operation, &[range], false)
    }),
    ("FakeQuantWithMinMaxVars", |importer, operation| {
        let range = (importer.float(operation, 1)?, importer.float(operation, 2)?);
        quantize(importer, operation, &[range], false)
    }),
    ("FakeQuantWithMinMaxVarsPerChannel", |importer, operation| {
        let floats = |index: usize| {
            let tensor = importer.constant(operation.input(index)?);
            let tensor =
                tensor.ok_or_else(|| operation.unsupported(format!("input {index} is not a constant")))?;
            tensor.as_f32().map_err(|_| operation.error(format!("input {index} must be floats")))
        };
        let [least, most] = [floats(1)?, floats(2)?];
        if least.len() != most.len() {
            return Err(operation.error("it needs as many maxima as minima"));
        }
        let ranges: Vec<_> = least.iter().copied().zip(most.iter().copied()).collect();
        quantize(importer, operation, &ranges, true)
    }),
];

/// The scale and the code of zero for a range.
struct Grid {
    scale: f32,
    zero: u8,
}

impl Grid {
    fn new(operation: &Operation<'_>, (least, most): (f32, f32), lowest: f32) -> Result<Self, Error> {
        if !(least <= 0.0 && most >= 0.0 && least < most && (most - least).is_finite()) {
            return Err(operation.error(format!("the range {least} to {most} must contain 0 and more")));
        }
        let scale = (most - least) / (255.0 - lowest);
        // Ties away from zero.
        let zero = (lowest - least / scale).clamp(lowest, 255.0).round();
        Ok(Self { scale, zero: zero as u8 })
    }
}

/// Quantizes and dequantizes the input: to each range of a list, along the last axis, or to the only one.
fn quantize<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    ranges: &[(f32, f32)],
    by_channel: bool,
) -> Result<Vec<String>, Error> {
    match operation.int("num_bits", 8)? {
        8 => {}
        other => return Err(operation.unsupported(format!("{other} bits: eight are implemented"))),
    }
    let narrow = operation.flag("narrow_range", false)?;
    let lowest = if narrow { 1.0 } else { 0.0 };
    let grids =
        ranges.iter().map(|&range| Grid::new(operation, range, lowest)).collect::<Result<Vec<_>, _>>()?;
    let scales: TensorData = grids.iter().map(|grid| grid.scale).collect::<Vec<_>>().into();
    let zeros: TensorData = grids.iter().map(|grid| grid.zero).collect::<Vec<_>>().into();
    let shape = if by_channel { vec![grids.len()] } else { Vec::new() };
    let mut x = operation.input(0)?.to_owned();
    let source = importer.shape_of(&x).map(<[usize]>::to_vec);
    if narrow {
        // Code 0 is not used: the least value is that of code 1.
        let least: TensorData =
            grids.iter().map(|grid| (1.0 - f32::from(grid.zero)) * grid.scale).collect::<Vec<_>>().into();
        let least = importer.add_constant(operation, "least", Tensor::new(shape.clone(), least)?);
        x = importer.emit_kept(operation, "narrow", "Max", &[&x, &least], &[]);
    }
    let scales = importer.add_constant(operation, "scale", Tensor::new(shape.clone(), scales)?);
    let zeros = importer.add_constant(operation, "zero", Tensor::new(shape, zeros)?);
    let axis = [("axis", Attribute::Int(-1))];
    let attributes: &[_] = if by_channel { &axis } else { &[] };
    let codes =
        importer.emit_kept(operation, "quantize", "QuantizeLinear", &[&x, &scales, &zeros], attributes);
    let y = importer.emit_kept(operation, "", "DequantizeLinear", &[&codes, &scales, &zeros], attributes);
    if let Some(shape) = source {
        importer.set_shape(&y, shape);
    }
    Ok(vec![y])
}
