//! From nodes to steps.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::memory::{Gaps, Layout, Place, Value};
use super::shared::Shared;
use super::shuffle::{Fallback, Shuffle, channels_last};
use super::step::{Kernel, Links, Step};
use super::{integer, select};
use crate::limits::bytes_of;
use crate::shapes::{ShapeOptions, TensorType, infer_shapes};
use crate::{DataType, Error, Graph, Limits, Node, Tensor, ValueInfo, ops};

/// The steps and the values between them.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) inputs: Vec<ValueInfo>,
    pub(super) outputs: Vec<ValueInfo>,
    pub(super) values: Vec<Value>,
    pub(super) constants: Vec<Tensor>,
    /// Types and lengths of the buffers that values live in.
    pub(super) buffers: Vec<(DataType, usize)>,
    pub(super) steps: Vec<Step>,
    /// The values that are the graph's outputs.
    pub(super) results: Vec<usize>,
    /// Bytes of the constants: the graph's, and what was computed of them.
    pub(super) constant_bytes: u64,
}

/// Turns `graph` into steps.
pub(super) fn lower(
    graph: &Graph,
    backend: eightbit::Backend,
    threads: usize,
    shapes: &ShapeOptions,
    shared: &Shared,
) -> Result<Lowered, Error> {
    let types = infer_shapes(graph, shapes)?;
    let constant_bytes = graph.constants.values().map(|tensor| bytes_of(&TensorType::of(tensor))).sum();
    let mut builder = Builder {
        graph,
        backend,
        threads,
        limits: &shapes.limits,
        shared,
        constant_bytes,
        places: RefCell::default(),
        types,
        consumers: graph.consumers(),
        outputs: graph.outputs.iter().map(|output| output.name.as_str()).collect(),
        folded: BTreeMap::new(),
        by_name: HashMap::new(),
        fused: HashSet::new(),
        values: Vec::new(),
        constants: Vec::new(),
        buffers: Vec::new(),
        steps: Vec::new(),
    };
    for (index, input) in graph.inputs.iter().enumerate() {
        builder.add_value(&input.name, Layout::Plain, Place::Input(index))?;
    }
    for index in graph.topological_order()? {
        if builder.fused.contains(&index) {
            continue;
        }
        let node = &graph.nodes[index];
        if !builder.fold(node)? {
            select::lower(&mut builder, index).map_err(|error| error.in_node(node))?;
        }
    }
    let results: Vec<usize> = graph
        .outputs
        .iter()
        .map(|output| builder.read(&output.name, Layout::Plain))
        .collect::<Result<_, _>>()?;
    let known = |info: &ValueInfo, data_type: DataType, shape: &[usize]| ValueInfo {
        name: info.name.clone(),
        data_type,
        shape: shape.iter().map(|&dim| Some(dim)).collect(),
    };
    let of_type = |info: &ValueInfo| {
        builder
            .types
            .get(&info.name)
            .map_or_else(|| info.clone(), |found| known(info, found.data_type, &found.shape))
    };
    Ok(Lowered {
        inputs: graph.inputs.iter().map(of_type).collect(),
        outputs: graph.outputs.iter().map(of_type).collect(),
        values: builder.values,
        constants: builder.constants,
        buffers: builder.buffers,
        steps: builder.steps,
        results,
        constant_bytes: builder.constant_bytes,
    })
}

/// The plan in the making.
pub(super) struct Builder<'g> {
    pub(super) graph: &'g Graph,
    pub(super) backend: eightbit::Backend,
    /// Into how many parts convolutions and eight-bit operators are split.
    pub(super) threads: usize,
    limits: &'g Limits,
    /// What the plans before this one have packed.
    pub(super) shared: &'g Shared,
    constant_bytes: u64,
    /// By concatenation, the places of its inputs.
    pub(super) places: RefCell<HashMap<usize, integer::Places<'g>>>,
    types: BTreeMap<String, TensorType>,
    consumers: HashMap<&'g str, Vec<usize>>,
    /// The names of the graph's outputs.
    outputs: HashSet<&'g str>,
    /// Values that nodes made of constants alone.
    folded: BTreeMap<String, Tensor>,
    by_name: HashMap<(String, Layout), usize>,
    /// Nodes that became part of an earlier step.
    fused: HashSet<usize>,
    values: Vec<Value>,
    constants: Vec<Tensor>,
    buffers: Vec<(DataType, usize)>,
    steps: Vec<Step>,
}

impl<'g> Builder<'g> {
    /// The type and shape of a value.
    pub(super) fn type_of(&self, name: &str) -> Result<&TensorType, Error> {
        self.types.get(name).ok_or_else(|| Error::value(name, "has no known type"))
    }

