//! The target `graph_def`: graphs of TensorFlow that are almost right, made node by node.

use eightbit_graph::{Executor, ExecutorOptions, Limits, Tensor};
use eightbit_tensorflow::proto::{
    AttrValue, DataType, Dim, GraphDef, ListValue, NodeDef, TensorProto, TensorShapeProto, Value,
};
use eightbit_tensorflow::transforms::{TRANSFORMS, transform};
use eightbit_tensorflow::{ImportOptions, Summary, difference, grammar};

use crate::input::Input;

/// Operators, and how many inputs they have.
const OPERATORS: &[(&str, usize)] = &[
    ("Conv2D", 2),
    ("DepthwiseConv2dNative", 2),
    ("Conv2DBackpropInput", 3),
    ("BiasAdd", 2),
    ("FusedBatchNormV3", 5),
    ("BatchNormWithGlobalNormalization", 5),
    ("Add", 2),
    ("AddV2", 2),
    ("AddN", 2),
    ("Sub", 2),
    ("Mul", 2),
    ("RealDiv", 2),
    ("Rsqrt", 1),
    ("Maximum", 2),
    ("Relu", 1),
    ("Relu6", 1),
    ("Elu", 1),
    ("LeakyRelu", 1),
    ("Sigmoid", 1),
    ("Tanh", 1),
    ("MaxPool", 1),
    ("AvgPool", 1),
    ("Mean", 2),
    ("Sum", 2),
    ("ConcatV2", 3),
    ("Concat", 3),
    ("Pad", 2),
    ("PadV2", 3),
    ("MirrorPad", 2),
    ("Squeeze", 1),
    ("ExpandDims", 2),
    ("Reshape", 2),
    ("Shape", 1),
    ("StridedSlice", 4),
    ("Slice", 3),
    ("Pack", 2),
    ("Unpack", 1),
    ("Split", 2),
    ("SplitV", 3),
    ("Tile", 2),
    ("Transpose", 2),
    ("MatMul", 2),
    ("Softmax", 1),
    ("ResizeBilinear", 2),
    ("ResizeBicubic", 2),
    ("ResizeNearestNeighbor", 2),
    ("SpaceToBatchND", 3),
    ("BatchToSpaceND", 3),
    ("DepthToSpace", 1),
    ("LRN", 1),
    ("Switch", 2),
    ("Merge", 2),
    ("FakeQuantWithMinMaxVars", 3),
    ("Cast", 1),
    ("Fill", 2),
    ("Identity", 1),
    ("CheckNumerics", 1),
    ("GatherV2", 3),
    ("ArgMax", 2),
    ("TopKV2", 2),
    ("Select", 3),
    ("Where", 1),
    ("Greater", 2),
    ("Range", 3),
    ("Dequantize", 3),
    ("QuantizeV2", 3),
    ("Requantize", 5),
    ("RequantizationRange", 3),
    ("QuantizedConv2D", 6),
    ("QuantizedRelu", 3),
    ("_FusedConv2D", 3),
    ("NonMaxSuppressionV3", 5),
    ("NoOp", 0),
    ("Stranger", 1),
];
/// Names of attributes, each used by some operator.
const ATTRIBUTES: &[&str] = &[
    "T",
    "dtype",
    "DstT",
    "SrcT",
    "Tidx",
    "Tinput",
    "out_type",
    "strides",
    "dilations",
    "ksize",
    "padding",
    "data_format",
    "keep_dims",
    "axis",
    "N",
    "num",
    "num_split",
    "squeeze_dims",
    "begin_mask",
    "end_mask",
    "shrink_axis_mask",
    "new_axis_mask",
    "align_corners",
    "half_pixel_centers",
    "epsilon",
    "is_training",
    "transpose_a",
    "transpose_b",
    "block_size",
    "mode",
    "alpha",
    "explicit_paddings",
    "fused_ops",
    "shape",
    "value",
    "_output_shapes",
    "num_bits",
    "narrow_range",
];
const TYPES: [DataType; 8] = [
    DataType::Float,
    DataType::Int32,
    DataType::Int64,
    DataType::Bool,
    DataType::Quint8,
    DataType::Qint32,
    DataType::Half,
    DataType::String,
];
const TEXTS: [&str; 10] =
    ["SAME", "VALID", "EXPLICIT", "NHWC", "NCHW", "MIN_FIRST", "SCALED", "REFLECT", "Relu", "\u{e9}\u{0}"];

