//! Builds the execution plan.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use eightbit::PackedWeights;
use eightbit_kernels::float::FloatWeights;

use super::plan::Lowered;
use super::shared::Shared;
use super::shuffle::{Shuffle, channels_last};
use super::source::{Observer, Source};
use super::step::{Links, Step, StepKernel};
pub(crate) use super::value::ColumnSlices;
use super::value::{ColumnSlice, Layout, Storage, Value};
use super::workers::Workers;
use crate::limits::bytes_of_tensor;
use crate::ops::evaluate::{MAX_WORK, macs};
use crate::ops::shared::inputs::Inputs;
use crate::{DataType, Error, Graph, Limits, Node, Tensor, TensorType, ValueInfo};

/// Builder of the execution plan. It knows no operators: operators add their steps to it.
pub(crate) struct Builder<'g> {
    pub(crate) graph: &'g Graph,
    /// The constants of the graph.
    given: Cow<'g, BTreeMap<String, Tensor>>,
    pub(crate) backend: eightbit::Backend,
    /// Who computes the parts of convolutions and eight-bit operators.
    pub(crate) workers: &'g Workers,
    limits: &'g Limits,
    /// Weights packed by earlier plans of the same executor.
    shared: &'g Shared,
    observer: Option<Observer>,
    /// Bytes held beside the executor.
    held: u64,
    /// Bytes of the graph's constants and of what is made of them.
    constant_bytes: Cell<u64>,
    work_left: Cell<u64>,
    /// The most bytes that a step takes for a while beside the values.
    passing_bytes: u64,
    /// Bytes that steps keep from run to run beside the values.
    scratch_bytes: u64,
    /// By node, the column slices of its output that its inputs are.
    slices: RefCell<HashMap<usize, ColumnSlices<'g>>>,
    types: BTreeMap<String, TensorType>,
    consumers: HashMap<&'g str, Vec<usize>>,
    producers: HashMap<&'g str, usize>,
    /// The names of the graph's outputs.
    outputs: HashSet<&'g str>,
    /// Values computed from constants alone.
    folded: BTreeMap<String, Tensor>,
    by_name: HashMap<(String, Layout), usize>,
    /// The node whose steps are added.
    current: usize,
    /// Nodes fused into an earlier step, and the node whose step it is.
    fused: HashMap<usize, usize>,
    values: Vec<Value>,
    /// For each value its name in the graph; empty for parts of values.
    value_names: Vec<String>,
    constants: Vec<Tensor>,
    buffers: Vec<(DataType, usize)>,
    steps: Vec<Step>,
}

impl<'g> Builder<'g> {
    /// An empty plan for the graph of `source`, whose constants are `given` and whose values are of these types, beside `held`
    /// bytes.
    pub(crate) fn new(
        source: &'g Source,
        given: Cow<'g, BTreeMap<String, Tensor>>,
        types: BTreeMap<String, TensorType>,
        limits: &'g Limits,
        held: u64,
    ) -> Result<Self, Error> {
        let graph = &source.graph;
        let mut builder = Self {
            graph,
            given,
            backend: source.backend,
            workers: &source.workers,
            limits,
            shared: &source.shared,
            held,
            observer: source.observer,
            constant_bytes: Cell::new(source.constant_bytes),
            work_left: Cell::new(MAX_WORK),
            passing_bytes: 0,
            scratch_bytes: 0,
            slices: RefCell::default(),
            types,
            consumers: graph.consumers(),
            producers: graph.producers()?,
            outputs: graph.output_names(),
            folded: BTreeMap::new(),
            by_name: HashMap::new(),
            current: 0,
            fused: HashMap::new(),
            values: Vec::new(),
            value_names: Vec::new(),
            constants: Vec::new(),
            buffers: Vec::new(),
            steps: Vec::new(),
        };
        for (index, input) in graph.inputs.iter().enumerate() {
            builder.add_value(&input.name, Layout::Plain, Storage::Input(index))?;
        }
        Ok(builder)
    }

