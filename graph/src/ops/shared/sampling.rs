//! Samples of images between their elements, for `GridSample`.

use super::cubic::cubic;
use crate::{Error, Node, quoted};

/// The coefficient of cubic interpolation.
const CUBIC: f64 = -0.75;

/// The elements that a sample is made of: their offsets in a plane and their weights.
pub(crate) type Taps = Vec<(usize, f64)>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

/// What is outside an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

/// The attributes of a node.
pub(crate) struct Sampler {
    mode: Mode,
    padding: Padding,
    align_corners: bool,
}

impl Sampler {
    pub(crate) fn of(node: &Node) -> Result<Self, Error> {
        let unknown =
            |name: &str, value: &str| Error::attribute(node, name, format!("{} is not known", quoted(value)));
        Ok(Self {
            mode: match node.string("mode", "linear")? {
                "linear" | "bilinear" => Mode::Linear,
                "cubic" | "bicubic" => Mode::Cubic,
                "nearest" => Mode::Nearest,
                other => return Err(unknown("mode", other)),
            },
            padding: match node.string("padding_mode", "zeros")? {
                "zeros" => Padding::Zeros,
                "border" => Padding::Border,
                "reflection" => Padding::Reflection,
                other => return Err(unknown("padding_mode", other)),
            },
            align_corners: node.flag("align_corners", false)?,
        })
    }

    /// Finds the taps for a point, whose coordinates from −1 to 1 begin with that of the last axis, in a plane of these sizes.
    pub(crate) fn find(&self, sizes: &[usize], point: &[f32], taps: &mut Taps) {
        taps.clear();
        taps.push((0, 1.0));
        for (&size, &at) in sizes.iter().zip(point.iter().rev()) {
            let along = self.along(size, at);
            let with = |&(offset, weight): &(usize, f64)| {
                along.iter().map(move |&(at, own)| (offset * size + at, weight * own))
            };
            *taps = taps.iter().flat_map(with).collect();
        }
    }

    /// The taps along an axis.
    fn along(&self, size: usize, at: f32) -> Taps {
        let last = size as f32 - 1.0;
        let (low, high) = if self.align_corners { (0.0, last) } else { (-0.5, last + 0.5) };
        let x =
            if self.align_corners { (at + 1.0) / 2.0 * last } else { ((at + 1.0) * size as f32 - 1.0) / 2.0 };
        let x = if self.mode == Mode::Nearest { x.round_ties_even() } else { x };
        let x = match self.padding {
            _ if (low..=high).contains(&x) => x,
            Padding::Zeros => x,
            // Beside the border, a cubic interpolation still has taps inside.
            Padding::Border if self.mode == Mode::Cubic => x,
            Padding::Border => x.clamp(0.0, last.max(0.0)),
            Padding::Reflection => reflected(x, low, high),
        };
        // Further outside, all taps are outside, too.
        let x = x.clamp(-4.0, size as f32 + 4.0);
        let first = x.floor();
        let part = f64::from(x - first);
        let weights: &[f64] = match self.mode {
            Mode::Nearest => &[1.0],
            Mode::Linear => &[1.0 - part, part],
            Mode::Cubic => &[-1.0, 0.0, 1.0, 2.0].map(|at: f64| cubic(part - at, CUBIC)),
        };
        let first = first as i64 - i64::from(self.mode == Mode::Cubic);
        let inside = |index: i64| usize::try_from(index).ok().filter(|&index| index < size);
        let tap = |(index, &weight): (i64, &f64)| {
            let at = match self.padding {
                Padding::Zeros => inside(index),
                Padding::Border => inside(index.clamp(0, (size as i64 - 1).max(0))),
                Padding::Reflection => inside(reflected(index as f32, low, high) as i64),
            };
            at.map(|at| (at, weight))
        };
        (first..).zip(weights).filter_map(tap).collect()
    }
}

/// A coordinate reflected at both ends until it is between them.
fn reflected(x: f32, low: f32, high: f32) -> f32 {
    let range = high - low;
    if range <= 0.0 || (low..=high).contains(&x) {
        return x.clamp(low, high.max(low));
    }
    let beyond = (x - low).rem_euclid(2.0 * range);
    low + if beyond <= range { beyond } else { 2.0 * range - beyond }
}
