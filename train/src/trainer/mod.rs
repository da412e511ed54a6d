//! The training: epochs over shuffled batches, in floats first, then with few bits, then with frozen normalizations.

mod adam;
mod checkpoint;
mod epoch;
mod options;

pub use epoch::{Epoch, Stage};
pub use options::TrainOptions;

use std::ops::ControlFlow;

use crate::layers::Mode;
use crate::ops::{cross_entropy, read};
use crate::random::Random;
use crate::{Dataset, Error, Network};
use adam::AdamW;

/// Images that are scored together, where their number does not matter; fewer where patches of 3×3 of them, at the layer with most, would be
/// more than so many numbers.
const CHUNK: usize = 250;
const NUMBERS: usize = 1 << 26;
/// Images that quantizers take their first steps from.
const CALIBRATED: usize = 500;
/// Batches over which the learning rate rises to where its cosine begins, if they are no more than a tenth of all.
const WARM_UP: f32 = 50.0;

/// A network, what it learns from, and how far it is.
#[derive(Debug)]
pub struct Trainer<'d> {
    network: Network,
    options: TrainOptions,
    train: &'d Dataset,
    test: &'d Dataset,
    optimizer: AdamW,
    curve: Vec<Epoch>,
}

impl<'d> Trainer<'d> {
    /// Before the first epoch.
    ///
    /// # Errors
    ///
    /// Images that do not fit the network, options that have no meaning.
    pub fn new(
        network: Network,
        options: TrainOptions,
        train: &'d Dataset,
        test: &'d Dataset,
    ) -> Result<Self, Error> {
        network.check(train)?;
        network.check(test)?;
        options.check()?;
        let optimizer = AdamW::new(network.parameters());
        Ok(Self { network, options, train, test, optimizer, curve: Vec::new() })
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What was measured after each epoch.
    pub fn curve(&self) -> &[Epoch] {
        &self.curve
    }

    /// Whether all epochs were run.
    pub fn is_finished(&self) -> bool {
        self.curve.len() >= self.options.epochs
    }

    /// The batches of an epoch.
    pub fn batches(&self) -> usize {
        self.train.len().div_ceil(self.options.batch)
    }

    /// How the next epoch computes.
    pub fn stage(&self) -> Stage {
        self.options.stage(self.curve.len(), self.network.precision().is_quantized())
    }

    /// Runs an epoch and measures it. `after` is called after each batch; if it breaks, the epoch is not counted, and the network is left
    /// as it is then.
    ///
    /// # Errors
    ///
    /// A loss that is not finite: a smaller learning rate helps.
    pub fn epoch(&mut self, mut after: impl FnMut(usize) -> ControlFlow<()>) -> Result<Option<Epoch>, Error> {
        let number = self.curve.len();
        let stage = self.stage();
        let is_first =
            stage != Stage::Float && (number == 0 || self.options.stage(number - 1, true) == Stage::Float);
        if is_first {
            self.calibrate()?;
        }
        let mode = stage.mode();
        let mut random = Random::new(self.options.seed, 1000 + number as u64);
        let order = random.order(self.train.len());
        let [height, width, _] = self.train.shape();
        let shift = self.options.shift.min(height.min(width) / 8);
        let (mut loss, mut right) = (0.0, 0);
        for (index, images) in order.chunks(self.options.batch).enumerate() {
            let labels: Vec<u32> = images.iter().map(|&image| self.train.labels()[image]).collect();
            let scores =
                self.network.forward(&self.train.shifted_batch(images, shift, &mut random)?, mode)?;
            let of_batch = cross_entropy(&scores, &labels)?;
            let value = of_batch.to_scalar::<f32>()?;
            if !value.is_finite() {
                let reason = format!("the loss is {value} in epoch {}: give a smaller one", number + 1);
                return Err(Error::argument("learning rate", reason));
            }
            loss += f64::from(value) * images.len() as f64;
            right += count_right(&read(&scores, <[f32]>::to_vec)?, &labels);
            let rate = self.rate(number * self.batches() + index);
            self.optimizer.step(&of_batch.backward()?, rate, self.options.weight_decay)?;
            self.network.clip()?;
            if after(index + 1).is_break() {
                return Ok(None);
            }
        }
        let (test_loss, test_right) = self.measured(self.test, stage)?;
        let count = self.train.len() as f64;
        let epoch = Epoch {
            number: number + 1,
            stage,
            loss: loss / count,
            accuracy: right as f64 / count,
            test_loss,
            test_accuracy: test_right as f64 / self.test.len() as f64,
        };
        self.curve.push(epoch);
        Ok(Some(epoch))
    }

    /// The class that the network gives each image, as it will be executed: with few bits if it has them.
    ///
    /// # Errors
    ///
    /// Images of another size.
    pub fn predictions(&self, data: &Dataset) -> Result<Vec<u32>, Error> {
        let mut classes = Vec::with_capacity(data.len());
        for images in self.chunks(data.len()) {
            let scores = self.network.scores(data, &images, self.network.precision().is_quantized())?;
            classes.extend(scores.chunks(self.network.classes()).map(class_of));
        }
        Ok(classes)
    }

    /// Lets quantizers take their first steps.
    fn calibrate(&self) -> Result<(), Error> {
        let order = Random::new(self.options.seed, 3).order(self.train.len());
        let images = &order[..order.len().min(CALIBRATED).min(self.network.images_within(NUMBERS))];
        let mode = Mode { is_quantized: true, calibrates: true, uses_batch: true };
        self.network.forward(&self.train.batch(images)?, mode)?;
        Ok(())
    }

    /// The mean loss, and how many classes are right.
    fn measured(&self, data: &Dataset, stage: Stage) -> Result<(f64, usize), Error> {
        let (mut loss, mut right) = (0.0, 0);
        for images in self.chunks(data.len()) {
            let labels: Vec<u32> = images.iter().map(|&image| data.labels()[image]).collect();
            let mode = Mode { uses_batch: false, ..stage.mode() };
            let scores = self.network.forward(&data.batch(&images)?, mode)?;
            loss += f64::from(cross_entropy(&scores, &labels)?.to_scalar::<f32>()?) * images.len() as f64;
            right += count_right(&read(&scores, <[f32]>::to_vec)?, &labels);
        }
        Ok((loss / data.len() as f64, right))
    }

    fn chunks(&self, count: usize) -> impl Iterator<Item = Vec<usize>> + use<> {
        let size = CHUNK.min(self.network.images_within(NUMBERS));
        (0..count).step_by(size).map(move |first| (first..count.min(first + size)).collect())
    }

    /// The learning rate of a batch: a cosine to 0 (Loshchilov, Hutter 2017), which it rises to at first.
    fn rate(&self, step: usize) -> f32 {
        let steps = (self.options.epochs * self.batches()) as f32;
        let rising = ((step + 1) as f32 / (steps / 10.0).clamp(1.0, WARM_UP)).min(1.0);
        let cosine = 0.5 * (1.0 + libm::cosf(std::f32::consts::PI * step as f32 / steps));
        self.options.learning_rate * rising * cosine
    }
}

/// The class of the greatest score, the first of equal ones.
pub fn class_of(scores: &[f32]) -> u32 {
    let first = (0, f32::NEG_INFINITY);
    let greatest = scores.iter().enumerate();
    greatest.fold(first, |best, (class, &score)| if score > best.1 { (class as u32, score) } else { best }).0
}

fn count_right(scores: &[f32], labels: &[u32]) -> usize {
    let classes = scores.len() / labels.len();
    scores.chunks(classes).zip(labels).filter(|(scores, label)| class_of(scores) == **label).count()
}
