//! Element-wise operators: `cargo bench --bench elementwise [FILTER]`. Throughput is the bytes read and written.

mod support;

use criterion::{Criterion, Throughput};
use eightbit::elementwise::{Add, Dequantize, LookupTable, Mul, Quantize, Requantize};
use eightbit::{Backend, Error, QuantizedType, Workspace};

/// In the first-level cache, in the second, and beyond both.
const LENGTHS: [usize; 3] = [4096, 65_536, 4 << 20];

fn operators(criterion: &mut Criterion) -> Result<(), Error> {
    let (a, b, output) =
        (QuantizedType::u8(0.02, 3)?, QuantizedType::u8(0.03, 128)?, QuantizedType::u8(0.05, 7)?);
    for len in LENGTHS {
        let (one, other) = (support::bytes(len), support::bytes(len).into_iter().rev().collect::<Vec<u8>>());
        let floats: Vec<f32> = one.iter().map(|&byte| f32::from(byte) * 0.02 - 1.0).collect();
        let (mut out, mut float_out) = (vec![0u8; len], vec![0f32; len]);
        for backend in Backend::available() {
            let mut bench = |op: &str, bytes: usize, call: &mut dyn FnMut() -> Result<(), Error>| {
                let throughput = Throughput::Bytes((bytes * len) as u64);
                let mut group = support::group(criterion, op, &len.to_string(), backend, throughput);
                group.bench_function("u8", |bencher| bencher.iter(&mut *call));
                group.finish();
            };
            let add = Add::new(backend, a, b, output)?;
            bench("add", 3, &mut || {
                add.call(&one, &other, &mut out).map(|call| call.run(&mut Workspace::new()))
            });
            let mul = Mul::new(backend, a, b, output)?;
            bench("mul", 3, &mut || {
                mul.call(&one, &other, &mut out).map(|call| call.run(&mut Workspace::new()))
            });
            let requantize = Requantize::new(backend, a, output)?;
            bench("requantize", 2, &mut || {
                requantize.call(&one, &mut out).map(|call| call.run(&mut Workspace::new()))
            });
            let quantize = Quantize::new(backend, output);
            bench("quantize", 5, &mut || {
                quantize.call(&floats, &mut out).map(|call| call.run(&mut Workspace::new()))
            });
            let dequantize = Dequantize::new(backend, a);
            bench("dequantize", 5, &mut || {
                dequantize.call(&one, &mut float_out).map(|call| call.run(&mut Workspace::new()))
            });
            let table = LookupTable::new(backend, a, output, |x| x / (1.0 + (-x).exp()));
            bench("lookup", 2, &mut || {
                table.call(&one, &mut out).map(|call| call.run(&mut Workspace::new()))
            });
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    support::run(operators)
}
