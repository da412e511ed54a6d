//! Every operator's examples with inputs and attributes that do not fit: errors, no panics, and results of the types that the rule
//! infers.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eightbit_graph::ops::{self, OPERATORS, Sample};
use eightbit_graph::shapes::{ShapeOptions, infer_shapes};
use eightbit_graph::{Attribute, DataType, Graph, Tensor, TensorData, TensorType};

/// Mutated nodes for each example.
const ROUNDS: usize = 150;

/// Attributes that operators read, beside those of their examples.
const ATTRIBUTES: [&str; 37] = [
    "alpha",
    "auto_pad",
    "axes",
    "axis",
    "block_size",
    "ceil_mode",
    "dilations",
    "direction",
    "epsilon",
    "group",
    "ignore_index",
    "inverse",
    "keepdims",
    "kernel_shape",
    "kv_num_heads",
    "mode",
    "num_groups",
    "num_heads",
    "onesided",
    "out_type",
    "output_datatype",
    "output_dtype",
    "output_padding",
    "output_shape",
    "p",
    "pads",
    "perm",
    "q_num_heads",
    "reduction",
    "rotary_embedding_dim",
    "round_mode",
    "split",
    "strides",
    "T",
    "to",
    "transpose_a",
    "transpose_b",
];

/// Numbers at which arithmetic on sizes goes wrong.
const NUMBERS: [i64; 14] = [0, 1, 2, 3, 4, 5, 7, 10, -1, -2, 1 << 40, i64::MAX, i64::MIN, (1 << 31) - 1];

/// A linear congruential generator with Knuth's MMIX constants: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn number(&mut self) -> i64 {
        NUMBERS[self.below(NUMBERS.len())]
    }

    fn numbers(&mut self) -> Vec<i64> {
        (0..self.below(5)).map(|_| self.number()).collect()
    }

    fn tensor(&mut self) -> Tensor {
        let shape: Vec<usize> = (0..self.below(6)).map(|_| self.below(5)).collect();
        let data_type = [
            DataType::F32,
            DataType::F64,
            DataType::U8,
            DataType::I8,
            DataType::I16,
            DataType::I32,
            DataType::U64,
            DataType::I64,
            DataType::Bool,
        ][self.below(9)];
        let mut tensor = Tensor::zeros(shape.as_slice(), data_type).expect("a small tensor");
        let count = tensor.len();
        let data = match data_type {
            DataType::F32 => {
                let values = [0.0, -1.5, 3.0, f32::NAN, f32::INFINITY, 1e30];
                TensorData::F32((0..count).map(|_| values[self.below(6)]).collect())
            }
            DataType::I64 => TensorData::I64((0..count).map(|_| self.number()).collect()),
            _ => return tensor,
        };
        tensor = Tensor::new(shape, data).expect("as many elements");
        tensor
    }

    fn attribute(&mut self) -> Attribute {
        match self.below(4) {
            0 => self.numbers().into(),
            1 => [0.5, f32::NAN, -1.0, f32::MAX][self.below(4)].into(),
            2 => ["SAME_UPPER", "LEFT", "none", "nonsense"][self.below(4)].into(),
            _ => self.number().into(),
        }
    }

    /// Changes one thing of the example.
    fn mutate(&mut self, sample: &mut Sample) {
        let inputs = sample.inputs.len();
        match self.below(6) {
            0 if inputs > 0 => sample.inputs[self.below(inputs)] = None,
            1 | 2 if inputs > 0 => sample.inputs[self.below(inputs)] = Some(self.tensor()),
            3 if inputs > 1 => sample.inputs.truncate(self.below(inputs)),
            4 if !sample.node.attributes.is_empty() => {
                let names: Vec<String> = sample.node.attributes.keys().cloned().collect();
                let name = names[self.below(names.len())].clone();
                sample.node.attributes.insert(name, self.attribute());
            }
            _ => {
                let name = ATTRIBUTES[self.below(ATTRIBUTES.len())].to_owned();
                sample.node.attributes.insert(name, self.attribute());
            }
        }
    }
}

/// Evaluates the node, and compares the results with what the rule infers.
fn check(sample: &mut Sample) -> Result<(), String> {
    let node = &mut sample.node;
    node.inputs.resize(sample.inputs.len(), String::new());
    let mut graph = Graph::default();
    for (index, input) in sample.inputs.iter().enumerate() {
        node.inputs[index] = input.as_ref().map_or_else(String::new, |_| format!("x{index}"));
        graph.constants.extend(input.clone().map(|tensor| (node.inputs[index].clone(), tensor)));
    }
    graph.nodes.push(node.clone());
    let inputs: Vec<Option<&Tensor>> = sample.inputs.iter().map(Option::as_ref).collect();
    let evaluated = ops::evaluate(node, &inputs);
    let types: Option<BTreeMap<String, TensorType>> = infer_shapes(&graph, &ShapeOptions::default()).ok();
    let (Ok(outputs), Some(types)) = (evaluated, types) else { return Ok(()) };
    for (name, output) in node.outputs.iter().zip(&outputs) {
        if types[name] != TensorType::of(output) {
            return Err(format!("inferred {:?}, evaluated {:?}", types[name], TensorType::of(output)));
        }
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_an_error() {
    let mut random = Random(1);
    let mut problems = Vec::new();
    for &operator in OPERATORS {
        for example in operator.samples().expect("examples are small") {
            for _ in 0..ROUNDS {
                let mut sample = example.clone();
                for _ in 0..=random.below(3) {
                    random.mutate(&mut sample);
                }
                let result = catch_unwind(AssertUnwindSafe(|| check(&mut sample)));
                let problem = match result {
                    Ok(Ok(())) => continue,
                    Ok(Err(problem)) => problem,
                    Err(_) => "panics".to_owned(),
                };
                problems.push(format!("{problem}: {:?} of {:?}", sample.node, sample.inputs));
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
