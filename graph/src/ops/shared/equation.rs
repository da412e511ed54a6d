//! The equation of an `Einsum`: the axes of its operands and of its result by label.

use std::collections::BTreeMap;

use super::indexing::strides;
use crate::{Error, Node, quoted};

/// An axis of an operand or of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// An axis that the dots stand for, counted from the last one.
    Dots(usize),
    Letter(char),
}

/// An equation with the sizes of its labels.
#[derive(Debug)]
pub(crate) struct Equation {
    /// The result's shape.
    pub(crate) shape: Vec<usize>,
    /// The sizes of the labels that are summed.
    pub(crate) summed: Vec<usize>,
    /// For each operand, its strides along the axes of the result and along the summed labels.
    pub(crate) strides: Vec<Vec<usize>>,
}

impl Equation {
    /// The attribute `equation` of `node` for operands of these shapes.
    pub(crate) fn new(node: &Node, shapes: &[&[usize]]) -> Result<Self, Error> {
        let text = node.string("equation", "")?;
        let wrong =
            |reason: String| Error::attribute(node, "equation", format!("{}: {reason}", quoted(text)));
        let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (left, right) = match compact.split_once("->") {
            Some((left, right)) => (left, Some(right)),
            None => (compact.as_str(), None),
        };
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != shapes.len() {
            return Err(wrong(format!("{} terms for {} inputs", terms.len(), shapes.len())));
        }
        let mut sizes: BTreeMap<Label, usize> = BTreeMap::new();
        let mut uses: BTreeMap<Label, usize> = BTreeMap::new();
        let mut operands: Vec<Vec<Label>> = Vec::with_capacity(terms.len());
        for (term, shape) in terms.iter().zip(shapes) {
            let labels = labels(term, Some(shape.len()), 0).map_err(&wrong)?;
            for (&label, &size) in labels.iter().zip(*shape) {
                *uses.entry(label).or_default() += 1;
                let known = sizes.entry(label).or_insert(size);
                match (*known, size) {
                    (1, _) => *known = size,
                    (known, size) if known == size || size == 1 => {}
                    (known, size) => return Err(wrong(format!("one label has sizes {known} and {size}"))),
                }
            }
            operands.push(labels);
        }
        let dots = sizes.keys().filter(|label| matches!(label, Label::Dots(_))).count();
        let result: Vec<Label> = match right {
            Some(right) => labels(right, None, dots).map_err(&wrong)?,
            // The dots, then the letters that are used once, in the order of the alphabet.
            None => {
                let once =
                    uses.iter().filter(|(label, count)| matches!(label, Label::Letter(_)) && **count == 1);
                (0..dots).rev().map(Label::Dots).chain(once.map(|(&label, _)| label)).collect()
            }
        };
        let repeated = result.iter().enumerate().find(|(at, label)| result[..*at].contains(label));
        if let Some((at, _)) = repeated {
            return Err(wrong(format!("axis {at} of the result is there twice")));
        }
        let size_of = |label: &Label| {
            sizes
                .get(label)
                .copied()
                .ok_or_else(|| wrong("the result has a label that no term has".to_owned()))
        };
        let shape: Vec<usize> = result.iter().map(size_of).collect::<Result<_, _>>()?;
        let rest: Vec<Label> = sizes.keys().filter(|label| !result.contains(label)).copied().collect();
        let all: Vec<Label> = result.into_iter().chain(rest.iter().copied()).collect();
        let strides = operands.iter().zip(shapes).map(|(labels, shape)| strides_along(labels, shape, &all));
        Ok(Self {
            shape,
            summed: rest.iter().map(|label| sizes[label]).collect(),
            strides: strides.collect(),
        })
    }
}

/// The strides of an operand along all labels: the sum of those of a label's axes, 0 for an axis that repeats.
fn strides_along(labels: &[Label], shape: &[usize], all: &[Label]) -> Vec<usize> {
    let own = strides(shape);
    let along = |label: &Label| {
        let axes = labels.iter().enumerate().filter(|(axis, of)| *of == label && shape[*axis] != 1);
        axes.map(|(axis, _)| own[axis]).sum()
    };
    all.iter().map(along).collect()
}

/// The labels of a term of an operand of `rank` axes, or of the result, where the dots stand for `dots` axes.
fn labels(term: &str, rank: Option<usize>, dots: usize) -> Result<Vec<Label>, String> {
    let letters = |text: &str| -> Result<Vec<Label>, String> {
        let letter = |letter: char| match letter {
            'a'..='z' | 'A'..='Z' => Ok(Label::Letter(letter)),
            other => Err(format!("{other:?} is no letter")),
        };
        text.chars().map(letter).collect()
    };
    let (before, after) = match term.split_once("...") {
        Some((before, after)) => (letters(before)?, Some(letters(after)?)),
        None => (letters(term)?, None),
    };
    let named = before.len() + after.as_ref().map_or(0, Vec::len);
    let dots = match (rank, &after) {
        (None, _) => dots,
        (Some(rank), None) if rank == named => 0,
        (Some(rank), Some(_)) if rank >= named => rank - named,
        (Some(rank), _) => return Err(format!("{named} labels for {rank} axes")),
    };
    let Some(after) = after else { return Ok(before) };
    Ok(before.into_iter().chain((0..dots).rev().map(Label::Dots)).chain(after).collect())
}
