//! Values of graphs, and tensors of random numbers.

use eightbit_graph::{DataType, Tensor, ValueInfo};
use eightbit_testing::Random;

/// A float value of a fixed shape.
pub(crate) fn value(name: &str, shape: &[usize]) -> ValueInfo {
    let shape = shape.iter().map(|&dim| Some(dim)).collect();
    ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape }
}

/// Floats from −`factor` to `factor`.
pub(crate) fn floats(random: &mut Random, shape: &[usize], factor: f32) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.float() * factor).collect();
    Tensor::new(shape, values).expect("the shape fits")
}
