//! Element by element, and joining.

use eightbit::elementwise::{Add, Dequantize, Mul, Quantize, Requantize};
use eightbit::{Element, MatMut};

use super::super::lower::Builder;
use super::super::memory::Layout;
use super::super::step::{Io, Kernel};
use super::{by_bytes, clamp, failed, input, output};
use crate::{DataType, Error, Node, TensorData};

/// Two tensors of one type of bytes, of one shape and layout.
#[derive(Debug)]
enum Binary {
    Add(Add),
    Mul(Mul),
}

impl Kernel for Binary {
    fn run(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        fn run<I, O>(plan: &Binary, io: &mut Io<'_>) -> Result<(), Error>
        where
            I: Element + crate::Element,
            O: Element + crate::Element,
        {
            let (a, b) = (io.input::<I>(0)?, io.input::<I>(1)?);
            let out = io.output::<O>(0)?;
            let result = match plan {
                Binary::Add(plan) => plan.run(a, b, out),
                Binary::Mul(plan) => plan.run(a, b, out),
            };
            result.map_err(|error| io.error(error.to_string()))
        }
        by_bytes!(io, run(self, io))
    }

    fn describe(&self) -> String {
        match self {
            Self::Add(_) => "eight-bit Add".to_owned(),
            Self::Mul(_) => "eight-bit Mul".to_owned(),
        }
    }
}

pub(super) fn add(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    binary(builder, node, |builder, a, b, to| {
        let (low, high) = clamp(node, &to)?;
        let plan = Add::new(builder.backend, a, b, to).and_then(|plan| plan.clamped(low, high));
        plan.map(Binary::Add).map_err(|error| failed(node, &error))
    })
}

pub(super) fn mul(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    binary(builder, node, |builder, a, b, to| {
        let (low, high) = clamp(node, &to)?;
        let plan = Mul::new(builder.backend, a, b, to).and_then(|plan| plan.clamped(low, high));
        plan.map(Binary::Mul).map_err(|error| failed(node, &error))
    })
}

type Quantized = eightbit::QuantizedType;

fn binary(
    builder: &mut Builder<'_>,
    node: &Node,
    plan: impl Fn(&Builder<'_>, Quantized, Quantized, Quantized) -> Result<Binary, Error>,
) -> Result<bool, Error> {
    let (Some(a), Some(b), Some(to)) =
        (input(builder, node, 0)?, input(builder, node, 3)?, output(builder, node, 6)?)
    else {
        return Ok(false);
    };
    if a.element() != b.element() || builder.shape(node, 0)? != builder.shape(node, 3)? {
        return Ok(false);
    }
    let (left, right) = (node.required_input(0)?, node.required_input(3)?);
    let layout = match builder.layout_of(right) {
        Layout::ChannelsLast => Layout::ChannelsLast,
        Layout::Plain => builder.layout_of(left),
    };
    let inputs = vec![Some(builder.read(left, layout)?), Some(builder.read(right, layout)?)];
    let kernel = plan(builder, a, b, to)?;
    let output = builder.define(node.required_output(0)?, layout)?;
    builder.push(node, inputs, vec![output], kernel);
    Ok(true)
}

#[derive(Debug)]
struct Quantization(Quantize);

impl Kernel for Quantization {
    fn run(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        let x = io.input::<f32>(0)?;
        let result = match io.output_type(0) {
            DataType::I8 => self.0.run(x, io.output::<i8>(0)?),
            _ => self.0.run(x, io.output::<u8>(0)?),
        };
        result.map_err(|error| io.error(error.to_string()))
    }

    fn describe(&self) -> String {
        "quantize".to_owned()
    }
}

pub(super) fn quantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let name = node.required_input(0)?;
    let Some(to) = output(builder, node, 1)?.filter(|_| is(builder, name, DataType::F32)) else {
        return Ok(false);
    };
    let kernel = Quantization(Quantize::new(builder.backend, to));
    same_layout(builder, node, kernel)
}

#[derive(Debug)]
struct Dequantization(Dequantize);

impl Kernel for Dequantization {
    fn run(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        let result = match io.input_type(0)? {
            DataType::I8 => self.0.run(io.input::<i8>(0)?, io.output::<f32>(0)?),
            _ => self.0.run(io.input::<u8>(0)?, io.output::<f32>(0)?),
        };
        result.map_err(|error| io.error(error.to_string()))
    }

    fn describe(&self) -> String {
        "dequantize".to_owned()
    }
}

pub(super) fn dequantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(from) = input(builder, node, 0)? else { return Ok(false) };
    let kernel = Dequantization(Dequantize::new(builder.backend, from));
    same_layout(builder, node, kernel)
}

