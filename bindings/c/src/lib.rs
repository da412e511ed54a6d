//! The C library. `include/eightbit.h` is its documentation.
//!
//! Every function goes through [`status::guarded`]: no panic leaves it, and every error becomes a code and a text. Pointers become references
//! in [`pointer`] alone, which checks what can be checked; what cannot are the promises that the header asks of its callers.

mod conv;
mod gemm;
mod parallel;
mod pointer;
mod session;
mod stage;
mod status;
mod tensor;
mod types;
mod weights;
mod workspace;

use std::ffi::{CStr, c_char};
use std::sync::OnceLock;

use eightbit::Backend;

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn eb_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn eb_backend() -> *const c_char {
    static NAME: OnceLock<Option<std::ffi::CString>> = OnceLock::new();
    let name = || std::ffi::CString::new(Backend::best().ok()?.to_string()).ok();
    NAME.get_or_init(name).as_deref().map_or(std::ptr::null(), CStr::as_ptr)
}
