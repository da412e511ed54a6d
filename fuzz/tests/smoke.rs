//! Runs every target on its corpus and on random bytes, on any toolchain, as a regression test of past findings.

use std::fs;
use std::path::Path;

use eightbit_testing::{Fill, Random};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| fs::read(entry.expect("an entry").path()).expect("a file")).collect()
}

#[test]
fn every_target_survives_its_corpus_and_random_bytes() {
    let runs: u64 =
        std::env::var("EIGHTBIT_CASES").map_or(2000, |cases| cases.parse().expect("EIGHTBIT_CASES"));
    for (name, target) in eightbit_fuzz::TARGETS {
        let mut random = Random(1);
        let corpus = corpus(name);
        assert!(!corpus.is_empty(), "no corpus for {name}");
        corpus.iter().for_each(|data| target(data));
        for _ in 0..runs {
            // Random bytes, or a file of the corpus with a few random bytes.
            let len = random.below(200);
            let mut data = random.bytes(Fill::Random, len);
            if random.flip() {
                data = corpus[random.below(corpus.len())].clone();
                for _ in 0..random.below(4) {
                    let at = random.below(data.len());
                    data.get_mut(at).into_iter().for_each(|byte| *byte = random.next() as u8);
                }
            }
            target(&data);
        }
        println!("{name}: {} files, {runs} mutations and pieces of noise", corpus.len());
    }
}
