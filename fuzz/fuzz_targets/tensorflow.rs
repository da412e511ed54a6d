//! libFuzzer's program for the target `tensorflow`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::tensorflow(data));
