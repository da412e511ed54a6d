//! Infers shapes with open dimensions.

use std::collections::BTreeMap;

use super::{ShapeOptions, infer_shapes};
use crate::{Error, Graph, TensorType, ValueInfo};

/// Two sets of sizes for open dimensions of inputs: the first dimension (a batch), and the others (the sides of an image).
/// Networks that downscale by 32 accept both.
const SIZES: [[usize; 2]; 2] = [[1, 224], [2, 256]];

/// The types of `values` of `graph`. A dimension is open if it differs between two sets of sizes for the open dimensions of
/// the graph's inputs.
///
/// # Errors
///
/// As [`infer_shapes`], and a value that the graph does not have or whose rank is not the same for all sizes.
pub fn infer_open_shapes(graph: &Graph, values: &[String]) -> Result<Vec<ValueInfo>, Error> {
    let types = open_types(graph)?;
    let value = |name: &String| match types.get(name) {
        Some(found) => Ok(found.clone()),
        None => Err(Error::value(name, "has no shape that is known before the graph runs")),
    };
    values.iter().map(value).collect()
}

/// As [`infer_open_shapes`], for all values whose ranks are known before the graph runs.
pub(crate) fn open_types(graph: &Graph) -> Result<BTreeMap<String, ValueInfo>, Error> {
    let bound = |[batch, side]: [usize; 2]| {
        let size = |(axis, dim): (usize, &Option<usize>)| dim.unwrap_or(if axis == 0 { batch } else { side });
        let shape = |info: &ValueInfo| info.shape.iter().enumerate().map(size).collect();
        let inputs = graph.inputs.iter().map(|info| (info.name.clone(), shape(info))).collect();
        infer_shapes(graph, &ShapeOptions { inputs, ..ShapeOptions::default() })
    };
    let [small, large] = [bound(SIZES[0])?, bound(SIZES[1])?];
    let value = |(name, small): (String, TensorType)| {
        let large = large.get(&name).filter(|large| large.shape.len() == small.shape.len())?;
        let shape = small.shape.iter().zip(&large.shape).map(|(a, b)| (a == b).then_some(*a)).collect();
        Some((name.clone(), ValueInfo { name, data_type: small.data_type, shape }))
    };
    Ok(small.into_iter().filter_map(value).collect())
}
