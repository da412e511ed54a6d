//! libFuzzer's program for the target `transforms`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::transforms(data));