/// The graph in every form, imported and run, and transformed: no panic, and what is written is read as it was.
pub fn graph_def(data: &[u8]) {
    let input = &mut Input::new(data);
    let graph = graph(input);
    let limits = Limits { max_elements: 1 << 16, max_bytes: 1 << 24 };
    let bytes = graph.to_bytes();
    let again = GraphDef::from_bytes_within(&bytes, &limits);
    if let Ok(again) = again {
        assert_eq!(again.to_bytes(), bytes);
        if let Ok(text) = again.to_text() {
            let read = GraphDef::from_bytes(text.as_bytes()).expect("what was printed is read");
            assert_eq!(read.to_text().expect("printed once"), text);
            assert_eq!(difference(&read, &again), None);
        }
    }
    run(&graph, limits);
    let calls: Vec<String> = (0..input.size(1, 3))
        .map(|_| TRANSFORMS[input.size(0, TRANSFORMS.len() - 1)].name.to_owned())
        .collect();
    let Ok(mut calls) = grammar::parse(&calls.join(" ")) else { panic!("names are transforms") };
    // A log would be a file of this machine.
    calls.retain(|call| call.name != "freeze_requantization_ranges");
    let outputs = graph.node.last().map(|node| node.name.clone()).into_iter().collect::<Vec<_>>();
    if let Ok((result, _)) = transform(graph, &["x".to_owned()], &outputs, &calls) {
        let _ = (Summary(&result).lines(), Summary(&result).structure());
        let bytes = result.to_bytes();
        assert_eq!(GraphDef::from_bytes(&bytes).map(|read| read.to_bytes()).ok(), Some(bytes));
    }
}

/// Imports a graph and runs it on ones.
fn run(graph: &GraphDef, limits: Limits) {
    let Ok(graph) = graph.to_graph(&ImportOptions::default()) else { return };
    let mut options = ExecutorOptions::default();
    options.shapes.limits = limits;
    let Ok(mut executor) = Executor::new(&graph, &options) else { return };
    let ones = |shape: &[Option<usize>]| {
        let shape: Vec<usize> = shape.iter().map(|size| size.unwrap_or(2)).collect();
        let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
        Tensor::new(shape, vec![1.0f32; count.filter(|&count| count <= 1 << 16)?]).ok()
    };
    let tensors: Option<Vec<Tensor>> = graph.inputs.iter().map(|input| ones(&input.shape)).collect();
    let Some(tensors) = tensors else { return };
    let named: Vec<_> = graph.inputs.iter().map(|input| input.name.as_str()).zip(&tensors).collect();
    drop(executor.run(&named));
}

fn graph(input: &mut Input<'_>) -> GraphDef {
    let mut nodes = vec![node(
        "x",
        "Placeholder",
        vec![],
        [("dtype", Value::Type(1)), ("shape", Value::Shape(shape(&[1, 4, 4, 2])))],
    )];
    for index in 0..input.size(1, 10) {
        let name = format!("n{index}");
        if input.between(0, 2) == 0 {
            let tensor = tensor(input);
            let data_type = Value::Type(tensor.dtype);
            nodes.push(node(
                &name,
                "Const",
                vec![],
                [("dtype", data_type), ("value", Value::Tensor(Box::new(tensor)))],
            ));
            continue;
        }
        let (op, count) = OPERATORS[input.size(0, OPERATORS.len() - 1)];
        let count = if input.byte() < 16 { input.size(0, 6) } else { count };
        let mut inputs: Vec<String> = (0..count).map(|_| reference(input, &nodes)).collect();
        if input.byte() < 16 {
            inputs.push(format!("^{}", reference(input, &nodes)));
        }
        let usual = [
            ("T", Value::Type(1)),
            ("strides", ints(&[1, 1, 1, 1])),
            ("ksize", ints(&[1, 2, 2, 1])),
            ("padding", Value::S(TEXTS[input.size(0, 1)].into())),
            ("N", Value::I(count as i64 - 1)),
        ];
        let mut made = node(&name, op, inputs, usual);
        for _ in 0..input.size(0, 3) {
            let name = ATTRIBUTES[input.size(0, ATTRIBUTES.len() - 1)];
            made.attr.insert(name.to_owned(), AttrValue { value: value(input) });
        }
        nodes.push(made);
    }
    GraphDef { node: nodes, ..GraphDef::default() }
}

