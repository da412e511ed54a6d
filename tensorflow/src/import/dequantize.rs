//! Constants in eight bits, such as the weights that `quantize_weights` writes: they become floats.
//!
//! The formulas are those of TensorFlow's `Dequantize`, by the attribute `mode`.

use eightbit_graph::{Error, Tensor, TensorData};

use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[("Dequantize", dequantize)];

fn dequantize<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let codes = importer.constant(operation.input(0)?);
    let codes = codes.ok_or_else(|| operation.unsupported("codes that are not constant"))?;
    let (least, most) = (importer.float(operation, 1)?, importer.float(operation, 2)?);
    if operation.int("axis", -1)? != -1 {
        return Err(operation.unsupported("a range for each channel (axis)"));
    }
    let mode = operation.text("mode", "MIN_COMBINED")?;
    let values = match codes.data() {
        TensorData::U8(codes) => floats(codes, (0, 255), (least, most), mode),
        TensorData::I8(codes) => floats(codes, (-128, 127), (least, most), mode),
        _ => return Err(operation.unsupported("codes of more than eight bits")),
    };
    let values = values.ok_or_else(|| operation.unsupported(format!("mode {mode} with this type")))?;
    let tensor = Tensor::new(codes.shape(), values)?;
    importer.take_bytes(operation, 4 * tensor.len() as u64)?;
    Ok(vec![importer.add_constant(operation, "", tensor)])
}

/// The floats for codes from `low` to `high`, which stand for the range `least` to `most`.
fn floats<T: Copy + Into<i32>>(
    codes: &[T],
    (low, high): (i32, i32),
    (least, most): (f32, f32),
    mode: &str,
) -> Option<Vec<f32>> {
    let step = (most - least) / (high - low) as f32;
    let (step, offset, zero) = match mode {
        "MIN_COMBINED" => (step, least, low),
        "MIN_FIRST" if step > 0.0 => (step, (least / step).round() * step, low),
        "MIN_FIRST" => (step, least, low),
        // The range is symmetric for signed codes, and begins at 0 for the others.
        "SCALED" if low < 0 => ((most / high as f32).max(least / low as f32), 0.0, 0),
        "SCALED" => (most / high as f32, 0.0, 0),
        _ => return None,
    };
    Some(codes.iter().map(|&code| offset + (code.into() - zero) as f32 * step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_their_zero() {
        let of = |mode: &str| floats(&[0u8, 51, 255], (0, 255), (-1.0, 4.0), mode).expect("a mode");
        assert_eq!(of("MIN_COMBINED"), [-1.0, 0.0, 4.0]);
        assert_eq!(of("MIN_FIRST"), [-1.0, 0.0, 4.0]);
        let first = floats(&[0u8], (0, 255), (-0.7, 1.85), "MIN_FIRST").expect("a mode");
        assert!((first[0] + 0.7).abs() < 1e-6, "{first:?}");
        let scaled = floats(&[-127i8, 0, 127], (-128, 127), (-2.0, 2.54), "SCALED").expect("a mode");
        assert!((scaled[2] - 2.54).abs() < 1e-6 && scaled[1] == 0.0, "{scaled:?}");
        assert!(floats(&[1u8], (0, 255), (0.0, 1.0), "OTHER").is_none());
    }
}
