//! Weights saved by the first version of the format still load, and packing still gives the same bytes: see
//! `tests/vectors`.

use std::path::Path;

use eightbit::{
    Backend, Conv2d, Conv2dShape, ElementType, Gemm, MatMut, MatRef, PackedWeights, Per, Stage, Workspace,
    reference,
};

const DEPTH: usize = 21;
const COLUMNS: usize = 18;
const CHANNELS: usize = 67;
const SHAPE: Conv2dShape = Conv2dShape::new([8, 8], CHANNELS, CHANNELS, [5, 1]).with_groups(CHANNELS);

/// The names of the files: the weights, and the layout.
const FILES: [&str; 10] = [
    "depthwise-full-range-taps-i16x2-block8",
    "depthwise-full-range-taps-i32-block16",
    "depthwise-pair-safe-taps-i8x4-block32",
    "depthwise-pair-safe-taps-i8x4-block64",
    "full-range-i8-group2",
    "full-range-i8-group4",
    "full-range-i8-group8",
    "pair-safe-i8-group2",
    "pair-safe-i8-group4",
    "pair-safe-i8-group8",
];

fn weights(full_range: bool) -> Vec<i8> {
    let full = (0..DEPTH * COLUMNS).map(|i| ((i * 89 + i / 7 * 31) % 256) as u8 as i8);
    full.map(|weight| if full_range { weight } else { weight / 2 }).collect()
}

fn zero_points(full_range: bool, depthwise: bool) -> Per<i32> {
    match (full_range, depthwise) {
        (true, false) => Per::Channel((0..COLUMNS as i32).map(|n| n - 9).collect()),
        (false, false) => Per::Tensor(3),
        (true, true) => Per::Tensor(5),
        (false, true) => Per::Tensor(0),
    }
}

/// The weights of a file, packed again for a backend.
fn pack(backend: Backend, full_range: bool, depthwise: bool) -> PackedWeights {
    let (weights, zero_points) = (weights(full_range), zero_points(full_range, depthwise));
    if depthwise {
        Conv2d::pack(backend, &SHAPE, &weights[..CHANNELS * 5], zero_points).expect("packed")
    } else {
        let matrix = MatRef::new(&weights, DEPTH, COLUMNS).expect("a matrix");
        PackedWeights::pack(backend, &matrix, zero_points).expect("packed")
    }
}

/// The outputs with the loaded weights, and the expected ones.
fn run(loaded: PackedWeights, full_range: bool, depthwise: bool) -> (Vec<i32>, Vec<i32>) {
    let (weights, zero_points) = (weights(full_range), zero_points(full_range, depthwise));
    let mut workspace = Workspace::new();
    if depthwise {
        let input: Vec<u8> = (0..64 * CHANNELS).map(|i| (i * 57 % 251) as u8).collect();
        let plan =
            Conv2d::new(SHAPE, loaded, ElementType::U8, 7, None, &Stage::ACCUMULATORS).expect("a plan");
        let mut out = vec![0i32; 4 * 8 * CHANNELS];
        plan.call(&input, &mut out).expect("run").run(&mut workspace);
        let expected = reference::conv2d(&SHAPE, &input, 7, &weights[..CHANNELS * 5], &zero_points, None);
        (out, expected)
    } else {
        let rows = 3;
        let input: Vec<u8> = (0..rows * DEPTH).map(|i| (i * 57 % 251) as u8).collect();
        let lhs = MatRef::new(&input, rows, DEPTH).expect("a matrix");
        let rhs = MatRef::new(&weights, DEPTH, COLUMNS).expect("a matrix");
        let plan = Gemm::new(loaded, ElementType::U8, 7, None, &Stage::ACCUMULATORS).expect("a plan");
        let mut out = vec![0i32; rows * COLUMNS];
        plan.call(lhs, MatMut::new(&mut out, rows, COLUMNS).expect("a matrix"))
            .expect("run")
            .run(&mut workspace);
        (out, reference::gemm(&lhs, 7, &rhs, &zero_points, None))
    }
}

#[test]
fn packed_weights_saved_by_earlier_versions_load_and_multiply() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/packed");
    for backend in eightbit_kernels::testing::backends() {
        let (mut loaded, mut packed) = (0, 0);
        for name in FILES {
            let bytes = std::fs::read(folder.join(format!("{name}.bin"))).expect(name);
            let (full_range, depthwise) = (name.contains("full-range"), name.contains("depthwise"));
            let again = pack(backend, full_range, depthwise);
            let same_layout = name.ends_with(again.layout());
            if same_layout {
                assert!(again.to_bytes() == bytes, "{name} is packed in other bytes for {backend}");
                packed += 1;
            }
            match PackedWeights::from_bytes(backend, &bytes) {
                Ok(weights) => {
                    let (found, expected) = run(weights, full_range, depthwise);
                    assert_eq!(found, expected, "{name} on {backend}");
                    loaded += 1;
                }
                Err(error) => assert!(!same_layout, "{name} does not load for {backend}: {error}"),
            }
        }
        println!("SUITE packed-files backend {backend} cases {loaded} bit-equal");
        assert!(packed >= 2, "{backend}: {packed} files of its layouts");
    }
}
