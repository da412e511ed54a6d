//! The executor's memory for values.

use super::by_type::by_type;
use crate::{DataType, Element, TensorData};

/// Memory for one value at a time. The elements begin on a cache line, so that rows often do, too.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    data: Option<TensorData>,
    /// Elements before the first cache line.
    first: usize,
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl Slot {
    pub(crate) fn new(data_type: DataType, len: usize) -> Slot {
        /// Elements before the first cache line.
        fn first<T: Element>(data: &TensorData) -> usize {
            T::slice(data)
                .map_or(0, |elements| elements.as_ptr().align_offset(LINE).min(LINE / size_of::<T>()))
        }
        let data = TensorData::zeros(data_type, len + LINE / data_type.size());
        let first = by_type!(data_type, first(&data));
        Slot { data: Some(data), first }
    }

    /// The elements; `None` if they are of another type, or taken out while a step runs.
    pub(crate) fn elements<T: Element>(&self) -> Option<&[T]> {
        T::slice(self.data.as_ref()?)?.get(self.first..)
    }

    /// The elements, for writing.
    pub(crate) fn elements_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        T::slice_mut(self.data.as_mut()?)?.get_mut(self.first..)
    }

    /// The size in bytes of a slot for `len` elements.
    pub(crate) fn needs(data_type: DataType, len: usize) -> u64 {
        (len as u64).saturating_mul(data_type.size() as u64) + LINE as u64
    }
}