fn node<const N: usize>(name: &str, op: &str, input: Vec<String>, attributes: [(&str, Value); N]) -> NodeDef {
    let attr = attributes.map(|(name, value)| (name.to_owned(), AttrValue { value: Some(value) })).into();
    NodeDef { name: name.to_owned(), op: op.to_owned(), input, attr, ..NodeDef::default() }
}

/// A value of a node before, mostly its first; rarely one that is not there, or comes later.
fn reference(input: &mut Input<'_>, nodes: &[NodeDef]) -> String {
    let name = &nodes[input.size(0, nodes.len() - 1)].name;
    match input.byte() {
        0..=7 => format!("{name}:{}", input.size(0, 3)),
        8 => "n9".to_owned(),
        9 => format!("{name}:"),
        _ => name.clone(),
    }
}

fn shape(sizes: &[i64]) -> TensorShapeProto {
    let dim = sizes.iter().map(|&size| Dim { size, ..Dim::default() }).collect();
    TensorShapeProto { dim, unknown_rank: false }
}

fn sizes(input: &mut Input<'_>) -> Vec<i64> {
    let size = |input: &mut Input<'_>| match input.byte() {
        0 => -1,
        1 => 0,
        2 => i64::MAX,
        byte => i64::from(byte % 4) + 1,
    };
    (0..input.size(0, 4)).map(|_| size(input)).collect()
}

fn ints(values: &[i64]) -> Value {
    Value::List(Box::new(ListValue { i: values.to_vec(), ..ListValue::default() }))
}

/// A tensor of a few elements, the last of which repeats.
fn tensor(input: &mut Input<'_>) -> TensorProto {
    let data_type = TYPES[input.size(0, TYPES.len() - 1)];
    let mut tensor = TensorProto {
        dtype: data_type as i32,
        tensor_shape: Some(shape(&sizes(input))),
        ..TensorProto::default()
    };
    for _ in 0..input.size(0, 4) {
        let number = input.between(-3, 5);
        match data_type {
            DataType::Float => tensor.float_val.push(number as f32 / 2.0),
            DataType::Int64 => tensor.int64_val.push(number.into()),
            DataType::Bool => tensor.bool_val.push(number > 0),
            DataType::Half => tensor.half_val.push(input.word() & 0xffff),
            _ => tensor.int_val.push(number),
        }
    }
    tensor
}

/// The value of an attribute, whatever its name.
fn value(input: &mut Input<'_>) -> Option<Value> {
    Some(match input.byte() % 10 {
        0 => return None,
        1 => Value::I(input.between(-3, 8).into()),
        2 => Value::I(i64::from(input.word()) << input.size(0, 31)),
        3 => Value::F(f32::from_bits(input.word() as u32)),
        4 => Value::B(input.bool()),
        5 => Value::S(TEXTS[input.size(0, TEXTS.len() - 1)].into()),
        6 => Value::Type(TYPES[input.size(0, TYPES.len() - 1)] as i32),
        7 => Value::Shape(shape(&sizes(input))),
        8 => Value::Tensor(Box::new(tensor(input))),
        _ => ints(&sizes(input)),
    })
}
