//! Where values live: a static plan in which buffers are reused as soon as their values are no longer read.

use super::plan::Lowered;
use super::slot::Slot;
use super::value::Place;
use crate::DataType;

/// The executor's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) slots: Vec<Slot>,
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
    pub(crate) fn plan(plan: &mut Lowered) -> Self {
        let buffers = lives(plan);
        let mut slots: Vec<(DataType, usize)> = Vec::new();
        let mut free_from: Vec<usize> = Vec::new();
        let mut chosen = vec![0; buffers.len()];
        let mut order: Vec<usize> = (0..buffers.len()).collect();
        order.sort_by_key(|&index| buffers[index].first);
        for index in order {
            let buffer = &buffers[index];
            let free = (0..slots.len())
                .filter(|&slot| slots[slot].0 == buffer.data_type && free_from[slot] <= buffer.first);
            let fitting = free.clone().filter(|&slot| slots[slot].1 >= buffer.len);
            let best = fitting.min_by_key(|&slot| slots[slot].1).or(free.max_by_key(|&slot| slots[slot].1));
            let slot = best.unwrap_or_else(|| {
                slots.push((buffer.data_type, 0));
                free_from.push(0);
                slots.len() - 1
            });
            slots[slot].1 = slots[slot].1.max(buffer.len);
            free_from[slot] = buffer.last + 1;
            chosen[index] = slot;
        }
        for value in &mut plan.values {
            if let Place::Buffer(buffer) = value.place {
                value.place = Place::Slot(chosen[buffer]);
            }
        }
        Self { slots: slots.into_iter().map(|(data_type, len)| Slot::new(data_type, len)).collect() }
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
