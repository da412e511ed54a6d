//! Copies of the channels whose rounding costs most, in place of dead ones or beside the others.
//!
//! Before a depthwise convolution with large weights of both signs, as after the first layer of many networks, the rounding of a few
//! channels is most of the noise of the whole network; and trained networks have channels there that are constant. Such a channel becomes a
//! copy of another one, rounded with another offset: of `n` copies whose offsets differ by an `n`-th of a step, the mean has `n` times
//! as many steps. That costs no time. Channels that are added cost some: little in the first place of a network that allows them, where channels
//! are few, and what is rounded goes through all that follows. Copies of channels are known from Zhao et al., "Improving Neural Network
//! Quantization without Retraining using Outlier Channel Splitting" (2019), who add channels and have other aims.

mod groups;
mod places;
mod rows;

use std::collections::BTreeMap;

use super::changed::Changed;
use crate::quantize::{ChannelStatistics, Plan};
use crate::{Error, Graph};
use groups::Groups;
use places::{Place, places};
use rows::PlaceRows;

/// How many times as large as seen a value may be.
const MARGIN: f64 = 8.0;

/// Channels are added until their number is a multiple of this: kernels compute as many at once.
const TOGETHER: usize = 16;
/// The most channels that are doubled: with more, the layers take too much time.
const MOST: usize = 64;

type Statistics<'a> = BTreeMap<&'a str, &'a ChannelStatistics>;

/// `graph` with copies in dead channels; `None` where there is nothing to copy, or nowhere to.
pub(in crate::quantize) fn copied(
    graph: &Graph,
    plan: &Plan,
    statistics: &Statistics<'_>,
) -> Result<Option<Graph>, Error> {
    let mut changed = Changed::of(graph);
    for place in places(graph, plan)? {
        let Some((step, dead)) = dead(&place, plan, statistics)? else { continue };
        let Some(written) = statistics.get(place.values[1]) else { continue };
        let mut rows = PlaceRows::of(&changed, &place)?;
        let mut groups = Groups::of(&rows, step, &dead);
        if groups.fill(dead.iter().copied()) {
            rows.leave_out(&dead, &written.min);
            groups.lay_out(&mut rows, step);
            rows.write(&mut changed, &place)?;
        }
    }
    changed.finish()
}

/// `graph` with twice as many channels in the first place, the new ones copies; `None` where there is no place, or little to gain.
pub(in crate::quantize) fn widened(
    graph: &Graph,
    plan: &Plan,
    statistics: &Statistics<'_>,
) -> Result<Option<Graph>, Error> {
    let places = places(graph, plan)?;
    let Some(place) = places.first().filter(|place| place.channels() <= MOST) else { return Ok(None) };
    let Some((step, dead)) = dead(place, plan, statistics)? else { return Ok(None) };
    let wider = (2 * place.channels()).next_multiple_of(TOGETHER);
    let mut changed = Changed::of(graph);
    let mut rows = PlaceRows::of(&changed, place)?;
    let mut groups = Groups::of(&rows, step, &dead);
    if groups.fill(place.channels()..wider) {
        rows.widen(wider);
        groups.lay_out(&mut rows, step);
        rows.write(&mut changed, place)?;
        let node = &mut changed.graph.nodes[place.depthwise.index];
        *node = node.clone().with("group", wider as i64);
    }
    changed.finish()
}

/// The step of what the depthwise layer reads, and the channels that it hardly reads: even values several times as large as those seen
/// would not move its output by half a step. `None` if that was not observed.
fn dead(
    place: &Place<'_>,
    plan: &Plan,
    statistics: &Statistics<'_>,
) -> Result<Option<(f64, Vec<usize>)>, Error> {
    let step = |value: &str| plan.parameters(value).map(|affine| f64::from(affine.scale));
    let (Some(of_input), Some(read)) = (step(place.values[0]), statistics.get(place.values[0])) else {
        return Ok(None);
    };
    if read.channels() != place.channels() {
        return Ok(None);
    }
    let of_output = step(place.values[1]).unwrap_or(0.0);
    let weights = place.depthwise.weights.as_f32()?;
    let moved = |(channel, weights): (usize, &[f32])| {
        let sum: f64 = weights.iter().map(|&weight| f64::from(weight.abs())).sum();
        let largest = f64::from(read.max[channel].max(-read.min[channel]));
        (sum * largest * MARGIN < of_output / 2.0).then_some(channel)
    };
    let rows = weights.chunks_exact(place.depthwise.depth()).enumerate();
    Ok(Some((of_input, rows.filter_map(moved).collect())))
}
