//! libFuzzer's program for the target `operators`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::operators(data));
