//! Batch normalization that no pass folds into a product.

use crate::Error;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::exec::workers::Workers;
use crate::ops::batch_normalization::Channel;
use crate::{Node, Tensor};

/// `scale · (x − mean) / √(variance + epsilon) + bias` by channel, in doubles as the plain evaluator computes it.
#[derive(Debug)]
struct BatchNorm {
    channels: Vec<Channel>,
    /// Elements of a channel that follow each other: 1 if channels do.
    plane: usize,
    workers: Workers,
}

/// Adds the step of a node whose parameters are constants.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let epsilon = node.float("epsilon", 1e-5)?;
    let parameters = [1, 2, 3, 4].map(|index| builder.constant_input(node, index).map(Tensor::as_f32));
    let [Some(Ok(scale)), Some(Ok(bias)), Some(Ok(mean)), Some(Ok(variance))] = parameters else {
        return Ok(false);
    };
    let channel = |c: usize| Channel::new([scale[c], bias[c], mean[c], variance[c]], epsilon);
    let channels: Vec<Channel> = (0..scale.len()).map(channel).collect();
    if shape.len() < 2 || channels.is_empty() {
        return Ok(false);
    }
    builder.count_constants((channels.len() * size_of::<Channel>()) as u64)?;
    let plane = match builder.layout_of(node.required_input(0)?) {
        Layout::ChannelsLast => 1,
        Layout::Plain => shape[2..].iter().product::<usize>().max(1),
    };
    builder.push_elementwise(node, Box::new(BatchNorm { channels, plane, workers: builder.workers.clone() }))
}

impl StepKernel for BatchNorm {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let (x, count) = (context.input::<f32>(0)?, self.channels.len());
        if self.plane == 1 {
            self.workers.by_rows(context.output(0)?, count, |first, y| {
                let x = x[first * count..].chunks_exact(count);
                for (x, y) in x.zip(y.chunks_exact_mut(count)) {
                    let elements = y.iter_mut().zip(x).zip(&self.channels);
                    elements.for_each(|((y, &x), channel)| *y = channel.apply(x));
                }
            });
            return Ok(());
        }
        self.workers.by_rows(context.output(0)?, self.plane, |first, y| {
            let x = x[first * self.plane..].chunks_exact(self.plane);
            for (row, (x, y)) in x.zip(y.chunks_exact_mut(self.plane)).enumerate() {
                let channel = self.channels[(first + row) % count];
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = channel.apply(x));
            }
        });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 batch normalization of {} channels", self.channels.len())
    }
}
