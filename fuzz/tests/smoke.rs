//! Every target on its corpus and on noise, on any toolchain: what a fuzzer found once stays found.

use std::fs;
use std::path::Path;

/// SplitMix64 (Steele, Lea, Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

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
        let mut state = 1;
        let corpus = corpus(name);
        assert!(!corpus.is_empty(), "no corpus for {name}");
        corpus.iter().for_each(|data| target(data));
        for _ in 0..runs {
            // Noise, or a file of the corpus with a few bytes of noise in it.
            let mut data: Vec<u8> = (0..next(&mut state) % 200).map(|_| next(&mut state) as u8).collect();
            if next(&mut state).is_multiple_of(2) {
                data = corpus[next(&mut state) as usize % corpus.len()].clone();
                for _ in 0..next(&mut state) % 4 {
                    let at = next(&mut state) as usize % data.len().max(1);
                    data.get_mut(at).into_iter().for_each(|byte| *byte = next(&mut state) as u8);
                }
            }
            target(&data);
        }
        println!("{name}: {} files, {runs} mutations and pieces of noise", corpus.len());
    }
}
