//! ONNX's quantized operators, bit for bit as ONNX Runtime computes them, on every backend: see `tests/vectors`.

mod npz;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eightbit::{
    Backend, Conv2d, Conv2dShape, Element, ElementType, Gemm, MatMut, MatRef, PackedWeights, Padding, Per,
    Requantize, Stage, Workspace,
};
use eightbit_testing::by_signs;
use npz::{Array, between, numbers};

type Case = BTreeMap<String, Array>;

#[test]
fn vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/qlinear");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("vectors").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    assert_eq!(files.len(), 38, "vectors found");
    for backend in eightbit_kernels::testing::backends() {
        for file in &files {
            let name = file.file_stem().expect("name").to_string_lossy().into_owned();
            let case = npz::read(file);
            let found = if name.starts_with("qlinearconv") {
                convolve(backend, &case)
            } else {
                multiply(backend, &case)
            };
            assert_eq!(found, case["out_y"].integers(), "{name} on {backend}");
        }
        println!("SUITE qlinear backend {backend} cases {} bit-equal", files.len());
    }
}

/// One value, or one per channel.
fn per<T: Copy>(values: Vec<T>) -> Per<T> {
    if values.len() == 1 { Per::Tensor(values[0]) } else { Per::Channel(values) }
}

/// `f32(x_scale · w_scale) / y_scale`, as ONNX Runtime computes the multiplier.
fn requantize(x_scale: f32, w_scale: Vec<f32>, y: &Array, y_scale: f32, y_zero: i32) -> Stage {
    let scale = w_scale.into_iter().map(|w_scale| x_scale * w_scale / y_scale).collect();
    let output = if y.signed() { ElementType::I8 } else { ElementType::U8 };
    Stage::Requantize(Requantize::new(per(scale), y_zero, output))
}

fn bytes<T: Element>(values: &[i32]) -> Vec<T> {
    values.iter().map(|&x| T::from_low_bits(x)).collect()
}

fn multiply(backend: Backend, case: &Case) -> Vec<i32> {
    by_signs!((case["in_a"].signed(), case["in_b"].signed()), multiply_types(backend, case))
}

fn multiply_types<A: Element, W: Element>(backend: Backend, case: &Case) -> Vec<i32> {
    let (a, b, y) = (&case["in_a"], &case["in_b"], &case["out_y"]);
    let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1]);
    let weights = bytes::<W>(&b.integers());
    let weights = MatRef::new(&weights, k, n).expect("weights");
    let packed = PackedWeights::pack(backend, &weights, case["in_bz"].integers()[0]).expect("pack");
    let stage = match case.get("in_ys") {
        None => Stage::ACCUMULATORS,
        Some(y_scale) => requantize(
            case["in_as_"].floats()[0],
            case["in_bs"].floats(),
            y,
            y_scale.floats()[0],
            case["in_yz"].integers()[0],
        ),
    };
    let gemm = Gemm::new(packed, A::TYPE, case["in_az"].integers()[0], None, &stage).expect("plan");
    let lhs = bytes::<A>(&a.integers());
    let lhs = MatRef::new(&lhs, m, k).expect("lhs");
    let mut workspace = Workspace::new();
    match gemm.output() {
        ElementType::I32 => {
            let mut out = vec![0i32; m * n];
            gemm.call(lhs, MatMut::new(&mut out, m, n).expect("out")).expect("run").run(&mut workspace);
            out
        }
        ElementType::U8 => {
            let mut out = vec![0u8; m * n];
            gemm.call(lhs, MatMut::new(&mut out, m, n).expect("out")).expect("run").run(&mut workspace);
            out.into_iter().map(i32::from).collect()
        }
        _ => {
            let mut out = vec![0i8; m * n];
            gemm.call(lhs, MatMut::new(&mut out, m, n).expect("out")).expect("run").run(&mut workspace);
            out.into_iter().map(i32::from).collect()
        }
    }
}

fn convolve(backend: Backend, case: &Case) -> Vec<i32> {
    by_signs!((case["in_x"].signed(), case["in_w"].signed()), convolve_types(backend, case))
}

fn convolve_types<A: Element, W: Element>(backend: Backend, case: &Case) -> Vec<i32> {
    let (x, w, y) = (&case["in_x"], &case["in_w"], &case["out_y"]);
    let npz::Data::Text(attributes) = &case["attrs"].data else { panic!("attributes are text") };
    let list = |name: &str| numbers(between(attributes, &format!("'{name}': ["), "]").expect("attribute"));
    let (strides, pads, dilations) = (list("strides"), list("pads"), list("dilations"));
    let groups = numbers(between(attributes, "'group': ", ",").expect("group"))[0];
    let shape = Conv2dShape::new([x.shape[2], x.shape[3]], x.shape[1], w.shape[0], [w.shape[2], w.shape[3]])
        .with_batch(x.shape[0])
        .with_stride([strides[0], strides[1]])
        .with_dilation([dilations[0], dilations[1]])
        .with_pad(Padding { top: pads[0], left: pads[1], bottom: pads[2], right: pads[3] })
        .with_groups(groups);
    let weights = bytes::<W>(&channels_last(&w.integers(), &w.shape));
    let packed = Conv2d::pack(backend, &shape, &weights, per(case["in_wz"].integers())).expect("pack");
    let stage = requantize(
        case["in_xs"].floats()[0],
        case["in_ws"].floats(),
        y,
        case["in_ys"].floats()[0],
        case["in_yz"].integers()[0],
    );
    let bias = case["in_b"].integers();
    let conv =
        Conv2d::new(shape, packed, A::TYPE, case["in_xz"].integers()[0], Some(&bias), &stage).expect("plan");
    let input = bytes::<A>(&channels_last(&x.integers(), &x.shape));
    let [height, width] = shape.output();
    let len = shape.batch * height * width * shape.out_channels;
    let out: Vec<i32> = if conv.output() == ElementType::U8 {
        let mut out = vec![0u8; len];
        conv.call(&input, &mut out).expect("run").run(&mut Workspace::new());
        out.into_iter().map(i32::from).collect()
    } else {
        let mut out = vec![0i8; len];
        conv.call(&input, &mut out).expect("run").run(&mut Workspace::new());
        out.into_iter().map(i32::from).collect()
    };
    // Back to NCHW: the same exchange, with channels and pixels swapped.
    channels_last(&out, &[shape.batch, height * width, shape.out_channels, 1])
}

/// `[a][b][c][d]` → `[a][c][d][b]`.
fn channels_last(values: &[i32], shape: &[usize]) -> Vec<i32> {
    let (outer, channels, inner) = (shape[0], shape[1], shape[2] * shape[3]);
    let mut out = Vec::with_capacity(values.len());
    for o in 0..outer {
        for i in 0..inner {
            for c in 0..channels {
                out.push(values[(o * channels + c) * inner + i]);
            }
        }
    }
    out
}