/// A function of one byte.
#[derive(Debug)]
struct Table(Box<[u8; 256]>);

impl Kernel for Table {
    fn run(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        fn run<I, O>(table: &[u8; 256], io: &mut Io<'_>) -> Result<(), Error>
        where
            I: Element + crate::Element,
            O: Element + crate::Element,
        {
            let x = io.input::<I>(0)?;
            for (y, &x) in io.output::<O>(0)?.iter_mut().zip(I::as_bytes(x)) {
                *y = O::from_low_bits(table[usize::from(x)].into());
            }
            Ok(())
        }
        by_bytes!(io, run(&self.0, io))
    }

    fn describe(&self) -> String {
        "table of 256 bytes".to_owned()
    }
}

pub(super) fn table(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let bytes: Option<Vec<u8>> = match builder.constant_input(node, 1).map(crate::Tensor::data) {
        Some(TensorData::U8(table)) => Some(table.clone()),
        Some(TensorData::I8(table)) => Some(table.iter().map(|&byte| byte as u8).collect()),
        _ => None,
    };
    let Some(table) = bytes.and_then(|bytes| bytes.into_boxed_slice().try_into().ok()) else {
        return Ok(false);
    };
    same_layout(builder, node, Table(table))
}

fn is(builder: &Builder<'_>, name: &str, data_type: DataType) -> bool {
    builder.type_of(name).is_ok_and(|found| found.data_type == data_type)
}

/// A step that writes what it reads, element by element, in the order in which they are.
fn same_layout(builder: &mut Builder<'_>, node: &Node, kernel: impl Kernel + 'static) -> Result<bool, Error> {
    let name = node.required_input(0)?;
    let layout = builder.layout_of(name);
    let input = builder.read(name, layout)?;
    let output = builder.define(node.required_output(0)?, layout)?;
    builder.push(node, vec![Some(input)], vec![output], kernel);
    Ok(true)
}

/// Joins parts, each rescaled to the steps of the output.
#[derive(Debug)]
struct Join {
    /// For each part its rescaling, and the length of its runs.
    parts: Vec<(Requantize, usize)>,
}

impl Kernel for Join {
    fn run(&mut self, io: &mut Io<'_>) -> Result<(), Error> {
        fn run<I, O>(parts: &[(Requantize, usize)], io: &mut Io<'_>) -> Result<(), Error>
        where
            I: Element + crate::Element,
            O: Element + crate::Element,
        {
            let stride: usize = parts.iter().map(|(_, len)| len).sum();
            let mut first = 0;
            for (index, (plan, len)) in parts.iter().enumerate().filter(|(_, (_, len))| *len > 0) {
                let from = io.input::<I>(index)?;
                let out = io.output::<O>(0)?.get_mut(first..).unwrap_or_default();
                let rows = from.len() / len;
                let result =
                    MatMut::with_row_stride(out, rows, *len, stride).and_then(|out| plan.run_rows(from, out));
                result.map_err(|error| io.error(error.to_string()))?;
                first += len;
            }
            Ok(())
        }
        by_bytes!(io, run(&self.parts, io))
    }

    fn describe(&self) -> String {
        format!("join {} eight-bit tensors, rescaled", self.parts.len())
    }
}

pub(super) fn concat(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(to) = output(builder, node, 0)? else { return Ok(false) };
    let name = node.required_output(0)?;
    let images = builder.is_image(name);
    let layout = if images { Layout::ChannelsLast } else { Layout::Plain };
    let (low, high) = clamp(node, &to)?;
    let rank = builder.type_of(name)?.shape.len();
    let Some(axis) = crate::ops::indexing::axis(node.int("axis", 1)?, rank) else { return Ok(false) };
    let axis = if images { [0, 3, 1, 2][axis] } else { axis };
    let mut parts = Vec::new();
    for index in (2..node.inputs.len()).step_by(3) {
        let Some(from) = input(builder, node, index)? else { return Ok(false) };
        if from.element() != to.element() {
            return Ok(false);
        }
        let mut shape = builder.shape(node, index)?;
        if images {
            shape[1..].rotate_left(1);
        }
        let plan = Requantize::new(builder.backend, from, to).and_then(|plan| plan.clamped(low, high));
        let plan = plan.map_err(|error| failed(node, &error))?;
        parts.push((plan, shape[axis..].iter().product::<usize>()));
    }
    let mut inputs = Vec::new();
    for index in (2..node.inputs.len()).step_by(3) {
        inputs.push(Some(builder.read(node.required_input(index)?, layout)?));
    }
    let output = builder.define(name, layout)?;
    builder.push(node, inputs, vec![output], Join { parts });
    Ok(true)
}
