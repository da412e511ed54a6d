//! `Unique`: the different elements, or slices along `axis`; the index of the first of each, for each element the index of its equal,
//! and the numbers of equal ones. They are in order, or, if `sorted` is 0, in that of their first appearance.

use std::cmp::Ordering;

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number;
use super::shared::data_dependent;
use super::shared::lines::Lines;
use super::shared::order::compare;
use crate::{Element, Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Integers(&[2, 1, 1, 3, 4, 3])], &[("sorted", Value::Int(0))]).outputs(4),
        Example::new(
            &[Input::FloatVectors(&[3, 2], &[1.0, 0.0, 1.0, 0.0, 2.0, 3.0])],
            &[("axis", Value::Int(0))],
        ),
    ],
    sizes_from: &[0],
    ..Operator::new(
        "Unique",
        "the different elements or slices, and where they are",
        |inputs| data_dependent::infer(inputs, evaluate),
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn unique<T: Element + PartialOrd>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let input = args.tensor(0)?;
        let node = args.node();
        // Without an axis, the elements are one line.
        let (shape, axis) = match node.optional_int("axis")? {
            Some(axis) => (input.shape().to_vec(), args.axis(axis, input.rank())?),
            None => (vec![x.len()], 0),
        };
        let lines = Lines::new(args, &shape, axis)?;
        let firsts: Vec<usize> = lines.firsts().collect();
        let slice = |index: usize| firsts.iter().map(move |first| &x[first + index * lines.step]);
        let by_elements = |&a: &usize, &b: &usize| {
            let mut pairs = slice(a).zip(slice(b)).map(|(a, b)| compare(a, b));
            pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        let mut order: Vec<usize> = (0..lines.size).collect();
        order.sort_by(by_elements);
        // Equal slices are side by side, the first one first: of each group, its first slice and the number of slices.
        let mut groups: Vec<(usize, usize)> = Vec::new();
        let mut group_of = vec![0i64; lines.size];
        for index in order {
            match groups.last_mut() {
                Some((first, count)) if by_elements(first, &index).is_eq() => *count += 1,
                _ => groups.push((index, 1)),
            }
            group_of[index] = groups.len() as i64 - 1;
        }
        if !node.flag("sorted", true)? {
            let mut by_place: Vec<usize> = (0..groups.len()).collect();
            by_place.sort_by_key(|&group| groups[group].0);
            let mut place_of = vec![0i64; groups.len()];
            by_place.iter().enumerate().for_each(|(place, &group)| place_of[group] = place as i64);
            group_of.iter_mut().for_each(|group| *group = place_of[*group as usize]);
            groups = by_place.into_iter().map(|group| groups[group]).collect();
        }
        let mut to = shape;
        to[axis] = groups.len();
        let outputs = Lines::new(args, &to, axis)?;
        let mut y = vec![T::default(); args.count(&to)?];
        for (first, from) in outputs.firsts().zip(&firsts) {
            for (to, (index, _)) in outputs.line(first).zip(&groups) {
                y[to] = x[from + index * lines.step];
            }
        }
        let firsts: Vec<i64> = groups.iter().map(|&(first, _)| first as i64).collect();
        let counts: Vec<i64> = groups.iter().map(|&(_, count)| count as i64).collect();
        let places = [firsts, group_of, counts].map(Tensor::vector);
        Ok([Tensor::new(to, T::wrap(y))?].into_iter().chain(places).collect())
    }
    by_number!(args, args.tensor(0)?, unique)
}
