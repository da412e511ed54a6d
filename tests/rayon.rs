//! Calls on the rayon pool equal plain calls, on inputs large enough to be split; without a workspace they return an error.
#![cfg(feature = "rayon")]

use eightbit::dynamic::{
    BatchMut, BatchRef, BatchedGemm, GroupwiseLinear, GroupwiseWeights, Linear, QuantizedBatch,
    QuantizedRows, Spread, WeightGroups,
};
use eightbit::elementwise::{Add, LookupTable, Mul, Quantize, Requantize};
use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{
    Backend, Dequantize, Error, MatMut, MatRef, PackedWeights, Per, QuantizedType, Workspace, elementwise,
};

/// Elements of a tensor: enough for several tasks.
const LEN: usize = 20_001;

fn bytes(len: usize, step: usize) -> Vec<u8> {
    (0..len).map(|i| (i * step % 251) as u8).collect()
}

fn workspaces() -> Vec<Workspace> {
    (0..3).map(|_| Workspace::new()).collect()
}

/// Compares the outputs of the plain call and of the call on the pool, and expects an error without a workspace.
fn same<T: Default + Clone + PartialEq + std::fmt::Debug>(
    len: usize,
    plain: impl FnOnce(&mut [T]) -> Result<(), Error>,
    mut on_pool: impl FnMut(&mut [T], &mut [Workspace]) -> Result<(), Error>,
) {
    let (mut expected, mut found) = (vec![T::default(); len], vec![T::default(); len]);
    plain(&mut expected).expect("a run");
    assert!(expected.iter().any(|x| *x != T::default()), "the output must not be all zeros");
    assert!(on_pool(&mut found, &mut []).is_err(), "no workspace");
    assert!(found.iter().all(|x| *x == T::default()), "nothing is written then");
    on_pool(&mut found, &mut workspaces()).expect("a run on the pool");
    assert!(found == expected, "the pool changes the output");
}

/// Rows of 24 elements, 40 apart.
fn matrix(out: &mut [u8]) -> Result<MatMut<'_, u8>, Error> {
    MatMut::with_row_stride(out, out.len() / 40, 24, 40)
}

fn types() -> [QuantizedType; 3] {
    [(0.5, 3), (0.3, 7), (0.9, 20)].map(|(scale, zero)| QuantizedType::u8(scale, zero).expect("a type"))
}

#[test]
fn elementwise_operators() {
    let ([a_type, b_type, to], backend) = (types(), Backend::best().expect("a backend"));
    let (a, b) = (bytes(LEN, 7), bytes(LEN, 11));
    let real: Vec<f32> = a.iter().map(|&x| f32::from(x) * 0.37 - 20.0).collect();

    let add = Add::new(backend, a_type, b_type, to).expect("plan");
    same(
        LEN,
        |out: &mut [u8]| add.call(&a, &b, out).map(|call| call.run(&mut Workspace::new())),
        |out, all| add.call(&a, &b, out).and_then(|call| call.run_rayon(all)),
    );
    let mul = Mul::new(backend, a_type, b_type, to).expect("plan");
    same(
        LEN,
        |out: &mut [u8]| mul.call(&a, &b, out).map(|call| call.run(&mut Workspace::new())),
        |out, all| mul.call(&a, &b, out).and_then(|call| call.run_rayon(all)),
    );
    let table = LookupTable::new(backend, a_type, to, f32::sqrt);
    same(
        LEN,
        |out: &mut [u8]| table.call(&a, out).map(|call| call.run(&mut Workspace::new())),
        |out, all| table.call(&a, out).and_then(|call| call.run_rayon(all)),
    );
    let quantize = Quantize::new(backend, to);
    same(
        LEN,
        |out: &mut [u8]| quantize.call(&real, out).map(|call| call.run(&mut Workspace::new())),
        |out, all| quantize.call(&real, out).and_then(|call| call.run_rayon(all)),
    );
    let dequantize = elementwise::Dequantize::new(backend, a_type);
    same(
        LEN,
        |out: &mut [f32]| dequantize.call(&a, out).map(|call| call.run(&mut Workspace::new())),
        |out, all| dequantize.call(&a, out).and_then(|call| call.run_rayon(all)),
    );
    let requantize = Requantize::new(backend, a_type, to).expect("plan");
    same(
        LEN,
        |out: &mut [u8]| requantize.call(&a, out).map(|call| call.run(&mut Workspace::new())),
        |out, all| requantize.call(&a, out).and_then(|call| call.run_rayon(all)),
    );

    let rows = LEN / 40;
    let a = &a[..rows * 24];
    same(
        rows * 40,
        |out: &mut [u8]| requantize.call_rows(a, matrix(out)?).map(|call| call.run(&mut Workspace::new())),
        |out, all| requantize.call_rows(a, matrix(out)?).and_then(|call| call.run_rayon(all)),
    );
}

