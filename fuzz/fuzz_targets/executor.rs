//! libFuzzer's program for the target `executor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::executor(data));
