//! Rates of the element-by-element operators and of pooling by backend and size, in 10⁹ bytes read and written per second of
//! this thread's CPU time (medians), and as a fraction of the machine's peak: the rate of a loop that reads and
//! writes the same number of bytes in the same proportion and computes next to nothing, measured in turn with the operator.
//!
//! `cargo run --release -p eightbit-kernels --features testing --example vector_rates [BACKEND|all] [OPERATOR…]`
#![cfg(unix)]

use eightbit_kernels::elementwise::{self, AddCall, MulCall, RequantizeCall, Target};
use eightbit_kernels::gemm::OutputBlock;
use eightbit_kernels::pooling::{self, AverageCall, MaxCall};
use eightbit_kernels::{Backend, PatchGeometry, Scratch, Window2d};
use eightbit_testing::{Fill, Random};

/// Bytes that a call reads and writes, for each level of memory.
const SIZES: [(&str, usize); 4] = [("L1", 20 << 10), ("L2", 256 << 10), ("L3", 6 << 20), ("DRAM", 192 << 20)];

/// Seconds of CPU time that this thread has taken.
fn thread_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Unix, and `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Median seconds per call of each of two functions, called in turn.
fn measure(mut calls: [&mut dyn FnMut(); 2]) -> [f64; 2] {
    let repeats = calls.each_mut().map(|call| {
        let mut repeat = 1u32;
        loop {
            let start = thread_seconds();
            (0..repeat).for_each(|_| call());
            if thread_seconds() - start > 5e-4 {
                return repeat;
            }
            repeat *= 2;
        }
    });
    let mut times = [const { Vec::new() }; 2];
    let begin = thread_seconds();
    while times[0].len() < 9 || (thread_seconds() - begin < 0.04 && times[0].len() < 61) {
        for ((call, times), repeat) in calls.iter_mut().zip(&mut times).zip(repeats) {
            let start = thread_seconds();
            (0..repeat).for_each(|_| call());
            times.push((thread_seconds() - start) / f64::from(repeat));
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

type Line = [u64; 8];

/// Moves lines: each step reads `R` lines of one or two streams and writes `W`.
#[inline(always)]
fn move_lines<const R: usize, const W: usize>(from: [&[Line]; 2], to: &mut [Line]) -> Line {
    let mut sum = [0; 8];
    let mix = |x: &[Line]| x.iter().fold([0; 8], |a: Line, b| core::array::from_fn(|i| a[i] ^ b[i]));
    if W == 0 {
        for lines in from[0].chunks_exact(4) {
            let x = mix(lines);
            sum = core::array::from_fn(|i| sum[i] ^ x[i]);
        }
    } else if R == 2 {
        for ((a, b), to) in from[0].iter().zip(from[1]).zip(to) {
            *to = mix(&[*a, *b]);
        }
    } else {
        for (lines, to) in from[0].chunks_exact(R).zip(to.chunks_exact_mut(W)) {
            to.fill(mix(lines));
        }
    }
    sum
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
unsafe fn move_vectors<const R: usize, const W: usize>(from: [&[Line]; 2], to: &mut [Line]) -> Line {
    move_lines::<R, W>(from, to)
}

/// A call of [`move_lines`] with the widest vectors that are available.
fn limit<const R: usize, const W: usize>(from: [&[Line]; 2], to: &mut [Line]) {
    #[cfg(target_arch = "x86_64")]
    let wide = std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    let wide = true;
    // SAFETY: the features that the function asks for have been detected.
    let sum = if wide { unsafe { move_vectors::<R, W>(from, to) } } else { move_lines::<R, W>(from, to) };
    std::hint::black_box(sum);
}

/// One operator at one size.
struct Case<'a> {
    operator: &'a str,
    backend: Backend,
    size: (&'a str, usize),
}

impl Case<'_> {
    /// Measures `call`, which reads and writes `bytes`, in the proportion `R` to `W`.
    fn report<const R: usize, const W: usize>(&self, bytes: usize, mut call: impl FnMut()) {
        let lines = (bytes / 64 / (R + W)).max(1);
        let (a, b) =
            (vec![[1; 8]; lines * if R == 2 { 1 } else { R }], vec![[2; 8]; if R == 2 { lines } else { 0 }]);
        let mut to = vec![[3; 8]; lines * W];
        let mut reference = || limit::<R, W>([&a, &b], std::hint::black_box(&mut to));
        let [time, best] = measure([&mut call, &mut reference]);
        let moved = (lines * 64 * (R + W)) as f64;
        println!(
            "{:24} {:12} {:4} {:7.1} GB/s of {:7.1} {:5.0} %",
            self.operator,
            self.backend.name(),
            self.size.0,
            bytes as f64 / time * 1e-9,
            moved / best * 1e-9,
            100.0 * (bytes as f64 / time) / (moved / best)
        );
    }
}

fn bytes(len: usize) -> Vec<u8> {
    Random(1).bytes(Fill::Random, len)
}

const TARGET: Target = Target { zero_point: 3, low: 0, high: 255 };

fn signed(x: &[u8]) -> Vec<i8> {
    x.iter().map(|x| x.cast_signed()).collect()
}

fn element_by_element(case: &Case<'_>) {
    let (backend, size) = (case.backend, case.size.1);
    match case.operator {
        "add u8" | "add i8" | "mul u8" => {
            let (a, b, mut out) = (bytes(size / 3), bytes(size / 3), vec![0; size / 3]);
            let (factors, offset) = ([0.5, 0.6], 2.5);
            match case.operator {
                "add u8" => case.report::<2, 1>(3 * a.len(), || {
                    let call = AddCall { backend, a: &a, b: &b, factors, offset, low: 0, high: 255 };
                    elementwise::add(&call, &mut out);
                }),
                "add i8" => {
                    let (a, b, mut out) = (signed(&a), signed(&b), signed(&out));
                    case.report::<2, 1>(3 * a.len(), || {
                        let call = AddCall { backend, a: &a, b: &b, factors, offset, low: -128, high: 127 };
                        elementwise::add(&call, &mut out);
                    });
                }
                _ => case.report::<2, 1>(3 * a.len(), || {
                    let (zeros, factor) = ([3, 7], 0.01);
                    elementwise::mul(
                        &MulCall { backend, a: &a, b: &b, zeros, factor, target: TARGET },
                        &mut out,
                    );
                }),
            }
        }
        "requantize u8" | "requantize c24" | "copy" | "table" => {
            let input = bytes(size / 2 / 24 * 24);
            let gap = if case.operator == "requantize c24" { 8 } else { 0 };
            let mut out = vec![0u8; input.len() / 24 * (24 + gap)];
            let factor = if case.operator == "copy" { 1.0 } else { 0.7 };
            let table: [u8; 256] = core::array::from_fn(|x| (x * 7) as u8);
            if case.operator == "table" {
                case.report::<1, 1>(2 * input.len(), || {
                    elementwise::lookup(backend, &table, &input, &mut out)
                });
            } else {
                let columns = if case.operator == "requantize c24" { 24 } else { input.len() };
                let rows = input.len() / columns;
                let call =
                    RequantizeCall { backend, input: &input, columns, zero: 3, factor, target: TARGET };
                case.report::<1, 1>(2 * input.len(), || {
                    elementwise::requantize(&call, OutputBlock::new(&mut out, rows, columns, columns + gap));
                });
            }
        }
        "quantize u8" => {
            let input: Vec<f32> = bytes(size / 5).into_iter().map(|x| f32::from(x) * 0.1 - 3.0).collect();
            let mut out = vec![0u8; input.len()];
            case.report::<4, 1>(5 * out.len(), || {
                elementwise::quantize(backend, &input, 0.1, TARGET, &mut out)
            });
        }
        "dequantize u8" => {
            let (input, mut out) = (bytes(size / 5), vec![0.0; size / 5]);
            case.report::<1, 4>(5 * out.len(), || elementwise::dequantize(backend, &input, 3, 0.1, &mut out));
        }
        _ => {}
    }
}

/// Pooling of images as wide as high, of `channels` channels: windows of `kernel` × `kernel`, of stride `stride`.
fn pool(case: &Case<'_>, average: bool, channels: usize, kernel: usize, stride: usize) {
    let traffic = if stride == 1 { 2.0 } else { 1.25 };
    let side = (case.size.1 as f64 / traffic / channels as f64).sqrt() as usize;
    let (pad, side) = (kernel / 2, side.next_multiple_of(2));
    let pad = if kernel == 2 { 0 } else { pad };
    let output = [side / stride; 2];
    let geometry = PatchGeometry {
        batch: 1,
        input: [side; 2],
        channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [pad; 2],
        output,
    };
    windows(case, average, geometry);
}

fn windows(case: &Case<'_>, average: bool, geometry: PatchGeometry) {
    let backend = case.backend;
    let window = Window2d::new(geometry).expect("a small image");
    let input = bytes(window.input_len());
    let (rows, channels) = (window.rows(), window.channels);
    let mut out = vec![0u8; rows * channels];
    let mut scratch = Scratch::new();
    let total = input.len() + out.len();
    let call = || {
        let block = OutputBlock::new(&mut out, rows, channels, channels);
        if average {
            let call = AverageCall {
                backend,
                input: &input,
                window,
                count_padding: None,
                zero: 3,
                input_scale: 0.1,
                output_scale: 0.1,
                target: TARGET,
            };
            pooling::average(&call, block, &mut scratch);
        } else {
            pooling::maximum(&MaxCall { backend, input: &input, window }, block, &mut scratch);
        }
    };
    match geometry.stride {
        stride if stride == geometry.input => case.report::<1, 0>(total, call),
        [1, _] => case.report::<1, 1>(total, call),
        _ => case.report::<4, 1>(total, call),
    }
}

const OPERATORS: [&str; 20] = [
    "add u8",
    "add i8",
    "mul u8",
    "requantize u8",
    "requantize c24",
    "copy",
    "table",
    "quantize u8",
    "dequantize u8",
    "max 2x2 s2 c64",
    "max 3x3 s2 c64",
    "max 3x3 s2 c24",
    "max 3x3 s1 c64",
    "max 3x3 s1 c3",
    "average 2x2 s2 c64",
    "average 3x3 s1 c64",
    "average 3x3 s1 c24",
    "average 7x7 c1280",
    "average global c64",
    "average global c24",
];

fn run(case: &Case<'_>) {
    let fields: Vec<&str> = case.operator.split(' ').collect();
    let number = |field: &str| field.trim_start_matches(['s', 'c']).parse().expect("a number");
    match fields[..] {
        [kind @ ("max" | "average"), kernel, stride, channels] => {
            let kernel = number(kernel.split_once('x').expect("a window").0);
            pool(case, kind == "average", number(channels), kernel, number(stride));
        }
        ["average", _, channels] => {
            let channels = number(channels);
            let side = ((case.size.1 / channels) as f64).sqrt().max(1.0) as usize;
            let side = if fields[1] == "7x7" { 7 } else { side };
            let batch = (case.size.1 / channels / (side * side)).max(1);
            let (input, stride) = ([side; 2], [side; 2]);
            windows(
                case,
                true,
                PatchGeometry {
                    batch,
                    input,
                    channels,
                    kernel: input,
                    stride,
                    dilation: [1; 2],
                    pad: [0; 2],
                    output: [1; 2],
                },
            );
        }
        _ => element_by_element(case),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let backends: Vec<Backend> = match arguments.next().as_deref() {
        None => vec![Backend::best()?],
        Some("all") => Backend::available().collect(),
        Some(name) => vec![Backend::by_name(name)?],
    };
    let chosen: Vec<String> = arguments.collect();
    for operator in OPERATORS {
        if !chosen.is_empty() && !chosen.iter().any(|chosen| operator.starts_with(chosen.as_str())) {
            continue;
        }
        for &backend in &backends {
            for size in SIZES {
                run(&Case { operator, backend, size });
            }
        }
    }
    Ok(())
}
