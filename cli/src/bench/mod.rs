//! Microbenchmarks: one thread, packed weights, rates as a fraction of what this machine can do at best.

pub(crate) mod conv;
pub(crate) mod gemm;
pub(crate) mod peak;
pub(crate) mod shapes;
pub(crate) mod timing;

use crate::bench::timing::Rates;

/// One measurement: how fast one kind of call is on one shape.
pub(crate) struct Line {
    pub(crate) shape: String,
    /// Types of activations, weights and output as the peers' drivers write them: `u8s8s32`.
    pub(crate) types: &'static str,
    pub(crate) rates: Rates,
    /// Which path the call took.
    pub(crate) path: String,
}

/// Random bytes that are the same in every run (xorshift), over the whole range of the type.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(len)
    .collect()
}

/// The same as signed bytes.
pub(crate) fn signed_bytes(len: usize) -> Vec<i8> {
    bytes(len).into_iter().map(u8::cast_signed).collect()
}
