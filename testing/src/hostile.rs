//! Hostile input: impossible sizes, and owners whose bytes change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::Random;
use crate::suite::is_thorough;

/// The sizes that fields are set to: zero, one, one that memory may hold, and two that it cannot.
pub const SIZES: [usize; 5] = [0, 1, 1 << 20, 1 << (usize::BITS * 5 / 8), 1 << (usize::BITS - 2)];

/// Calls `case` with every pair of `fields` fields and every pair of [`SIZES`] that they are set to: `(field, size)` twice.
/// Unless the run is [thorough](is_thorough), with a random eighth of them.
pub fn pairs(fields: usize, mut case: impl FnMut([(usize, usize); 2])) {
    let mut random = Random(1);
    for first in 0..fields {
        for second in first + 1..fields {
            for one in SIZES {
                for other in SIZES {
                    if is_thorough() || random.below(8) == 0 {
                        case([(first, one), (second, other)]);
                    }
                }
            }
        }
    }
}

/// The product of the sizes, if it is at most `most` and can be allocated.
#[must_use]
pub fn few(most: usize, sizes: &[usize]) -> Option<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    (product <= most).then_some(product)
}

/// A buffer that returns all of its bytes for a number of reads, and then others.
pub struct ChangingBuffer {
    whole: Vec<u8>,
    later: Vec<u8>,
    reads: AtomicUsize,
    faithful: AtomicUsize,
}

impl ChangingBuffer {
    /// Returns `whole` for the first `faithful` reads, and then `later`.
    #[must_use]
    pub fn new(whole: Vec<u8>, later: Vec<u8>, faithful: usize) -> Arc<ChangingBuffer> {
        Arc::new(ChangingBuffer {
            whole,
            later,
            reads: AtomicUsize::new(0),
            faithful: AtomicUsize::new(faithful),
        })
    }

    /// The number of reads so far.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads.load(SeqCst)
    }

    /// Returns all of its bytes for `reads` more reads.
    pub fn change_after(&self, reads: usize) {
        self.faithful.store(self.reads() + reads, SeqCst);
    }
}

impl AsRef<[u8]> for ChangingBuffer {
    fn as_ref(&self) -> &[u8] {
        if self.reads.fetch_add(1, SeqCst) < self.faithful.load(SeqCst) { &self.whole } else { &self.later }
    }
}
