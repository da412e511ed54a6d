//! Examples of operators in graphs, with inputs and attributes that need not fit: typed errors and no panics, in the evaluator, in every
//! backend of the executor, in the quantizer, and in the writer.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use eightbit_graph::ops::{OPERATORS, Sample};
use eightbit_graph::quantize::{QuantizeOptions, quantize};
use eightbit_graph::shapes::infer_shapes;
use eightbit_graph::{Attribute, DEFAULT_OPSET, DataType, Graph, Limits, Tensor, TensorData, ValueInfo};

use crate::input::Input;
use crate::model::{onnx, options, run_on};

/// Numbers at which arithmetic on sizes goes wrong.
const NUMBERS: [i64; 16] =
    [0, 1, 2, 3, 4, 5, 7, 10, -1, -2, -3, 255, 1 << 40, i64::MAX, i64::MIN, (1 << 31) - 1];

/// Texts of attributes that decide what is computed.
const TEXTS: [&str; 10] =
    ["SAME_UPPER", "SAME_LOWER", "VALID", "linear", "cubic", "reflect", "reverse", "none", "", "nonsense"];

/// The most elements of a value.
const MAX_ELEMENTS: usize = 1 << 12;

/// Every operator's examples, and the names of all their attributes.
fn samples() -> &'static (Vec<Sample>, Vec<String>) {
    static SAMPLES: OnceLock<(Vec<Sample>, Vec<String>)> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let all = OPERATORS.iter().flat_map(|operator| operator.samples().expect("examples are small"));
        let samples: Vec<Sample> = all.collect();
        let names: BTreeMap<&String, ()> =
            samples.iter().flat_map(|sample| sample.node.attributes.keys()).map(|name| (name, ())).collect();
        let names = names.into_keys().cloned().collect();
        (samples, names)
    })
}

/// A graph of one to four nodes.
pub fn operators(data: &[u8]) {
    let mut input = Input::new(data);
    let mut graph = Graph { opset: DEFAULT_OPSET, ..Graph::default() };
    let mut given = Vec::new();
    let mut values: Vec<String> = Vec::new();
    for index in 0..input.size(1, 4) {
        add(&mut graph, &mut given, &mut values, index, &mut input);
    }
    let Ok(types) = infer_shapes(&graph, &options(MAX_ELEMENTS)) else { return };
    for name in graph.nodes.iter().flat_map(|node| &node.outputs) {
        // A node may have more outputs than its operator.
        let Some(of) = types.get(name) else { continue };
        let shape = of.shape.iter().copied().map(Some).collect();
        graph.outputs.push(ValueInfo { name: name.clone(), data_type: of.data_type, shape });
    }
    let inputs: Vec<(&str, &Tensor)> = given.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    drop(run_on(&graph, &inputs, &types, MAX_ELEMENTS));
    let example: Vec<Tensor> = given.iter().map(|(_, tensor)| tensor.clone()).collect();
    let limits = Limits { max_elements: MAX_ELEMENTS, max_bytes: 1 << 26 };
    let how = QuantizeOptions { limits, ..QuantizeOptions::default() };
    if let Ok((eight_bit, _)) = quantize(&graph, &[example], &how, |_| {})
        && let Ok(types) = infer_shapes(&eight_bit, &options(MAX_ELEMENTS))
    {
        drop(run_on(&eight_bit, &inputs, &types, MAX_ELEMENTS));
    }
    if let Ok(bytes) = graph.to_onnx_bytes() {
        onnx(&bytes);
    }
}

/// Adds a node, which may read values of earlier ones.
fn add(
    graph: &mut Graph,
    given: &mut Vec<(String, Tensor)>,
    values: &mut Vec<String>,
    index: usize,
    input: &mut Input<'_>,
) {
    let (all, _) = samples();
    let chosen = usize::from(input.byte()) << 8 | usize::from(input.byte());
    let mut sample = all[chosen % all.len()].clone();
    for _ in 0..input.size(0, 3) {
        mutate(&mut sample, input);
    }
    let mut node = sample.node;
    node.name = format!("n{index}");
    node.inputs = vec![String::new(); sample.inputs.len()];
    for (at, tensor) in sample.inputs.into_iter().enumerate() {
        if !values.is_empty() && input.between(0, 3) == 0 {
            node.inputs[at].clone_from(&values[input.size(0, (values.len() - 1).min(255))]);
            continue;
        }
        let Some(tensor) = tensor else { continue };
        let name = format!("x{index}_{at}");
        node.inputs[at].clone_from(&name);
        if sample.constant.get(at).copied().unwrap_or(true) != (input.between(0, 7) == 0) {
            graph.constants.insert(name, tensor);
        } else {
            let shape = tensor.shape().iter().copied().map(Some).collect();
            graph.inputs.push(ValueInfo { name: name.clone(), data_type: tensor.data_type(), shape });
            given.push((name, tensor));
        }
    }
    node.outputs = (0..node.outputs.len()).map(|at| format!("v{index}_{at}")).collect();
    values.extend(node.outputs.iter().cloned());
    graph.nodes.push(node);
}

/// Changes an input or an attribute.
fn mutate(sample: &mut Sample, input: &mut Input<'_>) {
    let inputs = sample.inputs.len();
    match input.between(0, 6) {
        0 if inputs > 0 => sample.inputs[input.size(0, inputs - 1)] = None,
        1 | 2 if inputs > 0 => {
            let at = input.size(0, inputs - 1);
            sample.inputs[at] = Some(tensor(input));
        }
        3 if inputs > 1 => sample.inputs.truncate(input.size(1, inputs)),
        4 if !sample.node.attributes.is_empty() => {
            let at = input.size(0, sample.node.attributes.len() - 1);
            let name = sample.node.attributes.keys().nth(at).cloned().unwrap_or_default();
            sample.node.attributes.insert(name, attribute(input));
        }
        5 => sample.node.outputs.push("more".to_owned()),
        _ => {
            let (_, names) = samples();
            let name = names[input.size(0, names.len().min(256) - 1)].clone();
            sample.node.attributes.insert(name, attribute(input));
        }
    }
}

fn number(input: &mut Input<'_>) -> i64 {
    NUMBERS[input.size(0, NUMBERS.len() - 1)]
}

fn attribute(input: &mut Input<'_>) -> Attribute {
    match input.between(0, 4) {
        0 => (0..input.size(0, 5)).map(|_| number(input)).collect::<Vec<_>>().into(),
        1 => [0.5, f32::NAN, -1.0, f32::MAX][input.size(0, 3)].into(),
        2 => TEXTS[input.size(0, TEXTS.len() - 1)].into(),
        3 => tensor(input).into(),
        _ => number(input).into(),
    }
}

fn tensor(input: &mut Input<'_>) -> Tensor {
    let shape: Vec<usize> = (0..input.size(0, 5)).map(|_| input.size(0, 4)).collect();
    let count: usize = shape.iter().product();
    let data = match input.between(0, 6) {
        0 => TensorData::I64((0..count).map(|_| number(input)).collect()),
        1 => TensorData::U8(input.elements(count)),
        2 => TensorData::I8(input.elements(count)),
        3 => TensorData::zeros(DataType::Bool, count),
        4 => TensorData::zeros(DataType::F64, count),
        5 => TensorData::I32((0..count).map(|_| input.word()).collect()),
        _ => {
            let values = [0.0, -1.5, 3.0, f32::NAN, f32::INFINITY, 1e30];
            TensorData::F32((0..count).map(|_| values[input.size(0, 5)]).collect())
        }
    };
    Tensor::new(shape, data).expect("as many elements")
}
