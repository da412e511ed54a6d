//! Rates of the GEMM kernels by shape, backend and kind of weights, in units of 10⁹ operations (2·M·N·K) per second of
//! this thread's CPU time: the median and the best of many short runs.
//!
//! `cargo run --release -p eightbit-kernels --features testing --example gemm_rates [backend] [shapes.txt]`, where a line of
//! the file is `name M K N`.
#![cfg(unix)]

use eightbit_kernels::gemm::{
    Activations, Border, Call, Lhs, MatrixRows, OutputBlock, PackedPanels, StageRef, WeightView, run, tiling,
};
use eightbit_kernels::{Backend, ElementType, Scratch};
use eightbit_testing::{Fill, Random};

const SHAPES: &str = "64x64x64 64 64 64\n256x256x256 256 256 256\n512x512x512 512 512 512\n1x1024x1024 1 1024 1024\n\
    3136x64x64 3136 64 64\n12544x32x16 12544 32 16\n196x256x1024 196 256 1024\n49x512x2048 49 512 2048\n\
    12544x147x64 12544 147 64";

/// Seconds of CPU time that this thread has taken.
fn thread_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Unix, and `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Median and best rate of `call`, which does `operations`.
fn measure(operations: f64, mut call: impl FnMut()) -> (f64, f64) {
    let mut repeat = 1;
    loop {
        let start = thread_seconds();
        (0..repeat).for_each(|_| call());
        if thread_seconds() - start > 5e-4 {
            break;
        }
        repeat *= 2;
    }
    let mut rates = Vec::new();
    let begin = thread_seconds();
    while rates.len() < 11 || (thread_seconds() - begin < 0.06 && rates.len() < 101) {
        let start = thread_seconds();
        (0..repeat).for_each(|_| call());
        rates.push(operations * f64::from(repeat) / (thread_seconds() - start) * 1e-9);
    }
    rates.sort_by(f64::total_cmp);
    (rates[rates.len() / 2], rates[rates.len() - 1])
}

/// Kinds of weights: their names, and how many bits they have.
const KINDS: [(&str, u32); 4] = [("any", 8), ("pair-safe", 7), ("4 bits", 4), ("2 bits", 2)];

fn case(backend: Backend, name: &str, [m, k, n]: [usize; 3], (kind, bits): (&str, u32)) {
    let mut random = Random(1);
    let lhs = random.bytes(Fill::Random, m * k);
    let mut weights = random.bytes(Fill::Random, k * n);
    weights.iter_mut().for_each(|weight| *weight = (weight.cast_signed() >> (8 - bits)).cast_unsigned());
    let panels = PackedPanels::pack(
        backend,
        &WeightView {
            data: &weights,
            signed: true,
            bits,
            columns: n,
            segments: 1,
            segment_len: k,
            taps: 1,
            depth_stride: n,
            column_stride: 1,
        },
    );
    let padded = panels.padded_columns();
    let (mut init, mut zeros) = (vec![0; padded], vec![0; padded]);
    let activations = Activations { signed: false, zero_point: 0 };
    panels.initial_accumulators(backend, None, activations, |_| 0, &mut init, &mut zeros);
    let scale = vec![0.001; padded];
    let call = |stage| Call {
        backend,
        lhs: Lhs::Matrix(MatrixRows::new(&lhs, m, k, k, 1).expect("rows without gaps")),
        lhs_signed: false,
        panels: panels.get().expect("bytes that are owned"),
        init: &init,
        weight_zeros: None,
        row_zeros: None,
        border: Border::COMPUTED,
        stage,
        memo: None,
    };
    let mut scratch = Scratch::new();
    let operations = 2.0 * (m * k * n) as f64;
    let mut sums = vec![0i32; m * n];
    let raw = measure(operations, || {
        let out = OutputBlock::new(&mut sums, m, n, n);
        run(&call(StageRef::Accumulators { accumulate: false }), out, &mut scratch);
    });
    let mut bytes = vec![0u8; m * n];
    let stage =
        StageRef::Requantize { scale: &scale, zero_point: 0, low: 0, high: 255, output: ElementType::U8 };
    let requantized = measure(operations, || {
        run(&call(stage), OutputBlock::new(&mut bytes, m, n, n), &mut scratch);
    });
    let tiling = tiling(backend, m, true, &panels).expect("packed for this backend");
    println!(
        "{name:16} {:12} {kind:9} i32 {:7.1} ({:7.1})  u8 {:7.1} ({:7.1})  tiles {}x{} blocks {}",
        backend.name(),
        raw.0,
        raw.1,
        requantized.0,
        requantized.1,
        tiling.tile_rows,
        tiling.tile_panels,
        tiling.block_panels,
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let backend = arguments.next().map_or_else(Backend::best, |name| Backend::by_name(&name))?;
    let shapes = arguments.next().map_or(Ok(SHAPES.to_owned()), std::fs::read_to_string)?;
    for line in shapes.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, m, k, n] = fields[..] else { return Err(format!("not `name M K N`: {line}").into()) };
        let sizes = [m.parse()?, k.parse()?, n.parse()?];
        KINDS.into_iter().for_each(|kind| case(backend, name, sizes, kind));
    }
    Ok(())
}
