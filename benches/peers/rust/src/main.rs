//! Times the eight-bit matrix products of other Rust crates, and layers of floats that are computed in eight bits beside this project's: one
//! thread, with prepacked weights where the crate supports them.
//!
//! ```text
//! rust-peers rten-gemm|tract-linalg|gemmkit|candle-core|eightbit-linear
//! ```
//!
//! Lines of standard input are shapes, `name M K N`; further words are ignored. Each is answered at once, with one line for each
//! product that the crate offers and an empty line:
//! `peer,op,shape,types,prepacked,median,max,min,samples,note` in Gop/s (2 operations per product).
//! A repeated shape is measured again without new preparation.
//! `RAYON_NUM_THREADS=1` and the crates' own variables keep them on one thread.

mod candle_peer;
mod eightbit_linear;
mod gemmkit_peer;
mod problem;
mod rten_peer;
mod timing;
mod tract_peer;

use std::error::Error;
use std::io::{BufRead, Write};

use problem::Problem;

/// A product, ready to be measured.
struct Case {
    op: &'static str,
    /// Types of activations, weights and output: `u8s8s32`.
    types: &'static str,
    note: String,
    call: Box<dyn FnMut()>,
}

type Prepare = fn(&Problem) -> Result<Vec<Case>, Box<dyn Error>>;

const PEERS: [(&str, Prepare); 5] = [
    ("rten-gemm", rten_peer::prepare),
    ("tract-linalg", tract_peer::prepare),
    ("gemmkit", gemmkit_peer::prepare),
    ("candle-core", candle_peer::prepare),
    ("eightbit-linear", eightbit_linear::prepare),
];

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let (peer, prepare) = PEERS
        .into_iter()
        .find(|(peer, _)| *peer == name)
        .ok_or("usage: rust-peers rten-gemm|tract-linalg|gemmkit|candle-core|eightbit-linear <SHAPES")?;
    let mut out = std::io::stdout().lock();
    let mut last: Option<(String, Problem, Vec<Case>)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if last.as_ref().is_none_or(|(known, ..)| *known != line) {
            let problem: Problem = line.parse()?;
            let cases = prepare(&problem)?;
            last = Some((line, problem, cases));
        }
        if let Some((_, problem, cases)) = &mut last {
            for Case { op, types, note, call } in cases {
                let rates = timing::measure(problem.operations(), call);
                writeln!(out, "{peer},{op},{},{types},yes,{rates},{note}", problem.name)?;
            }
        }
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}
