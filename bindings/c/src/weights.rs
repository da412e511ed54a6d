//! Packed weights.

use std::ffi::c_void;
use std::sync::Arc;

use eightbit::{Backend, MatRef, PackedWeights};

use crate::pointer;
use crate::stage::zero_points;
use crate::status::{Code, Failure, guarded};
use crate::types::is_signed;

/// Packed weights, which plans share.
pub(crate) struct EbWeights(pub(crate) Arc<PackedWeights>);

/// The elements that a matrix reaches.
pub(crate) fn extent(sizes: [usize; 2], strides: [usize; 2], what: &str) -> Result<usize, Failure> {
    if sizes.contains(&0) {
        return Ok(0);
    }
    let last = |axis: usize| (sizes[axis] - 1).checked_mul(strides[axis]);
    let extent = || last(0)?.checked_add(last(1)?)?.checked_add(1);
    extent().ok_or_else(|| Failure::new(Code::Shape, format!("{what}: sizes and strides overflow")))
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_weights_pack(
    weights: *const c_void,
    kind: i32,
    k: usize,
    n: usize,
    row_stride: usize,
    column_stride: usize,
    zeros: *const i32,
    zero_count: usize,
    out: *mut *mut EbWeights,
) -> i32 {
    guarded(|| {
        let make = || {
            let len = extent([k, n], [row_stride, column_stride], "weights")?;
            // SAFETY: as promised by the caller.
            let zero_points = unsafe { zero_points(zeros, zero_count) }?;
            let backend = Backend::best()?;
            let packed = if is_signed(kind, "weights")? {
                // SAFETY: as promised by the caller; every byte is a value of both types.
                let elements = unsafe { pointer::slice(weights.cast::<i8>(), len, "weights") }?;
                let matrix = MatRef::with_strides(elements, k, n, row_stride, column_stride)?;
                PackedWeights::pack(backend, &matrix, zero_points)?
            } else {
                // SAFETY: as above.
                let elements = unsafe { pointer::slice(weights.cast::<u8>(), len, "weights") }?;
                let matrix = MatRef::with_strides(elements, k, n, row_stride, column_stride)?;
                PackedWeights::pack(backend, &matrix, zero_points)?
            };
            Ok(EbWeights(Arc::new(packed)))
        };
        // SAFETY: as promised by the caller.
        unsafe { pointer::give(out, make) }
    })
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_weights_save(
    weights: *const EbWeights,
    data: *mut c_void,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as promised by the caller.
        let (weights, size) =
            unsafe { (pointer::object(weights, "weights")?, pointer::object_mut(size, "size")?) };
        let bytes = weights.0.to_bytes();
        *size = bytes.len();
        if data.is_null() {
            return Ok(());
        }
        if capacity < bytes.len() {
            let text = format!("{} bytes are needed, the capacity is {capacity}", bytes.len());
            return Err(Failure::new(Code::Shape, text));
        }
        // SAFETY: as promised by the caller: `data` has `capacity` bytes.
        unsafe { pointer::slice_mut(data.cast::<u8>(), bytes.len(), "data") }?.copy_from_slice(&bytes);
        Ok(())
    })
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_weights_load(
    data: *const c_void,
    size: usize,
    out: *mut *mut EbWeights,
) -> i32 {
    guarded(|| {
        let make = || {
            // SAFETY: as promised by the caller.
            let bytes = unsafe { pointer::slice(data.cast::<u8>(), size, "data") }?;
            Ok(EbWeights(Arc::new(PackedWeights::from_bytes(Backend::best()?, bytes)?)))
        };
        // SAFETY: as promised by the caller.
        unsafe { pointer::give(out, make) }
    })
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_weights_free(weights: *mut EbWeights) {
    // SAFETY: as promised by the caller.
    unsafe { pointer::free(weights) }
}
