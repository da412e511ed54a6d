//! The SIMD kernels of `eightbit`: every unsafe line of the project, behind one contract.
//!
//! Most people want the crate `eightbit`, which checks its arguments with typed errors and documents the numerics.
//! It is built on this crate. The public functions here are safe: they assert what they need, and the assertions
//! are the contract that the callers above keep.
//!
//! Where to start reading:
//!
//! * [`Backend`]: what this build knows, what this CPU can run, which one is chosen. One registry drives dispatch,
//!   tests, fuzzing and benches.
//! * [`gemm`]: the contract of the matrix kernels: packed panels, rows of activations, tiles, epilogue.
//! * [`binary`]: products of signs, a bit each.
//! * [`depthwise`], [`pooling`], [`elementwise`]: the other operators; [`float`](mod@float): what is not in eight bits.
//! * `simd`: the vector primitives that epilogues and element-by-element operators are written in, once.
//! * `backend`: the registry, and a folder for each ISA: `portable`, …
#![no_std]
#![cfg_attr(
    not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "other targets have the portable backend alone"
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod assumed;
mod backend;
pub mod binary;
mod byte_range;
pub mod depthwise;
mod element;
pub mod elementwise;
mod entry;
pub mod float;
pub mod gemm;
mod memory;
pub mod peak;
pub mod pooling;
mod prefetch;
mod registered;
mod simd;
#[cfg(all(feature = "testing", unix))]
pub mod testing;
mod vector_ops;
mod window;

pub use backend::{BackendError, ENVIRONMENT_VARIABLE};
pub use element::{Element, ElementType, Elements, OutputElement};
pub use entry::Backend;
pub use memory::{Bytes, Owner, Scratch};
pub use registered::{DepthwiseVariant, GemmVariant, Registered};
pub use window::{PatchGeometry, Window2d};
