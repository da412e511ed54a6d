//! Shared by losses of scores `(N, C, d₁, …)` and the indices of the right classes, `(N, d₁, …)`.

use super::arguments::Arguments;
use super::doubles::{optional_doubles, rounded};
use super::inputs::Inputs;
use super::integers::integers;
use crate::{Error, Node, Tensor, TensorType, quoted};

/// How the losses of all samples become one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reduction {
    None,
    Sum,
    Mean,
}

fn reduction(node: &Node) -> Result<Reduction, Error> {
    match node.string("reduction", "mean")? {
        "none" => Ok(Reduction::None),
        "sum" => Ok(Reduction::Sum),
        "mean" => Ok(Reduction::Mean),
        other => Err(Error::attribute(node, "reduction", format!("{} is unknown", quoted(other)))),
    }
}

/// Checks that there is a sample for each label; returns the number of classes and of samples of a batch entry.
fn check(node: &Node, scores: &[usize], labels: &[usize]) -> Result<(usize, usize), Error> {
    if let [batch, classes, inner @ ..] = scores
        && let [own, rest @ ..] = labels
        && own == batch
        && rest == inner
    {
        return Ok((*classes, inner.iter().product()));
    }
    Err(Error::node(node, format!("labels of shape {labels:?} for scores of shape {scores:?}")))
}

/// The type of the loss.
pub(crate) fn infer(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let (scores, labels) = (inputs.get(0)?, inputs.shape(1)?);
    check(inputs.node, &scores.shape, labels)?;
    let shape = if reduction(inputs.node)? == Reduction::None { labels } else { &[] };
    Ok(TensorType::new(scores.data_type, shape))
}

/// The loss of the logarithms of probabilities, `logs`, by the labels in input 1 and the optional weights of classes in input 2.
pub(crate) fn evaluate(args: &Arguments<'_>, logs: &[f64]) -> Result<Tensor, Error> {
    let labels = args.tensor(1)?;
    let (classes, inner) = check(args.node(), args.tensor(0)?.shape(), labels.shape())?;
    let weights = optional_doubles(args, 2)?;
    if weights.as_ref().is_some_and(|weights| weights.len() != classes) {
        return Err(args.error(format!("input 2 needs a weight for each of {classes} classes")));
    }
    let indices = integers(args, 1)?;
    let ignored = args.node().optional_int("ignore_index")?;
    let mut losses = Vec::with_capacity(indices.len());
    let mut total = 0.0;
    for (at, label) in indices.into_iter().enumerate() {
        if Some(label) == ignored {
            losses.push(0.0);
            continue;
        }
        let class = usize::try_from(label).ok().filter(|&class| class < classes);
        let class = class.ok_or_else(|| args.error(format!("label {label} of {classes} classes")))?;
        let weight = weights.as_ref().map_or(1.0, |weights| weights[class]);
        total += weight;
        losses.push(-logs[(at / inner * classes + class) * inner + at % inner] * weight);
    }
    match reduction(args.node())? {
        Reduction::None => rounded(args, labels.shape(), losses),
        Reduction::Sum => rounded(args, [], vec![losses.iter().sum()]),
        Reduction::Mean => rounded(args, [], vec![losses.iter().sum::<f64>() / total]),
    }
}
