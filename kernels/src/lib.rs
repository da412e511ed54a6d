//! The SIMD kernels of `eightbit`: every unsafe line of the project, behind one contract.
//!
//! Most people want the crate `eightbit`, which checks its arguments with typed errors and documents the numerics.
//! This crate is what it stands on. Its public functions are safe: they assert what they need, and the assertions
//! are the contract that the callers above keep.
//!
//! Where to start reading:
//!
//! * [`Backend`]: what this build knows, what this CPU can run, which one is chosen. One registry drives dispatch,
//!   tests, fuzzing and benches.
//! * [`gemm`]: the contract of the matrix kernels: packed panels, rows of activations, tiles, epilogue.
//! * [`depthwise`], [`pooling`], [`elementwise`]: what is no matrix multiplication.
//! * `simd`: the vector primitives that epilogues and element-by-element operators are written in, once.
//! * one folder per ISA: `portable`, …
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

mod ahead;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod backend;
pub mod depthwise;
mod element;
pub mod elementwise;
pub mod gemm;
mod memory;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon_dotprod;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon_i8mm;
pub mod peak;
pub mod pooling;
mod portable;
mod simd;
#[cfg(all(feature = "testing", unix))]
pub mod testing;
mod vector_ops;
mod window;

pub use backend::{Backend, BackendError, ENVIRONMENT_VARIABLE, Registered};
pub use element::{Element, ElementType, Elements, OutputElement};
pub use memory::{Bytes, Owner, Scratch};
pub use window::{PatchGeometry, Window2d};
