//! Functions of one byte, by a table of their 256 values.

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
use core::ptr;

use super::contract::check_bytes;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
use crate::prefetch::{PREFETCH_LEN, prefetch};
use crate::{Backend, Element, OutputElement};

pub(crate) use super::contract::{Lookup, LookupKernel};

/// `out[i] = table[input[i]]`, byte for byte: elements index by their bits.
///
/// # Panics
///
/// If lengths differ or the output is not of bytes.
pub fn lookup<I: Element, O: OutputElement>(backend: Backend, table: &[u8; 256], input: &[I], out: &mut [O]) {
    check_bytes::<O>();
    assert_eq!(input.len(), out.len(), "output of another length");
    let (input, len) = (input.as_ptr().cast(), out.len());
    // SAFETY: input and output of the same length; the kernel was chosen for this CPU.
    unsafe { (kernel(backend).code)(&Lookup { table, input, out: out.as_mut_ptr().cast(), len }) };
}

/// The backend's best kernel on this CPU.
pub(crate) fn kernel(backend: Backend) -> &'static LookupKernel {
    let kernels = backend.entry().ops.lookup;
    kernels.iter().find(|kernel| (kernel.detect)()).unwrap_or(&kernels[kernels.len() - 1])
}

/// One by one, for instruction sets without shuffles of bytes.
pub(crate) static SCALAR: LookupKernel =
    LookupKernel { detect: || true, code: scalar, beats_rescaling: true };

/// Eight bytes at a time, which are read and written together.
///
/// # Safety
///
/// As [`LookupFn`](super::contract::LookupFn).
unsafe fn scalar(call: &Lookup<'_>) {
    // SAFETY: groups and single bytes lie inside the `len` bytes.
    unsafe {
        let table = call.table;
        let mut at = 0;
        while at + 8 <= call.len {
            let bytes = call.input.add(at).cast::<u64>().read_unaligned();
            let mut found = 0;
            for i in 0..8 {
                found |= u64::from(table[usize::from((bytes >> (8 * i)) as u8)]) << (8 * i);
            }
            call.out.add(at).cast::<u64>().write_unaligned(found);
            at += 8;
        }
        for at in at..call.len {
            *call.out.add(at) = table[usize::from(*call.input.add(at))];
        }
    }
}

/// Looks bytes up in blocks of `N`, of which the last one overlaps the one before it, and fewer bytes in a buffer.
///
/// # Safety
///
/// As [`LookupFn`](super::contract::LookupFn), but for the features; `block` reads `N` bytes of the first pointer and writes
/// `N` of the second.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
#[inline(always)]
pub(crate) unsafe fn in_blocks<const N: usize>(call: &Lookup<'_>, block: impl Fn(*const u8, *mut u8)) {
    if call.len < N {
        let (mut input, mut out) = ([0u8; N], [0u8; N]);
        // SAFETY: `len` bytes of both, which the buffers hold.
        unsafe {
            ptr::copy_nonoverlapping(call.input, input.as_mut_ptr(), call.len);
            block(input.as_ptr(), out.as_mut_ptr());
            ptr::copy_nonoverlapping(out.as_ptr(), call.out, call.len);
        }
        return;
    }
    let mut at = 0;
    loop {
        if call.len >= PREFETCH_LEN {
            prefetch(call.input.wrapping_add(at));
            prefetch(call.out.wrapping_add(at));
        }
        block(call.input.wrapping_add(at), call.out.wrapping_add(at));
        if at == call.len - N {
            return;
        }
        at = (at + N).min(call.len - N);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_kernel_that_this_cpu_has_finds_what_the_table_says() {
        let table: [u8; 256] = core::array::from_fn(|i| (i * i / 3 + 7 * i) as u8);
        let input: Vec<u8> = (0..700usize).map(|i| (i * 37 + i / 256) as u8).collect();
        for backend in Backend::available() {
            for kernel in backend.entry().ops.lookup.iter().filter(|kernel| (kernel.detect)()) {
                for len in (0..300).chain([699, 700]) {
                    let input = &input[700 - len..];
                    let mut out = vec![1; len + 1];
                    // SAFETY: `len` bytes of both; the CPU has the features.
                    unsafe {
                        (kernel.code)(&Lookup {
                            table: &table,
                            input: input.as_ptr(),
                            out: out.as_mut_ptr(),
                            len,
                        })
                    };
                    assert!(
                        input.iter().zip(&out).all(|(&x, &y)| y == table[usize::from(x)]),
                        "{backend} {len}"
                    );
                    assert_eq!(out[len], 1, "{backend} {len}");
                }
            }
        }
    }
}
