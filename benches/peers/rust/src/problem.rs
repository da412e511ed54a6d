//! The numbers to multiply, and the expected sums.

use std::str::FromStr;

/// Row-major activations `m × k` and weights `k × n` over their types' whole ranges.
pub struct Problem {
    pub name: String,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub unsigned: Vec<u8>,
    pub weights: Vec<i8>,
}

/// The number of sums that are compared with those of plain integers.
const CHECKED: usize = 2000;

impl Problem {
    pub fn operations(&self) -> f64 {
        2.0 * self.m as f64 * self.k as f64 * self.n as f64
    }

    /// The same bytes as signed activations.
    pub fn signed(&self) -> Vec<i8> {
        self.unsigned.iter().map(|byte| byte.cast_signed()).collect()
    }

    /// A note if sums differ from those of `lhs` (row-major) and the weights; `sum_at` reads one.
    pub fn verdict<A: Copy + Into<i64>>(&self, lhs: &[A], sum_at: impl Fn(usize, usize) -> i32) -> String {
        let (all, step) = (self.m * self.n, (self.m * self.n).div_ceil(CHECKED).max(1));
        // A step that shares no factor with the columns visits all of them.
        let step =
            (step..).find(|step| step % 2 == 1 && (!self.n.is_multiple_of(*step) || *step == 1)).unwrap_or(1);
        let places: Vec<usize> = (0..all).step_by(step).collect();
        let wrong = places.iter().filter(|&&place| {
            let (row, column) = (place / self.n, place % self.n);
            let products = (0..self.k).map(|depth| {
                lhs[row * self.k + depth].into() * i64::from(self.weights[depth * self.n + column])
            });
            products.sum::<i64>() != i64::from(sum_at(row, column))
        });
        match wrong.count() {
            0 => String::new(),
            wrong => format!(";{wrong} of {} sums are wrong", places.len()),
        }
    }
}

/// The same numbers as floats, around 0: activations `m × k`, and weights `n × k`.
pub struct Floats {
    pub activations: Vec<f32>,
    pub weights: Vec<f32>,
}

/// The greatest error of eight-bit layers, as a part of the root mean square of the outputs.
const LARGEST_ERROR: f64 = 0.05;

impl Floats {
    pub fn of(problem: &Problem) -> Self {
        let &Problem { k, n, .. } = problem;
        let activations = problem.unsigned.iter().map(|&byte| f32::from(byte) / 128.0 - 1.0).collect();
        let weight = |at: usize| f32::from(problem.weights[at % k * n + at / k]) / 128.0;
        Self { activations, weights: (0..n * k).map(weight).collect() }
    }

    /// A note if outputs, row-major, are far from products of these floats.
    pub fn verdict(&self, problem: &Problem, out: &[f32]) -> String {
        let &Problem { k, n, .. } = problem;
        let step = (out.len().div_ceil(CHECKED).max(1)..).find(|step| step % 2 == 1).unwrap_or(1);
        let pairs: Vec<[f64; 2]> = (0..out.len())
            .step_by(step)
            .map(|at| {
                let row = &self.activations[at / n * k..][..k];
                let column = &self.weights[at % n * k..][..k];
                let products = row.iter().zip(column).map(|(&a, &w)| f64::from(a) * f64::from(w));
                [products.sum(), f64::from(out[at])]
            })
            .collect();
        let size = (pairs.iter().map(|[exact, _]| exact * exact).sum::<f64>() / pairs.len() as f64).sqrt();
        // What is not a number is not right.
        let right =
            pairs.iter().filter(|[exact, found]| (exact - found).abs() <= LARGEST_ERROR * size).count();
        match pairs.len() - right {
            0 => String::new(),
            wrong => format!(";{wrong} of {} sums are wrong", pairs.len()),
        }
    }
}

impl FromStr for Problem {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let mut size =
            || words.next().and_then(|word| word.parse().ok()).ok_or(format!("not `name M K N`: {line}"));
        let (m, k, n) = (size()?, size()?, size()?);
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let unsigned = (0..m * k).map(|_| byte()).collect();
        let weights = (0..k * n).map(|_| byte().cast_signed()).collect();
        Ok(Self { name, m, k, n, unsigned, weights })
    }
}

#[cfg(test)]
mod tests {
    use super::{Floats, Problem};

    #[test]
    fn what_is_not_a_number_is_wrong() {
        let problem: Problem = "name 1 1 2".parse().expect("a problem");
        let floats = Floats { activations: vec![1.0], weights: vec![2.0, 3.0] };
        assert_eq!(floats.verdict(&problem, &[2.0, 3.0]), "");
        assert_eq!(floats.verdict(&problem, &[2.0, f32::NAN]), ";1 of 2 sums are wrong");
    }
}
