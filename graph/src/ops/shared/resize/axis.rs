//! The axes of a tensor before and after a resizing.

use super::super::axes;
use super::super::indexing::axis_of;
use crate::{Error, Node, quoted};

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    /// Its size before.
    pub(crate) from: usize,
    /// Its size after.
    pub(crate) to: usize,
    /// The factor on the size, before it is rounded.
    pub(crate) scale: f32,
    /// The region that is resized, as parts of the axis, if there is one.
    pub(crate) region: [f32; 2],
}

/// The inputs of a node beside the tensor; of scales and sizes, one is present.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Given<'a> {
    /// The beginnings, then the ends, of the regions along the axes.
    pub(crate) regions: Option<&'a [f32]>,
    pub(crate) scales: Option<&'a [f32]>,
    pub(crate) sizes: Option<&'a [i64]>,
}

impl Axis {
    /// Whether the axis stays as it is.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.from == self.to && self.scale == 1.0 && self.region == [0.0, 1.0]
    }

    /// The axes of a tensor of shape `shape` that `node` resizes.
    pub(crate) fn all(node: &Node, shape: &[usize], given: Given<'_>) -> Result<Vec<Self>, Error> {
        let mut all: Vec<Self> =
            shape.iter().map(|&size| Self { from: size, to: size, scale: 1.0, region: [0.0, 1.0] }).collect();
        let named = match node.ints("axes")? {
            None => (0..shape.len() as i64).collect(),
            Some(axes) => axes.to_vec(),
        };
        axes::named(node, &named, shape.len())?;
        let named: Vec<usize> =
            named.iter().map(|&axis| axis_of(node, axis, shape.len())).collect::<Result<_, _>>()?;
        let check = |what: &str, count: usize, expected: usize| {
            if count == expected {
                return Ok(());
            }
            Err(Error::node(node, format!("{count} {what} for {} axes", named.len())))
        };
        match given {
            Given { scales: Some(scales), sizes: None, .. } => {
                check("scales", scales.len(), named.len())?;
                named.iter().zip(scales).try_for_each(|(&axis, &scale)| all[axis].scale_by(node, scale))?;
            }
            Given { sizes: Some(sizes), scales: None, .. } => {
                check("sizes", sizes.len(), named.len())?;
                for (&axis, &size) in named.iter().zip(sizes) {
                    all[axis].fit(node, size)?;
                }
                keep_aspect_ratio(node, &mut all, &named)?;
            }
            _ => return Err(Error::node(node, "needs either scales or sizes")),
        }
        if let Some(regions) = given.regions {
            check("bounds of regions", regions.len(), 2 * named.len())?;
            for (index, &axis) in named.iter().enumerate() {
                all[axis].region = [regions[index], regions[index + named.len()]];
            }
        }
        Ok(all)
    }

    fn scale_by(&mut self, node: &Node, scale: f32) -> Result<(), Error> {
        let size = self.from as f32 * scale;
        // Far above every limit, and far below what a float cannot count.
        if !(scale > 0.0 && scale.is_finite() && size < (1u64 << 48) as f32) {
            return Err(Error::node(node, format!("an axis of {} cannot be scaled by {scale}", self.from)));
        }
        (self.scale, self.to) = (scale, size.floor() as usize);
        Ok(())
    }

    fn fit(&mut self, node: &Node, size: i64) -> Result<(), Error> {
        let to = usize::try_from(size).ok().filter(|&to| self.from > 0 || to == 0);
        let misfit = || Error::node(node, format!("an axis of {} cannot be resized to {size}", self.from));
        self.to = to.ok_or_else(misfit)?;
        self.scale = if self.to == self.from { 1.0 } else { self.to as f32 / self.from as f32 };
        Ok(())
    }
}

/// Gives the `named` axes one scale if the node asks for it: the least or the greatest of them.
fn keep_aspect_ratio(node: &Node, all: &mut [Axis], named: &[usize]) -> Result<(), Error> {
    let scales = named.iter().map(|&axis| all[axis].scale);
    let scale = match node.string("keep_aspect_ratio_policy", "stretch")? {
        "stretch" => return Ok(()),
        "not_larger" => scales.fold(f32::INFINITY, f32::min),
        "not_smaller" => scales.fold(0.0, f32::max),
        other => {
            let reason = format!("{} is not stretch, not_larger or not_smaller", quoted(other));
            return Err(Error::attribute(node, "keep_aspect_ratio_policy", reason));
        }
    };
    for &axis in named {
        all[axis].scale_by(node, scale)?;
        all[axis].to = (all[axis].from as f32 * scale).round() as usize;
    }
    Ok(())
}
