//! Pools over spatial axes: activations NCHW.

use super::arguments::Arguments;
use super::indexing::for_each_index;
use super::window::Window;
use crate::{Element, Error, Tensor, TensorData};

/// The shape of a pool's output, and the number of planes (images × channels).
fn output(args: &Arguments<'_>, window: &Window) -> Result<(Vec<usize>, usize), Error> {
    let shape = [&args.tensor(0)?.shape()[..2], window.sizes.output.as_slice()].concat();
    args.count(&shape)?;
    let planes = shape[0] * shape[1];
    Ok((shape, planes))
}

fn window(args: &Arguments<'_>) -> Result<Window, Error> {
    let shape = args.tensor(0)?.shape();
    if shape.len() < 3 {
        return Err(args.error(format!("an input of shape {shape:?} has no spatial dimensions")));
    }
    Window::new(args.node(), &shape[2..], None)
}

/// The greatest element of each window and, if asked for, where it lies in the whole input.
///
/// ONNX does not say what becomes of NaN. Here it is never the greatest, wherever in the window it stands: a window of
/// nothing but NaN gives what a window in the padding gives, the least number (−∞ for floats), and its first element's
/// place. [`global_pool`] does the same.
pub(super) fn max_pool(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn pooled<T: Element + PartialOrd>(
        args: &Arguments<'_>,
        x: &[T],
        lowest: T,
    ) -> Result<Vec<Tensor>, Error> {
        let window = window(args)?;
        let (shape, planes) = output(args, &window)?;
        let plane: usize = window.input.iter().product();
        let column_major = args.node().flag("storage_order", false)?;
        let (mut greatest, mut places) = (Vec::new(), Vec::new());
        let mut taps = Vec::new();
        for first in (0..planes).map(|index| index * plane) {
            for_each_index(&window.sizes.output, |index| {
                window.taps(index, &mut taps);
                let (mut value, mut at) = (lowest, taps.first().map_or(0, |&(_, at)| at));
                for &(_, tap) in &taps {
                    if x[first + tap] > value {
                        (value, at) = (x[first + tap], tap);
                    }
                }
                let at = if column_major { column_major_offset(at, &window.input) } else { at };
                greatest.push(value);
                places.push((first + at) as i64);
            });
        }
        let mut outputs = vec![Tensor::new(shape.clone(), T::wrap(greatest))?];
        if args.node().output(1).is_some() {
            outputs.push(Tensor::new(shape, places)?);
        }
        Ok(outputs)
    }
    match args.tensor(0)?.data() {
        TensorData::F32(x) => pooled(args, x, f32::NEG_INFINITY),
        TensorData::F64(x) => pooled(args, x, f64::NEG_INFINITY),
        TensorData::U8(x) => pooled(args, x, u8::MIN),
        TensorData::I8(x) => pooled(args, x, i8::MIN),
        other => Err(args.wrong_type(other.data_type())),
    }
}

/// The offset of a row-major offset's element if the axes were stored the other way round.
fn column_major_offset(mut offset: usize, shape: &[usize]) -> usize {
    let mut result = 0;
    for (axis, &dim) in shape.iter().enumerate().rev() {
        let stride: usize = shape[..axis].iter().product();
        result += offset % dim * stride;
        offset /= dim;
    }
    result
}

/// The mean of each window; `count_include_pad` counts the padding as zeros.
pub(super) fn average_pool(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let x = args.values::<f32>(0)?;
    let window = window(args)?;
    let (shape, planes) = output(args, &window)?;
    let plane: usize = window.input.iter().product();
    let count_padding = args.node().flag("count_include_pad", false)?;
    let mut means = Vec::new();
    let mut taps = Vec::new();
    for plane in (0..planes).map(|index| &x[index * plane..][..plane]) {
        for_each_index(&window.sizes.output, |index| {
            window.taps(index, &mut taps);
            let count = if count_padding { window.padded_taps(index) } else { taps.len() };
            let sum: f64 = taps.iter().map(|&(_, at)| f64::from(plane[at])).sum();
            means.push((sum / count.max(1) as f64) as f32);
        });
    }
    Tensor::new(shape, means)
}

/// One number for each plane; the spatial axes stay, of size 1.
pub(super) fn global_pool(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    if input.rank() < 2 {
        return Err(args.error(format!("an input of shape {:?} has no channels", input.shape())));
    }
    let mut shape = input.shape().to_vec();
    shape[2..].fill(1);
    let (x, plane) = (input.as_f32()?, input.shape()[2..].iter().product::<usize>());
    let planes = args.count(&shape)?;
    let average = args.node().op == "GlobalAveragePool";
    let pooled: Vec<f32> = (0..planes)
        .map(|index| {
            let plane = &x[index * plane..][..plane];
            if average {
                (plane.iter().map(|&x| f64::from(x)).sum::<f64>() / plane.len() as f64) as f32
            } else {
                plane.iter().copied().fold(f32::NEG_INFINITY, f32::max)
            }
        })
        .collect();
    Tensor::new(shape, pooled)
}
