//! Elementwise operators on bytes.

use eightbit::Element;
use eightbit::elementwise::{Add, Dequantize, LookupTable, Mul, Quantize};

use super::{by_bytes, clamp, element_type, failed, input, output};
use crate::exec::builder::Builder;
use crate::exec::parallel::Threads;
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::value::Layout;
use crate::{DataType, Error, Node, TensorData};

/// An operation on two tensors of equal byte type, shape and layout.
#[derive(Debug)]
struct Binary(Operation, Threads);

#[derive(Debug)]
enum Operation {
    Add(Add),
    Mul(Mul),
}

impl StepKernel for Binary {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        fn run<I, O>(step: &mut Binary, context: &mut StepContext<'_>) -> Result<(), Error>
        where
            I: Element + crate::Element,
            O: Element + crate::Element,
        {
            let (a, b) = (context.input::<I>(0)?, context.input::<I>(1)?);
            let out = context.output::<O>(0)?;
            let result = match &step.0 {
                Operation::Add(plan) => plan.call(a, b, out).and_then(|call| step.1.run(call)),
                Operation::Mul(plan) => plan.call(a, b, out).and_then(|call| step.1.run(call)),
            };
            result.map_err(|error| context.error(error.to_string()))
        }
        by_bytes!(context, run(self, context))
    }

    fn describe(&self) -> String {
        match self.0 {
            Operation::Add(_) => "eight-bit Add".to_owned(),
            Operation::Mul(_) => "eight-bit Mul".to_owned(),
        }
    }
}

pub(crate) fn add(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    binary(builder, node, |builder, a, b, to| {
        let (low, high) = clamp(node, &to)?;
        let plan = Add::new(builder.backend, a, b, to).and_then(|plan| plan.clamped(low, high));
        plan.map(Operation::Add).map_err(|error| failed(node, &error))
    })
}

pub(crate) fn mul(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    binary(builder, node, |builder, a, b, to| {
        let (low, high) = clamp(node, &to)?;
        let plan = Mul::new(builder.backend, a, b, to).and_then(|plan| plan.clamped(low, high));
        plan.map(Operation::Mul).map_err(|error| failed(node, &error))
    })
}

type Quantized = eightbit::QuantizedType;

fn binary(
    builder: &mut Builder<'_>,
    node: &Node,
    plan: impl Fn(&Builder<'_>, Quantized, Quantized, Quantized) -> Result<Operation, Error>,
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
    let kernel = Binary(plan(builder, a, b, to)?, Threads::new(builder.threads, 0));
    let output = builder.define(node.required_output(0)?, layout)?;
    builder.push(node, inputs, vec![output], kernel);
    Ok(true)
}

#[derive(Debug)]
struct Quantization(Quantize, Threads);

impl StepKernel for Quantization {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        fn run<O>(step: &mut Quantization, context: &mut StepContext<'_>) -> Result<(), Error>
        where
            O: Element + crate::Element,
        {
            let x = context.input::<f32>(0)?;
            let out = context.output::<O>(0)?;
            let result = step.0.call(x, out).and_then(|call| step.1.run(call));
            result.map_err(|error| context.error(error.to_string()))
        }
        match context.output_type(0) {
            DataType::I8 => run::<i8>(self, context),
            _ => run::<u8>(self, context),
        }
    }

    fn describe(&self) -> String {
        "quantize".to_owned()
    }
}

pub(crate) fn quantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let name = node.required_input(0)?;
    let Some(to) = output(builder, node, 1)?.filter(|_| is(builder, name, DataType::F32)) else {
        return Ok(false);
    };
    let kernel = Quantization(Quantize::new(builder.backend, to), Threads::new(builder.threads, 0));
    same_layout(builder, node, kernel)
}

#[derive(Debug)]
struct Dequantization(Dequantize, Threads);

impl StepKernel for Dequantization {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        fn run<I>(step: &mut Dequantization, context: &mut StepContext<'_>) -> Result<(), Error>
        where
            I: Element + crate::Element,
        {
            let x = context.input::<I>(0)?;
            let out = context.output::<f32>(0)?;
            let result = step.0.call(x, out).and_then(|call| step.1.run(call));
            result.map_err(|error| context.error(error.to_string()))
        }
        match context.input_type(0)? {
            DataType::I8 => run::<i8>(self, context),
            _ => run::<u8>(self, context),
        }
    }

    fn describe(&self) -> String {
        "dequantize".to_owned()
    }
}

pub(crate) fn dequantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(from) = input(builder, node, 0)? else { return Ok(false) };
    let kernel = Dequantization(Dequantize::new(builder.backend, from), Threads::new(builder.threads, 0));
    same_layout(builder, node, kernel)
}

/// A function of one byte, as a table.
#[derive(Debug)]
struct Table(LookupTable, Threads);

impl StepKernel for Table {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        fn run<I, O>(step: &mut Table, context: &mut StepContext<'_>) -> Result<(), Error>
        where
            I: Element + crate::Element,
            O: Element + crate::Element,
        {
            let x = context.input::<I>(0)?;
            let out = context.output::<O>(0)?;
            let result = step.0.call(x, out).and_then(|call| step.1.run(call));
            result.map_err(|error| context.error(error.to_string()))
        }
        by_bytes!(context, run(self, context))
    }

    fn describe(&self) -> String {
        "table of 256 bytes".to_owned()
    }
}

pub(crate) fn table(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let bytes: Option<Vec<u8>> = match builder.constant_input(node, 1).map(crate::Tensor::data) {
        Some(TensorData::U8(table)) => Some(table.clone()),
        Some(TensorData::I8(table)) => Some(table.iter().map(|&byte| byte as u8).collect()),
        _ => None,
    };
    let Some(bytes) = bytes.and_then(|bytes| <[u8; 256]>::try_from(bytes).ok()) else { return Ok(false) };
    let from = element_type(builder.type_of(node.required_input(0)?)?.data_type);
    let to = element_type(builder.type_of(node.required_output(0)?)?.data_type);
    let (Some(from), Some(to)) = (from, to) else { return Ok(false) };
    let table = LookupTable::from_bytes(builder.backend, from, to, bytes);
    let table = table.map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.threads, 0);
    same_layout(builder, node, Table(table, threads))
}

fn is(builder: &Builder<'_>, name: &str, data_type: DataType) -> bool {
    builder.type_of(name).is_ok_and(|found| found.data_type == data_type)
}

/// An elementwise step, which keeps the layout of what it reads.
fn same_layout(
    builder: &mut Builder<'_>,
    node: &Node,
    kernel: impl StepKernel + 'static,
) -> Result<bool, Error> {
    let name = node.required_input(0)?;
    let layout = builder.layout_of(name);
    let input = builder.read(name, layout)?;
    let output = builder.define(node.required_output(0)?, layout)?;
    builder.push(node, vec![Some(input)], vec![output], kernel);
    Ok(true)
}