    /// The plan, whose results are the values `results`.
    pub(crate) fn finish(self, results: Vec<usize>) -> Lowered {
        let of_type = |info: &ValueInfo| match self.types.get(&info.name) {
            None => info.clone(),
            Some(found) => ValueInfo {
                name: info.name.clone(),
                data_type: found.data_type,
                shape: found.shape.iter().map(|&dim| Some(dim)).collect(),
            },
        };
        Lowered {
            inputs: self.graph.inputs.iter().map(of_type).collect(),
            outputs: self.graph.outputs.iter().map(of_type).collect(),
            values: self.values,
            constants: self.constants,
            buffers: self.buffers,
            steps: self.steps,
            results,
            constant_bytes: self.constant_bytes.get(),
            passing_bytes: self.passing_bytes.saturating_add(self.scratch_bytes),
            observer: self.observer,
        }
    }

    /// Whether `value` is an output of the graph.
    pub(crate) fn is_output(&self, value: &str) -> bool {
        self.outputs.contains(value)
    }

    /// Says that the next steps are those of a node. Not if the node is fused into an earlier step: the node that has this step.
    pub(super) fn begin(&mut self, index: usize) -> Option<usize> {
        self.current = index;
        self.fused.get(&index).copied()
    }

    /// Takes the steps that were added since the last call. They cannot run any more.
    pub(super) fn drain_steps(&mut self) -> impl Iterator<Item = Step> {
        self.shared.clear();
        self.steps.drain(..)
    }

