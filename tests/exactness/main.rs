//! Every backend against the oracle, bit for bit.
//!
//! `EIGHTBIT_ONLY_BACKENDS` names the backends to compare (default: all that the CPU supports), separated by commas.
//! `EIGHTBIT_CASES` sets the number of cases of each suite (default 10 000), `EIGHTBIT_REQUIRE_BACKENDS` names required
//! backends, separated by commas: a suite that did not execute one of them fails. Each suite prints a line per
//! backend: `SUITE <suite> backend <name> cases <n> bit-equal`.

mod activations;
mod binary;
mod conv;
mod conv3d;
mod dynamic;
mod elementwise;
mod gemm;
mod groupwise;
mod pool;
