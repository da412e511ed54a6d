//! Normalizations and means of rows, sets of consecutive elements.

use eightbit::Backend;
use eightbit_kernels::float::{squares, sum};

use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::exec::workers::Workers;
use crate::ops::shared::indexing;
use crate::ops::shared::normalization::Kind;
use crate::{DataType, Error, Node};

/// `scale · (x − mean) / √(variance + epsilon) + bias` for rows of `length` elements.
#[derive(Debug)]
struct Normalize {
    backend: Backend,
    length: usize,
    kind: Kind,
    epsilon: f64,
    /// Whether scale and bias are the same for all elements of a row, one after the other for rows; else they are those of a row's elements.
    is_by_row: bool,
    workers: Workers,
}

impl StepKernel for Normalize {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let (x, scale) = (context.input::<f32>(0)?, context.input::<f32>(1)?);
        let bias = context.optional_input::<f32>(2)?;
        self.workers.by_rows(context.output(0)?, self.length, |first, y| {
            let x = x[first * self.length..].chunks_exact(self.length);
            for (row, (x, y)) in x.zip(y.chunks_exact_mut(self.length)).enumerate() {
                self.row(x, scale, bias, first + row, y);
            }
        });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let Self { length, kind, .. } = self;
        match kind {
            Kind::Centered => format!("f32 rows of {length} elements, centered and normalized"),
            Kind::Rms => format!("f32 rows of {length} elements, normalized by mean squares"),
        }
    }
}

impl Normalize {
    fn row(&self, x: &[f32], scale: &[f32], bias: Option<&[f32]>, row: usize, y: &mut [f32]) {
        let count = self.length as f64;
        let mean = if self.kind == Kind::Centered { (sum(self.backend, x) / count) as f32 } else { 0.0 };
        let variance = squares(self.backend, x, mean) / count;
        let inverse = (1.0 / (variance + self.epsilon).sqrt()) as f32;
        if self.is_by_row {
            let scale = scale[row % scale.len()] * inverse;
            let bias = bias.map_or(0.0, |bias| bias[row % bias.len()]);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - mean) * scale + bias);
            return;
        }
        y.iter_mut().zip(x.iter().zip(scale)).for_each(|(y, (x, scale))| *y = (x - mean) * inverse * scale);
        if let Some(bias) = bias {
            y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
        }
    }
}

/// The mean of each row.
#[derive(Debug)]
struct Means {
    backend: Backend,
    length: usize,
    workers: Workers,
}

impl StepKernel for Means {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let (x, length, backend) = (context.input::<f32>(0)?, self.length, self.backend);
        self.workers.by_rows(context.output(0)?, 1, |first, y| {
            let rows = x[first * length..].chunks_exact(length);
            rows.zip(y).for_each(|(x, y)| *y = (sum(backend, x) / length as f64) as f32);
        });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 means of rows of {} elements", self.length)
    }
}

/// Adds the step of a mean over the last axes.
pub(crate) fn means(builder: &mut Builder<'_>, node: &Node, axes: &[i64]) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let mut own: Vec<_> = axes.iter().filter_map(|&of| indexing::axis(of, shape.len())).collect();
    own.sort_unstable();
    own.dedup();
    let first = shape.len() - own.len();
    let length: usize = shape[first..].iter().product();
    if own.len() != axes.len()
        || own.is_empty()
        || own[0] != first
        || length == 0
        || !is_float(builder, node)?
    {
        return Ok(false);
    }
    let kernel = Box::new(Means { backend: builder.backend, length, workers: builder.workers.clone() });
    builder.push_unary(node, Layout::Plain, |builder, name| builder.define(name, Layout::Plain), kernel)
}

/// Adds the step of a node whose inputs are `x`, `scale` and perhaps `bias`, and which has no other output than the results.
fn push(builder: &mut Builder<'_>, node: &Node, kernel: Normalize) -> Result<bool, Error> {
    if (1..node.outputs.len()).any(|index| node.output(index).is_some()) || !is_float(builder, node)? {
        return Ok(false);
    }
    let mut inputs = vec![Some(builder.read(node.required_input(0)?, Layout::Plain)?)];
    for index in 1..3 {
        inputs.push(node.input(index).map(|name| builder.read(name, Layout::Plain)).transpose()?);
    }
    let output = builder.define(node.required_output(0)?, Layout::Plain)?;
    builder.push(node, inputs, vec![output], Box::new(kernel));
    Ok(true)
}

/// A normalization over all axes from `axis` on, whose scale and bias have an element for each element of a row.
pub(crate) fn layer(
    builder: &mut Builder<'_>,
    node: &Node,
    kind: Kind,
    length: usize,
    epsilon: f64,
) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    for index in 1..3.min(node.inputs.len()) {
        let Some(name) = node.input(index) else { continue };
        let of = builder.type_of(name)?;
        // An element for each of a row, along the last axes: others repeat along them, or differ from row to row.
        let own = &of.shape[of.shape.iter().take_while(|&&size| size == 1).count()..];
        if of.data_type != DataType::F32
            || of.shape.iter().product::<usize>() != length
            || !shape.ends_with(own)
        {
            return Ok(false);
        }
    }
    if length == 0 || node.int("stash_type", 1)? != 1 {
        return Ok(false);
    }
    let kernel = Normalize {
        backend: builder.backend,
        length,
        kind,
        epsilon,
        is_by_row: false,
        workers: builder.workers.clone(),
    };
    push(builder, node, kernel)
}

/// A normalization of each channel of each image.
pub(crate) fn instances(builder: &mut Builder<'_>, node: &Node, epsilon: f64) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let Some((&[_, channels], plane)) = shape.split_first_chunk() else { return Ok(false) };
    let length: usize = plane.iter().product();
    for index in 1..3 {
        let of = builder.type_of(node.required_input(index)?)?;
        if of.data_type != DataType::F32 || of.shape != [channels] {
            return Ok(false);
        }
    }
    if length == 0 || channels == 0 {
        return Ok(false);
    }
    let kernel = Normalize {
        backend: builder.backend,
        length,
        kind: Kind::Centered,
        epsilon,
        is_by_row: true,
        workers: builder.workers.clone(),
    };
    push(builder, node, kernel)
}
