//! libFuzzer's program for the target `onnx`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::onnx(data));
