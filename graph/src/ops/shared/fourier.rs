//! The discrete Fourier transform, by its definition.

use std::f64::consts::TAU;

/// A complex number: its real and its imaginary part.
pub(crate) type Complex = [f64; 2];

/// The roots of unity of a transform of one length.
pub(crate) struct Fourier {
    roots: Vec<Complex>,
}

impl Fourier {
    /// The transform of `length` numbers, or its inverse.
    pub(crate) fn new(length: usize, inverse: bool) -> Self {
        let step = if inverse { TAU } else { -TAU } / length as f64;
        let root = |index: usize| {
            let (sine, cosine) = (step * index as f64).sin_cos();
            [cosine, sine]
        };
        Self { roots: (0..length).map(root).collect() }
    }

    /// `Σ x[n] · root^(n·k)`; `x` is as long as the transform, or zeros follow.
    pub(crate) fn frequency(&self, x: &[Complex], k: usize) -> Complex {
        let length = self.roots.len();
        let mut sum = [0.0; 2];
        let mut at = 0;
        for [real, imaginary] in x {
            let [cosine, sine] = self.roots[at];
            sum[0] += real * cosine - imaginary * sine;
            sum[1] += real * sine + imaginary * cosine;
            at = (at + k) % length;
        }
        sum
    }
}

/// Complex numbers from parts that lie side by side, one part each if they are `real`.
pub(crate) fn complex(parts: &[f64], real: bool) -> Vec<Complex> {
    if real { parts.iter().map(|&x| [x, 0.0]).collect() } else { parts.as_chunks().0.to_vec() }
}

/// About the bytes that transforms of lines of `x` take: x itself, the roots, a line, and its conjugates.
pub(crate) fn passing_bytes(x: &[usize], length: usize) -> u64 {
    let numbers = x.iter().product::<usize>().saturating_add(length.saturating_mul(3));
    (numbers as u64).saturating_mul(size_of::<Complex>() as u64)
}

/// The number of frequencies that are not the conjugates of others.
pub(crate) fn one_sided(length: usize) -> usize {
    length / 2 + 1
}
