//! The weights of interpolations along an axis.

use super::{Axis, Mode, Settings};
use crate::ops::shared::cubic::cubic;

/// The elements of the input that an element of the output is the weighted sum of: they lie side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Taps {
    pub(crate) first: usize,
    pub(crate) weights: Vec<f64>,
}

impl Settings {
    /// Finds the taps of the coordinate `at` of the output of an interpolation along an axis that is not empty.
    pub(crate) fn taps(&self, axis: &Axis, at: usize, taps: &mut Taps) {
        let x = f64::from(self.coordinate(axis, at));
        let last = axis.from.saturating_sub(1);
        // Beyond one more element than a filter reaches, all of them repeat the first or the last one.
        let stretch = if self.antialias { 1.0 / f64::from(axis.scale.min(1.0)) } else { 1.0 };
        let reach = self.reach() * stretch;
        let x = x.clamp(-reach - 1.0, last as f64 + reach + 1.0);
        let (low, high) = ((x - reach).ceil() as i64, (x + reach).floor() as i64);
        let inside = |index: i64| index.clamp(0, last as i64) as usize;
        taps.first = inside(low);
        taps.weights.clear();
        taps.weights.resize(inside(high) - taps.first + 1, 0.0);
        let mut sum = 0.0;
        for index in low..=high {
            if self.exclude_outside && !(0..=last as i64).contains(&index) {
                continue;
            }
            let weight = self.weight((x - index as f64) / stretch);
            taps.weights[inside(index) - taps.first] += weight;
            sum += weight;
        }
        // The weights of a filter without stretch or cut sum to one.
        if (self.antialias || self.exclude_outside) && sum != 0.0 {
            taps.weights.iter_mut().for_each(|weight| *weight /= sum);
        }
    }

    /// The distance at which an element has no weight any more.
    fn reach(&self) -> f64 {
        if matches!(self.mode, Mode::Cubic(_)) { 2.0 } else { 1.0 }
    }

    /// The weight of an element at a distance.
    fn weight(&self, distance: f64) -> f64 {
        match self.mode {
            Mode::Cubic(a) => cubic(distance, a.into()),
            _ => (1.0 - distance.abs()).max(0.0),
        }
    }
}
