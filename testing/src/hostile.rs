//! What no careful program does: sizes that cannot be, owners that answer differently.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::Random;
use crate::suite::is_thorough;

/// The sizes that fields are set to: nothing, one, what memory may hold, and what none does.
pub const SIZES: [usize; 5] = [0, 1, 1 << 20, 1 << (usize::BITS * 5 / 8), 1 << (usize::BITS - 2)];

/// Calls `case` with every pair of `fields` fields and every pair of [`SIZES`] that they are set to: `(field, size)` twice.
/// If [few cases](is_thorough) are asked for, with an eighth of them, drawn at random.
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

/// The product of the sizes if it is at most `most`: so many elements can be made.
#[must_use]
pub fn few(most: usize, sizes: &[usize]) -> Option<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    (product <= most).then_some(product)
}

/// A buffer that answers with all of its bytes for a while, and then with others.
pub struct Fickle {
    whole: Vec<u8>,
    later: Vec<u8>,
    asked: AtomicUsize,
    faithful: AtomicUsize,
}

impl Fickle {
    /// Answers with `whole` as often as `faithful` says, and then with `later`.
    #[must_use]
    pub fn new(whole: Vec<u8>, later: Vec<u8>, faithful: usize) -> Arc<Fickle> {
        Arc::new(Fickle { whole, later, asked: AtomicUsize::new(0), faithful: AtomicUsize::new(faithful) })
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    /// From now on, answers with all of its bytes so many times more.
    pub fn turn_after(&self, answers: usize) {
        self.faithful.store(self.asked() + answers, SeqCst);
    }
}

impl AsRef<[u8]> for Fickle {
    fn as_ref(&self) -> &[u8] {
        if self.asked.fetch_add(1, SeqCst) < self.faithful.load(SeqCst) { &self.whole } else { &self.later }
    }
}
