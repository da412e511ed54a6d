//! Every ISA against an ISA that gives the required operations alone.

use alloc::vec::Vec;

use super::*;
use crate::Backend;
use crate::ElementType;
use crate::backend::portable::Portable;
use crate::gemm::{Tile, in_memory};

token! {
    /// Arrays of four lanes, and nothing that need not be given.
    Arrays: "no features";
}

// SAFETY: the function is `in_memory`; no features are needed.
unsafe impl Finish for Arrays {
    unsafe fn finish_in_memory(self, acc: *const i32, vectors: usize, tile: &Tile) {
        // SAFETY: the caller's promises.
        unsafe { in_memory(self, acc, vectors, tile) }
    }
}

fn each<T: Copy, U: Copy, R, const N: usize>(a: [T; N], b: [U; N], f: impl Fn(T, U) -> R) -> [R; N] {
    core::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY: the vectors are arrays.
unsafe impl Simd for Arrays {
    type I = [i32; 4];
    type F = [f32; 4];
    type B = [u8; 16];
    type W = [u16; 8];

    fn splat(self, x: i32) -> [i32; 4] {
        [x; 4]
    }
    fn splat_f(self, x: f32) -> [f32; 4] {
        [x; 4]
    }
    fn add(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each(a, b, i32::wrapping_add)
    }
    fn sub(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each(a, b, i32::wrapping_sub)
    }
    fn mul(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each(a, b, i32::wrapping_mul)
    }
    fn min(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each(a, b, i32::min)
    }
    fn max(self, a: [i32; 4], b: [i32; 4]) -> [i32; 4] {
        each(a, b, i32::max)
    }
    fn to_f32(self, a: [i32; 4]) -> [f32; 4] {
        a.map(|a| a as f32)
    }
    fn round(self, x: [f32; 4]) -> [i32; 4] {
        // The nearest even integer, without `std`: the sum rounds, and what was added goes away exactly.
        x.map(|x| if x.abs() < 4_194_304.0 { (x + 12_582_912.0 - 12_582_912.0) as i32 } else { x as i32 })
    }
    fn add_f(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each(a, b, |a, b| a + b)
    }
    fn sub_f(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each(a, b, |a, b| a - b)
    }
    fn mul_f(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each(a, b, |a, b| a * b)
    }
    fn div_f(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each(a, b, |a, b| a / b)
    }
    fn min_f(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each(a, b, |a, b| if b < a { b } else { a })
    }
    fn max_f(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        each(a, b, |a, b| if b > a { b } else { a })
    }
    fn add_u16x(self, a: [u16; 8], b: [u16; 8]) -> [u16; 8] {
        each(a, b, u16::wrapping_add)
    }
}

/// Sixteen lanes of operands.
struct Operands {
    a: [i32; 16],
    b: [i32; 16],
    /// Counts of bits.
    n: [i32; 16],
    x: [f32; 16],
    y: [f32; 16],
    z: [f32; 16],
    p: [u8; 64],
    q: [u8; 64],
}

/// Numbers that look random, of all magnitudes.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let edges = [i32::MIN, i32::MAX, 0, -1, 1 << 30];
        match (self.0 >> 60) as usize {
            edge @ 0..5 => edges[edge],
            _ => (self.0 >> 32) as i32 >> (self.0 >> 27 & 31),
        }
    }

    /// Halves between integers, too, and no number that rounding does not allow.
    fn float(&mut self) -> f32 {
        (self.next() >> 10) as f32 / 2.0
    }

    fn operands(&mut self) -> Operands {
        Operands {
            a: core::array::from_fn(|_| self.next()),
            b: core::array::from_fn(|_| self.next()),
            n: core::array::from_fn(|_| self.next() & 31),
            x: core::array::from_fn(|_| self.float()),
            y: core::array::from_fn(|_| self.float()),
            z: core::array::from_fn(|_| self.float()),
            p: core::array::from_fn(|_| self.next() as u8),
            q: core::array::from_fn(|_| self.next() as u8),
        }
    }
}

