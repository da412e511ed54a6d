//! `RotaryEmbedding`: pairs of numbers of each head are rotated by the angles of the token's position (RoPE,
//! arXiv 2104.09864). Inputs: x, the cosines and the sines of the angles, positions.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::heads::Heads;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 23,
    examples: &[
        Example::new(
            &[
                Input::Floats(&[1, 2, 3, 4]),
                Input::Weights(&[5, 2]),
                Input::Weights(&[5, 2]),
                Input::IntegersOf(&[1, 3], &[4, 0, 2]),
            ],
            &[],
        ),
        Example::new(
            &[Input::Floats(&[1, 3, 8]), Input::Weights(&[1, 3, 1]), Input::Weights(&[1, 3, 1])],
            &[
                ("num_heads", Value::Int(2)),
                ("rotary_embedding_dim", Value::Int(2)),
                ("interleaved", Value::Int(1)),
            ],
        ),
    ],
    ..Operator::new("RotaryEmbedding", "pairs of numbers, rotated by position", unary::same, evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let node = args.node();
    let shape = args.tensor(0)?.shape();
    args.count(shape)?;
    let heads = Heads::new(node, shape, "num_heads")?;
    let rotated = usize::try_from(node.int("rotary_embedding_dim", 0)?).unwrap_or(usize::MAX);
    let rotated = if rotated == 0 { heads.size } else { rotated };
    if rotated > heads.size || !rotated.is_multiple_of(2) {
        return Err(args.error(format!("{rotated} rotated numbers of heads of {}", heads.size)));
    }
    let (half, interleaved) = (rotated / 2, node.flag("interleaved", false)?);
    let rows = rows(args, heads.batch, heads.length, half)?;
    let (cosines, sines) = (doubles(args, 1)?, doubles(args, 2)?);
    let mut x = doubles(args, 0)?;
    for batch in 0..heads.batch {
        for head in 0..heads.count {
            for token in 0..heads.length {
                let first = heads.offset(batch, head, token);
                let row = rows[batch * heads.length + token] * half;
                for pair in 0..half {
                    let [i, j] = if interleaved { [2 * pair, 2 * pair + 1] } else { [pair, pair + half] };
                    let (cosine, sine) = (cosines[row + pair], sines[row + pair]);
                    let (a, b) = (x[first + i], x[first + j]);
                    x[first + i] = cosine * a - sine * b;
                    x[first + j] = sine * a + cosine * b;
                }
            }
        }
    }
    Ok(vec![rounded(args, shape, x)?])
}

/// The row of the tables of angles for each token: that of its position, or its own if no positions are given.
fn rows(args: &Arguments<'_>, batch: usize, length: usize, half: usize) -> Result<Vec<usize>, Error> {
    let table = args.tensor(1)?.shape();
    let tokens = batch * length;
    let wrong = || {
        let other = args.tensor(2).map(Tensor::shape).unwrap_or_default();
        args.error(format!(
            "angles of shapes {table:?} and {other:?} for {batch} · {length} tokens of {half}"
        ))
    };
    if args.tensor(2)?.shape() != table || table.last() != Some(&half) {
        return Err(wrong());
    }
    match args.optional(3) {
        None if *table == [batch, length, half] => Ok((0..tokens).collect()),
        Some(positions) if table.len() == 2 && positions.len() == tokens => {
            let row = |&at: &i64| usize::try_from(at).ok().filter(|&at| at < table[0]);
            let rows: Option<Vec<usize>> = positions.as_i64()?.iter().map(row).collect();
            rows.ok_or_else(|| args.error(format!("a position beyond the {} of the tables", table[0])))
        }
        _ => Err(wrong()),
    }
}
