//! A rule at one place of a network, with its trained numbers.

use candle_core::{Result, Tensor, Var};

use super::{Grid, Quantizer, shorten};
use crate::ops::{self, Bounds, straight_through};

/// What a rule quantizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Weights `[channel, …]`.
    Weights {
        /// Output channels.
        channels: usize,
    },
    /// The input of a layer.
    Activations {
        /// Whether it may be negative.
        signed: bool,
    },
}

/// A rule at one place: numbers of few bits, as floats.
#[derive(Debug)]
pub(crate) struct FakeQuantizer {
    rule: Quantizer,
    role: Role,
    /// Significant digits of steps.
    digits: u32,
    /// Learned steps, or the bound of PACT.
    learned: Option<Var>,
}

impl FakeQuantizer {
    pub(crate) fn new(rule: Quantizer, role: Role) -> Result<Self> {
        let learned = match (rule, role) {
            (Quantizer::Lsq { per_channel: true, .. }, Role::Weights { channels }) => Some(channels),
            (Quantizer::Lsq { .. } | Quantizer::Pact { .. }, _) => Some(1),
            _ => None,
        };
        let ones = |count| Var::from_tensor(&ops::tensor(vec![1.0; count], count)?);
        Ok(Self { rule, role, digits: 24, learned: learned.map(ones).transpose()? })
    }

    /// Sets how many significant digits steps may have.
    pub(crate) fn set_digits(&mut self, digits: u32) {
        self.digits = digits;
    }

    /// What is trained.
    pub(crate) fn learned(&self) -> Option<&Var> {
        self.learned.as_ref()
    }

    pub(crate) fn is_sign(&self) -> bool {
        self.rule.is_sign()
    }

    fn is_signed(&self) -> bool {
        !matches!(self.role, Role::Activations { signed: false })
    }

    /// The integers. Signs are −1 and 1.
    fn bounds(&self) -> Bounds {
        let is_weights = matches!(self.role, Role::Weights { .. });
        let of_bits = |bits: u32, is_narrow: bool| {
            let half = (1u32 << (bits - 1)) as f32;
            match self.is_signed() {
                true if is_narrow => Bounds { low: 1.0 - half, high: half - 1.0 },
                true => Bounds { low: -half, high: half - 1.0 },
                false => Bounds { low: 0.0, high: 2.0 * half - 1.0 },
            }
        };
        match self.rule {
            Quantizer::Lsq { bits, .. } => of_bits(bits, is_weights),
            Quantizer::Pact { bits } => of_bits(bits, true),
            Quantizer::DoReFa { bits } if is_weights => of_bits(bits + 1, true),
            Quantizer::DoReFa { bits } => of_bits(bits, true),
            Quantizer::Sign { .. } => Bounds { low: -1.0, high: 1.0 },
            Quantizer::FixedPoint { bits, .. } => of_bits(bits, false),
        }
    }

    /// The greatest magnitude of the integers.
    pub(crate) fn reach(&self) -> u32 {
        let Bounds { low, high } = self.bounds();
        high.max(-low) as u32
    }

    /// Sets learned numbers by what they will be applied to: steps as the paper starts them, `2 · mean |x| / √high`, but none whose range
    /// is greater than that of `x`; the bound of PACT as the greatest magnitude.
    pub(crate) fn calibrate(&self, x: &Tensor) -> Result<()> {
        let Some(learned) = &self.learned else { return Ok(()) };
        let high = self.bounds().high;
        let of_row = |row: &[f32]| {
            let mean = row.iter().map(|x| x.abs()).sum::<f32>() / row.len() as f32;
            let most = row.iter().fold(0f32, |most, x| most.max(x.abs())).max(1e-6);
            match self.rule {
                Quantizer::Pact { .. } => most,
                _ => (2.0 * mean / high.sqrt()).min(most / high).max(1e-6),
            }
        };
        let row = x.elem_count() / learned.elem_count();
        let values = ops::read(x, |x| x.chunks(row.max(1)).map(of_row).collect())?;
        learned.set(&ops::tensor(values, learned.shape())?)
    }

    /// What the float network has in this place: signs are preceded by a clip.
    pub(crate) fn float(&self, x: &Tensor) -> Result<Tensor> {
        match (self.rule, self.role) {
            (Quantizer::Sign { .. }, Role::Activations { .. }) => x.clamp(-1.0, 1.0),
            _ => Ok(x.clone()),
        }
    }

