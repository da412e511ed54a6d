//! libFuzzer's program for the target `conv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::conv(data));
