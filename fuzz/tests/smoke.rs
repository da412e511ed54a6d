//! Every target on its corpus and on noise, on any toolchain: what a fuzzer found once stays found.

use std::fs;
use std::path::Path;

use eightbit_testing::{Fill, Random};

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| fs::read(entry.expect("an entry").path()).expect("a file")).collect()
}

#[test]
fn every_target_survives_its_corpus_and_noise() {
    let runs: u64 =
        std::env::var("EIGHTBIT_CASES").map_or(2000, |cases| cases.parse().expect("EIGHTBIT_CASES"));
    for (name, target) in eightbit_fuzz::TARGETS {
        let mut random = Random(1);
        let corpus = corpus(name);
        assert!(!corpus.is_empty(), "no corpus for {name}");
        corpus.iter().for_each(|data| target(data));
        for _ in 0..runs {
            // Noise, or a file of the corpus with a few bytes of noise in it.
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
