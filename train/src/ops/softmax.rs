//! The loss of classes.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{read, result, slice, tensor};

/// The mean cross-entropy of the softmax of scores `[image, class]` and the classes of the images.
pub(crate) fn cross_entropy(scores: &Tensor, labels: &[u32]) -> Result<Tensor> {
    let (images, classes) = scores.dims2()?;
    if images != labels.len() || labels.iter().any(|&label| label as usize >= classes) {
        candle_core::bail!("labels do not fit scores of {classes} classes");
    }
    scores.contiguous()?.apply_op1(CrossEntropy { labels: labels.to_vec(), classes })
}

struct CrossEntropy {
    labels: Vec<u32>,
    classes: usize,
}

/// The greatest score, and the sum of the exponentials of the differences to it.
fn partition(scores: &[f32]) -> (f32, f32) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (greatest, scores.iter().map(|score| (score - greatest).exp()).sum())
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(&self, scores: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let rows = slice(scores, layout)?.chunks_exact(self.classes).zip(&self.labels);
        let losses = rows.map(|(scores, &label)| {
            let (greatest, sum) = partition(scores);
            sum.ln() + greatest - scores[label as usize]
        });
        result(vec![losses.sum::<f32>() / self.labels.len() as f32], ())
    }

    fn bwd(&self, scores: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let factor = gradient.to_scalar::<f32>()? / self.labels.len() as f32;
        let mut out = Vec::with_capacity(scores.elem_count());
        read(scores, |scores| {
            for (scores, &label) in scores.chunks_exact(self.classes).zip(&self.labels) {
                let (greatest, sum) = partition(scores);
                out.extend(scores.iter().enumerate().map(|(class, score)| {
                    let probability = (score - greatest).exp() / sum;
                    factor * (probability - if class == label as usize { 1.0 } else { 0.0 })
                }));
            }
        })?;
        Ok(Some(tensor(out, scores.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, numbers};
    use super::*;

    #[test]
    fn gradients() {
        let scores = numbers(1, &[4, 5]);
        check_gradients(&[&scores], |x| cross_entropy(x[0], &[4, 0, 2, 2]).unwrap(), 1e-2);
    }
}
