//! Support for the tests of this crate and those above it: the backends that they compare, and buffers that lie against protected
//! pages, so that an access one byte past either end ends the process.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use core::ptr;

use crate::{Backend, OutputElement};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub mod amx;

/// The backends to compare: those that can run here, or only those that `EIGHTBIT_ONLY_BACKENDS` names, separated by commas.
///
/// # Panics
///
/// If the variable names one that cannot run here.
#[must_use]
pub fn backends() -> Vec<Backend> {
    match std::env::var("EIGHTBIT_ONLY_BACKENDS") {
        Ok(names) if !names.is_empty() => names
            .split(',')
            .map(|name| Backend::by_name(name.trim()).expect("a backend of EIGHTBIT_ONLY_BACKENDS"))
            .collect(),
        _ => Backend::available().collect(),
    }
}

/// Which end of a [`Guarded`] buffer lies against a protected page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The page before the first element is protected.
    Before,
    /// The page after the last element is protected.
    After,
}

/// Elements between two protected pages, flush against one of them.
pub struct Guarded<T: OutputElement> {
    mapping: *mut libc::c_void,
    mapping_len: usize,
    data: *mut T,
    len: usize,
}

impl<T: OutputElement> Guarded<T> {
    /// A copy of `elements` with a protected page at the end that `guard` names (and one somewhere past the other end).
    ///
    /// # Panics
    ///
    /// If the system gives no memory.
    #[must_use]
    pub fn new(elements: &[T], guard: Guard) -> Guarded<T> {
        // SAFETY: a query without arguments in memory.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).expect("page size");
        let bytes = size_of_val(elements);
        let body = bytes.next_multiple_of(page);
        let mapping_len = body + 2 * page;
        // SAFETY: a new private anonymous mapping overlaps nothing.
        let mapping = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapping_len,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert!(mapping != libc::MAP_FAILED, "mmap failed");
        // SAFETY: the pages between the first and the last belong to the mapping.
        let start = unsafe { mapping.cast::<u8>().add(page) };
        if body > 0 {
            // SAFETY: as above; `body` is a whole number of pages.
            let result = unsafe { libc::mprotect(start.cast(), body, libc::PROT_READ | libc::PROT_WRITE) };
            assert_eq!(result, 0, "mprotect failed");
        }
        let offset = match guard {
            Guard::Before => 0,
            Guard::After => body - bytes,
        };
        // SAFETY: `offset + bytes ≤ body`; pages and element sizes keep the address aligned.
        let data = unsafe {
            let data = start.add(offset).cast::<T>();
            ptr::copy_nonoverlapping(elements.as_ptr(), data, elements.len());
            data
        };
        Guarded { mapping, mapping_len, data, len: elements.len() }
    }
}

impl<T: OutputElement> Deref for Guarded<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` initialized elements inside the mapping, which lives as long as `self`.
        unsafe { core::slice::from_raw_parts(self.data, self.len) }
    }
}

impl<T: OutputElement> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; the borrow is exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.data, self.len) }
    }
}

impl<T: OutputElement> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` and nothing borrows from it any more.
        unsafe { libc::munmap(self.mapping, self.mapping_len) };
    }
}
