//! The state of a training as a file of safetensors.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::{Epoch, Stage, Trainer};
use crate::Error;
use crate::ops::{read, tensor};

/// Numbers of an epoch in a file: its stage, two losses, two accuracies.
const COLUMNS: usize = 5;

impl Trainer<'_> {
    /// Everything that the next epochs depend on: parameters, moments of the optimizer, and the curve.
    ///
    /// # Errors
    ///
    /// An epoch that was broken off, or failed: parameters are somewhere within it.
    pub fn checkpoint(&self) -> Result<Vec<u8>, Error> {
        if !self.is_between_epochs(self.optimizer.steps, self.curve.len()) {
            let reason = "an epoch was broken off: only between epochs a training can be kept";
            return Err(Error::Checkpoint(reason.to_owned()));
        }
        let mut tensors: Vec<(String, Tensor)> = Vec::new();
        for (parameter, moments) in self.optimizer.parameters.iter().zip(&self.optimizer.moments) {
            tensors.push((parameter.name.clone(), parameter.var.as_detached_tensor()));
            for (name, moments) in ["mean", "square"].iter().zip(moments) {
                let moments = tensor(moments.clone(), parameter.var.shape())?;
                tensors.push((format!("adam.{name}.{}", parameter.name), moments));
            }
        }
        let curve: Vec<f64> = self.curve.iter().flat_map(row).collect();
        tensors
            .push(("curve".to_owned(), Tensor::from_vec(curve, (self.curve.len(), COLUMNS), &Device::Cpu)?));
        tensors.push(("steps".to_owned(), Tensor::new(self.optimizer.steps, &Device::Cpu)?));
        let about = HashMap::from([("eightbit-train".to_owned(), self.fingerprint())]);
        safetensors::serialize(tensors, Some(about)).map_err(|error| Error::Checkpoint(error.to_string()))
    }

    /// Goes on where a checkpoint was made: the epochs that follow give the same bits as if the training had not been interrupted.
    ///
    /// # Errors
    ///
    /// Bytes that are no checkpoint, or one of another network, other options or other images.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let wrong = |reason: &str| Error::Checkpoint(reason.to_owned());
        let (_, about) = safetensors::SafeTensors::read_metadata(bytes)
            .map_err(|error| Error::Checkpoint(format!("it is not a file of safetensors: {error}")))?;
        let found = about.metadata().as_ref().and_then(|about| about.get("eightbit-train"));
        if found != Some(&self.fingerprint()) {
            return Err(wrong(
                "it is of another network, other options or other images: give those, or train from the beginning",
            ));
        }
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
        let floats = |name: &str, count: usize| -> Result<Vec<f32>, Error> {
            let found = tensors.get(name).filter(|tensor| tensor.elem_count() == count);
            let found = found.ok_or_else(|| wrong(&format!("{name} is missing, or has another size")))?;
            Ok(read(found, <[f32]>::to_vec)?)
        };
        let mut values = Vec::new();
        let mut moments = Vec::new();
        for parameter in &self.optimizer.parameters {
            let (name, count) = (&parameter.name, parameter.var.elem_count());
            values.push(tensor(floats(name, count)?, parameter.var.shape())?);
            let both = ["mean", "square"].map(|which| floats(&format!("adam.{which}.{name}"), count));
            let [mean, square] = both;
            moments.push([mean?, square?]);
        }
        let rows = tensors.get("curve").and_then(|curve| curve.to_vec2::<f64>().ok());
        let rows = rows.ok_or_else(|| wrong("its curve is missing"))?;
        let curve: Option<Vec<Epoch>> =
            rows.iter().enumerate().map(|(index, row)| epoch(index + 1, row)).collect();
        let curve = curve.filter(|curve| curve.len() <= self.options.epochs);
        let steps = tensors.get("steps").and_then(|steps| steps.to_scalar::<u32>().ok());
        let (Some(curve), Some(steps)) = (curve, steps) else { return Err(wrong("its curve is damaged")) };
        if !self.is_between_epochs(steps, curve.len()) {
            return Err(wrong("its steps are not those of its epochs"));
        }
        // Nothing changes before everything was read.
        for (parameter, value) in self.optimizer.parameters.iter().zip(&values) {
            parameter.var.set(value)?;
        }
        (self.optimizer.moments, self.optimizer.steps, self.curve) = (moments, steps, curve);
        Ok(())
    }

    /// Whether so many steps of the optimizer are those of so many epochs.
    fn is_between_epochs(&self, steps: u32, epochs: usize) -> bool {
        epochs.checked_mul(self.batches()) == usize::try_from(steps).ok()
    }

    /// What must be the same: the network, the options, the images.
    fn fingerprint(&self) -> String {
        let Self { network, options, train, test, .. } = self;
        format!("1 {} {options:?} {:016x} {:016x}", network.description, train.checksum(), test.checksum())
    }
}

fn row(epoch: &Epoch) -> [f64; COLUMNS] {
    let stage = Stage::ALL.iter().position(|stage| *stage == epoch.stage).unwrap_or(0);
    [stage as f64, epoch.loss, epoch.accuracy, epoch.test_loss, epoch.test_accuracy]
}

fn epoch(number: usize, row: &[f64]) -> Option<Epoch> {
    let &[stage, loss, accuracy, test_loss, test_accuracy] = row else { return None };
    let stage = *Stage::ALL.get(stage as usize)?;
    Some(Epoch { number, stage, loss, accuracy, test_loss, test_accuracy })
}
