//! Static memory planning: a buffer is reused as soon as its value is no longer read.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use super::plan::Lowered;
use super::slot::Slot;
use super::value::Storage;
use crate::{DataType, Error, Limits};

/// The executor's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) slots: Vec<Slot>,
}

/// A buffer's type, size and lifetime: from the first step that writes it to the last step that reads it.
struct Buffer {
    data_type: DataType,
    len: usize,
    first: usize,
    last: usize,
}

impl Memory {
    /// Gives every buffer a slot, in the order in which lifetimes begin: the smallest free slot that is large enough, else
    /// the largest free one, which grows, else a new one.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if the slots, the rest of the plan and the `taken` bytes beside it exceed `limits`. Nothing is
    /// allocated then.
    pub(crate) fn plan(plan: &mut Lowered, limits: &Limits, taken: u64) -> Result<Self, Error> {
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
        let taken = taken.saturating_add(plan.bytes());
        let needs = slots
            .iter()
            .fold(taken, |sum, &(data_type, len)| sum.saturating_add(Slot::needs(data_type, len)));
        limits.check_bytes(needs, || {
            "the model, with its constants and the values between its nodes,".to_owned()
        })?;
        for value in &mut plan.values {
            if let Storage::Buffer(buffer) = value.storage {
                value.storage = Storage::Slot(chosen[buffer]);
            }
        }
        Ok(Self { slots: slots.into_iter().map(|(data_type, len)| Slot::new(data_type, len)).collect() })
    }

    pub(crate) fn bytes(&self) -> usize {
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
