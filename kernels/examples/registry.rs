//! Prints the registry, a backend a line as JSON, best first: for scripts that cross-compile and build no more than this crate.
//! `eightbit cpu --json` says the same and more.
//!
//! `cargo run -p eightbit-kernels --example registry`

use eightbit_kernels::Backend;

fn main() {
    for registered in Backend::registered() {
        // Names are ASCII without quotes, so Rust's debug form of a text or a list of them is JSON.
        let products: Vec<_> = registered.peak().map(|instructions| instructions.mnemonics[0]).collect();
        let bits = registered.peak().map(|instructions| instructions.bits).max();
        let line_buffer = registered.depthwise().find(|variant| variant.line_buffer_from.is_some());
        println!(
            "{{\"name\": {:?}, \"features\": {:?}, \"available\": {}, \"products\": {products:?}, \"bits\": {}, \
             \"depthwise_channels\": {}}}",
            registered.name,
            registered.features,
            registered.backend.is_some(),
            bits.unwrap_or(0),
            line_buffer.map_or(0, |variant| variant.channels),
        );
    }
}
