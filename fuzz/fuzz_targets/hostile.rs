//! libFuzzer's program for the target `hostile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::hostile(data));
