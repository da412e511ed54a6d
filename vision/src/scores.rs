//! Turns a network's output into answers.

use crate::ScoreError;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The class, counted from 0.
    pub class: usize,
    /// Its score.
    pub score: f32,
}

/// Whether `output` holds probabilities; otherwise it holds logits.
fn are_probabilities(output: &[f32]) -> bool {
    // Eight-bit probabilities need not add up to 1, but they stay between 0 and a step above 1.
    output.iter().all(|value| (0.0..=1.01).contains(value))
}

/// The probabilities of `output`, and whether they needed a softmax.
///
/// # Errors
///
/// Scores that [`check`] refuses.
pub fn probabilities(output: &[f32]) -> Result<(Vec<f32>, bool), ScoreError> {
    check(output)?;
    if are_probabilities(output) {
        return Ok((output.to_vec(), false));
    }
    let max = output.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = output.iter().map(|&value| f64::from(value - max).exp()).collect();
    let sum: f64 = powers.iter().sum();
    Ok((powers.into_iter().map(|power| (power / sum) as f32).collect(), true))
}

/// Checks that `output` can be ranked.
///
/// # Errors
///
/// No scores, and scores that are not finite.
pub fn check(output: &[f32]) -> Result<(), ScoreError> {
    if output.is_empty() {
        return Err(ScoreError::Empty);
    }
    if let Some(class) = output.iter().position(|value| !value.is_finite()) {
        return Err(ScoreError::NotFinite { class, value: output[class] });
    }
    Ok(())
}

/// The `count` greatest, greatest first; among equals the lowest class first.
pub fn top(scores: &[f32], count: usize) -> Vec<Answer> {
    let mut answers: Vec<Answer> =
        scores.iter().enumerate().map(|(class, &score)| Answer { class, score }).collect();
    answers.sort_by(|a, b| b.score.total_cmp(&a.score));
    answers.truncate(count);
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_get_a_softmax_and_probabilities_do_not() {
        let (scores, softmax) = probabilities(&[1000.0, 1000.0, -1000.0]).expect("finite");
        assert_eq!((scores, softmax), (vec![0.5, 0.5, 0.0], true));
        let (scores, softmax) = probabilities(&[0.25, 0.5, 0.25]).expect("finite");
        assert_eq!((scores, softmax), (vec![0.25, 0.5, 0.25], false));
        assert_eq!(probabilities(&[]), Err(ScoreError::Empty));
        assert!(probabilities(&[0.0, f32::NAN]).expect_err("NaN").to_string().contains("class 1"));
        assert!(probabilities(&[f32::INFINITY]).is_err());
    }

    #[test]
    fn the_greatest_come_first_and_ties_in_order() {
        let answers = top(&[0.1, 0.7, 0.1, 0.7], 3);
        assert_eq!(answers.iter().map(|answer| answer.class).collect::<Vec<_>>(), [1, 3, 0]);
        assert_eq!(top(&[1.0], 5).len(), 1);
    }
}
