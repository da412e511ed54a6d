//! Static memory planning: a buffer is reused as soon as its value is no longer read.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use super::plan::Lowered;
use super::slot::Slot;
use super::value::Storage;
use crate::DataType;

/// The types and lengths of the slots that hold a plan's values.
#[derive(Debug)]
pub(crate) struct Places(Vec<(DataType, usize)>);

/// A buffer's type, size and lifetime: from the first step that writes it to the last step that reads it.
struct Buffer {
    data_type: DataType,
    len: usize,
    first: usize,
    last: usize,
}

impl Places {
    /// Gives every buffer a slot, in the order in which lifetimes begin: the smallest free slot that is large enough, else
    /// the largest free one, which grows, else a new one.
    pub(crate) fn of(plan: &mut Lowered) -> Self {
        let buffers = lives(plan);
        let mut slots: Vec<(DataType, usize)> = Vec::new();
        // Free slots per type, by length; busy ones by the step after which they become free.
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
        for value in &mut plan.values {
            if let Storage::Buffer(buffer) = value.storage {
                value.storage = Storage::Slot(chosen[buffer]);
            }
        }
        Self(slots)
    }

    /// The number of slots.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The bytes of all slots.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = self.0.iter().map(|&(data_type, len)| Slot::needs(data_type, len));
        bytes.fold(0, u64::saturating_add)
    }

    /// Allocates the slots.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        self.0.iter().map(|&(data_type, len)| Slot::new(data_type, len)).collect()
    }
}

fn lives(plan: &Lowered) -> Vec<Buffer> {
    let mut buffers: Vec<Buffer> = plan
        .buffers
        .iter()
        .map(|&(data_type, len)| Buffer { data_type, len, first: usize::MAX, last: 0 })
        .collect();
    let mut touch = |id: usize, time: usize| {
        if let Storage::Buffer(buffer) = plan.values[id].storage {
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
    if plan.observer.is_none() {
        for &id in &plan.results {
            touch(id, plan.steps.len());
        }
    }
    buffers
}