    /// `x` on the grid.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let bounds = self.bounds();
        match self.rule {
            Quantizer::Lsq { .. } => {
                let steps = self.learned.as_ref().expect("LSQ has steps").as_tensor();
                ops::learned(x, steps, bounds, shorten, self.digits)
            }
            Quantizer::Pact { .. } => {
                let bound = self.learned.as_ref().expect("PACT has a bound").as_tensor();
                // max(0, x) − max(0, x − bound): the bound has the gradient 1 where it clips.
                let above = |x: &Tensor| x.broadcast_sub(bound)?.relu();
                let mut clipped = (x.relu()? - above(x)?)?;
                if self.is_signed() {
                    let negated = x.neg()?;
                    clipped = (clipped - (negated.relu()? - above(&negated)?)?)?;
                }
                straight_through(&clipped, &ops::rounded(x, &self.steps(None)?, bounds)?)
            }
            Quantizer::DoReFa { .. } if matches!(self.role, Role::Weights { .. }) => {
                let squashed = self.squashed(x)?;
                // Odd integers: 2 · round((t + 1) / 2 · n) − n.
                let n = bounds.high;
                let step = self.steps(None)?[0];
                let odd = ops::read(&squashed, |t| {
                    t.iter().map(|t| (2.0 * ((t + 1.0) / 2.0 * n).round_ties_even() - n) * step).collect()
                })?;
                straight_through(&squashed, &ops::tensor(odd, x.shape())?)
            }
            Quantizer::DoReFa { .. } => {
                let clipped = x.clamp(if self.is_signed() { -1f32 } else { 0.0 }, 1f32)?;
                straight_through(&clipped, &ops::rounded(x, &self.steps(None)?, bounds)?)
            }
            Quantizer::Sign { scaled } => {
                let signs = ops::signs(x)?;
                match self.role {
                    Role::Weights { channels } if scaled => {
                        let mut shape = vec![1; x.rank()];
                        shape[0] = channels;
                        signs.broadcast_mul(&ops::tensor(self.steps(Some(x))?, shape)?)
                    }
                    _ => Ok(signs),
                }
            }
            Quantizer::FixedPoint { .. } => {
                let step = self.steps(None)?;
                let clipped = x.clamp(bounds.low * step[0], bounds.high * step[0])?;
                straight_through(&clipped, &ops::rounded(x, &step, bounds)?)
            }
        }
    }

    /// tanh, divided by its greatest magnitude.
    fn squashed(&self, x: &Tensor) -> Result<Tensor> {
        let squashed = x.tanh()?;
        let most = ops::read(&squashed, |t| t.iter().fold(1e-6f32, |most, t| most.max(t.abs())))?;
        squashed / f64::from(most)
    }

    /// Steps, or scales of signs; those of weights depend on the weights.
    fn steps(&self, weights: Option<&Tensor>) -> Result<Vec<f32>> {
        let short = |step: f32| shorten(step, self.digits);
        let high = self.bounds().high;
        let learned = || {
            self.learned
                .as_ref()
                .map_or_else(|| Ok(Vec::new()), |var| ops::read(var.as_tensor(), <[f32]>::to_vec))
        };
        Ok(match (self.rule, self.role) {
            (Quantizer::Lsq { .. }, _) => learned()?.into_iter().map(short).collect(),
            (Quantizer::Pact { .. }, _) => learned()?.into_iter().map(|bound| short(bound / high)).collect(),
            (Quantizer::DoReFa { .. }, _) => vec![short(1.0 / high)],
            (Quantizer::Sign { scaled: true }, Role::Weights { channels }) => {
                let Some(weights) = weights else { candle_core::bail!("scales of signs need weights") };
                let row = weights.elem_count() / channels;
                let mean = |row: &[f32]| short(row.iter().map(|w| w.abs()).sum::<f32>() / row.len() as f32);
                ops::read(weights, |w| w.chunks(row).map(mean).collect())?
            }
            (Quantizer::Sign { .. }, _) => vec![1.0],
            (Quantizer::FixedPoint { bits, integer_bits }, _) => {
                vec![((integer_bits - bits as i32) as f32).exp2()]
            }
        })
    }

    /// The numbers of the grid, and `weights` on it, for a file.
    pub(crate) fn grid(&self, weights: Option<&Tensor>) -> Result<Grid> {
        let steps = self.steps(weights)?;
        if self.is_sign() {
            return Ok(Grid::Signs { scales: steps });
        }
        let Bounds { low, high } = self.bounds();
        let signed = low < 0.0;
        let bits = (high + 1.0).log2() as u32 + u32::from(signed);
        Ok(Grid::Integers { steps, bits, signed, narrow: signed && low == -high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Tensor {
        ops::tensor(vec![0.1, -0.4, 0.25, 0.02, -0.9, 0.6], (2, 3)).unwrap()
    }

    const RULES: [Quantizer; 6] = [
        Quantizer::Lsq { bits: 3, per_channel: true },
        Quantizer::Lsq { bits: 8, per_channel: false },
        Quantizer::Pact { bits: 4 },
        Quantizer::DoReFa { bits: 2 },
        Quantizer::Sign { scaled: true },
        Quantizer::FixedPoint { bits: 4, integer_bits: 0 },
    ];

    /// Every number is an integer of the grid times its step, without rounding, and has a gradient.
    #[test]
    fn numbers_lie_on_the_grid() {
        for rule in RULES {
            for role in [
                Role::Weights { channels: 2 },
                Role::Activations { signed: true },
                Role::Activations { signed: false },
            ] {
                if rule.check(role == Role::Weights { channels: 2 }).is_err() {
                    continue;
                }
                let mut quantizer = FakeQuantizer::new(rule, role).unwrap();
                quantizer.set_digits(3);
                let x = Var::from_tensor(&weights()).unwrap();
                quantizer.calibrate(&x).unwrap();
                if let (Quantizer::Pact { .. }, Some(bound)) = (rule, quantizer.learned()) {
                    // Less than some numbers, and no multiple of its short step.
                    bound.set(&ops::tensor(vec![0.55], 1).unwrap()).unwrap();
                }
                let y = quantizer.apply(&x).unwrap();
                let grid = quantizer.grid(Some(&x)).unwrap();
                let (steps, [low, high]) = match &grid {
                    Grid::Signs { scales } => (scales, [-1.0, 1.0]),
                    Grid::Integers { steps, bits, signed: true, narrow } => {
                        let half = (1 << (bits - 1)) as f32;
                        (steps, [if *narrow { 1.0 - half } else { -half }, half - 1.0])
                    }
                    Grid::Integers { steps, bits, .. } => (steps, [0.0, (1u32 << bits) as f32 - 1.0]),
                };
                assert_eq!(high.max(-low) as u32, quantizer.reach(), "{rule:?} {role:?}");
                let of_file = matches!(role, Role::Activations { .. }) && !rule.is_sign();
                let rows = y.to_vec2::<f32>().unwrap().into_iter().zip(x.to_vec2::<f32>().unwrap());
                for (row, (y, x)) in rows.enumerate() {
                    let step = steps[row % steps.len()];
                    for (y, x) in y.into_iter().zip(x) {
                        // What a file says of activations: no bound but the grid's.
                        let expected = (x / step).clamp(low, high).round_ties_even() * step;
                        assert!(!of_file || y == expected, "{rule:?} {role:?}: {y} {expected}");
                        let integer = y / step;
                        assert!(integer.fract() == 0.0 && integer * step == y, "{rule:?} {role:?}: {y}");
                        assert!((low..=high).contains(&integer), "{rule:?} {role:?}: {integer} of {grid:?}");
                    }
                }
                let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
                let of_x = gradients.get(x.as_tensor()).expect("a gradient");
                assert!(ops::read(of_x, |g| g.iter().any(|g| *g != 0.0)).unwrap(), "{rule:?} {role:?}");
                if let Some(learned) = quantizer.learned() {
                    assert!(gradients.get(learned.as_tensor()).is_some(), "{rule:?} {role:?}");
                }
            }
        }
    }

    #[test]
    fn xnor_scales_are_mean_magnitudes() {
        let quantizer =
            FakeQuantizer::new(Quantizer::Sign { scaled: true }, Role::Weights { channels: 2 }).unwrap();
        let y = quantizer.apply(&weights()).unwrap().to_vec2::<f32>().unwrap();
        let mean = |row: [f32; 3]| row.iter().sum::<f32>() / 3.0;
        let (a, b) = (mean([0.1, 0.4, 0.25]), mean([0.02, 0.9, 0.6]));
        assert_eq!(y, [[a, -a, a], [b, -b, b]]);
    }
}
