//! Normalizations, which say what their outputs are.

use super::channels::Channels;
use super::context::Context;
use super::moments::Moments;
use super::reason::Reason;
use crate::Node;

/// A normalization with scale γ and shift β for each channel along `axis`, inputs 1 and 2: its output has the mean β and the
/// deviation |γ|, by its definition (Nagel et al. 2019, arXiv:1906.04721, section 3.2).
pub(super) fn normalization(context: &Context<'_>, node: &Node, axis: usize) -> Result<Channels, Reason> {
    let [scales, shifts] = [1, 2].map(|index| context.required_constant(node, index));
    let (scales, shifts) = (scales?.as_f32()?, shifts?.as_f32()?);
    if scales.len() != shifts.len() {
        return Err(Reason::new("its scales and shifts differ in number"));
    }
    let channel =
        |(scale, shift): (&f32, &f32)| Moments::normal(f64::from(*shift), f64::from(*scale), context.reach);
    let all = scales.iter().zip(shifts).map(channel).collect();
    Channels::new(axis, all).ok_or_else(|| Reason::new("it has no channels"))
}
