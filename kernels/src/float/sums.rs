//! Sums of rows.

use super::softmax::{BLOCK, MOST_VECTORS};
use crate::Backend;
use crate::simd::Simd;

/// Elements that are added as floats; sums of more are added as doubles.
const CHUNK: usize = 1024;

/// The sum of the elements, the same on every backend.
#[must_use]
pub fn sum(backend: Backend, x: &[f32]) -> f64 {
    run::<false>(backend, x, 0.0)
}

/// The sum of the squares of the elements' distances from `mean`, the same on every backend.
#[must_use]
pub fn squares(backend: Backend, x: &[f32], mean: f32) -> f64 {
    run::<true>(backend, x, mean)
}

fn run<const SQUARES: bool>(backend: Backend, x: &[f32], mean: f32) -> f64 {
    let kernel = backend.entry().ops.float.sums[usize::from(SQUARES)];
    x.chunks(CHUNK)
        .map(|x| {
            let mut chunk = Chunk { x: x.as_ptr(), count: x.len(), mean, sums: [0.0; BLOCK] };
            // SAFETY: the elements are borrowed; the backend exists, so its features do.
            unsafe { kernel(&mut chunk) };
            chunk.sums.iter().copied().map(f64::from).sum::<f64>()
        })
        .sum()
}

/// Elements, and their sums, element `i` in that of `i % BLOCK`.
pub(crate) struct Chunk {
    x: *const f32,
    count: usize,
    mean: f32,
    sums: [f32; BLOCK],
}

/// Adds the elements, or the squares of their distances from the mean.
///
/// # Safety
///
/// `x` is readable for `count` elements.
#[inline(always)]
pub(crate) unsafe fn add_up<S: Simd, const SQUARES: bool>(simd: S, chunk: &mut Chunk) {
    let (whole, rest) = (chunk.count - chunk.count % BLOCK, chunk.count % BLOCK);
    let shift = simd.splat_f(-chunk.mean);
    let mut sums = [simd.splat_f(0.0); MOST_VECTORS];
    // In place of what is not there, what adds nothing.
    let mut last = [chunk.mean; BLOCK];
    // SAFETY: whole blocks and the rest are what the caller promises; a block has whole vectors of any backend.
    unsafe {
        last.as_mut_ptr().copy_from_nonoverlapping(chunk.x.add(whole), rest);
        for block in (0..whole).step_by(BLOCK) {
            add_block::<S, SQUARES>(simd, chunk.x.add(block), shift, &mut sums);
        }
        add_block::<S, SQUARES>(simd, last.as_ptr(), shift, &mut sums);
        for (v, &sum) in sums.iter().enumerate().take(BLOCK / S::LANES) {
            simd.store_f(chunk.sums.as_mut_ptr().add(v * S::LANES), sum);
        }
    }
}

/// # Safety
///
/// `x` is readable for a block.
#[inline(always)]
unsafe fn add_block<S: Simd, const SQUARES: bool>(
    simd: S,
    x: *const f32,
    shift: S::F,
    sums: &mut [S::F; MOST_VECTORS],
) {
    for (v, sum) in sums.iter_mut().enumerate().take(BLOCK / S::LANES) {
        // SAFETY: the caller's promise.
        let x = simd.add_f(unsafe { simd.load_f(x.add(v * S::LANES)) }, shift);
        *sum = if SQUARES { simd.mul_add_f(x, x, *sum) } else { simd.add_f(x, *sum) };
    }
}
