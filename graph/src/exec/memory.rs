//! Where values live: a static plan in which buffers are reused as soon as their values are no longer read.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use super::lower::Lowered;
use super::shuffle::by_type;
use crate::{DataType, Element, Error, Limits, TensorData};

/// In which order the elements of a value lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Layout {
    /// As ONNX says: the last axis is the fastest. The shape of images is NCHW.
    Plain,
    /// Images with their channels innermost: NHWC.
    ChannelsLast,
}

/// Where the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the caller's tensor.
    Input(usize),
    /// In a constant.
    Constant(usize),
    /// In a buffer of the plan, before it is mapped to memory.
    Buffer(usize),
    /// In memory of the executor.
    Slot(usize),
}

/// A value of the plan: a tensor in one layout. Two values may share a place.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) place: Place,
    pub(super) data_type: DataType,
    /// The shape as ONNX says, whatever the layout.
    pub(super) shape: Vec<usize>,
    pub(super) len: usize,
    /// Where the elements are in their place, if there are others between them. Such values are only written.
    pub(super) gaps: Option<Gaps>,
}

/// Elements that are some columns of a matrix: a part of the tensor that a concatenation makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gaps {
    /// The first column.
    pub(super) first: usize,
    /// How many there are.
    pub(super) columns: usize,
    /// Columns of the whole matrix.
    pub(super) stride: usize,
}

/// The executor's memory.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) slots: Vec<Slot>,
}

/// Memory for one value at a time. Its elements begin on a cache line, as rows of them often do then, too.
#[derive(Debug, Default)]
pub(super) struct Slot {
    data: Option<TensorData>,
    /// Elements before the first cache line.
    first: usize,
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl Slot {
    fn new(data_type: DataType, len: usize) -> Slot {
        /// How far the first cache line is.
        fn first<T: Element>(data: &TensorData) -> usize {
            T::slice(data)
                .map_or(0, |elements| elements.as_ptr().align_offset(LINE).min(LINE / size_of::<T>()))
        }
        let data = TensorData::zeros(data_type, len + LINE / data_type.size());
        let first = by_type!(data_type, first(&data));
        Slot { data: Some(data), first }
    }

    /// The elements; `None` if they are of another type, or not here for the time of a step.
    pub(super) fn elements<T: Element>(&self) -> Option<&[T]> {
        T::slice(self.data.as_ref()?)?.get(self.first..)
    }

    /// The elements, for writing.
    pub(super) fn elements_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        T::slice_mut(self.data.as_mut()?)?.get_mut(self.first..)
    }

    fn bytes(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.len() * data.data_type().size())
    }

    /// The bytes that a slot for `len` elements will take.
    fn needs(data_type: DataType, len: usize) -> u64 {
        (len as u64).saturating_mul(data_type.size() as u64) + LINE as u64
    }
}

/// A buffer's type, size and life: from the first step that writes it to the last step that reads it.
struct Buffer {
    data_type: DataType,
    len: usize,
    first: usize,
    last: usize,
}

impl Memory {
    /// Gives every buffer a slot, in the order of their births: the smallest free one that is large enough, else the
    /// largest free one, which grows, else a new one.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if the slots, and `taken` bytes that are taken already, are more than `limits` allow. Nothing
    /// is allocated then.
    pub(super) fn plan(plan: &mut Lowered, limits: &Limits, taken: u64) -> Result<Self, Error> {
        let buffers = lives(plan);
        let mut slots: Vec<(DataType, usize)> = Vec::new();
        // Per type, by length; the others by the time at which they become free.
        let mut free: HashMap<DataType, BTreeSet<(usize, usize)>> = HashMap::new();
        let mut busy: BinaryHeap<Reverse<(usize, usize)>> = BinaryHeap::new();
        let mut chosen = vec![0; buffers.len()];
        let mut order: Vec<usize> = (0..buffers.len()).collect();
        order.sort_by_key(|&index| buffers[index].first);
        for index in order {
            let buffer = &buffers[index];
            while let Some(&Reverse((time, slot))) = busy.peek()
                && time <= buffer.first
            {
                busy.pop();
                let (data_type, len) = slots[slot];
                free.entry(data_type).or_default().insert((len, slot));
            }
            let free = free.entry(buffer.data_type).or_default();
            let best = free.range((buffer.len, 0)..).next().or_else(|| free.last()).copied();
            let slot = match best {
                Some(found) => {
                    free.remove(&found);
                    found.1
                }
                None => {
                    slots.push((buffer.data_type, 0));
                    slots.len() - 1
                }
            };
            slots[slot].1 = slots[slot].1.max(buffer.len);
            busy.push(Reverse((buffer.last.saturating_add(1), slot)));
            chosen[index] = slot;
        }
        let needs = slots
            .iter()
            .fold(taken, |sum, &(data_type, len)| sum.saturating_add(Slot::needs(data_type, len)));
        limits.check_bytes(needs, || {
            "the model, with its constants and the values between its nodes,".to_owned()
        })?;
        for value in &mut plan.values {
            if let Place::Buffer(buffer) = value.place {
                value.place = Place::Slot(chosen[buffer]);
            }
        }
        Ok(Self { slots: slots.into_iter().map(|(data_type, len)| Slot::new(data_type, len)).collect() })
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.iter().map(Slot::bytes).sum()
    }
}

fn lives(plan: &Lowered) -> Vec<Buffer> {
    let mut buffers: Vec<Buffer> = plan
        .buffers
        .iter()
        .map(|&(data_type, len)| Buffer { data_type, len, first: usize::MAX, last: 0 })
        .collect();
    let mut touch = |id: usize, time: usize| {
        if let Place::Buffer(buffer) = plan.values[id].place {
            let buffer = &mut buffers[buffer];
            buffer.first = buffer.first.min(time);
            buffer.last = buffer.last.max(time);
        }
    };
    for (time, step) in plan.steps.iter().enumerate() {
        for &id in step.links.inputs.iter().flatten().chain(&step.links.outputs) {
            touch(id, time);
        }
    }
    for &id in &plan.results {
        touch(id, plan.steps.len());
    }
    buffers
}
