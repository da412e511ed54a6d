//! Compares the results of measured calls with the reference.

use std::fmt;

use eightbit::{OutputElement, Stage, reference};

/// How many results were compared with the reference, and how many differed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) compared: usize,
    pub(crate) wrong: usize,
}

impl Verdict {
    /// Adds the comparison of `results` with `stage` applied to the reference's sums; `channel` is their output channel.
    pub(crate) fn add<T: OutputElement + Into<i32>>(
        &mut self,
        results: impl IntoIterator<Item = T>,
        sums: &[i32],
        stage: &Stage,
        channel: impl Fn(usize) -> usize,
    ) {
        for (index, (result, &sum)) in results.into_iter().zip(sums).enumerate() {
            let expected = match stage {
                Stage::Requantize(requantize) => reference::requantize(sum, requantize, channel(index)),
                _ => sum,
            };
            self.compared += 1;
            self.wrong += usize::from(result.into() != expected);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wrong {
            0 => write!(f, "{} results are right", self.compared),
            wrong => write!(f, "{wrong} of {} results are wrong", self.compared),
        }
    }
}

/// At most `count` numbers below `all`, evenly spread, including the first and the last.
pub(crate) fn sample(all: usize, count: usize) -> Vec<usize> {
    let count = count.clamp(2, all.max(2));
    if count >= all {
        return (0..all).collect();
    }
    (0..count).map(|index| index * (all - 1) / (count - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_reach_both_ends() {
        assert_eq!(sample(5, 9), [0, 1, 2, 3, 4]);
        assert_eq!(sample(1, 0), [0]);
        assert_eq!(sample(101, 3), [0, 50, 100]);
        assert_eq!(sample(1000, 0), [0, 999]);
    }

    #[test]
    fn wrong_results_are_counted() {
        let mut verdict = Verdict::default();
        verdict.add([1i32, 2, 3], &[1, 2, 4], &Stage::ACCUMULATORS, |index| index);
        assert_eq!(verdict.to_string(), "1 of 3 results are wrong");
    }
}
