//! Makes graphs node by node: mostly of values and attributes that fit, so that what reads them gets far.

use eightbit_tensorflow::proto::{
    AttrValue, DataType, Dim, GraphDef, ListValue, NodeDef, TensorProto, TensorShapeProto, Value,
};

use super::signatures::{Item, Signature, signatures};
use crate::input::Input;

/// The name of the last node.
pub(super) const OUTPUT: &str = "y";

/// The most nodes that are chosen, beside constants for them.
const MAX_NODES: usize = 8;

const TYPES: [DataType; 9] = [
    DataType::Float,
    DataType::Int32,
    DataType::Int64,
    DataType::Bool,
    DataType::Quint8,
    DataType::Qint8,
    DataType::Qint32,
    DataType::Half,
    DataType::String,
];
const TEXTS: [&str; 14] = [
    "SAME",
    "VALID",
    "EXPLICIT",
    "NHWC",
    "NCHW",
    "MIN_FIRST",
    "MIN_COMBINED",
    "SCALED",
    "REFLECT",
    "SYMMETRIC",
    "Relu",
    "BiasAdd",
    "Relu6",
    "\u{e9}\u{0}",
];
/// Attributes, each of which some operator has.
const ATTRIBUTES: [&str; 38] = [
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

/// A value that later nodes can read.
struct Made {
    name: String,
    data_type: DataType,
}

/// The nodes so far, and what they write.
struct Maker<'i, 'd> {
    input: &'i mut Input<'d>,
    nodes: Vec<NodeDef>,
    values: Vec<Made>,
}

/// A graph whose input is `x`, a small image, and whose last node is [`OUTPUT`].
pub(super) fn graph(input: &mut Input<'_>) -> GraphDef {
    let x = [("dtype", Value::Type(DataType::Float as i32)), ("shape", Value::Shape(shape(&[1, 4, 4, 2])))];
    let mut maker = Maker { input, nodes: Vec::new(), values: Vec::new() };
    maker.push("x".to_owned(), "Placeholder", Vec::new(), x.into(), &[DataType::Float]);
    let count = maker.input.size(1, MAX_NODES);
    for index in 0..count {
        let name = if index + 1 == count { OUTPUT.to_owned() } else { format!("n{index}") };
        maker.operator(name);
    }
    GraphDef { node: maker.nodes, ..GraphDef::default() }
}

impl Maker<'_, '_> {
    fn push(
        &mut self,
        name: String,
        op: &str,
        input: Vec<String>,
        attributes: Vec<(&str, Value)>,
        results: &[DataType],
    ) {
        for (port, &data_type) in results.iter().enumerate() {
            let name = if port == 0 { name.clone() } else { format!("{name}:{port}") };
            self.values.push(Made { name, data_type });
        }
        let attribute = |(name, value): (&str, Value)| (name.to_owned(), AttrValue { value: Some(value) });
        let attr = attributes.into_iter().map(attribute).collect();
        self.nodes.push(NodeDef { name, op: op.to_owned(), input, attr, ..NodeDef::default() });
    }

    /// Adds an operator, constants that it reads among them.
    fn operator(&mut self, name: String) {
        let known = signatures();
        let chosen = usize::from(self.input.byte()) << 8 | usize::from(self.input.byte());
        let Signature { op, arguments, results } = &known[chosen % known.len()];
        let many = self.input.size(1, 3);
        let count_of = |item: &Item| if item.count.is_some() { many } else { 1 };
        let mut attributes = vec![
            ("strides", ints(&[1, 1, 1, 1])),
            ("ksize", ints(&[1, 2, 2, 1])),
            ("padding", Value::S(TEXTS[self.input.size(0, 1)].into())),
        ];
        for item in arguments.iter().chain(results) {
            attributes.extend(item.count.map(|name| (name, Value::I(many as i64))));
            attributes.extend(item.attribute.map(|name| (name, Value::Type(item.data_type as i32))));
        }
        let mut inputs: Vec<String> = Vec::new();
        for item in arguments {
            for _ in 0..count_of(item) {
                let value = self.value(&format!("{name}/{}", inputs.len()), item.data_type);
                inputs.push(value);
            }
        }
        match self.input.byte() {
            0..=3 => drop(inputs.pop()),
            4..=7 => inputs.push(self.any()),
            8..=15 => inputs.push(format!("^{}", self.any().split(':').next().unwrap_or_default())),
            16 => inputs.push("absent:1".to_owned()),
            17 => inputs.iter_mut().for_each(|input| input.push_str(":0")),
            _ => {}
        }
        for _ in 0..self.input.size(0, 3) {
            let name = ATTRIBUTES[self.input.size(0, ATTRIBUTES.len() - 1)];
            attributes.extend(value(self.input).map(|value| (name, value)));
        }
        let types: Vec<DataType> =
            results.iter().flat_map(|item| std::iter::repeat_n(item.data_type, count_of(item))).collect();
        self.push(name, op, inputs, attributes, &types);
    }

    /// The name of a value of a type, the last one or a new constant, rarely any.
    fn value(&mut self, constant: &str, data_type: DataType) -> String {
        let is_image = data_type == DataType::Float && self.input.between(0, 3) > 0;
        let found = self.values.iter().rev().find(|made| made.data_type == data_type);
        match (self.input.byte(), found) {
            (0..=7, _) => self.any(),
            (8..=99, Some(found)) => found.name.clone(),
            (100..=127, Some(_)) if is_image => "x".to_owned(),
            _ => {
                let tensor = tensor(self.input, data_type);
                let attributes =
                    vec![("dtype", Value::Type(tensor.dtype)), ("value", Value::Tensor(Box::new(tensor)))];
                self.push(constant.to_owned(), "Const", Vec::new(), attributes, &[data_type]);
                constant.to_owned()
            }
        }
    }

    fn any(&mut self) -> String {
        let last = (self.values.len() - 1).min(255);
        self.values[self.input.size(0, last)].name.clone()
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

/// A small tensor: each element, one that repeats, or all as bytes.
fn tensor(input: &mut Input<'_>, data_type: DataType) -> TensorProto {
    // Indices and sizes are scalars or vectors.
    let sizes = match data_type {
        DataType::Int32 | DataType::Int64 => match input.size(0, 4) {
            0 => Vec::new(),
            length => vec![length as i64],
        },
        _ => sizes(input),
    };
    let count =
        sizes.iter().try_fold(1i64, |count, &size| count.checked_mul(size)).unwrap_or(0).clamp(0, 256);
    let mut tensor =
        TensorProto { dtype: data_type as i32, tensor_shape: Some(shape(&sizes)), ..TensorProto::default() };
    let form = input.byte();
    let given = match form {
        0..=63 => 1,
        64..=71 => input.size(0, 4) as i64,
        _ => count,
    };
    let mut bytes = Vec::new();
    for _ in 0..given {
        let number = input.between(-2, 5);
        match data_type {
            DataType::Float => tensor.float_val.push(number as f32 / 2.0),
            DataType::Int64 => tensor.int64_val.push(number.into()),
            DataType::Bool => tensor.bool_val.push(number > 0),
            DataType::Half => tensor.half_val.push(input.word() & 0xffff),
            DataType::String => tensor.string_val.push(vec![number as u8; 2]),
            _ => tensor.int_val.push(number),
        }
        match data_type {
            DataType::Float => bytes.extend((number as f32 / 2.0).to_le_bytes()),
            DataType::Int64 => bytes.extend(i64::from(number).to_le_bytes()),
            DataType::Int32 | DataType::Qint32 => bytes.extend(number.to_le_bytes()),
            _ => bytes.push(number as u8),
        }
    }
    if form > 191 {
        tensor = TensorProto {
            dtype: tensor.dtype,
            tensor_shape: tensor.tensor_shape,
            tensor_content: bytes.into(),
            ..TensorProto::default()
        };
    }
    tensor
}

/// The value of an attribute, whatever its name; some of them are none.
fn value(input: &mut Input<'_>) -> Option<Value> {
    Some(match input.byte() % 12 {
        0 => return None,
        1 => Value::I(input.between(-3, 8).into()),
        2 => Value::I(i64::from(input.word()) << input.size(0, 31)),
        3 => Value::F(f32::from_bits(input.word() as u32)),
        4 => Value::B(input.bool()),
        5 | 6 => Value::S(TEXTS[input.size(0, TEXTS.len() - 1)].into()),
        7 => Value::Type(TYPES[input.size(0, TYPES.len() - 1)] as i32),
        8 => Value::Shape(shape(&sizes(input))),
        9 => {
            let data_type = TYPES[input.size(0, TYPES.len() - 1)];
            Value::Tensor(Box::new(tensor(input, data_type)))
        }
        10 => Value::List(Box::new(ListValue {
            s: (0..input.size(0, 2)).map(|_| TEXTS[input.size(0, TEXTS.len() - 1)].into()).collect(),
            ..ListValue::default()
        })),
        _ => ints(&sizes(input)),
    })
}
