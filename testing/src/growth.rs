//! Checks how time grows with the size of a problem.

use std::time::{Duration, Instant};

/// How much larger the second size is.
const LARGER: usize = 8;
/// The growth of the time that is still linear; that of a square is [`LARGER`]².
const MOST: u32 = 24;
/// Other processes may slow down measurements, several in a row where there are many of them.
const ATTEMPTS: usize = 16;

/// Panics if the time of `run` grows much more than a problem that `make` makes, of `size` and then of eight times `size`. The time
/// for `size` must be measurable, a millisecond at least; an absolute bound would depend on the machine, and a quadratic algorithm
/// would be within it for most sizes that a test can afford.
pub fn assert_linear<T>(what: &str, size: usize, mut make: impl FnMut(usize) -> T, mut run: impl FnMut(T)) {
    let mut time = |size: usize| {
        let problem = make(size);
        let start = Instant::now();
        run(problem);
        start.elapsed()
    };
    let mut least = [Duration::MAX; 2];
    for _ in 0..ATTEMPTS {
        for (least, size) in least.iter_mut().zip([size, LARGER * size]) {
            *least = time(size).min(*least);
        }
        if least[1] <= MOST * least[0] {
            return;
        }
    }
    panic!("{what}: {:?} for {size}, {:?} for {LARGER} times as many", least[0], least[1]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Additions that the compiler does not join.
    fn add(count: usize) {
        assert!(
            std::hint::black_box((0..count).fold(0usize, |sum, one| sum ^ std::hint::black_box(one)))
                < usize::MAX
        );
    }

    #[test]
    fn lines_are_linear() {
        assert_linear("additions", 1_000_000, |size| size, add);
    }

    #[test]
    #[should_panic(expected = "squares")]
    fn squares_are_not() {
        assert_linear("squares", 1_000, |size| size * size, add);
    }
}
