//! libFuzzer's program for the target `binary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::binary(data));
