//! Channels that hold the same, and which of them get more copies.

use super::rows::PlaceRows;

/// The part of the noise of a layer that must be saved at least.
const WORTH: f64 = 0.1;

/// The channels of a place that are not dead, those that hold the same together.
pub(super) struct Groups(Vec<Group>);

/// Channels that hold the same but for the offsets of their rounding.
struct Group {
    members: Vec<usize>,
    /// How many of them there were at first.
    old: usize,
    /// What the rounding of one channel in their place would add to the outputs, in squares of the same unit.
    noise: f64,
}

impl Group {
    /// The noise with so many members: the mean of `n` has steps an `n`-th as large.
    fn left(&self, members: usize) -> f64 {
        self.noise / (members * members) as f64
    }
}

impl Groups {
    /// The groups of `rows`. Copies that were made before differ by less than a `step`.
    pub(super) fn of(rows: &PlaceRows, step: f64, dead: &[usize]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for channel in (0..rows.channels()).filter(|channel| !dead.contains(channel)) {
            let bias = |channel: usize| f64::from(rows.before.bias[channel]);
            let is_copy = |first: usize| {
                (bias(first) - bias(channel)).abs() < step && rows.have_same_weights(first, channel)
            };
            match groups.iter_mut().find(|group| is_copy(group.members[0])) {
                Some(group) => group.members.push(channel),
                None => groups.push(Group { members: vec![channel], old: 1, noise: 0.0 }),
            }
        }
        for group in &mut groups {
            group.old = group.members.len();
            group.noise = rows.noise(&group.members);
        }
        Self(groups)
    }

    /// Makes each of `free` a copy where it saves most; whether that saves enough.
    pub(super) fn fill(&mut self, free: impl Iterator<Item = usize>) -> bool {
        let noise =
            |groups: &[Group]| groups.iter().map(|group| group.left(group.members.len())).sum::<f64>();
        let before = noise(&self.0);
        for channel in free {
            let saved = |group: &Group| group.left(group.members.len()) - group.left(group.members.len() + 1);
            let best = self.0.iter_mut().max_by(|a, b| saved(a).total_cmp(&saved(b)));
            let Some(best) = best else { break };
            best.members.push(channel);
        }
        noise(&self.0) < before * (1.0 - WORTH)
    }

    /// Gives the members of groups that have grown what they hold, with offsets that divide a step evenly.
    pub(super) fn lay_out(&self, rows: &mut PlaceRows, step: f64) {
        for Group { members, old, .. } in self.0.iter().filter(|group| group.members.len() > group.old) {
            let mean = |bias: &[f32]| {
                members[..*old].iter().map(|&at| f64::from(bias[at])).sum::<f64>() / *old as f64
            };
            let biases = [mean(&rows.before.bias), mean(&rows.depthwise.bias)];
            let count = members.len() as f64;
            let offset = |copy: usize| (copy as f64 - (count - 1.0) / 2.0) / count * step;
            rows.copy(members, *old, biases, offset);
        }
    }
}
