//! How a model is quantized, and how its photos are read: dicts that `eightbit/_quantize.py` and `eightbit/_vision.py` fill.

use std::collections::BTreeMap;
use std::path::PathBuf;

use eightbit_graph::quantize::{
    AccuracyDrop, CalibrationMethod, Effort, Form, Granularity, QuantizeOptions, WeightPrecision, WeightRange,
};
use eightbit_graph::{Graph, Limits};
use eightbit_vision::{InputOptions, Layout, PhotoOptions, Resize};
use pyo3::prelude::*;

use crate::error::{Class, OrRaise};

/// What `eightbit.quantize` takes, with its defaults filled in.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    ranges: String,
    percentile: f64,
    effort: u8,
    pair_safe_weights: bool,
    per_tensor: bool,
    weights: String,
    activations: u8,
    size: Option<u64>,
    format: String,
    measure_speed: bool,
    accuracy_drop: Option<f64>,
    classes: Option<Vec<usize>>,
    keep_float: Vec<String>,
    resume: Option<PathBuf>,
    measured: usize,
}

impl Options {
    /// The form of the file, and the precision of the weights in it.
    pub(crate) fn form(&self) -> PyResult<(Form, WeightPrecision)> {
        let (form, weights) = (self.format.parse().or_raise()?, self.weights.parse().or_raise()?);
        if self.size.is_some() && form != Form::Qdq {
            let reason =
                "size needs the format qdq: in the others weights of fewer bits take no less than eight";
            return Err(Class::Argument.with(reason));
        }
        Ok((form, weights))
    }

    pub(crate) fn for_graph(self, graph: &Graph) -> PyResult<QuantizeOptions> {
        let method = match self.ranges.as_str() {
            "percentile" => CalibrationMethod::Percentile(self.percentile),
            "min_max" => CalibrationMethod::MinMax,
            "mse" => CalibrationMethod::Mse,
            "entropy" => CalibrationMethod::Entropy,
            _ => return Err(choice("ranges", &self.ranges, "percentile, min_max, mse or entropy")),
        };
        let effort = Effort::from_number(self.effort);
        let effort = effort.ok_or_else(|| choice("effort", &self.effort.to_string(), "0, 1, 2 or 3"))?;
        let reason = "keep_float names it".to_owned();
        let float: BTreeMap<String, String> =
            self.keep_float.into_iter().map(|node| (node, reason.clone())).collect();
        Ok(QuantizeOptions {
            method,
            float,
            measure_speed: self.measure_speed,
            weights: if self.pair_safe_weights { WeightRange::PairSafe } else { WeightRange::Full },
            granularity: if self.per_tensor { Granularity::PerTensor } else { Granularity::PerChannel },
            effort,
            accuracy_drop: self.accuracy_drop.map(|most| AccuracyDrop { most, classes: self.classes }),
            weight_precision: self.weights.parse().or_raise()?,
            activation_bits: self.activations,
            file_bytes: self.size,
            measured: self.measured,
            limits: Limits::for_model(graph),
            resume: self.resume,
        })
    }
}

/// How photos become an input.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Photos {
    height: Option<usize>,
    width: Option<usize>,
    layout: Option<String>,
    resize: String,
    mean: [f32; 3],
    std: [f32; 3],
    lenient: bool,
    ignore_orientation: bool,
}

impl Photos {
    pub(crate) fn reading(&self) -> PhotoOptions {
        PhotoOptions { lenient: self.lenient, ignore_orientation: self.ignore_orientation }
    }

    pub(crate) fn input(&self) -> PyResult<InputOptions> {
        let layout = match self.layout.as_deref() {
            None => None,
            Some("nchw") => Some(Layout::Nchw),
            Some("nhwc") => Some(Layout::Nhwc),
            Some(other) => return Err(choice("layout", other, "nchw or nhwc")),
        };
        let resize = match self.resize.as_str() {
            "stretch" => Resize::Stretch,
            "crop" => Resize::Crop,
            "fit" => Resize::Fit,
            other => return Err(choice("resize", other, "stretch, crop or fit")),
        };
        let (mean, std) = (self.mean, self.std);
        if std.contains(&0.0) || mean.iter().chain(&std).any(|number| !number.is_finite()) {
            return Err(Class::Argument.with("mean and std must be finite, and std not 0"));
        }
        Ok(InputOptions { height: self.height, width: self.width, layout, resize, mean, std })
    }
}

fn choice(name: &str, found: &str, known: &str) -> PyErr {
    Class::Argument.with(format!("{name}: must be {known}, not {found:?}"))
}