/// The results of every operation on sixteen lanes: those of lanes, and those of bytes.
fn results<S: Simd>(isa: S, of: &Operands, range: ByteRange) -> (Vec<i32>, Vec<u8>) {
    let (mut lanes, mut bytes) = (Vec::new(), Vec::new());
    let limits = isa.byte_limits(range);
    for first in (0..16).step_by(S::LANES) {
        // SAFETY: from `first` on there are a vector's lanes and four times as many bytes.
        let ([a, b, n], [x, y, z], [p, q]) = unsafe {
            (
                [&of.a, &of.b, &of.n].map(|lanes| isa.load(lanes.as_ptr().add(first))),
                [&of.x, &of.y, &of.z].map(|lanes| isa.load_f(lanes.as_ptr().add(first))),
                [&of.p, &of.q].map(|bytes| isa.read_bytes(bytes.as_ptr().add(4 * first))),
            )
        };
        // SAFETY: as many bytes, and lanes, as above.
        let extended = unsafe {
            let p = of.p.as_ptr().add(first);
            let integers = of.p.as_ptr().add(2 * first).cast();
            [isa.load_extended::<false>(p), isa.load_extended::<true>(p), isa.load_i16(integers)]
        };
        let integers = [
            isa.add(a, b),
            isa.sub(a, b),
            isa.mul(a, b),
            isa.min(a, b),
            isa.max(a, b),
            isa.xor(a, b),
            isa.and(a, b),
            isa.shift_right(a, n),
            isa.dot_pairs(n, a, b),
            isa.shift_left(a, n),
            isa.rounding_shift_right(a, n),
            isa.rounding_doubling_high_mul(a, b),
            isa.to_bits(isa.to_f32(a)),
            isa.round(x),
        ];
        let signs = (0..S::LANES).fold(0, |bits, i| bits | u32::from(of.a[first + i] < 0) << i);
        assert_eq!(isa.negative(a), signs);
        let infinite = isa.mul_f(x, isa.splat_f(f32::INFINITY));
        let floats = [
            isa.add_f(x, y),
            isa.sub_f(x, y),
            isa.mul_f(x, y),
            isa.div_f(x, isa.splat_f(3.0)),
            isa.mul_add_f(x, y, z),
            isa.min_f(x, y),
            isa.max_f(x, y),
            isa.nan_to_zero(infinite),
            isa.float_of_bits(isa.to_bits(x)),
        ];
        for lane in 0..S::LANES {
            let other = isa.each_lane_f(|i| if i == lane { of.y[first + i] } else { of.x[first + i] });
            assert_eq!(isa.any_greater(x, other), of.x[first + lane] > of.y[first + lane]);
        }
        let narrowed = isa.bytes(isa.narrow([a, b, n, isa.round(x)], &limits));
        let narrowed = array_of!(4, v => isa.each_lane(|i| i32::from(narrowed.at(v * S::LANES + i))));
        let vectors =
            extended.into_iter().chain(integers).chain(floats.map(|x| isa.to_bits(x))).chain(narrowed);
        // Vectors of fewer lanes come in another order: by operation, then by lane.
        lanes.push(
            vectors
                .map(|x| (0..S::LANES).map(|i| isa.lanes(x).at(i)).collect::<Vec<_>>())
                .collect::<Vec<_>>(),
        );
        let sums = array_of!(2, half => {
            let (p, q) = (isa.to_u16x::<false>(p), isa.to_u16x::<true>(q));
            isa.add_u16x(p[half], q[half])
        });
        let mut in_order = [0; 64];
        // SAFETY: there is room for a vector's sums.
        let sums_in_order = unsafe {
            isa.store_u16x(in_order.as_mut_ptr(), sums);
            let reloaded = isa.load_u16x(in_order.as_ptr());
            isa.store_u16x(in_order.as_mut_ptr(), reloaded);
            isa.load_u16x_in_order(in_order.as_ptr())
        };
        let rounded = |x: [S::F; 4]| array_of!(4, v => isa.round(x[v]));
        let (unsigned, signed) = (isa.origin::<false>(77), isa.origin::<true>(-5));
        let vectors = [
            isa.narrow_floats(rounded(isa.floats::<false>(p)), &limits),
            isa.narrow_floats(rounded(isa.floats::<true>(p)), &limits),
            isa.narrow_floats(rounded(isa.distances::<false>(p, unsigned)), &limits),
            isa.narrow_floats(rounded(isa.distances::<true>(p, signed)), &limits),
            isa.narrow_u16x(rounded(isa.u16x_distances(sums_in_order, unsigned)), &limits),
            isa.saturate_floats::<false>(rounded(isa.distances::<true>(p, signed))),
            isa.saturate_floats::<true>(rounded(isa.distances::<false>(p, unsigned))),
            isa.max_bytes::<false>(p, q),
            isa.max_bytes::<true>(p, q),
        ];
        bytes.push(
            vectors.map(|x| (0..4 * S::LANES).map(|i| isa.bytes(x).at(i)).collect::<Vec<_>>()).to_vec(),
        );
    }
    let operations = |parts: usize| 0..parts;
    let lanes =
        operations(lanes[0].len()).flat_map(|i| lanes.iter().flat_map(move |part| part[i].clone())).collect();
    let bytes =
        operations(bytes[0].len()).flat_map(|i| bytes.iter().flat_map(move |part| part[i].clone())).collect();
    (lanes, bytes)
}

