//! Products of matrices.

use std::ffi::c_void;
use std::sync::Arc;

use eightbit::{Element, ElementType, Gemm, MatMut, MatRef, OutputElement};

use crate::parallel::{EbParallel, Threads};
use crate::pointer;
use crate::stage::EbStage;
use crate::status::{Code, Failure, counted, guarded};
use crate::types::is_signed;
use crate::weights::{EbWeights, extent};
use crate::workspace::EbWorkspace;

/// A plan.
pub(crate) struct EbGemm {
    gemm: Gemm,
    signed: bool,
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_gemm_new(
    weights: *const EbWeights,
    lhs: i32,
    lhs_zero: i32,
    bias: *const i32,
    stage: *const EbStage,
    out: *mut *mut EbGemm,
) -> i32 {
    guarded(|| {
        let make = || {
            // SAFETY: as promised by the caller.
            let (weights, stage) =
                unsafe { (pointer::object(weights, "weights")?, pointer::object(stage, "stage")?) };
            // SAFETY: as promised by the caller; a bias has a number for each column.
            let bias = unsafe { optional(bias, weights.0.columns()) }?;
            // SAFETY: as promised by the caller.
            let stage = unsafe { stage.read() }?;
            let signed = is_signed(lhs, "lhs")?;
            let lhs = if signed { ElementType::I8 } else { ElementType::U8 };
            Ok(EbGemm { gemm: Gemm::new(Arc::clone(&weights.0), lhs, lhs_zero, bias, &stage)?, signed })
        };
        // SAFETY: as promised by the caller.
        unsafe { pointer::give(out, make) }
    })
}

/// A bias, if there is one.
///
/// # Safety
///
/// `bias` is null, or has `columns` numbers.
pub(crate) unsafe fn optional<'a>(bias: *const i32, columns: usize) -> Result<Option<&'a [i32]>, Failure> {
    // SAFETY: as promised by the caller.
    if bias.is_null() { Ok(None) } else { Ok(Some(unsafe { pointer::slice(bias, columns, "bias") }?)) }
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_gemm_workspace_bytes(gemm: *const EbGemm) -> usize {
    // SAFETY: as promised by the caller.
    counted(|| Ok(unsafe { pointer::object(gemm, "gemm") }?.gemm.workspace_bytes()))
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_gemm_free(gemm: *mut EbGemm) {
    // SAFETY: as promised by the caller.
    unsafe { pointer::free(gemm) }
}

/// The operands of a call.
struct Operands {
    lhs: *const c_void,
    out: *mut c_void,
    rows: usize,
    strides: [usize; 2],
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_gemm_run(
    gemm: *const EbGemm,
    lhs: *const c_void,
    m: usize,
    lhs_stride: usize,
    out: *mut c_void,
    out_stride: usize,
    workspace: *mut EbWorkspace,
    parallel: *const EbParallel,
) -> i32 {
    guarded(|| {
        // SAFETY: as promised by the caller.
        let plan = unsafe { pointer::object(gemm, "gemm") }?;
        // SAFETY: as promised by the caller: one thread at a time has a workspace.
        let workspace = unsafe { pointer::object_mut(workspace, "workspace") }?;
        // SAFETY: as promised by the caller.
        let threads = unsafe { Threads::new(parallel) }?;
        let operands = Operands { lhs, out, rows: m, strides: [lhs_stride, out_stride] };
        // SAFETY: as promised by the caller; the plan has these types.
        unsafe {
            match (plan.signed, plan.gemm.output()) {
                (false, ElementType::I32) => run::<u8, i32>(plan, operands, workspace, threads),
                (false, ElementType::F32) => run::<u8, f32>(plan, operands, workspace, threads),
                (false, ElementType::U8) => run::<u8, u8>(plan, operands, workspace, threads),
                (false, ElementType::I8) => run::<u8, i8>(plan, operands, workspace, threads),
                (true, ElementType::I32) => run::<i8, i32>(plan, operands, workspace, threads),
                (true, ElementType::F32) => run::<i8, f32>(plan, operands, workspace, threads),
                (true, ElementType::U8) => run::<i8, u8>(plan, operands, workspace, threads),
                (true, ElementType::I8) => run::<i8, i8>(plan, operands, workspace, threads),
                (_, other) => Err(Failure::new(Code::Type, format!("there is no output of type {other}"))),
            }
        }
    })
}

/// Runs a plan on operands of these types.
///
/// # Safety
///
/// The operands have these types, and keep the promises of the header.
unsafe fn run<A: Element, T: OutputElement>(
    plan: &EbGemm,
    operands: Operands,
    workspace: &mut EbWorkspace,
    threads: Option<Threads>,
) -> Result<(), Failure> {
    let Operands { lhs, out, rows, strides: [lhs_stride, out_stride] } = operands;
    let (k, n) = (plan.gemm.weights().depth(), plan.gemm.weights().columns());
    let len = extent([rows, k], [lhs_stride, 1], "lhs")?;
    // SAFETY: as promised by the caller.
    let lhs = unsafe { pointer::slice(lhs.cast::<A>(), len, "lhs") }?;
    let len = extent([rows, n], [out_stride, 1], "out")?;
    // SAFETY: as promised by the caller.
    let out = unsafe { pointer::slice_mut(out.cast::<T>(), len, "out") }?;
    let lhs = MatRef::with_strides(lhs, rows, k, lhs_stride, 1)?;
    let out = MatMut::with_row_stride(out, rows, n, out_stride)?;
    workspace.run(plan.gemm.call(lhs, out)?, threads.as_ref())
}
