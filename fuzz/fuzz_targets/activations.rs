//! libFuzzer's program for the target `activations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::activations(data));
