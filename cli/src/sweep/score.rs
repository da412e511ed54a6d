//! How a reduced network does beside the float one.

/// What an example adds to a score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Whether the greatest score is that of the example's class, if that is known.
    pub(crate) right: Option<bool>,
    /// Whether it is that of the float network.
    pub(crate) same: bool,
    /// Sums over all scores: of the float network's squares, of squared differences, of magnitudes of differences.
    pub(crate) signal: f64,
    pub(crate) noise: f64,
    pub(crate) difference: f64,
    pub(crate) scores: usize,
}

impl Outcome {
    /// That of the scores `found`, where the float network has `float`; the answer is among the first `answers` scores. What is not a
    /// number differs without bound, and is no answer.
    pub(crate) fn of(float: &[f32], found: &[f32], answers: usize, class: Option<usize>) -> Self {
        let answer = best(found.get(..answers).unwrap_or(found));
        let mut outcome = Self {
            right: class.map(|class| answer == Some(class)),
            same: answer.is_some() && answer == best(float.get(..answers).unwrap_or(float)),
            scores: float.len(),
            ..Self::default()
        };
        for (&float, &found) in float.iter().zip(found) {
            let difference = f64::from(float) - f64::from(found);
            let difference = if difference.is_finite() { difference } else { f64::INFINITY };
            outcome.signal += f64::from(float) * f64::from(float);
            outcome.noise += difference * difference;
            outcome.difference += difference.abs();
        }
        outcome
    }
}

/// The position of the greatest score, the first among equals; `None` if one is not a number.
fn best(scores: &[f32]) -> Option<usize> {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if score.is_nan() {
            return None;
        }
        if *score > scores[best] {
            best = index;
        }
    }
    (!scores.is_empty()).then_some(best)
}

/// The outcomes of all examples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Score {
    pub(crate) examples: usize,
    /// The number of right answers, if classes are known.
    pub(crate) right: Option<usize>,
    /// The number of answers that are the float network's.
    pub(crate) same: usize,
    signal: f64,
    noise: f64,
    difference: f64,
    scores: usize,
}

impl Score {
    /// The sum of outcomes, in their order.
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let mut sum =
            Self { right: outcomes.iter().all(|one| one.right.is_some()).then_some(0), ..Self::default() };
        for outcome in outcomes {
            sum.examples += 1;
            sum.right = sum.right.map(|right| right + usize::from(outcome.right == Some(true)));
            sum.same += usize::from(outcome.same);
            sum.signal += outcome.signal;
            sum.noise += outcome.noise;
            sum.difference += outcome.difference;
            sum.scores += outcome.scores;
        }
        sum
    }

    /// The ratio of signal to noise at the outputs, in dB; infinite without noise.
    pub(crate) fn sqnr_db(&self) -> f64 {
        if self.noise == 0.0 { f64::INFINITY } else { 10.0 * (self.signal / self.noise).log10() }
    }

    /// The mean difference of scores.
    pub(crate) fn mean_difference(&self) -> f64 {
        self.difference / self.scores.max(1) as f64
    }

    /// The part of right answers, or, if classes are not known, of the float network's, in percent.
    pub(crate) fn accuracy(&self) -> f64 {
        self.percent(self.right.unwrap_or(self.same))
    }

    /// A number of examples in percent.
    pub(crate) fn percent(&self, count: usize) -> f64 {
        100.0 * count as f64 / self.examples.max(1) as f64
    }

    /// The accuracy lost, in percentage points.
    pub(crate) fn lost(&self, float: &Self) -> f64 {
        float.accuracy() - self.accuracy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_errors() {
        let float = [1.0, 3.0, 2.0];
        let outcomes = [
            Outcome::of(&float, &float, 3, Some(1)),
            Outcome::of(&float, &[1.0, 2.0, 2.5], 3, Some(1)),
            Outcome::of(&float, &[4.0, 3.0, 2.0], 3, Some(2)),
        ];
        assert_eq!(
            outcomes.map(|one| (one.right, one.same)),
            [(Some(true), true), (Some(false), false), (Some(false), false)]
        );
        let score = Score::of(&outcomes);
        assert_eq!((score.right, score.same, score.examples), (Some(1), 1, 3));
        assert_eq!(score.mean_difference(), (1.0 + 0.5 + 3.0) / 9.0);
        assert!((score.sqnr_db() - 10.0 * (42.0f64 / 10.25).log10()).abs() < 1e-12);
        let perfect = Score::of(&outcomes[..1]);
        assert_eq!((perfect.sqnr_db(), perfect.accuracy()), (f64::INFINITY, 100.0));
        assert!((score.lost(&perfect) - 200.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_answer_is_in_the_first_output_and_what_is_no_number_is_none() {
        let float = [1.0, 3.0, 9.0];
        assert!(Outcome::of(&float, &[0.0, 1.0, 0.0], 2, None).same);
        let broken = Outcome::of(&float, &[0.0, f32::NAN, 9.0], 2, Some(1));
        assert_eq!((broken.same, broken.right, broken.difference), (false, Some(false), f64::INFINITY));
        let score = Score::of(&[broken]);
        assert_eq!((score.sqnr_db(), score.accuracy()), (f64::NEG_INFINITY, 0.0));
        assert_eq!(Score::of(&[Outcome::of(&float, &float, 2, None)]).right, None);
    }
}
