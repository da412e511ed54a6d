//! Exact eight-bit neural-network arithmetic at the speed of the hardware.
//!
//! Three promises, in this order:
//!
//! 1. **Exact.** Every backend gives the same bits as [`reference`](mod@reference), for every input: −128·−128, 255·127, any depth, any
//!    tail, any zero point, requantization included. Threads, blocking, backend and packing never change a bit.
//! 2. **Fast.** Hand-written kernels for AVX2, AVX-VNNI, AVX-VNNI-INT8, AVX-512 VNNI, NEON, NEON dot product and i8mm, chosen when the
//!    program runs; results leave the registers once, in their final type.
//! 3. **Plain.** A safe API, no hidden threads, no hidden allocation, errors that say what to do.
//!
//! ```
//! use eightbit::{Backend, ElementType, Gemm, MatMut, MatRef, PackedWeights, Per, Requantize, Stage, Workspace};
//!
//! // Two rows of activations (u8, zero point 10) times a 3 × 2 weight matrix (i8), back to u8 (zero point 128).
//! let activations = MatRef::new(&[12u8, 10, 255, 0, 7, 10], 2, 3)?;
//! let weights = MatRef::new(&[1i8, -128, 127, 3, -1, 2], 3, 2)?;
//! let packed = PackedWeights::pack(Backend::best()?, &weights, 0)?; // once, when the model is loaded
//! let stage = Stage::Requantize(Requantize::new(Per::Channel(vec![0.05, 0.01]), 128, ElementType::U8));
//! let gemm = Gemm::new(packed, ElementType::U8, 10, Some(&[100, -50]), &stage)?;
//!
//! let mut out = [0u8; 4];
//! let mut workspace = Workspace::with_capacity(gemm.workspace_bytes()); // then no call allocates
//! gemm.call(activations, MatMut::new(&mut out, 2, 2)?)?.run(&mut workspace);
//! assert_eq!(out, [121, 130, 113, 140]);
//! # Ok::<(), eightbit::Error>(())
//! ```
//!
//! # Numerics
//!
//! These are normative: [`reference`](mod@reference) is their plain transcription, and every backend matches it bit for bit. `rne` rounds
//! to nearest, ties to even; `f32(x)` is the nearest `f32`, ties to even; each float operation is rounded on its own, and
//! there is no fused multiply-add except in [`elementwise::Add`] and [`dynamic::GroupwiseLinear`].
//!
//! * **Accumulator.** `acc = Σ_k (a[k] − a_zero)·(w[k] − w_zero) + bias`, in ℤ, reduced mod 2³² to `i32`. With zero points
//!   of 0 and no bias the sum cannot wrap up to a depth of 65 793 (`u8·i8`), 33 025 (`u8·u8`) or 131 071 (`i8·i8`); the
//!   depth itself has no limit.
//! * **Weights of fewer bits** ([`Precision`]) are the same numbers in less memory: nothing else depends on their precision.
//! * **Requantize, `f32` mode** ([`Multiplier::F32`]; ONNX's QLinearConv and QLinearMatMul):
//!   `rne(clamp(f32(acc)·scale[n], low − zero_point, high − zero_point)) + zero_point`. The clamp comes before the
//!   conversion, so no conversion is out of range. Scales are finite and greater than 0.
//! * **Requantize, fixed-point mode** ([`Multiplier::Fixed`]; TensorFlow Lite's reference kernels): shift left (mod 2³²),
//!   saturating rounding doubling high multiplication by a mantissa in 2³⁰ … 2³¹−1, rounding division by a power of two,
//!   ties away from zero; then clamp and zero point as above.
//! * **Dequantize** ([`Dequantize`]): `clamp((f32(acc)·scale[n])·row_scale[m] + bias[n])`, without the steps that are not
//!   requested.
//! * **Scales by group** of the depth ([`dynamic::GroupwiseLinear`]): `acc = +0; for g ascending: acc = fma(f32(dot[g]), scale[n][g], acc)`, then
//!   `clamp(acc·row_scale[m] + bias[n])`, where `dot[g]` is a sum as above over the depths of group `g`.
//! * **Padding** of a convolution is the input's zero point: it adds nothing.
//!
//! [`elementwise`], [`dynamic`] and [`pool`] give the formulas of the other operators.
//!
//! # Where to look
//!
//! [`Gemm`] and [`Conv2d`] are plans: made once from [`PackedWeights`], run often; so are those of [`elementwise`] and [`pool`].
//! The method [`tasks`](Call::tasks) splits a call into independent tasks for any threads; the feature `rayon` runs them for you.
//! [`Backend`] tells what this CPU can run and why; the environment variable `EIGHTBIT_BACKEND` overrides the choice.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod binary;
mod build_info;
mod call;
mod check;
mod conv;
mod conv3d;
pub mod dynamic;
pub mod elementwise;
mod epilogue;
mod error;
mod fill;
#[cfg(not(any(feature = "std", test)))]
mod float;
mod gemm;
mod late;
mod matrix;
mod packed;
mod padding;
mod per;
pub mod pool;
mod precision;
mod quantized_type;
pub mod reference;
mod shape;
mod shape3d;
mod split;
mod stage;
mod windows;
mod workspace;

pub use build_info::{BuildInfo, build_info};
pub use call::{Call, Tasks};
pub use conv::Conv2d;
pub use conv3d::Conv3d;
pub use eightbit_kernels::gemm::Permission;
pub use eightbit_kernels::{
    Backend, BackendError, DepthwiseVariant, Element, ElementType, GemmVariant, OutputElement, Registered,
};
pub use error::{Error, PackedError};
pub use fill::Fill;
pub use gemm::Gemm;
pub use matrix::{MatMut, MatRef};
pub use packed::PackedWeights;
pub use padding::Padding;
pub use per::Per;
pub use precision::Precision;
pub use quantized_type::QuantizedType;
pub use shape::Conv2dShape;
pub use shape3d::Conv3dShape;
pub use stage::{Dequantize, FixedPoint, Multiplier, Requantize, Stage};
pub use workspace::Workspace;
