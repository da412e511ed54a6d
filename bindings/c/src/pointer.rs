//! From pointers of C to references: null, alignment and sizes are checked here, for all functions.

use std::ffi::{CStr, c_char};

use crate::status::{Code, Failure};

/// An object that C holds.
///
/// # Safety
///
/// `pointer` is null, or valid for reads of a `T` that nobody writes during `'a`.
pub(crate) unsafe fn object<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, Failure> {
    check(pointer, 1, what)?;
    // SAFETY: it is not null and aligned, as was just checked; the rest is promised by the caller.
    Ok(unsafe { &*pointer })
}

/// As [`object`], for an object that is changed.
///
/// # Safety
///
/// `pointer` is null, or valid for reads and writes of a `T` that nobody else touches during `'a`.
pub(crate) unsafe fn object_mut<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T, Failure> {
    check(pointer, 1, what)?;
    // SAFETY: it is not null and aligned, as was just checked; the rest is promised by the caller.
    Ok(unsafe { &mut *pointer })
}

/// `len` elements that C lends; none need no memory.
///
/// # Safety
///
/// `pointer` is null, or valid for reads of `len` elements of any value that `T` allows, which nobody writes during `'a`.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, len: usize, what: &str) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    check(pointer, len, what)?;
    // SAFETY: it is not null, aligned, and not larger than memory, as was just checked; the rest is promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// As [`slice`], for elements that are written.
///
/// # Safety
///
/// `pointer` is null, or valid for reads and writes of `len` elements of any value that `T` allows, which nobody else touches during `'a`.
pub(crate) unsafe fn slice_mut<'a, T>(
    pointer: *mut T,
    len: usize,
    what: &str,
) -> Result<&'a mut [T], Failure> {
    if len == 0 {
        return Ok(&mut []);
    }
    check(pointer, len, what)?;
    // SAFETY: it is not null, aligned, and not larger than memory, as was just checked; the rest is promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, len) })
}

/// A string that ends with a zero byte.
///
/// # Safety
///
/// `pointer` is null, or the first of bytes of which one is zero, and which nobody writes during `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, Failure> {
    check(pointer, 1, what)?;
    // SAFETY: it is not null, as was just checked; the rest is promised by the caller.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| Failure::new(Code::Argument, format!("{what} is not UTF-8")))
}

/// Gives an object to C, which gives it back to [`free`].
///
/// # Safety
///
/// `out` is null, or valid for a write of a pointer.
pub(crate) unsafe fn give<T>(
    out: *mut *mut T,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    // SAFETY: as promised by the caller.
    let out = unsafe { object_mut(out, "out") }?;
    *out = std::ptr::null_mut();
    *out = Box::into_raw(Box::new(make()?));
    Ok(())
}

/// Frees an object that C gives back.
///
/// # Safety
///
/// `object` is null, or came from [`give`], and nobody uses it any more.
pub(crate) unsafe fn free<T>(object: *mut T) {
    if !object.is_null() {
        // SAFETY: it came from a box, and nobody uses it, as promised by the caller.
        drop(unsafe { Box::from_raw(object) });
    }
}

/// An error unless `len` elements can be there.
fn check<T>(pointer: *const T, len: usize, what: &str) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::null(what));
    }
    if !pointer.is_aligned() {
        let wanted = align_of::<T>();
        return Err(Failure::new(Code::Argument, format!("{what} is not aligned to {wanted} bytes")));
    }
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
        _ => Err(Failure::new(Code::Shape, format!("{what}: {len} elements are more than memory has"))),
    }
}
