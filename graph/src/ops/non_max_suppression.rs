//! `NonMaxSuppression`: of the boxes of each class, in the order of their scores, those that overlap none selected before by more than
//! a threshold. Of equal scores, the box with the lower index comes first.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::data_dependent;
use super::shared::order::compare;
use crate::{DataType, Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(
            &[
                Input::Weights(&[1, 6, 4]),
                Input::Weights(&[1, 2, 6]),
                Input::Integers(&[3]),
                Input::Float(0.1),
                Input::Float(-1.0),
            ],
            &[],
        ),
        Example::new(
            &[Input::Weights(&[2, 5, 4]), Input::Weights(&[2, 1, 5]), Input::Integers(&[2])],
            &[("center_point_box", Value::Int(1))],
        ),
    ],
    output_type: |_, _| Some(DataType::I64),
    sizes_from: &[0, 1, 2, 3, 4],
    ..Operator::new(
        "NonMaxSuppression",
        "the boxes with the highest scores that do not overlap",
        |inputs| data_dependent::infer(inputs, evaluate),
        evaluate,
    )
};

/// The most pairs of boxes that are compared.
const MAX_PAIRS: usize = 1 << 33;

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (boxes, scores) = (args.tensor(0)?, args.tensor(1)?);
    let (&[batch, count, 4], &[score_batch, classes, score_count]) = (boxes.shape(), scores.shape()) else {
        let reason = format!("boxes of shape {:?} and scores of shape {:?}", boxes.shape(), scores.shape());
        return Err(args.error(reason));
    };
    if [score_batch, score_count] != [batch, count] {
        return Err(args.error(format!("scores of shape {:?} for {batch}×{count} boxes", scores.shape())));
    }
    let most = usize::try_from(args.optional_scalar::<i64>(2)?.unwrap_or(0)).unwrap_or(0);
    let overlap = args.optional_scalar::<f32>(3)?.unwrap_or(0.0);
    let least_score = args.optional_scalar::<f32>(4)?.unwrap_or(f32::NEG_INFINITY);
    if !(0.0..=1.0).contains(&overlap) {
        return Err(args.error(format!("an overlap of {overlap} is not between 0 and 1")));
    }
    let centered = args.node().flag("center_point_box", false)?;
    let boxes: Vec<Area> =
        boxes.as_f32()?.as_chunks::<4>().0.iter().map(|&sides| Area::new(sides, centered)).collect();
    let mut selected: Vec<i64> = Vec::new();
    let mut pairs = 0usize;
    let mut lists = scores.as_f32()?.chunks_exact(count.max(1));
    for image in 0..batch {
        for class in 0..classes {
            let Some(scores) = lists.next() else { break };
            let of_image = &boxes[image * count..][..count];
            let mut order: Vec<usize> = (0..count).filter(|&at| scores[at] > least_score).collect();
            order.sort_by(|&a, &b| compare(&scores[b], &scores[a]));
            let mut kept: Vec<usize> = Vec::new();
            for at in order {
                if kept.len() >= most {
                    break;
                }
                pairs = pairs.saturating_add(kept.len());
                if pairs > MAX_PAIRS {
                    return Err(args.error("too many boxes to compare: raise the least score"));
                }
                if kept.iter().all(|&other| !of_image[at].overlaps(&of_image[other], overlap)) {
                    kept.push(at);
                    selected.extend([image, class, at].map(|index| index as i64));
                }
            }
        }
    }
    Ok(vec![Tensor::new([selected.len() / 3, 3], selected)?])
}

/// A box.
struct Area {
    /// Its ends along both axes.
    low: [f32; 2],
    high: [f32; 2],
}

impl Area {
    /// From two opposite corners, or from the center and the sizes.
    fn new([a, b, c, d]: [f32; 4], centered: bool) -> Self {
        if centered {
            let half = [c / 2.0, d / 2.0];
            return Self { low: [a - half[0], b - half[1]], high: [a + half[0], b + half[1]] };
        }
        Self { low: [a.min(c), b.min(d)], high: [a.max(c), b.max(d)] }
    }

    fn size(&self) -> f32 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }

    /// Whether the common area is more than the part `most` of both areas together.
    fn overlaps(&self, other: &Self, most: f32) -> bool {
        let side = |axis: usize| self.high[axis].min(other.high[axis]) - self.low[axis].max(other.low[axis]);
        let (rows, columns) = (side(0), side(1));
        if !(rows > 0.0 && columns > 0.0 && self.size() > 0.0 && other.size() > 0.0) {
            return false;
        }
        let common = rows * columns;
        common / (self.size() + other.size() - common) > most
    }
}
