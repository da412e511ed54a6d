//! Divides examples into those that calibrate and those that judge.

/// The most examples that judge.
const MOST: usize = 16;
/// One example in this many judges.
const OF: usize = 4;

/// The numbers of examples that calibrate, and of those that are held out to judge what the others decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::quantize) struct Split {
    pub(in crate::quantize) calibrating: Vec<usize>,
    pub(in crate::quantize) judging: Vec<usize>,
}

impl Split {
    /// Divides `len` examples, evenly from the first to the last; fewer than four do both.
    pub(in crate::quantize) fn new(len: usize) -> Self {
        let judges = (len / OF).min(MOST);
        if judges == 0 {
            return Self { calibrating: (0..len).collect(), judging: (0..len).collect() };
        }
        let judging: Vec<usize> = (0..judges).map(|judge| (judge * len + len / 2) / judges).collect();
        let calibrating = (0..len).filter(|number| judging.binary_search(number).is_err()).collect();
        Self { calibrating, judging }
    }

    /// Every example calibrates, none judges.
    pub(in crate::quantize) fn without_judges(len: usize) -> Self {
        Self { calibrating: (0..len).collect(), judging: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_example_does_both_if_there_are_enough() {
        for len in [4, 5, 7, 8, 63, 64, 65, 1000] {
            let Split { calibrating, judging } = Split::new(len);
            assert_eq!(judging.len(), (len / 4).min(16));
            let mut all = [calibrating, judging].concat();
            all.sort_unstable();
            assert_eq!(all, (0..len).collect::<Vec<_>>());
        }
        assert_eq!(Split::new(2), Split { calibrating: vec![0, 1], judging: vec![0, 1] });
    }
}
