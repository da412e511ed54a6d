//! Parts without rows: calls of every plan that compute nothing.

use eightbit::elementwise::{Add, Dequantize, LookupTable, Mul, Quantize, Requantize};
use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{
    Backend, Call, Conv2d, Conv2dShape, Conv3d, Conv3dShape, ElementType, Error, Fill, Gemm, MatMut, MatRef,
    OutputElement, PackedWeights, QuantizedType, Stage, Workspace,
};
use eightbit_testing::backends;

/// Runs the parts before the first row and after the last one, at once and in tasks.
fn empty<'a, T: OutputElement, F: Fill<T>>(
    mut call: impl FnMut() -> Result<Call<'a, T, F>, Error>,
    rows: usize,
) {
    for part in [0..0, rows..rows] {
        call().unwrap().part(part.clone()).unwrap().run(&mut Workspace::new());
        let tasks = call().unwrap().part(part).unwrap().tasks(3);
        tasks.for_each(|task| task.run(&mut Workspace::new()));
    }
}

/// Two outputs for [`empty`], which makes four calls: each takes a slice of its own.
fn outputs<T: OutputElement>(len: usize) -> Vec<Vec<T>> {
    vec![vec![T::default(); len]; 4]
}

fn plans(backend: Backend) -> Result<(), Error> {
    let of = QuantizedType::u8(0.5, 3)?;
    let (x, real) = ([7u8; 12], [1.5f32; 12]);
    macro_rules! check {
        ($type:ty; $len:expr, $rows:expr, |$out:ident| $call:expr) => {{
            let mut outputs = outputs::<$type>($len);
            let mut outputs = outputs.iter_mut();
            empty(
                || {
                    let $out = outputs.next().expect("four calls");
                    $call
                },
                $rows,
            );
        }};
    }
    let add = Add::new(backend, of, of, of)?;
    check!(u8; 12, 1, |out| add.call(&x, &x, out));
    let mul = Mul::new(backend, of, of, of)?;
    check!(u8; 12, 1, |out| mul.call(&x, &x, out));
    let requantize = Requantize::new(backend, of, of)?;
    check!(u8; 12, 1, |out| requantize.call(&x, out));
    check!(u8; 12, 3, |out| requantize.call_rows(&x, MatMut::new(out, 3, 4)?));
    let quantize = Quantize::new(backend, of);
    check!(u8; 12, 1, |out| quantize.call(&real, out));
    let table = LookupTable::new(backend, of, of, f32::sqrt);
    check!(u8; 12, 1, |out| table.call(&x, out));
    let dequantize = Dequantize::new(backend, of);
    check!(f32; 12, 1, |out| dequantize.call(&x, out));
    let greatest = MaxPool2d::new(backend, Pool2dShape::new([2, 6], 1, [1, 1]))?;
    check!(u8; 12, 12, |out| greatest.call(&x, out));
    let average = AveragePool2d::new(backend, Pool2dShape::new([2, 6], 1, [1, 1]), of, of)?;
    check!(u8; 12, 12, |out| average.call(&x, out));
    let weights = PackedWeights::pack(backend, &MatRef::new(&[1i8; 16], 4, 4)?, 0)?;
    let gemm = Gemm::new(weights, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
    check!(i32; 12, 3, |out| gemm.call(MatRef::new(&x, 3, 4)?, MatMut::new(out, 3, 4)?));
    for (groups, kernel) in [(1, [1, 1]), (1, [2, 2]), (2, [2, 2])] {
        let shape = Conv2dShape::new([2, 3], 2, 2, kernel).with_groups(groups);
        let len = 4 / groups * kernel[0] * kernel[1];
        let weights = Conv2d::pack(backend, &shape, &vec![1i8; len], 0)?;
        let conv = Conv2d::new(shape, weights, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
        let [height, width] = shape.output();
        check!(i32; height * width * 2, height * width, |out| conv.call(&x, out));
    }
    for (groups, kernel) in [(1, [1, 1, 1]), (1, [2, 1, 2]), (2, [1, 1, 2]), (2, [2, 1, 1])] {
        let shape = Conv3dShape::new([2, 1, 3], 2, 2, kernel).with_groups(groups);
        let len = 4 / groups * kernel.iter().product::<usize>();
        let weights = Conv3d::pack(backend, &shape, &vec![1i8; len], 0)?;
        let conv = Conv3d::new(shape, weights, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
        let pixels = shape.output().iter().product::<usize>();
        check!(i32; pixels * 2, pixels, |out| conv.call(&x, out));
    }
    Ok(())
}

#[test]
fn parts_without_rows_compute_nothing() {
    for backend in backends() {
        plans(backend).unwrap_or_else(|error| panic!("{backend}: {error}"));
    }
}
