//! The ranges of a network's inputs, which do not need it to run.

use std::collections::BTreeMap;

use crate::quantize::{CalibrationMethod, Dataset, Histogram, Range, named};
use crate::{DataType, Error, Graph};

/// The range of each float input of `graph` on `examples`, as a calibration of the whole network finds it; `progress` is called with the
/// number of examples observed.
///
/// # Errors
///
/// The first error among the examples; converted to its type, no example at all, inputs that are not finite, a graph without float inputs.
pub fn input_ranges<D: Dataset + ?Sized>(
    graph: &Graph,
    examples: &D,
    method: CalibrationMethod,
    mut progress: impl FnMut(usize),
) -> Result<BTreeMap<String, Range>, D::Error> {
    method.validate()?;
    if examples.is_empty() {
        return Err(Error::argument("calibration set", "it is empty: give at least one example").into());
    }
    let floats = graph.inputs.iter().filter(|input| input.data_type == DataType::F32);
    let mut histograms: BTreeMap<&str, Histogram> =
        floats.map(|input| (input.name.as_str(), Histogram::new())).collect();
    if histograms.is_empty() {
        return Err(Error::argument("graph", "it has no float input").into());
    }
    for index in 0..examples.len() {
        let example = examples.example(index)?;
        for (name, tensor) in named(graph, &example)? {
            if let Some(histogram) = histograms.get_mut(name) {
                histogram.add(name, tensor.as_f32().map_err(|error| error.in_value(name))?)?;
            }
        }
        progress(index + 1);
    }
    let nothing = Range { min: 0.0, max: 0.0 };
    let range = |histogram: &Histogram| method.range(histogram).unwrap_or(nothing);
    Ok(histograms.iter().map(|(name, histogram)| ((*name).to_owned(), range(histogram))).collect())
}
