//! Floats to bytes and back, by a scale and an offset that is a whole number of steps: rounded half away from zero.

use super::Map;
use super::generic::{Blocks, Buffers};
use crate::byte_range::ByteRange;
use crate::simd::{Simd, array_of};
use crate::{Backend, ElementType};

/// The greatest magnitude of an offset.
pub const MAX_OFFSET: i32 = 1 << 20;

/// `round(clamp(x · scale, offset, offset + 255)) − offset`, halves away from zero, NaN as the offset.
///
/// # Panics
///
/// If lengths differ, or the offset is greater than [`MAX_OFFSET`] either way.
pub fn encode(backend: Backend, x: &[f32], scale: f32, offset: i32, out: &mut [u8]) {
    assert_eq!(x.len(), out.len(), "output of another length");
    assert!(offset.unsigned_abs() <= MAX_OFFSET.unsigned_abs(), "offset within its range");
    let tensors = Map { input: x.as_ptr(), out: out.as_mut_ptr(), len: out.len() };
    // SAFETY: input and output of the same length; the backend exists, so its features do.
    unsafe { (backend.entry().ops.encode)(&Encode { tensors, scale, offset }) };
}

/// `offset + x · scale`, each rounded.
///
/// # Panics
///
/// If lengths differ.
pub fn decode(backend: Backend, x: &[u8], scale: f32, offset: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "output of another length");
    let tensors = Map { input: x.as_ptr(), out: out.as_mut_ptr(), len: out.len() };
    // SAFETY: as above.
    unsafe { (backend.entry().ops.decode)(&Decode { tensors, scale, offset }) };
}

/// From floats to bytes.
pub(crate) struct Encode {
    tensors: Map<f32, u8>,
    scale: f32,
    offset: i32,
}

/// From bytes to floats.
pub(crate) struct Decode {
    tensors: Map<u8, f32>,
    scale: f32,
    offset: f32,
}

/// Computes a call.
///
/// # Safety
///
/// As [`Code`](super::contract::Code), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn bytes<S: Simd>(isa: S, call: &Encode) {
    let scale = isa.splat_f(call.scale);
    let offset = isa.splat(call.offset);
    let [low, high] = [isa.splat_f(call.offset as f32), isa.splat_f((call.offset + 255) as f32)];
    // The step from a half to the next float.
    const NUDGE: f32 = 1.0 / (1 << 24) as f32;
    let nudges = [isa.splat_f(-NUDGE), isa.splat_f(NUDGE)];
    let limits = isa.byte_limits(ByteRange::new(0, 0, ElementType::U8));
    let mut buffers = Buffers::EMPTY;
    // SAFETY: blocks lie inside the tensors, or inside buffers that hold them.
    unsafe {
        let (from, to) = buffers.open::<S>(&call.tensors);
        for at in Blocks::new::<S>(call.tensors.len) {
            let codes = array_of!(4, v => {
                let x = isa.mul_f(isa.load_f(from.add(at + v * S::LANES)), scale);
                // Of unordered floats the first is taken.
                let x = isa.min_f(isa.max_f(low, x), high);
                let even = isa.round(x);
                // A half that went towards zero is nudged past a half, and is rounded again; no other rest is.
                let rest = isa.sub_f(x, isa.to_f32(even));
                let away = isa.min_f(isa.max_f(x, nudges[0]), nudges[1]);
                isa.sub(isa.add(even, isa.round(isa.add_f(rest, away))), offset)
            });
            isa.store_bytes(to.add(at), isa.narrow(codes, &limits));
        }
        buffers.close::<S>(&call.tensors);
    }
}

/// Computes a call.
///
/// # Safety
///
/// As [`bytes`].
#[inline(always)]
pub(crate) unsafe fn floats<S: Simd>(isa: S, call: &Decode) {
    let (scale, offset) = (isa.splat_f(call.scale), isa.splat_f(call.offset));
    let mut buffers = Buffers::EMPTY;
    // SAFETY: as in `bytes`.
    unsafe {
        let (from, to) = buffers.open::<S>(&call.tensors);
        for at in Blocks::new::<S>(call.tensors.len) {
            for v in 0..4 {
                let at = at + v * S::LANES;
                let x = isa.to_f32(isa.load_extended::<false>(from.add(at)));
                isa.store_f(to.add(at), isa.add_f(offset, isa.mul_f(x, scale)));
            }
        }
        buffers.close::<S>(&call.tensors);
    }
}