#[test]
fn pools() {
    let ([from, _, to], backend) = (types(), Backend::best().expect("a backend"));
    let shape = Pool2dShape::new([31, 30], 24, [3, 2]).with_batch(2);
    let [height, width] = shape.output();
    let pixels = 2 * height * width;
    let x = bytes(2 * 31 * 30 * 24, 13);
    let greatest = MaxPool2d::new(backend, shape).expect("plan");
    let average = AveragePool2d::new(backend, shape, from, to).expect("plan");

    let len = pixels * 24;
    let mut one = Workspace::new();
    same(
        len,
        |out: &mut [u8]| greatest.call(&x, out).map(|call| call.run(&mut one)),
        |out, all| greatest.call(&x, out).and_then(|call| call.run_rayon(all)),
    );
    same(
        len,
        |out: &mut [u8]| average.call(&x, out).map(|call| call.run(&mut one)),
        |out, all| average.call(&x, out).and_then(|call| call.run_rayon(all)),
    );
    // A part that begins and ends within rows of the output.
    let part = 7..pixels - 5;
    macro_rules! same_part {
        ($pool:ident) => {
            same(
                pixels * 40,
                |out: &mut [u8]| {
                    let call = $pool.call_rows(&x, matrix(out)?)?.part(part.clone())?;
                    Ok(call.run(&mut one))
                },
                |out, all| $pool.call_rows(&x, matrix(out)?)?.part(part.clone())?.run_rayon(all),
            )
        };
    }
    same_part!(greatest);
    same_part!(average);
}

#[test]
fn rows_and_layers_of_floats() {
    let (rows, depth, columns) = (67, 40, 33);
    let x: Vec<f32> = bytes(rows * depth, 7).into_iter().map(|x| f32::from(x) * 0.37 - 20.0).collect();
    let x = MatRef::new(&x, rows, depth).expect("a matrix");
    let weights: Vec<i8> = bytes(depth * columns, 11).into_iter().map(u8::cast_signed).collect();
    let weights = MatRef::new(&weights, depth, columns).expect("weights");
    let packed = PackedWeights::pack(Backend::best().expect("a backend"), &weights, 0).expect("packed");
    let linear = Linear::new(packed, &Dequantize::new(Per::Tensor(0.01)), Spread::Range).expect("a plan");
    let (mut plain, mut pool) = (QuantizedRows::new(), QuantizedRows::new());
    plain.quantize(linear.quantize(), x).expect("finite");
    pool.call(linear.quantize(), x).and_then(|call| call.run_rayon(3)).expect("finite");
    assert_eq!(format!("{:?}", plain.rows()), format!("{:?}", pool.rows()));
    same(
        rows * columns,
        |out: &mut [f32]| {
            let out = MatMut::new(out, rows, columns)?;
            linear.call(plain.rows(), out).map(|call| call.run(&mut Workspace::new()))
        },
        |out, all| {
            let out = MatMut::new(out, rows, columns)?;
            linear.call(pool.rows(), out).and_then(|call| call.run_rayon(all))
        },
    );
}

#[test]
fn layers_with_scales_by_group() {
    let (rows, depth, columns) = (67, 64, 133);
    let x: Vec<f32> = bytes(rows * depth, 7).into_iter().map(|x| f32::from(x) * 0.37 - 20.0).collect();
    let weights: Vec<i8> = bytes(depth * columns, 11).into_iter().map(u8::cast_signed).collect();
    let weights = MatRef::new(&weights, depth, columns).expect("weights");
    let scales: Vec<f32> = bytes(2 * columns, 13).into_iter().map(|x| f32::from(x) * 0.01).collect();
    let groups = WeightGroups { depths: 32, scales: &scales, zero_points: &[0] };
    let packed =
        GroupwiseWeights::pack(Backend::best().expect("a backend"), &weights, &groups).expect("packed");
    let linear = GroupwiseLinear::new(packed, Spread::Range);
    let mut codes = QuantizedRows::new();
    codes.quantize(linear.quantize(), MatRef::new(&x, rows, depth).expect("a matrix")).expect("finite");
    same(
        rows * columns,
        |out: &mut [f32]| {
            let out = MatMut::new(out, rows, columns)?;
            linear.call(codes.rows(), out).map(|call| call.run(&mut Workspace::new()))
        },
        |out, all| {
            let out = MatMut::new(out, rows, columns)?;
            linear.call(codes.rows(), out).and_then(|call| call.run_rayon(all))
        },
    );
}

#[test]
fn products_of_activations() {
    let backend = Backend::best().expect("a backend");
    let (heads, tokens, channels) = (5, 40, 24);
    let codes = bytes(heads * tokens * channels, 7);
    let codes = BatchRef::with_strides(&codes, heads, [tokens, channels], channels, [heads * channels, 1]);
    let factor = QuantizedBatch {
        codes: codes.expect("they fit"),
        scales: MatRef::with_strides(&[0.5], heads, tokens, 0, 0).expect("scales"),
        zero_points: MatRef::with_strides(&[3], heads, tokens, 0, 0).expect("zero points"),
    };
    let transposed = QuantizedBatch { codes: factor.codes.transposed(), ..factor };
    let (batched, shape) = (BatchedGemm::new(backend), [tokens, tokens]);
    same(
        heads * tokens * tokens,
        |out: &mut [f32]| {
            let out = BatchMut::new(out, heads, shape)?;
            batched.call(factor, transposed, out).map(|call| call.run(&mut Workspace::new()))
        },
        |out, all| {
            let out = BatchMut::new(out, heads, shape)?;
            batched.call(factor, transposed, out).and_then(|call| call.run_rayon(all))
        },
    );
}
