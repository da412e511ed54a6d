//! Statistics of a value's channels, in constant memory.

use crate::{Error, quoted};

/// The axis of a value's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelAxis {
    /// Axis 1, as of images in the order NCHW.
    Second,
    /// The last one, as of the rows of a matrix.
    Last,
}

/// Least, greatest and mean value of each channel, over any number of examples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelStatistics {
    /// The least value of each channel.
    pub min: Vec<f32>,
    /// The greatest value of each channel.
    pub max: Vec<f32>,
    sum: Vec<f64>,
    squares: Vec<f64>,
    /// Elements of one channel.
    count: u64,
}

impl ChannelStatistics {
    /// Adds a value's elements, whose channels are along `axis`.
    ///
    /// # Errors
    ///
    /// A value without that axis, or with another number of channels than before.
    pub fn add(
        &mut self,
        name: &str,
        axis: ChannelAxis,
        shape: &[usize],
        values: &[f32],
    ) -> Result<(), Error> {
        let at = match axis {
            ChannelAxis::Second => 1,
            ChannelAxis::Last => shape.len().saturating_sub(1),
        };
        let Some(&channels) = shape.get(at) else {
            return Err(Error::value(name, format!("its shape {shape:?} has no axis of channels")));
        };
        if channels == 0 || values.is_empty() {
            return Ok(());
        }
        if self.min.is_empty() {
            self.min = vec![f32::INFINITY; channels];
            self.max = vec![f32::NEG_INFINITY; channels];
            self.sum = vec![0.0; channels];
            self.squares = vec![0.0; channels];
        } else if self.min.len() != channels {
            let before = self.min.len();
            return Err(Error::argument(
                "calibration set",
                format!("{} has {before} channels in one example, {channels} in another", quoted(name)),
            ));
        }
        let inner: usize = shape[at + 1..].iter().product();
        if inner == 1 {
            for row in values.chunks_exact(channels) {
                for (channel, &value) in row.iter().enumerate() {
                    self.count_in(
                        channel,
                        value,
                        value,
                        f64::from(value),
                        f64::from(value) * f64::from(value),
                    );
                }
            }
        } else {
            for (index, run) in values.chunks_exact(inner).enumerate() {
                let (mut least, mut greatest, mut sum, mut squares) =
                    (f32::INFINITY, f32::NEG_INFINITY, 0.0, 0.0);
                for &value in run {
                    least = least.min(value);
                    greatest = greatest.max(value);
                    let value = f64::from(value);
                    sum += value;
                    squares += value * value;
                }
                self.count_in(index % channels, least, greatest, sum, squares);
            }
        }
        self.count += (values.len() / channels) as u64;
        Ok(())
    }

    fn count_in(&mut self, channel: usize, least: f32, greatest: f32, sum: f64, squares: f64) {
        self.min[channel] = self.min[channel].min(least);
        self.max[channel] = self.max[channel].max(greatest);
        self.sum[channel] += sum;
        self.squares[channel] += squares;
    }

    /// The number of channels; 0 before the first value.
    pub fn channels(&self) -> usize {
        self.min.len()
    }

    /// The mean of each channel.
    pub fn means(&self) -> Vec<f64> {
        self.sum.iter().map(|sum| sum / self.count.max(1) as f64).collect()
    }

    /// The mean square of each channel.
    pub fn mean_squares(&self) -> Vec<f64> {
        self.squares.iter().map(|squares| squares / self.count.max(1) as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_images_and_of_rows() {
        let mut images = ChannelStatistics::default();
        let add = |of: &mut ChannelStatistics, axis, shape: &[usize], values: &[f32]| {
            of.add("x", axis, shape, values)
        };
        add(&mut images, ChannelAxis::Second, &[2, 2, 1, 2], &[1., 2., -3., 0., 3., 4., 5., 6.])
            .expect("fits");
        assert_eq!((images.min.as_slice(), images.max.as_slice()), (&[1., -3.][..], &[4., 6.][..]));
        assert_eq!((images.means(), images.mean_squares()), (vec![2.5, 2.0], vec![7.5, 17.5]));
        let mut rows = ChannelStatistics::default();
        add(&mut rows, ChannelAxis::Last, &[2, 3], &[1., 2., 3., 4., 5., 6.]).expect("fits");
        add(&mut rows, ChannelAxis::Last, &[1, 3], &[7., -1., 3.]).expect("fits");
        assert_eq!((rows.max.clone(), rows.means()), (vec![7., 5., 6.], vec![4.0, 2.0, 4.0]));
        assert!(add(&mut rows, ChannelAxis::Last, &[1, 2], &[7., 3.]).is_err(), "another number of channels");
        assert!(add(&mut rows, ChannelAxis::Second, &[3], &[7., 3., 1.]).is_err(), "no second axis");
        add(&mut rows, ChannelAxis::Last, &[0, 3], &[]).expect("nothing to add");
    }
}