    /// The shape of input `index` of a node.
    pub(super) fn shape(&self, node: &Node, index: usize) -> Result<Vec<usize>, Error> {
        Ok(self.type_of(node.required_input(index)?)?.shape.clone())
    }

    /// The tensor behind a name, if it does not depend on the graph's inputs.
    pub(super) fn constant(&self, name: &str) -> Option<&Tensor> {
        self.folded.get(name).or_else(|| self.graph.constants.get(name))
    }

    /// Input `index` of a node, if it is a constant.
    pub(super) fn constant_input(&self, node: &Node, index: usize) -> Option<&Tensor> {
        self.constant(node.input(index)?)
    }

    /// Whether `value` is an image, a 4-D tensor, which steps keep channels-last where they can.
    pub(super) fn is_image(&self, value: &str) -> bool {
        self.types.get(value).is_some_and(|found| found.shape.len() == 4)
    }

    /// The layout that a value already has: channels-last where both are there.
    pub(super) fn layout_of(&self, name: &str) -> Layout {
        if self.by_name.contains_key(&(name.to_owned(), Layout::ChannelsLast)) {
            Layout::ChannelsLast
        } else {
            Layout::Plain
        }
    }

    /// The only node that reads `value`, if there is exactly one and the value is not an output of the graph.
    pub(super) fn only_consumer(&self, value: &str) -> Option<(usize, &'g Node)> {
        match self.consumers.get(value)?.as_slice() {
            &[index] if !self.outputs.contains(value) => Some((index, &self.graph.nodes[index])),
            _ => None,
        }
    }

    /// Marks a node as part of the step that is being made.
    pub(super) fn fuse(&mut self, index: usize) {
        self.fused.insert(index);
    }

    /// The value called `name` in `layout`; a step that reorders it is added where it is needed for the first time.
    pub(super) fn read(&mut self, name: &str, layout: Layout) -> Result<usize, Error> {
        if let Some(&id) = self.by_name.get(&(name.to_owned(), layout)) {
            return Ok(id);
        }
        if let Some(tensor) = self.constant(name) {
            let tensor = if layout == Layout::ChannelsLast { channels_last(tensor)? } else { tensor.clone() };
            self.constants.push(tensor);
            return self.add_value(name, layout, Place::Constant(self.constants.len() - 1));
        }
        let other = match layout {
            Layout::Plain => Layout::ChannelsLast,
            Layout::ChannelsLast => Layout::Plain,
        };
        let Some(&from) = self.by_name.get(&(name.to_owned(), other)) else {
            return Err(Error::value(name, "is read before it is written"));
        };
        let shape = self.values[from].shape.clone();
        if is_same_in_both(&shape) {
            let place = self.values[from].place;
            return self.add_value(name, layout, place);
        }
        let to = self.define(name, layout)?;
        let kernel = Shuffle::new(&shape, layout);
        let links = Links {
            name: name.to_owned(),
            op: "Transpose".to_owned(),
            inputs: vec![Some(from)],
            outputs: vec![to],
        };
        self.steps.push(Step { links, kernel: Box::new(kernel) });
        Ok(to)
    }

    /// A new value called `name`, which the next step writes.
    pub(super) fn define(&mut self, name: &str, layout: Layout) -> Result<usize, Error> {
        let found = self.type_of(name)?;
        let buffer = (found.data_type, found.shape.iter().product());
        self.buffers.push(buffer);
        self.add_value(name, layout, Place::Buffer(self.buffers.len() - 1))
    }

    /// As [`define`](Self::define), for steps that can leave gaps between their pixels: where a concatenation is all
    /// that reads the value, its place is inside the concatenation's.
    pub(super) fn define_pixels(&mut self, name: &str) -> Result<usize, Error> {
        let Some((whole, gaps)) = integer::place_in_concat(self, name)? else {
            return self.define(name, Layout::ChannelsLast);
        };
        let whole = match self.found(whole, Layout::ChannelsLast) {
            Some((id, _)) => id,
            None => self.define(whole, Layout::ChannelsLast)?,
        };
        let id = self.add_value(name, Layout::ChannelsLast, self.values[whole].place)?;
        self.values[id].gaps = Some(gaps);
        Ok(id)
    }

    /// The value called `name` in `layout`, if a step has been made that writes it, or a part of it.
    pub(super) fn found(&self, name: &str, layout: Layout) -> Option<(usize, &Value)> {
        let id = *self.by_name.get(&(name.to_owned(), layout))?;
        Some((id, &self.values[id]))
    }