    /// Defines those outputs of `node` that no step writes, as if one did.
    pub(super) fn pretend(&mut self, node: &Node) -> Result<(), Error> {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            let is_known = |layout| self.by_name.contains_key(&(name.clone(), layout));
            if ![Layout::Plain, Layout::ChannelsLast].into_iter().any(is_known) {
                self.define(name, Layout::Plain)?;
            }
        }
        Ok(())
    }

    /// Makes the value `name`, which depends on constants alone, a constant.
    pub(crate) fn fold(&mut self, name: &str, tensor: Tensor) {
        self.types.insert(name.to_owned(), TensorType::of(&tensor));
        self.folded.insert(name.to_owned(), tensor);
    }

    /// Drops the constant `name`, which no later node reads, unless others have it, too.
    pub(crate) fn release(&mut self, name: &str) {
        if !self.is_output(name)
            && let Cow::Owned(given) = &mut self.given
        {
            given.remove(name);
        }
    }

    /// Adds `bytes` to what is computed from constants; an error if the sum exceeds the limits.
    pub(crate) fn count_constants(&self, bytes: u64) -> Result<(), Error> {
        self.constant_bytes.set(self.constant_bytes.get().saturating_add(bytes));
        let needs = self.constant_bytes.get().saturating_add(self.held);
        self.limits.check_bytes(needs, || "what the model computes from constants".to_owned())
    }

    /// Adds `work` to that of computing constants; `false` if the sum is too much.
    pub(crate) fn count_work(&self, work: u64) -> bool {
        let left = self.work_left.get().checked_sub(work);
        self.work_left.set(left.unwrap_or(self.work_left.get()));
        left.is_some()
    }

    /// Counts `bytes` that a step takes while it runs.
    pub(crate) fn count_passing(&mut self, bytes: u64) {
        self.passing_bytes = self.passing_bytes.max(bytes);
    }

    /// Counts `bytes` that a step takes in its first run and keeps.
    pub(crate) fn count_scratch(&mut self, bytes: u64) {
        self.scratch_bytes = self.scratch_bytes.saturating_add(bytes);
    }

    /// As [`count_scratch`](Self::count_scratch), for what is allocated at once; an error if it exceeds the limits.
    pub(crate) fn take_scratch(&mut self, bytes: u64) -> Result<(), Error> {
        self.count_scratch(bytes);
        let needs = self.scratch_bytes.saturating_add(self.constant_bytes.get()).saturating_add(self.held);
        self.limits.check_bytes(needs, || "what steps keep beside the values".to_owned())
    }

    /// The names and types of the outputs of `node`.
    pub(crate) fn output_types(&self, node: &'g Node) -> Vec<(&'g str, TensorType)> {
        let of_type = |name: &'g String| Some((name.as_str(), self.types.get(name)?.clone()));
        node.outputs.iter().filter_map(of_type).collect()
    }

    /// The packed bytes of `node`, which `pack` makes from its inputs `sources` if no plan has done so; `None` if `pack`
    /// makes none. `size` is about what they take.
    pub(crate) fn packed_bytes(
        &self,
        node: &Node,
        sources: &[usize],
        size: u64,
        pack: impl FnOnce() -> Result<Option<PackedWeights>, eightbit::Error>,
    ) -> Result<Option<Arc<PackedWeights>>, Error> {
        self.packed(&self.shared.bytes, node, sources, size, || {
            pack().map_err(|error| Error::node(node, error.to_string()))
        })
    }

    /// As [`packed_bytes`](Self::packed_bytes), for matrices of floats.
    pub(crate) fn packed_floats(
        &self,
        node: &Node,
        sources: &[usize],
        size: u64,
        pack: impl FnOnce() -> Vec<FloatWeights>,
    ) -> Result<Arc<Vec<FloatWeights>>, Error> {
        let packed = self.packed(&self.shared.floats, node, sources, size, || Ok(Some(pack())))?;
        Ok(packed.unwrap_or_default())
    }

    /// As [`packed_bytes`](Self::packed_bytes), for floats that are only reordered.
    pub(crate) fn packed_taps(
        &self,
        node: &Node,
        sources: &[usize],
        size: u64,
        pack: impl FnOnce() -> Vec<f32>,
    ) -> Result<Arc<Vec<f32>>, Error> {
        let packed = self.packed(&self.shared.taps, node, sources, size, || Ok(Some(pack())))?;
        Ok(packed.unwrap_or_default())
    }

    fn packed<T>(
        &self,
        kept: &RefCell<HashMap<String, Arc<T>>>,
        node: &Node,
        sources: &[usize],
        size: u64,
        pack: impl FnOnce() -> Result<Option<T>, Error>,
    ) -> Result<Option<Arc<T>>, Error> {
        self.count_constants(size)?;
        if let Some(packed) = kept.borrow().get(&node.name) {
            return Ok(Some(Arc::clone(packed)));
        }
        let packed = pack()?.map(Arc::new);
        if let Some(packed) = packed.as_ref().filter(|_| self.are_own(node, sources)) {
            kept.borrow_mut().insert(node.name.clone(), Arc::clone(packed));
        }
        Ok(packed)
    }

    /// Whether the inputs `sources` of a node are constants of the graph or left out.
    fn are_own(&self, node: &Node, sources: &[usize]) -> bool {
        let is_own = |name: &str| self.given.contains_key(name);
        sources.iter().all(|&index| node.input(index).is_none_or(is_own))
    }

    /// What is known of the inputs of `node`.
    pub(crate) fn inputs<'a>(&'a self, node: &'a Node) -> Result<Inputs<'a>, Error> {
        Inputs::new(node, |name| self.types.get(name), |name| self.constant(name))
    }

    /// The type and shape of a value.
    pub(crate) fn type_of(&self, name: &str) -> Result<&TensorType, Error> {
        self.types.get(name).ok_or_else(|| Error::value(name, "has no known type"))
    }

    /// The shape of input `index` of a node.
    pub(crate) fn shape(&self, node: &Node, index: usize) -> Result<Vec<usize>, Error> {
        Ok(self.type_of(node.required_input(index)?)?.shape.clone())
    }

    /// The tensor behind a name, if it does not depend on the graph's inputs.
    pub(crate) fn constant(&self, name: &str) -> Option<&Tensor> {
        self.folded.get(name).or_else(|| self.given.get(name))
    }

    /// Input `index` of a node, if it is a constant.
    pub(crate) fn constant_input(&self, node: &Node, index: usize) -> Option<&Tensor> {
        self.constant(node.input(index)?)
    }

    /// Whether `value` is an image, a 4-D tensor, which steps keep channels-last where they can.
    pub(crate) fn is_image(&self, value: &str) -> bool {
        self.types.get(value).is_some_and(|found| found.shape.len() == 4)
    }

    /// The layout that a value already has: channels-last where it has both.
    pub(crate) fn layout_of(&self, name: &str) -> Layout {
        if self.by_name.contains_key(&(name.to_owned(), Layout::ChannelsLast)) {
            Layout::ChannelsLast
        } else {
            Layout::Plain
        }
    }

    /// The nodes that read `value`; `None` if it is an output of the graph, too.
    pub(crate) fn readers(&self, value: &str) -> Option<&[usize]> {
        let readers = self.consumers.get(value).map_or(&[][..], Vec::as_slice);
        (!self.outputs.contains(value)).then_some(readers)
    }

    /// The only node that reads `value`, if there is exactly one and the value is not an output of the graph.
    pub(crate) fn only_consumer(&self, value: &str) -> Option<(usize, &'g Node)> {
        match self.consumers.get(value)?.as_slice() {
            &[index] if !self.outputs.contains(value) => Some((index, &self.graph.nodes[index])),
            _ => None,
        }
    }

    /// The node that writes `value`.
    pub(crate) fn producer(&self, value: &str) -> Option<&'g Node> {
        self.producers.get(value).map(|&index| &self.graph.nodes[index])
    }

    /// Whether all outputs of a node are constants already, and there are some.
    pub(crate) fn is_folded(&self, node: &Node) -> bool {
        let mut outputs = node.outputs.iter().filter(|output| !output.is_empty()).peekable();
        outputs.peek().is_some() && outputs.all(|output| self.folded.contains_key(output))
    }

    /// Marks a node as fused into the current step.
    pub(crate) fn fuse(&mut self, index: usize) {
        self.fused.insert(index, self.current);
    }

    /// The value called `name` in `layout`; adds a step that reorders it when it is first needed.
    pub(crate) fn read(&mut self, name: &str, layout: Layout) -> Result<usize, Error> {
        if let Some(&id) = self.by_name.get(&(name.to_owned(), layout)) {
            return Ok(id);
        }
        if let Some(tensor) = self.constant(name) {
            let tensor = if layout == Layout::ChannelsLast {
                self.count_constants(bytes_of_tensor(tensor))?;
                channels_last(tensor)?
            } else {
                tensor.clone()
            };
            self.constants.push(tensor);
            return self.add_value(name, layout, Storage::Constant(self.constants.len() - 1));
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
            let storage = self.values[from].storage;
            return self.add_value(name, layout, storage);
        }
        let to = self.define(name, layout)?;
        let kernel = Shuffle::new(&shape, layout);
        let links = Links {
            name: name.to_owned(),
            op: "Transpose".to_owned(),
            inputs: vec![Some(from)],
            outputs: vec![to],
            written: name.to_owned(),
            macs: 0,
        };
        self.steps.push(Step { links, kernel: Box::new(kernel) });
        Ok(to)
    }

    /// A new value called `name`, which the next step writes.
    pub(crate) fn define(&mut self, name: &str, layout: Layout) -> Result<usize, Error> {
        let found = self.type_of(name)?;
        let buffer = (found.data_type, found.shape.iter().product());
        self.buffers.push(buffer);
        self.add_value(name, layout, Storage::Buffer(self.buffers.len() - 1))
    }

    /// A value of `len` elements between two steps that has no name in the graph.
    pub(crate) fn define_between(&mut self, data_type: DataType, len: usize) -> usize {
        self.buffers.push((data_type, len));
        let storage = Storage::Buffer(self.buffers.len() - 1);
        self.values.push(Value { storage, data_type, shape: vec![len], len, slice: None });
        self.value_names.push(String::new());
        self.values.len() - 1
    }

    /// As [`define`](Self::define), for steps that can write rows with a stride: if the only reader of the value copies it
    /// unchanged to a column slice of its own output (`Operator::column_slices`), the step writes there directly.
    pub(crate) fn define_pixels(&mut self, name: &str) -> Result<usize, Error> {
        let Some((whole, slice)) = self.slice_in_reader(name)? else {
            return self.define(name, Layout::ChannelsLast);
        };
        let whole = match self.found(whole, Layout::ChannelsLast) {
            Some((id, _)) => id,
            None => self.define(whole, Layout::ChannelsLast)?,
        };
        let id = self.add_value(name, Layout::ChannelsLast, self.values[whole].storage)?;
        self.values[id].slice = Some(slice);
        Ok(id)
    }

    /// The output of the only node that reads `name`, and the column slice of that output that equals `name`, if there is
    /// one.
    fn slice_in_reader(&self, name: &str) -> Result<Option<(&'g str, ColumnSlice)>, Error> {
        let Some((index, node)) = self.only_consumer(name) else { return Ok(None) };
        let Some(find) = node.operator().and_then(|operator| operator.column_slices) else { return Ok(None) };
        // Computed once for all inputs: there may be many.
        if !self.slices.borrow().contains_key(&index) {
            let slices = find(self, node)?;
            self.slices.borrow_mut().insert(index, slices);
        }
        match self.slices.borrow()[&index].get(name).copied().flatten() {
            Some(slice) => Ok(Some((node.required_output(0)?, slice))),
            None => Ok(None),
        }
    }

    /// The value called `name` in `layout`, if an existing step writes it or a part of it.
    pub(crate) fn found(&self, name: &str, layout: Layout) -> Option<(usize, &Value)> {
        let id = *self.by_name.get(&(name.to_owned(), layout))?;
        Some((id, &self.values[id]))
    }

    /// A part of the value `whole`, which the next step writes. It has no name because no step reads it.
    pub(crate) fn define_part(&mut self, whole: usize, slice: ColumnSlice) -> usize {
        let stride = slice.stride.max(1);
        let whole = &self.values[whole];
        let len = whole.len / stride * slice.columns;
        let part = Value { shape: vec![len], len, slice: Some(slice), ..whole.clone() };
        self.values.push(part);
        self.value_names.push(String::new());
        self.values.len() - 1
    }

    /// Makes `to` an alias of `from`: the same elements under another name and shape.
    pub(crate) fn alias(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let same_shape = self.type_of(from)?.shape == self.type_of(to)?.shape;
        // An alias of the same shape keeps the layout; one of another shape must be plain.
        let layout = if same_shape { self.layout_of(from) } else { Layout::Plain };
        let id = self.read(from, layout)?;
        self.add_value(to, layout, self.values[id].storage).map(|_| ())
    }

    /// Makes `to`, as `to_layout`, the elements of `from` as `layout`: the same order under another shape.
    pub(crate) fn relabel(
        &mut self,
        from: &str,
        layout: Layout,
        to: &str,
        to_layout: Layout,
    ) -> Result<bool, Error> {
        let id = self.read(from, layout)?;
        self.add_value(to, to_layout, self.values[id].storage).map(|_| true)
    }

    fn add_value(&mut self, name: &str, layout: Layout, storage: Storage) -> Result<usize, Error> {
        let found = self.type_of(name)?;
        let value = Value {
            storage,
            data_type: found.data_type,
            shape: found.shape.clone(),
            len: found.shape.iter().product(),
            slice: None,
        };
        self.values.push(value);
        self.value_names.push(name.to_owned());
        self.by_name.insert((name.to_owned(), layout), self.values.len() - 1);
        Ok(self.values.len() - 1)
    }

    /// Adds a step for `node` that reads `inputs` and writes `outputs`.
    pub(crate) fn push(
        &mut self,
        node: &Node,
        inputs: Vec<Option<usize>>,
        outputs: Vec<usize>,
        kernel: Box<dyn StepKernel>,
    ) {
        let written = outputs.first().map_or_else(String::new, |&id| self.value_names[id].clone());
        let macs = self.macs(node).unwrap_or(0);
        // Of several steps of a node the last one multiplies.
        if macs > 0
            && let Some(before) = self.steps.last_mut().filter(|step| step.links.name == node.name)
        {
            before.links.macs = 0;
        }
        let links =
            Links { name: node.name.clone(), op: node.op.to_string(), inputs, outputs, written, macs };
        self.steps.push(Step { links, kernel });
    }

    /// The products that `node` adds up, if the number is known.
    fn macs(&self, node: &Node) -> Option<u64> {
        let output = self.types.get(node.output(0)?)?;
        macs(&self.inputs(node).ok()?, output)
    }

    /// Adds a step for `node` that reads its first input in `layout` and writes its first output, which `define` adds to the
    /// values.
    pub(crate) fn push_unary(
        &mut self,
        node: &Node,
        layout: Layout,
        define: impl FnOnce(&mut Self, &str) -> Result<usize, Error>,
        kernel: Box<dyn StepKernel>,
    ) -> Result<bool, Error> {
        let input = self.read(node.required_input(0)?, layout)?;
        let output = define(self, node.required_output(0)?)?;
        self.push(node, vec![Some(input)], vec![output], kernel);
        Ok(true)
    }

    /// Adds an elementwise step for `node`, which keeps the layout of its first input.
    pub(crate) fn push_elementwise(
        &mut self,
        node: &Node,
        kernel: Box<dyn StepKernel>,
    ) -> Result<bool, Error> {
        let layout = self.layout_of(node.required_input(0)?);
        self.push_unary(node, layout, |builder, name| builder.define(name, layout), kernel)
    }
}

/// Whether NCHW and NHWC order the elements of an image of this shape the same way.
fn is_same_in_both(shape: &[usize]) -> bool {
    shape.len() != 4 || shape[1] == 1 || shape[2] * shape[3] == 1
}
