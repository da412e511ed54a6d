//! libFuzzer's program for the target `npy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::npy(data));
