//! libFuzzer's program for the target `graph_def`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| eightbit_fuzz::graph_def(data));
