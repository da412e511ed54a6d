//! Blocks of pixels to groups of channels, and back: runs of NHWC images are copied.

use super::builder::Builder;
use super::by_type::by_type;
use super::scratch::Scratch;
use super::step::{StepContext, StepKernel, StepKind};
use super::value::Layout;
use crate::{Element, Error, Node};

/// Which way the elements go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    /// `DepthToSpace`, where the channels of a pixel are neighbours (`DCR`).
    ToPixels,
    /// `SpaceToDepth`.
    ToChannels,
}

/// Adds the step of a node with blocks of `size × size` pixels.
pub(crate) fn lower(
    builder: &mut Builder<'_>,
    node: &Node,
    blocks: Blocks,
    size: usize,
) -> Result<bool, Error> {
    // The side with smaller pixels: those of blocks.
    let from = builder.shape(node, 0)?;
    let [_, channels, _, width] = from[..] else { return Ok(false) };
    let (run, columns) = match blocks {
        Blocks::ToPixels => (channels / size, width),
        Blocks::ToChannels => (size * channels, width / size),
    };
    let kernel = Box::new(Copying { blocks, size, run, columns });
    let define = |builder: &mut Builder<'_>, name: &str| builder.define(name, Layout::ChannelsLast);
    builder.push_unary(node, Layout::ChannelsLast, define, kernel)
}

/// For each row of blocks: the rows of pixels within it, one after the other, are the runs number 0, 1 … of all blocks.
#[derive(Debug)]
struct Copying {
    blocks: Blocks,
    /// Rows of pixels in a row of blocks.
    size: usize,
    /// Elements of a row of pixels within a block.
    run: usize,
    /// Blocks side by side.
    columns: usize,
}

impl Copying {
    fn copy<T: Element>(&self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let (x, &Self { blocks, size, run, columns }) = (context.input::<T>(0)?, self);
        let y = context.output::<T>(0)?;
        let (row, whole) = ((run * columns).max(1), (run * columns * size).max(1));
        for (x, y) in x.chunks_exact(whole).zip(y.chunks_exact_mut(whole)) {
            for line in 0..size {
                for block in 0..columns {
                    let (of_pixels, of_blocks) = (line * row + block * run, (block * size + line) * run);
                    match blocks {
                        Blocks::ToPixels => y[of_pixels..][..run].copy_from_slice(&x[of_blocks..][..run]),
                        Blocks::ToChannels => y[of_blocks..][..run].copy_from_slice(&x[of_pixels..][..run]),
                    }
                }
            }
        }
        Ok(())
    }
}

impl StepKernel for Copying {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        fn run<T: Element>(copying: &Copying, context: &mut StepContext<'_>) -> Result<(), Error> {
            copying.copy::<T>(context)
        }
        by_type!(context.output_type(0), run(self, context))
    }

    fn kind(&self) -> StepKind {
        StepKind::Copy
    }

    fn describe(&self) -> String {
        let way = match self.blocks {
            Blocks::ToPixels => "channels to blocks",
            Blocks::ToChannels => "blocks to channels",
        };
        format!("{way} of {0}×{0} pixels by copying runs of {1} elements", self.size, self.run)
    }
}
