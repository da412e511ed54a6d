//! Fixes inputs of a graph: their elements or their shapes.

use std::collections::HashMap;

use crate::shapes::open_shape;
use crate::{Error, Graph, Tensor, ValueInfo, passes, quoted};

impl Graph {
    /// Turns the input `name` into the constant `value`, and chooses the branches that depend on it.
    ///
    /// ```
    /// # use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};
    /// let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![Some(2)] };
    /// let graph = Graph {
    ///     inputs: vec![value("x"), value("rate")],
    ///     outputs: vec![value("y")],
    ///     nodes: vec![Node::new("mul", "Mul", &["x", "rate"], &["y"])],
    ///     ..Graph::default()
    /// };
    /// let graph = graph.fix_input("rate", Tensor::vector([16.0f32, 8.0]))?;
    /// assert_eq!(graph.inputs, [value("x")]);
    /// # Ok::<(), eightbit_graph::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A name that no input has, a value of another type or shape than the input, and every error of
    /// [`inline_branches`](passes::inline_branches).
    pub fn fix_input(mut self, name: &str, value: Tensor) -> Result<Self, Error> {
        let info = self.input(name)?;
        let fits = info.shape.len() == value.rank()
            && info.shape.iter().zip(value.shape()).all(|(own, &size)| own.is_none_or(|own| own == size));
        if info.data_type != value.data_type() || !fits {
            return Err(Error::value(
                name,
                format!(
                    "is an input of {} of shape {}; the value given is {} of shape {:?}",
                    info.data_type,
                    open_shape(&info.shape),
                    value.data_type(),
                    value.shape()
                ),
            ));
        }
        self.inputs.retain(|input| input.name != name);
        self.constants.insert(name.to_owned(), value);
        passes::inline_branches(self)
    }

    /// Gives the input `name` the shape `shape`: its open dimensions get sizes, and so do dimensions of other inputs with the same
    /// name. Chooses the branches that depend on it.
    ///
    /// # Errors
    ///
    /// A name that no input has, another rank or another size than the graph fixes, and every error of
    /// [`inline_branches`](passes::inline_branches).
    pub fn fix_shape(mut self, name: &str, shape: &[usize]) -> Result<Self, Error> {
        let info = self.input(name)?;
        if info.shape.len() != shape.len()
            || info.shape.iter().zip(shape).any(|(own, &size)| own.is_some_and(|own| own != size))
        {
            let own = open_shape(&info.shape);
            return Err(Error::value(name, format!("the shape given is {shape:?}, but the graph has {own}")));
        }
        let mut sizes: HashMap<String, usize> = HashMap::new();
        for (axis, &size) in shape.iter().enumerate() {
            let Some(symbol) = self.dimension_names.get(&(name.to_owned(), axis)) else { continue };
            let other = *sizes.entry(symbol.clone()).or_insert(size);
            if other != size {
                let reason = format!("the shape given has {other} and {size} for {}", quoted(symbol));
                return Err(Error::value(name, reason));
            }
        }
        for input in &mut self.inputs {
            let is_own = input.name == name;
            for (axis, dim) in input.shape.iter_mut().enumerate().filter(|(_, dim)| dim.is_none()) {
                let symbol = self.dimension_names.get(&(input.name.clone(), axis));
                let own = shape.get(axis).filter(|_| is_own);
                *dim = own.or_else(|| sizes.get(symbol?)).copied();
            }
        }
        passes::inline_branches(self)
    }

    fn input(&self, name: &str) -> Result<&ValueInfo, Error> {
        self.input_info(name).ok_or_else(|| {
            let inputs: Vec<String> =
                self.inputs.iter().take(16).map(|info| quoted(&info.name).to_string()).collect();
            Error::value(name, format!("is not an input of the graph, which has {}", inputs.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Node};

    fn input(name: &str, shape: &[Option<usize>]) -> ValueInfo {
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: shape.to_vec() }
    }

    fn graph() -> Graph {
        let mut graph = Graph {
            inputs: vec![input("x", &[None, Some(3)]), input("z", &[None])],
            nodes: vec![Node::new("n", "Relu", &["x"], &["y"])],
            ..Graph::default()
        };
        for name in ["x", "z"] {
            graph.dimension_names.insert((name.to_owned(), 0), "batch".to_owned());
        }
        graph
    }

    #[test]
    fn dimensions_of_one_name_have_one_size() {
        let fixed = graph().fix_shape("x", &[4, 3]).expect("fits");
        assert_eq!(fixed.inputs, [input("x", &[Some(4), Some(3)]), input("z", &[Some(4)])]);
        for (name, shape) in [("x", &[4, 4][..]), ("x", &[4]), ("w", &[4])] {
            assert!(graph().fix_shape(name, shape).is_err(), "{name} {shape:?}");
        }
        let mut square = graph();
        square.inputs[0].shape[1] = None;
        square.dimension_names.insert(("x".to_owned(), 1), "batch".to_owned());
        assert!(square.clone().fix_shape("x", &[4, 3]).is_err());
        let fixed = square.fix_shape("x", &[4, 4]).expect("both are 4");
        assert_eq!(fixed.inputs[0], input("x", &[Some(4), Some(4)]));
    }

    #[test]
    fn values_fit_their_inputs() {
        let fixed = graph().fix_input("z", Tensor::vector([1.0f32, 2.0])).expect("fits");
        assert_eq!((fixed.inputs.len(), fixed.constants.len()), (1, 1));
        assert!(graph().fix_input("z", Tensor::vector([1i64])).is_err());
        assert!(graph().fix_input("x", Tensor::vector([1.0f32])).is_err());
        assert!(graph().fix_input("w", Tensor::vector([1.0f32])).is_err());
    }
}
