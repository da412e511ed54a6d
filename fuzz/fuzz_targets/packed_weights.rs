//! libFuzzer's program for the target `packed_weights`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::packed_weights(data));
