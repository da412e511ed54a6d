//! `Attention` of operator set 23: `softmax(scale · Q·Kᵀ + mask) · V` for each head. Inputs: Q, K, V, mask, past keys and values, the number
//! of tokens of each entry of the batch that are not padding. Outputs: the results, present keys and values, and the products
//! Q·Kᵀ at the stage that `qk_matmul_output_mode` names.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::attention::{Bias, Stage};
use super::shared::attention_sizes::Sizes;
use super::shared::doubles::{doubles, rounded};
use super::shared::inputs::Inputs;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 23,
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 4, 3, 2]), Input::Floats(&[1, 2, 5, 2]), Input::Floats(&[1, 2, 5, 3])],
            &[("is_causal", Value::Int(1))],
        ),
        Example::new(
            &[
                Input::Floats(&[2, 3, 4]),
                Input::Floats(&[2, 2, 4]),
                Input::Floats(&[2, 2, 4]),
                Input::Floats(&[3, 4]),
                Input::Floats(&[2, 2, 2, 2]),
                Input::Floats(&[2, 2, 2, 2]),
            ],
            &[
                ("q_num_heads", Value::Int(2)),
                ("kv_num_heads", Value::Int(2)),
                ("softcap", Value::Float(2.0)),
                ("qk_matmul_output_mode", Value::Int(2)),
            ],
        )
        .outputs(4),
    ],
    reads: |inputs| Sizes::of(inputs).map_or(1, |sizes| sizes.total.saturating_mul(2)),
    ..Operator::new("Attention", "softmax(scale · Q·Kᵀ + mask) · V of each head", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let sizes = Sizes::of(inputs)?;
    let data_type = inputs.get(0)?.data_type;
    Ok(sizes.outputs(inputs.node).into_iter().map(|shape| TensorType::new(data_type, shape)).collect())
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let node = args.node();
    let sizes = Sizes::of_tensors(args)?;
    let shapes = sizes.outputs(node);
    for shape in &shapes {
        args.count(shape)?;
    }
    let q = doubles(args, 0)?;
    let keys = sizes.present(args, 1)?;
    let values = sizes.present(args, 2)?;
    let scale = match node.optional_float("scale")? {
        Some(scale) => f64::from(scale),
        None => 1.0 / (sizes.q.size as f64).sqrt(),
    };
    let softcap = f64::from(node.float("softcap", 0.0)?);
    let stage = Stage::new(node)?;
    let bias = Bias::new(args, &sizes)?;
    let mut y = vec![0.0; shapes[0].iter().product()];
    let mut products = Vec::new();
    for batch in 0..sizes.q.batch {
        for head in 0..sizes.q.count {
            let first = (batch * sizes.k.count + head / sizes.group()) * sizes.total;
            for row in 0..sizes.q.length {
                let query = &q[sizes.q.offset(batch, head, row)..][..sizes.q.size];
                let key = |token: usize| &keys[(first + token) * sizes.k.size..][..sizes.k.size];
                let dot =
                    |token: usize| query.iter().zip(key(token)).map(|(a, b)| a * b).sum::<f64>() * scale;
                let mut scores: Vec<f64> = (0..sizes.total).map(dot).collect();
                let mut keep = |at: Stage, scores: &[f64]| {
                    if shapes.len() > 3 && at == stage {
                        products.extend_from_slice(scores);
                    }
                };
                keep(Stage::Products, &scores);
                bias.add([batch, head, row], &mut scores);
                keep(Stage::Biased, &scores);
                if softcap > 0.0 {
                    scores.iter_mut().for_each(|score| *score = (*score / softcap).tanh() * softcap);
                }
                keep(Stage::Capped, &scores);
                softmax(&mut scores);
                keep(Stage::Weights, &scores);
                let out = sizes.q.sized(sizes.v.size).offset(batch, head, row);
                for (token, weight) in scores.into_iter().enumerate() {
                    let value = &values[(first + token) * sizes.v.size..][..sizes.v.size];
                    y[out..].iter_mut().zip(value).for_each(|(y, value)| *y += weight * value);
                }
            }
        }
    }
    let results = [y, keys, values, products];
    shapes.into_iter().zip(results).map(|(shape, values)| rounded(args, shape, values)).collect()
}

/// `eˣ / Σ eˣ`.
fn softmax(scores: &mut [f64]) {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|score| *score = (*score - greatest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}