/// Loads and stores of a part of a vector, between bytes that nothing touches.
fn stores<S: Simd>(isa: S) {
    let (bytes, lanes): ([u8; 64], [i32; 16]) =
        (core::array::from_fn(|i| i as u8 + 1), core::array::from_fn(|i| i as i32 + 1));
    let all = 4 * S::LANES;
    // SAFETY: a vector has at most 64 bytes, or sixteen lanes, and there is room for these.
    unsafe {
        let vector = isa.read_bytes(bytes.as_ptr());
        let check = |from: usize, len: usize, store: &dyn Fn(*mut u8)| {
            let mut out = [0; 65];
            store(out.as_mut_ptr());
            assert_eq!(out[..len], bytes[from..from + len]);
            assert!(out[len..].iter().all(|&byte| byte == 0), "{len}");
        };
        for count in 1..=all {
            check(0, count, &|out| isa.store_first(out, vector, count));
        }
        check(0, all / 2, &|out| isa.store_half::<0>(out, vector));
        check(all / 2, all / 2, &|out| isa.store_half::<1>(out, vector));
        check(0, all / 4, &|out| isa.store_quarter::<0>(out, vector));
        check(all / 4, all / 4, &|out| isa.store_quarter::<1>(out, vector));
        check(all / 2, all / 4, &|out| isa.store_quarter::<2>(out, vector));
        check(all / 4 * 3, all / 4, &|out| isa.store_quarter::<3>(out, vector));
        for count in 1..=S::LANES {
            let mut out = [0; 17];
            isa.store_some(out.as_mut_ptr(), isa.load(lanes.as_ptr()), count);
            assert_eq!(out[..count], lanes[..count]);
            assert!(out[count..].iter().all(|&lane| lane == 0), "{count}");
            isa.store(out.as_mut_ptr(), isa.load_some(lanes.as_ptr(), count));
            assert_eq!(out[..count], lanes[..count]);
            assert!(out[count..S::LANES].iter().all(|&lane| lane == 0), "{count}");
        }
    }
}

fn check<S: Simd>(name: &str, isa: S) {
    // SAFETY: no features are needed.
    let arrays = unsafe { Arrays::new() };
    let mut numbers = Numbers(1);
    for round in 0..2000 {
        let operands = numbers.operands();
        let output = if round % 2 == 0 { ElementType::U8 } else { ElementType::I8 };
        let (least, _) = output.integer_range();
        let range = ByteRange::new(least + (numbers.next() & 255), least + (numbers.next() & 127), output);
        let (found, expected) = (results(isa, &operands, range), results(arrays, &operands, range));
        assert!(found == expected, "{name}, round {round}");
    }
    stores(isa);
}

#[test]
fn every_isa_does_what_the_required_operations_alone_do() {
    // SAFETY: a backend exists only if the CPU has its features, which are those of its token.
    unsafe {
        check("portable", Portable::new());
        #[cfg(target_arch = "x86_64")]
        if Backend::by_name("avx2").is_ok() {
            check("avx2", crate::backend::x86::Avx2::new());
        }
        #[cfg(target_arch = "x86_64")]
        if Backend::by_name("avx512_vnni").is_ok() {
            check("avx512_vnni", crate::backend::x86::Avx512::new());
        }
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        if Backend::by_name("neon").is_ok() {
            check("neon", crate::backend::neon::Neon::new());
        }
    }
    assert!(Backend::available().count() > 0);
}
