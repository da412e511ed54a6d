//! Operands that begin on the border of a cache line, as runtimes allocate tensors and the peers' drivers their memory.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Elements that begin on the border of a cache line.
pub(crate) struct Aligned<T> {
    memory: Vec<T>,
    first: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// Elements of the default value.
    pub(crate) fn new(len: usize) -> Self {
        let memory = vec![T::default(); len + LINE / size_of::<T>()];
        let first = memory.as_ptr().align_offset(LINE);
        Self { memory, first, len }
    }

    /// A copy of `elements`.
    pub(crate) fn copy_of(elements: &[T]) -> Self {
        let mut aligned = Self::new(elements.len());
        aligned.copy_from_slice(elements);
        aligned
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.first..][..self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.first..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_begin_on_a_cache_line() {
        for len in [0, 1, 63, 64, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let aligned = Aligned::copy_of(&bytes);
            assert_eq!(*aligned, *bytes);
            assert!(aligned.as_ptr().addr().is_multiple_of(LINE));
            assert!(Aligned::<i32>::new(len).as_ptr().addr().is_multiple_of(LINE));
        }
    }
}
