//! The activation functions of recurrent networks, and their parameters.

use crate::{Error, Node, quoted};

/// An activation function with its parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activation {
    function: fn(f64, [f64; 2]) -> f64,
    parameters: [f64; 2],
}

impl Activation {
    pub(super) fn apply(&self, x: f64) -> f64 {
        (self.function)(x, self.parameters)
    }
}

/// A function's name in small letters, its formula, and the defaults of the parameters that it has.
struct Definition {
    name: &'static str,
    function: fn(f64, [f64; 2]) -> f64,
    defaults: [Option<f32>; 2],
}

const fn define(
    name: &'static str,
    defaults: [Option<f32>; 2],
    function: fn(f64, [f64; 2]) -> f64,
) -> Definition {
    Definition { name, function, defaults }
}

/// Formulas and defaults: ONNX's page of `LSTM`.
const FUNCTIONS: &[Definition] = &[
    define("sigmoid", [None, None], |x, _| 1.0 / (1.0 + (-x).exp())),
    define("tanh", [None, None], |x, _| x.tanh()),
    define("relu", [None, None], |x, _| x.max(0.0)),
    define("affine", [Some(1.0), Some(0.0)], |x, [alpha, beta]| alpha * x + beta),
    define("leakyrelu", [Some(0.01), None], |x, [alpha, _]| if x < 0.0 { alpha * x } else { x }),
    define("thresholdedrelu", [Some(1.0), None], |x, [alpha, _]| if x > alpha { x } else { 0.0 }),
    define("scaledtanh", [Some(1.0), Some(1.0)], |x, [alpha, beta]| alpha * (beta * x).tanh()),
    define("hardsigmoid", [Some(0.2), Some(0.5)], |x, [alpha, beta]| (alpha * x + beta).clamp(0.0, 1.0)),
    define("elu", [Some(1.0), None], |x, [alpha, _]| if x < 0.0 { alpha * x.exp_m1() } else { x }),
    define("softsign", [None, None], |x, _| x / (1.0 + x.abs())),
    define("softplus", [None, None], |x, _| x.max(0.0) + (-x.abs()).exp().ln_1p()),
];

/// The functions of each of `directions` directions, by the attributes of `node` or by `defaults`.
pub(super) fn activations(
    node: &Node,
    defaults: &[&str],
    directions: usize,
) -> Result<Vec<Vec<Activation>>, Error> {
    let names: Vec<&str> = match node.strings("activations")? {
        None => defaults.repeat(directions),
        Some(names) if names.len() == defaults.len() * directions => {
            names.iter().map(String::as_str).collect()
        }
        Some(names) => {
            let reason = format!("has {} names, needs {}", names.len(), defaults.len() * directions);
            return Err(Error::attribute(node, "activations", reason));
        }
    };
    // The functions that have parameters take them from the lists, in order.
    let list = |name: &str| Ok::<_, Error>(node.floats(name)?.unwrap_or_default().iter());
    let mut lists = [list("activation_alpha")?, list("activation_beta")?];
    let mut activation = |name: &&str| {
        let lower = name.to_ascii_lowercase();
        let found = FUNCTIONS.iter().find(|function| function.name == lower).ok_or_else(|| {
            Error::attribute(node, "activations", format!("{} is not a known function", quoted(name)))
        })?;
        let mut parameters = [0.0; 2];
        for ((parameter, default), list) in parameters.iter_mut().zip(found.defaults).zip(&mut lists) {
            if let Some(default) = default {
                *parameter = list.next().copied().unwrap_or(default).into();
            }
        }
        Ok(Activation { function: found.function, parameters })
    };
    let all: Vec<Activation> = names.iter().map(&mut activation).collect::<Result<_, Error>>()?;
    Ok(all.chunks(defaults.len()).map(<[Activation]>::to_vec).collect())
}
