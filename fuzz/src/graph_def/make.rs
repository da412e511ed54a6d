//! Makes graphs node by node: mostly of values and attributes that fit, so that what reads them gets far.

use eightbit_tensorflow::proto::{AttrValue, DataType, GraphDef, NodeDef, Value};

use super::signatures::{Item, Signature, signatures};
use super::values::{TEXTS, ints, shape, tensor, value};
use crate::input::Input;

/// The name of the last node.
pub(super) const OUTPUT: &str = "y";

/// The most nodes that are chosen, beside constants for them.
const MAX_NODES: usize = 8;

/// Attributes, each of which some operator has.
const ATTRIBUTES: &str = "\
    T dtype DstT SrcT Tidx Tinput out_type strides dilations ksize padding data_format keep_dims axis N \
    num num_split squeeze_dims begin_mask end_mask shrink_axis_mask new_axis_mask align_corners \
    half_pixel_centers epsilon is_training transpose_a transpose_b block_size mode alpha \
    explicit_paddings fused_ops shape value _output_shapes num_bits narrow_range";

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
            let chosen = self.input.size(0, ATTRIBUTES.split(' ').count() - 1);
            let named = ATTRIBUTES.split(' ').nth(chosen).zip(value(self.input));
            attributes.extend(named);
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
