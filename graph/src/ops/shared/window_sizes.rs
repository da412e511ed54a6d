//! Resolves the windows of convolutions and pools.

use crate::{Error, Node, quoted};

/// The resolved attributes of a convolution or a pool; one entry per spatial axis, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WindowSizes {
    /// The window's size.
    pub(crate) kernel: Vec<usize>,
    /// The steps between windows.
    pub(crate) strides: Vec<usize>,
    /// The steps between a window's elements.
    pub(crate) dilations: Vec<usize>,
    /// Padding before the first element.
    pub(crate) pads_begin: Vec<usize>,
    /// Padding after the last element.
    pub(crate) pads_end: Vec<usize>,
    /// The number of windows: the output's spatial shape.
    pub(crate) output: Vec<usize>,
}

/// The largest padded input along an axis.
const MAX_PADDED: usize = usize::MAX / 8;

impl WindowSizes {
    /// Reads `strides`, `dilations`, `pads`, `auto_pad` and `ceil_mode` of `node` for an input of spatial shape
    /// `input` and a window of shape `kernel`.
    ///
    /// # Errors
    ///
    /// Attributes of the wrong length, zero or negative ones, a window larger than the padded input.
    pub(crate) fn resolve(node: &Node, input: &[usize], kernel: &[usize]) -> Result<Self, Error> {
        let rank = input.len();
        if kernel.len() != rank {
            return Err(Error::node(
                node,
                format!("a window of shape {kernel:?} over spatial dimensions {input:?}"),
            ));
        }
        let strides = sizes(node, "strides", rank, 1)?;
        let dilations = sizes(node, "dilations", rank, 1)?;
        let pads = sizes(node, "pads", 2 * rank, 0)?;
        let mut window = Self {
            kernel: kernel.to_vec(),
            strides,
            dilations,
            pads_begin: pads[..rank].to_vec(),
            pads_end: pads[rank..].to_vec(),
            output: Vec::with_capacity(rank),
        };
        let auto_pad = node.string("auto_pad", "NOTSET")?.to_owned();
        let ceil = node.flag("ceil_mode", false)?;
        for (axis, &size) in input.iter().enumerate() {
            let output = window.place(node, axis, size, &auto_pad, ceil)?;
            window.output.push(output);
        }
        Ok(window)
    }

    /// The number of windows along `axis`, after setting its padding where `auto_pad` decides it.
    fn place(
        &mut self,
        node: &Node,
        axis: usize,
        input: usize,
        auto_pad: &str,
        ceil: bool,
    ) -> Result<usize, Error> {
        let too_large = || Error::node(node, "window, stride, dilation or padding too large");
        let stride = self.strides[axis];
        let kernel = self.kernel[axis];
        if kernel == 0 {
            return Err(Error::node(node, "a window of size 0"));
        }
        let extent = (kernel - 1)
            .checked_mul(self.dilations[axis])
            .and_then(|extent| extent.checked_add(1))
            .filter(|&extent| extent <= MAX_PADDED)
            .ok_or_else(too_large)?;
        match auto_pad {
            "NOTSET" => {}
            "VALID" => (self.pads_begin[axis], self.pads_end[axis]) = (0, 0),
            "SAME_UPPER" | "SAME_LOWER" => {
                let output = input.div_ceil(stride);
                let reach =
                    output.saturating_sub(1).checked_mul(stride).and_then(|at| at.checked_add(extent));
                let total = reach.ok_or_else(too_large)?.saturating_sub(input);
                let (small, large) = (total / 2, total - total / 2);
                (self.pads_begin[axis], self.pads_end[axis]) =
                    if auto_pad == "SAME_UPPER" { (small, large) } else { (large, small) };
                return Ok(output);
            }
            other => {
                return Err(Error::attribute(
                    node,
                    "auto_pad",
                    format!("{} is not NOTSET, VALID, SAME_UPPER or SAME_LOWER", quoted(other)),
                ));
            }
        }
        let begin = self.pads_begin[axis];
        // Bounded so that positions in the padded input, and the end of a window that begins in it, do not overflow.
        let padded = input
            .checked_add(begin)
            .and_then(|size| size.checked_add(self.pads_end[axis]))
            .filter(|&padded| padded <= MAX_PADDED)
            .ok_or_else(too_large)?;
        let Some(room) = padded.checked_sub(extent) else {
            return Err(Error::node(
                node,
                format!("a window that spans {extent} over {padded} elements, padding included"),
            ));
        };
        if !ceil {
            return Ok(room / stride + 1);
        }
        let output = room.div_ceil(stride) + 1;
        // A window that would begin in the padding after the input does not count.
        let last = (output - 1).checked_mul(stride).ok_or_else(too_large)?;
        Ok(if last >= input + begin { output - 1 } else { output })
    }
}

/// The list attribute `name`: `len` entries, not below `least` (0 or 1), all `least` if absent.
pub(crate) fn sizes(node: &Node, name: &str, len: usize, least: usize) -> Result<Vec<usize>, Error> {
    let Some(values) = node.ints(name)? else { return Ok(vec![least; len]) };
    if values.len() != len {
        return Err(Error::attribute(node, name, format!("has {} entries, needs {len}", values.len())));
    }
    values
        .iter()
        .map(|&value| {
            usize::try_from(value)
                .ok()
                .filter(|&size| size >= least)
                .ok_or_else(|| Error::attribute(node, name, format!("{value} is below {least}")))
        })
        .collect()
}

/// The attribute `kernel_shape`, if present.
pub(crate) fn kernel_shape(node: &Node) -> Result<Option<Vec<usize>>, Error> {
    match node.ints("kernel_shape")? {
        None => Ok(None),
        Some(values) => sizes(node, "kernel_shape", values.len(), 1).map(Some),
    }
}
