//! libFuzzer's program for the target `depthwise`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::depthwise(data));
