//! libFuzzer's program for the target `gemm`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::gemm(data));