    /// A part of the value `whole` that the next step writes: it has no name, as nothing reads it.
    pub(super) fn define_part(&mut self, whole: usize, gaps: Gaps) -> usize {
        let stride = gaps.stride.max(1);
        let whole = &self.values[whole];
        let len = whole.len / stride * gaps.columns;
        let part = Value { shape: vec![len], len, gaps: Some(gaps), ..whole.clone() };
        self.values.push(part);
        self.values.len() - 1
    }

    /// Makes `to` another name and shape for the elements of `from`.
    pub(super) fn alias(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let same_shape = self.type_of(from)?.shape == self.type_of(to)?.shape;
        // A value that only changes its name keeps its layout; one that changes its shape must be plain.
        let layout = if same_shape { self.layout_of(from) } else { Layout::Plain };
        let id = self.read(from, layout)?;
        self.add_value(to, layout, self.values[id].place).map(|_| ())
    }

    fn add_value(&mut self, name: &str, layout: Layout, place: Place) -> Result<usize, Error> {
        let found = self.type_of(name)?;
        let value = Value {
            place,
            data_type: found.data_type,
            shape: found.shape.clone(),
            len: found.shape.iter().product(),
            gaps: None,
        };
        self.values.push(value);
        self.by_name.insert((name.to_owned(), layout), self.values.len() - 1);
        Ok(self.values.len() - 1)
    }

    /// Adds a step for `node` that reads `inputs` and writes `outputs`.
    pub(super) fn push(
        &mut self,
        node: &Node,
        inputs: Vec<Option<usize>>,
        outputs: Vec<usize>,
        kernel: impl Kernel + 'static,
    ) {
        let links = Links { name: node.name.clone(), op: node.op.clone(), inputs, outputs };
        self.steps.push(Step { links, kernel: Box::new(kernel) });
    }

    /// Adds a step that evaluates `node` by its plain meaning, and says why. With `any_layout`, which is for
    /// operators that look at one element at a time, the elements stay in the order in which they are.
    pub(super) fn push_fallback(
        &mut self,
        node: &Node,
        why: &'static str,
        any_layout: bool,
    ) -> Result<(), Error> {
        let layout = match node.input(0) {
            Some(input) if any_layout => self.layout_of(input),
            _ => Layout::Plain,
        };
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for index in 0..node.inputs.len() {
            let layout = if index == 0 { layout } else { Layout::Plain };
            inputs.push(node.input(index).map(|name| self.read(name, layout)).transpose()?);
        }
        let written: Vec<usize> = (0..node.outputs.len()).filter(|&at| node.output(at).is_some()).collect();
        let mut outputs = Vec::with_capacity(written.len());
        for &index in &written {
            outputs.push(self.define(&node.outputs[index], layout)?);
        }
        let kernel = Fallback { node: node.clone(), written, why };
        self.push(node, inputs, outputs, kernel);
        Ok(())
    }

    /// Evaluates a node whose inputs are all constants, or whose outputs have no elements; `false` for others.
    fn fold(&mut self, node: &Node) -> Result<bool, Error> {
        let outputs = node.outputs.iter().filter_map(|name| self.types.get_key_value(name));
        let bytes = outputs.clone().fold(0u64, |sum, (_, of)| sum.saturating_add(bytes_of(of)));
        if bytes == 0 {
            // Whatever the inputs are, there is nothing to compute.
            for (name, of) in outputs {
                self.folded.insert(name.clone(), Tensor::zeros(of.shape.as_slice(), of.data_type)?);
            }
            return Ok(true);
        }
        let shape_only = node.is("Shape");
        let all =
            (0..node.inputs.len()).all(|at| node.input(at).is_none_or(|name| self.constant(name).is_some()));
        if !all && !shape_only {
            return Ok(false);
        }
        self.constant_bytes = self.constant_bytes.saturating_add(bytes);
        self.limits.check_bytes(self.constant_bytes, || "what the model computes of constants".to_owned())?;
        let results = if shape_only && !all {
            // The shape is known, whatever the elements are; the operating system gives zeros that nobody reads.
            let stand_in = Tensor::zeros(self.shape(node, 0)?, DataType::Bool)?;
            ops::evaluate(node, &[Some(&stand_in)])?
        } else {
            let inputs: Vec<Option<&Tensor>> =
                (0..node.inputs.len()).map(|at| self.constant_input(node, at)).collect();
            ops::evaluate(node, &inputs)?
        };
        for (index, tensor) in results.into_iter().enumerate() {
            if let Some(name) = node.output(index) {
                self.types.insert(name.to_owned(), TensorType::of(&tensor));
                self.folded.insert(name.to_owned(), tensor);
            }
        }
        Ok(true)
    }
}

/// Whether NCHW and NHWC order the elements of an image of this shape the same way.
fn is_same_in_both(shape: &[usize]) -> bool {
    shape.len() != 4 || shape[1] == 1 || shape[2] * shape[3] == 1
}
