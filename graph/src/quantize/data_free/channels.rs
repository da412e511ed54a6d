//! The channels of a value.

use super::moments::Moments;
use crate::quantize::Range;

/// The channels of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Channels {
    /// The axis of the channels; any number where all channels are alike.
    pub(super) axis: usize,
    /// One for each channel; a single one where all channels are alike. Never empty.
    all: Vec<Moments>,
}

impl Channels {
    /// Channels along `axis`; `None` if there are none.
    pub(super) fn new(axis: usize, all: Vec<Moments>) -> Option<Self> {
        (!all.is_empty()).then_some(Self { axis, all })
    }

    /// Channels that are all alike.
    pub(super) fn alike(moments: Moments) -> Self {
        Self { axis: 0, all: vec![moments] }
    }

    /// The same channels along another axis.
    pub(super) fn along(&self, axis: usize) -> Self {
        Self { axis, all: self.all.clone() }
    }

    pub(super) fn all(&self) -> &[Moments] {
        &self.all
    }

    /// Whether nothing tells one channel from another.
    pub(super) fn are_alike(&self) -> bool {
        self.all.len() == 1
    }

    /// The channel `index`.
    pub(super) fn get(&self, index: usize) -> Option<Moments> {
        self.all.get(if self.are_alike() { 0 } else { index }).copied()
    }

    /// The same function of each channel.
    pub(super) fn map(&self, function: impl FnMut(Moments) -> Moments) -> Self {
        Self { axis: self.axis, all: self.all.iter().copied().map(function).collect() }
    }

    /// A function of each channel of both; `None` if their channels do not match.
    pub(super) fn zip(&self, other: &Self, function: impl Fn(Moments, Moments) -> Moments) -> Option<Self> {
        let (longer, is_left) = if other.are_alike() { (self, true) } else { (other, false) };
        let shorter = if is_left { other } else { self };
        if !shorter.are_alike() && (shorter.axis != longer.axis || shorter.all.len() != longer.all.len()) {
            return None;
        }
        let pair = |index| Some(function(self.get(index)?, other.get(index)?));
        Self::new(longer.axis, (0..longer.all.len()).map(pair).collect::<Option<_>>()?)
    }

    /// What is known of an element of any channel.
    pub(super) fn mixed(&self) -> Self {
        Self::alike(Moments::mixture(self.all.iter().copied()))
    }

    /// The range of all channels; `None` if it is not finite.
    pub(super) fn range(&self) -> Option<Range> {
        let all = Moments::mixture(self.all.iter().copied());
        let range = Range { min: all.low as f32, max: all.high as f32 };
        (range.min.is_finite() && range.max.is_finite()).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_match_channels_that_are_alike() {
        let two = Channels::new(1, vec![Moments::constant(1.0), Moments::constant(2.0)]).expect("two");
        let three = Channels::alike(Moments::constant(3.0));
        let sum = |a: Moments, b: Moments| Moments::constant(a.mean + b.mean);
        for (left, right) in [(&two, &three), (&three, &two)] {
            let both = left.zip(right, sum).expect("they match");
            assert_eq!((both.axis, both.all()[0].mean, both.all()[1].mean), (1, 4.0, 5.0));
        }
        let other = Channels { axis: 2, ..two.clone() };
        assert_eq!(two.zip(&other, sum), None);
        assert_eq!(Channels::new(1, Vec::new()), None);
    }
}
