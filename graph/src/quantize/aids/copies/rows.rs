//! The weights and biases of a place that are changed.

use super::super::changed::Changed;
use super::places::Place;
use crate::quantize::layer::Layer;
use crate::{Error, Tensor};

/// The weights of the layers of a place.
pub(super) struct PlaceRows {
    pub(super) before: Rows,
    pub(super) depthwise: Rows,
    after: Vec<Rows>,
}

impl PlaceRows {
    /// As `changed` has them, by earlier places.
    pub(super) fn of(changed: &Changed, place: &Place<'_>) -> Result<Self, Error> {
        Ok(Self {
            before: Rows::of(changed, &place.before)?,
            depthwise: Rows::of(changed, &place.depthwise)?,
            after: place.after.iter().map(|layer| Rows::of(changed, layer)).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn channels(&self) -> usize {
        self.depthwise.bias.len()
    }

    /// Whether two channels have the same weights in all layers.
    pub(super) fn have_same_weights(&self, a: usize, b: usize) -> bool {
        let own = [&self.before, &self.depthwise];
        own.iter().all(|rows| rows.row(a) == rows.row(b))
            && self.after.iter().all(|rows| rows.column(a).eq(rows.column(b)))
    }

    /// What the rounding of one channel in the place of `members`, copies of each other, would add to the outputs: the squares of the
    /// weights that it is multiplied by.
    pub(super) fn noise(&self, members: &[usize]) -> f64 {
        let square = |value: f64| value * value;
        let of_depthwise: f64 =
            self.depthwise.row(members[0]).iter().map(|&weight| square(f64::from(weight))).sum();
        let sum = |row: &[f32]| members.iter().map(|&member| f64::from(row[member])).sum::<f64>();
        let rows = self.after.iter().flat_map(|rows| rows.weights.chunks_exact(rows.depth));
        of_depthwise * rows.map(|row| square(sum(row))).sum::<f64>()
    }

    /// Makes room for channels up to `wider`.
    pub(super) fn widen(&mut self, wider: usize) {
        let added = wider - self.channels();
        self.before.add_rows(added);
        self.depthwise.add_rows(added);
        self.after.iter_mut().for_each(|rows| rows.add_inputs(added));
    }

    /// Adds what the `dead` channels hold, by channel, to the biases of the layers that read it.
    pub(super) fn leave_out(&mut self, dead: &[usize], held: &[f32]) {
        for rows in &mut self.after {
            for &channel in dead {
                for (bias, weight) in
                    rows.bias.iter_mut().zip(rows.weights.iter().skip(channel).step_by(rows.depth))
                {
                    *bias += weight * held[channel];
                }
            }
        }
    }

    /// Makes all `members` what the `old` first ones are together: with these biases before and in the depthwise layer, but for an offset
    /// for each, which the depthwise layer takes back.
    pub(super) fn copy(
        &mut self,
        members: &[usize],
        old: usize,
        biases: [f64; 2],
        offset: impl Fn(usize) -> f64,
    ) {
        let (before, depthwise) =
            (self.before.row(members[0]).to_vec(), self.depthwise.row(members[0]).to_vec());
        let sum: f64 = depthwise.iter().map(|&weight| f64::from(weight)).sum();
        for (copy, &member) in members.iter().enumerate() {
            self.before.set(member, &before, (biases[0] + offset(copy)) as f32);
            self.depthwise.set(member, &depthwise, (biases[1] - offset(copy) * sum) as f32);
        }
        for rows in &mut self.after {
            for row in rows.weights.chunks_exact_mut(rows.depth) {
                let whole: f64 = members[..old].iter().map(|&member| f64::from(row[member])).sum();
                let part = (whole / members.len() as f64) as f32;
                members.iter().for_each(|&member| row[member] = part);
            }
        }
    }

    /// Gives the layers of `place` these weights and biases.
    pub(super) fn write(&self, changed: &mut Changed, place: &Place<'_>) -> Result<(), Error> {
        self.before.write(changed, &place.before)?;
        self.depthwise.write(changed, &place.depthwise)?;
        self.after.iter().zip(&place.after).try_for_each(|(rows, layer)| rows.write(changed, layer))
    }
}

/// The weights of a convolution in rows, and its biases.
pub(super) struct Rows {
    depth: usize,
    weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Rows {
    fn of(changed: &Changed, layer: &Layer<'_>) -> Result<Self, Error> {
        let constant = |input: usize| -> Result<Vec<f32>, Error> {
            let name = changed.graph.nodes[layer.index].required_input(input)?;
            changed.graph.constants.get(name).map_or(Ok(Vec::new()), |tensor| Ok(tensor.as_f32()?.to_vec()))
        };
        Ok(Self { depth: layer.depth(), weights: constant(1)?, bias: constant(2)? })
    }

    /// Rows of zeros after the others.
    fn add_rows(&mut self, added: usize) {
        self.weights.resize(self.weights.len() + added * self.depth, 0.0);
        self.bias.resize(self.bias.len() + added, 0.0);
    }

    /// Zeros after the weights of each row.
    fn add_inputs(&mut self, added: usize) {
        let longer =
            |row: &[f32]| row.iter().copied().chain(std::iter::repeat_n(0.0, added)).collect::<Vec<_>>();
        self.weights = self.weights.chunks_exact(self.depth).flat_map(longer).collect();
        self.depth += added;
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.weights[row * self.depth..][..self.depth]
    }

    fn column(&self, column: usize) -> impl Iterator<Item = f32> {
        self.weights.iter().skip(column).step_by(self.depth).copied()
    }

    fn set(&mut self, row: usize, weights: &[f32], bias: f32) {
        self.weights[row * self.depth..][..self.depth].copy_from_slice(weights);
        self.bias[row] = bias;
    }

    fn write(&self, changed: &mut Changed, layer: &Layer<'_>) -> Result<(), Error> {
        let mut shape = layer.weights.shape().to_vec();
        shape[0] = self.bias.len();
        shape[1] = self.depth / layer.taps();
        changed.put(layer.index, 1, Tensor::new(shape, self.weights.clone())?);
        changed.put(layer.index, 2, Tensor::vector(self.bias.clone()));
        Ok(())
    }
}
