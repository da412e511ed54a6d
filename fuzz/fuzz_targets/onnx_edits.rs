//! libFuzzer's program for the target `onnx_edits`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::onnx_edits(data));
