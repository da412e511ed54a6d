//! The least or the greatest of all elements.

use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::{DataType, Error, Node};

/// Numbers that are compared at once.
const LANES: usize = 16;

#[derive(Debug)]
struct Extreme {
    greatest: bool,
}

/// Adds a step that reduces a tensor of floats to one.
pub(crate) fn extreme(builder: &mut Builder<'_>, node: &Node, greatest: bool) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?;
    let count: usize = builder.type_of(node.required_output(0)?)?.shape.iter().product();
    if x.data_type != DataType::F32 || count != 1 {
        return Ok(false);
    }
    let layout = builder.layout_of(node.required_input(0)?);
    let define = |builder: &mut Builder<'_>, name: &str| builder.define(name, Layout::Plain);
    builder.push_unary(node, layout, define, Box::new(Extreme { greatest }))
}

impl StepKernel for Extreme {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let found = if self.greatest {
            best(x, f32::NEG_INFINITY, |x, best| x > best)
        } else {
            best(x, f32::INFINITY, |x, best| x < best)
        };
        context.output(0)?.fill(found);
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("the {} of all elements", if self.greatest { "greatest" } else { "least" })
    }
}

/// The best element, `worst` if there is none; NaN if there is one.
pub(super) fn best(x: &[f32], worst: f32, is_better: impl Fn(f32, f32) -> bool) -> f32 {
    let mut lanes = [worst; LANES];
    let mut nan = [false; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for ((lane, nan), &x) in lanes.iter_mut().zip(&mut nan).zip(chunk) {
            *lane = if is_better(x, *lane) { x } else { *lane };
            *nan |= x.is_nan();
        }
    }
    if nan.contains(&true) || rest.iter().any(|x| x.is_nan()) {
        return f32::NAN;
    }
    lanes.iter().chain(rest).fold(worst, |best, &x| if is_better(x, best) { x } else { best })
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn every_element_counts() {
        let least = |x: &[f32]| best(x, f32::INFINITY, |x, best| x < best);
        assert_eq!(least(&[]), f32::INFINITY);
        for at in [0, 15, 16, 35] {
            let mut x = [1.0f32; 36];
            x[at] = -2.0;
            assert_eq!(least(&x), -2.0);
            x[at] = f32::NAN;
            assert!(least(&x).is_nan());
        }
    }
}
