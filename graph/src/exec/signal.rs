//! Signals, which have one spatial axis: convolutions take them as images of one row, with channels innermost.

use super::shuffle::transpose;

/// Reorders a signal before and after a convolution: its values before and after stay in ONNX's order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signal {
    /// How many signals there are.
    batch: usize,
    /// Channels and length of the input and of the output.
    sizes: [[usize; 2]; 2],
}

/// The input and the output of a convolution, channels innermost.
#[derive(Clone, Debug, Default)]
pub(super) struct Reordered<I, O> {
    from: Vec<I>,
    to: Vec<O>,
}

impl Signal {
    /// For `batch` signals of the channels and the length of input and output.
    pub(super) fn new(batch: usize, sizes: [[usize; 2]; 2]) -> Self {
        Self { batch, sizes }
    }

    /// About the bytes of the reordered values.
    pub(super) fn scratch_bytes<I, O>(&self) -> u64 {
        let [from, to] = self.sizes.map(|[channels, length]| self.batch * channels * length);
        (from * size_of::<I>() + to * size_of::<O>()) as u64
    }

    /// Writes to `y` what `convolve` computes of `x`.
    pub(super) fn around<I: Copy + Default, O: Copy + Default, E>(
        &self,
        Reordered { from, to }: &mut Reordered<I, O>,
        x: &[I],
        y: &mut [O],
        convolve: impl FnOnce(&[I], &mut [O]) -> Result<(), E>,
    ) -> Result<(), E> {
        let [[in_channels, in_length], [out_channels, out_length]] = self.sizes;
        // A single channel is the same in both orders.
        let x = if in_channels == 1 {
            x
        } else {
            from.resize(x.len(), I::default());
            transpose(x, from, in_channels, in_length);
            from
        };
        if out_channels == 1 {
            return convolve(x, y);
        }
        to.resize(y.len(), O::default());
        convolve(x, to)?;
        transpose(to, y, out_length, out_channels);
        Ok(())
    }
}
