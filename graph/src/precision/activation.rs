//! Activations on the grid of a few bits.

use super::{BitWidth, FixedPoint, Format};
use crate::ops::{bipolar_quant, fixed_point, quant};
use crate::quantize::{MAX_SCALE, MIN_SCALE, Range};
use crate::{Graph, Names, Node, Tensor};

/// A function that takes every float to the grid of few bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantizer {
    /// `scale · (rne(clamp(x / scale + zero_point, 0, 2ᵇ − 1)) − zero_point)`.
    Affine {
        /// The distance of neighbouring numbers.
        scale: f32,
        /// The integer that stands for zero.
        zero_point: u16,
        /// `b`.
        bits: BitWidth,
    },
    /// `scale` where `x` is not negative, `−scale` elsewhere.
    Sign {
        /// The magnitude of both numbers.
        scale: f32,
    },
    /// A fixed point.
    Fixed(FixedPoint),
}

impl Quantizer {
    /// The numbers of `format` for values of this range.
    ///
    /// ```
    /// use eightbit_graph::precision::{BitWidth, Format, Quantizer};
    /// use eightbit_graph::quantize::Range;
    /// let bits = |bits| Ok::<_, eightbit_graph::Error>(Format::Bits(BitWidth::new(bits)?));
    /// let relu6 = Range { min: 0.0, max: 6.0 };
    /// let two = Quantizer::covering(relu6, bits(2)?);
    /// assert_eq!([-1.0, 0.9, 1.1, 5.5, 9.0].map(|x| two.apply(x)), [0.0, 0.0, 2.0, 6.0, 6.0]);
    /// let one = Quantizer::covering(relu6, bits(1)?);
    /// assert_eq!([2.9, 3.1].map(|x| one.apply(x)), [0.0, 6.0]);
    /// let balanced = Quantizer::covering(Range { min: -1.0, max: 1.0 }, bits(1)?);
    /// assert_eq!([-0.9, 0.0].map(|x| balanced.apply(x)), [-0.5, 0.5]);
    /// # Ok::<(), eightbit_graph::Error>(())
    /// ```
    pub fn covering(range: Range, format: Format) -> Self {
        let bits = match format {
            Format::Bits(bits) => bits,
            Format::Fixed(format) => return Self::Fixed(format),
        };
        // In f64: the difference of two f32 may exceed every f32.
        let (min, max) = (f64::from(range.min.min(0.0)), f64::from(range.max.max(0.0)));
        let (least, greatest) = (f64::from(MIN_SCALE), f64::from(MAX_SCALE));
        if bits == BitWidth::MIN && max.min(-min) * 3.0 >= max.max(-min) && max > 0.0 {
            return Self::Sign { scale: (max.max(-min) / 2.0).clamp(least, greatest) as f32 };
        }
        let levels = f64::from(bits.greatest());
        // Of one bit, zero and the greater end.
        let span = if bits == BitWidth::MIN { max.max(-min) } else { max - min };
        let step = if span == 0.0 { 1.0 } else { (span / levels).clamp(least, greatest) };
        let zero_point = (-min / step).round_ties_even().clamp(0.0, levels) as u16;
        Self::Affine { scale: step as f32, zero_point, bits }
    }

    /// The number of the grid for `x`; NaN stays NaN, except that a sign makes it negative.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Affine { scale, zero_point, bits } => {
                let (zero, greatest) = (f32::from(zero_point), bits.greatest() as f32);
                ((x / scale + zero).clamp(0.0, greatest).round_ties_even() - zero) * scale
            }
            Self::Sign { scale } => {
                if x >= 0.0 {
                    scale
                } else {
                    -scale
                }
            }
            Self::Fixed(format) => format.apply(x),
        }
    }

    /// Adds a node to `graph` that writes `to` by applying this to `from`, and its constants.
    pub(crate) fn insert(self, graph: &mut Graph, names: &mut Names, from: &str, to: &str) {
        let name = names.fresh("reduced");
        let Graph { nodes, constants, .. } = graph;
        let mut constant = |stem: &str, value: f32| {
            let name = names.fresh(stem);
            constants.insert(name.clone(), Tensor::scalar(value));
            name
        };
        nodes.push(match self {
            Self::Affine { scale, zero_point, bits } => {
                let scale = constant("scale", scale);
                let zero_point = constant("zero_point", zero_point.into());
                let bits = constant("bits", bits.get().into());
                let inputs = [from, &scale, &zero_point, &bits];
                let node = Node::of(&quant::OP, &name, &inputs, &[to]);
                node.with("signed", 0i64).with("narrow", 0i64).with("rounding_mode", "ROUND")
            }
            Self::Sign { scale } => {
                let scale = constant("scale", scale);
                Node::of(&bipolar_quant::OP, &name, &[from, &scale], &[to])
            }
            Self::Fixed(format) => fixed_point::node(&name, from, to, &format),
        });
    }
}
