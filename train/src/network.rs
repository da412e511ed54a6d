//! Networks: a sequence of layers.

use candle_core::Tensor;
use eightbit_kernels::Backend;

use crate::layers::{BatchNorm, Factors, Layer, Mode, Parameter, QConv2d, QLinear};
use crate::ops::{Window, read};
use crate::random::Random;
use crate::{Dataset, Error, Precision};

/// What a layer is to be; numbers that are left out are random or neutral.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LayerSpec {
    /// A convolution.
    Conv {
        /// Output channels; those of the input if it is depthwise.
        channels: usize,
        /// Kernel, stride and padding.
        window: Window,
        /// One kernel for each channel.
        depthwise: bool,
        /// `[channel][row][column][input channel]`.
        weights: Option<Vec<f32>>,
        /// One number for each channel.
        bias: Option<Vec<f32>>,
    },
    /// A matrix product with a bias.
    Linear {
        /// The length of an output row.
        units: usize,
        /// `[unit][input]`; inputs that were an image are in the order row, column, channel.
        weights: Option<Vec<f32>>,
        /// One number for each unit.
        bias: Option<Vec<f32>>,
    },
    /// Normalization by channel.
    BatchNorm {
        /// Scales, biases, means, variances.
        values: Option<[Vec<f32>; 4]>,
        /// What is added to the variance.
        epsilon: f32,
    },
    /// max(x, 0); left out where the next product reads signs, since those of what is not negative say nothing.
    Relu,
    /// The maximum of each window.
    MaxPool(Window),
    /// The mean of each window, of the whole image without one.
    AveragePool(Option<Window>),
    /// Images as rows.
    Flatten,
}

impl LayerSpec {
    /// A convolution with random weights and without a bias.
    pub fn conv(channels: usize, kernel: usize, stride: usize) -> Self {
        let window = Window::square(kernel, stride, kernel / 2);
        Self::Conv { channels, window, depthwise: false, weights: None, bias: None }
    }

    /// A matrix product with random weights.
    pub fn linear(units: usize) -> Self {
        Self::Linear { units, weights: None, bias: None }
    }

    /// A normalization that has seen nothing.
    pub fn norm() -> Self {
        Self::BatchNorm { values: None, epsilon: 1e-3 }
    }

    fn is_product(&self) -> bool {
        matches!(self, Self::Conv { .. } | Self::Linear { .. })
    }
}

/// What a value is, between layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    Image([usize; 3]),
    Row(usize),
}

impl Shape {
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Image([_, _, channels]) => channels,
            Self::Row(length) => length,
        }
    }
}

/// A network that can be trained: layers, and the rules by which their numbers become few bits.
#[derive(Debug)]
pub struct Network {
    pub(crate) input: [usize; 3],
    pub(crate) layers: Vec<Layer>,
    /// The shape of the input of each layer.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) classes: usize,
    pub(crate) precision: Precision,
    /// What was built, for checkpoints.
    pub(crate) description: String,
}

/// The most rows and columns of an image, and channels of one.
const MOST_SIDE: usize = 1 << 15;

/// An error if images of `[height, width, channels]` have no elements, or more than can be worked with.
pub(crate) fn check_image(image: [usize; 3]) -> Result<(), Error> {
    let elements = image.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
    if image.iter().all(|side| (1..=MOST_SIDE).contains(side))
        && elements.is_some_and(|elements| elements <= MOST_WEIGHTS)
    {
        return Ok(());
    }
    let reason = format!(
        "{image:?} (height, width, channels): sides and channels must be between 1 and {MOST_SIDE}, and all together no more than {MOST_WEIGHTS}"
    );
    Err(Error::argument("images", reason))
}

/// A network of more numbers is a mistake.
const MOST_WEIGHTS: usize = 1 << 28;

impl Network {
    /// A network for images of `[height, width, channels]`, which may be negative if `signed`.
    ///
    /// # Errors
    ///
    /// No layer with weights, windows that do not fit, weights of another number, rules that cannot be.
    pub fn new(
        input: [usize; 3],
        signed: bool,
        specs: &[LayerSpec],
        precision: Precision,
        seed: u64,
    ) -> Result<Self, Error> {
        check_image(input)?;
        let precision = precision.checked()?;
        let products = specs.iter().filter(|spec| spec.is_product()).count();
        if products == 0 {
            return Err(Error::argument("layers", "none has weights"));
        }
        let backend = Backend::best().map_err(|error| Error::argument("backend", error.to_string()))?;
        let mut builder =
            Builder { backend, random: Random::new(seed, 2), shape: Shape::Image(input), signed };
        let (mut layers, mut shapes, mut index) = (Vec::new(), Vec::new(), 0);
        // Whether the row is an image of several pixels and channels.
        let mut flat = false;
        let mut description = format!("{input:?}");
        for spec in specs {
            if *spec == LayerSpec::Relu {
                let next = precision.of_layer(index, products).1;
                if index < products && next.is_some_and(|rule| rule.is_sign()) {
                    continue;
                }
            }
            if let (LayerSpec::Flatten, Shape::Image([height, width, channels])) = (spec, builder.shape) {
                flat = height * width > 1 && channels > 1;
            } else if spec.is_product() {
                flat = false;
            }
            shapes.push(builder.shape);
            let layer = builder.layer(spec, precision.of_layer(index, products))?;
            description += &format!(" {}", builder.name(spec));
            layers.push(layer);
            index += usize::from(spec.is_product());
        }
        if flat {
            let reason = "classes are an image that was flattened: the order of its elements is another one in a file; end with a linear layer";
            return Err(Error::argument("layers", reason));
        }
        let classes = match builder.shape {
            Shape::Row(classes) | Shape::Image([1, 1, classes]) => classes,
            Shape::Image(image) => {
                let reason = format!(
                    "the output is an image {image:?} (height, width, channels), but classes are a row"
                );
                return Err(Error::argument("layers", reason));
            }
        };
        description += &format!(" {precision:?}");
        Ok(Self { input, layers, shapes, classes, precision, description })
    }

    /// How many images have no more than so many numbers in patches of 3×3 of what the layer with most reads; at least one.
    pub(crate) fn images_within(&self, numbers: usize) -> usize {
        let elements = |shape: &Shape| match *shape {
            Shape::Image(image) => image.iter().product(),
            Shape::Row(row) => row,
        };
        let most = self.shapes.iter().map(elements).max().unwrap_or(1).max(1);
        (numbers / 9 / most).max(1)
    }

    /// Height, width and channels of its images.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// The number of scores that it gives.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Its rules.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Its layers, in order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The number of weights.
    pub fn weights(&self) -> usize {
        self.layers.iter().filter_map(Layer::factors).map(|factors| factors.weight.elem_count()).sum()
    }

    /// The scores of images, `[image][class]`, with numbers of few bits if `quantized`, and frozen normalizations: the forward pass that
    /// the file's integers repeat.
    ///
    /// # Errors
    ///
    /// Images of another size.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn scores(&self, data: &Dataset, images: &[usize], quantized: bool) -> Result<Vec<f32>, Error> {
        self.check(data)?;
        let mode = Mode { is_quantized: quantized, calibrates: false, uses_batch: false };
        let scores = self.forward(&data.batch(images)?, mode)?;
        Ok(read(&scores, <[f32]>::to_vec)?)
    }

    pub(crate) fn check(&self, data: &Dataset) -> Result<(), Error> {
        let images = data.shape();
        if images != self.input || data.classes() > self.classes {
            let reason = format!(
                "images {images:?} (height, width, channels) of {} classes for a network of images {:?} and {} classes",
                data.classes(),
                self.input,
                self.classes
            );
            return Err(Error::argument("images", reason));
        }
        Ok(())
    }

    pub(crate) fn forward(&self, images: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        let mut x = images.clone();
        for layer in &self.layers {
            x = layer.forward(&x, mode)?;
        }
        x.flatten_from(1)
    }

    pub(crate) fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            layer.parameters(&index.to_string(), &mut parameters);
        }
        parameters
    }

    /// Clips the weights of signs.
    pub(crate) fn clip(&self) -> candle_core::Result<()> {
        self.layers.iter().filter_map(Layer::factors).try_for_each(Factors::clip)
    }
}

/// Makes one layer after the other.
struct Builder {
    backend: Backend,
    random: Random,
    shape: Shape,
    /// Whether the value may be negative.
    signed: bool,
}

impl Builder {
    fn layer(
        &mut self,
        spec: &LayerSpec,
        rules: (Option<crate::Quantizer>, Option<crate::Quantizer>),
    ) -> Result<Layer, Error> {
        match spec {
            &LayerSpec::Conv { channels, window, depthwise, ref weights, ref bias } => {
                let [height, width, inputs] = self.image("a convolution")?;
                let [height, width] = window.output([height, width])?;
                if depthwise && channels != inputs {
                    let reason =
                        format!("a depthwise convolution of {inputs} channels has as many, not {channels}");
                    return Err(Error::argument("layers", reason));
                }
                let depth = window.kernel[0] * window.kernel[1] * if depthwise { 1 } else { inputs };
                let factors = self.factors([channels, depth], weights.as_ref(), bias.clone(), rules)?;
                self.shape = Shape::Image([height, width, channels]);
                self.signed = true;
                Ok(Layer::Conv(QConv2d { factors, window, in_channels: inputs, is_depthwise: depthwise }))
            }
            LayerSpec::Linear { units, weights, bias } => {
                let Shape::Row(depth) = self.shape else {
                    return Err(Error::argument(
                        "layers",
                        "a matrix product reads rows: flatten images before it",
                    ));
                };
                let bias = bias.clone().or_else(|| Some(vec![0.0; *units]));
                let factors = self.factors([*units, depth], weights.as_ref(), bias, rules)?;
                self.shape = Shape::Row(*units);
                self.signed = true;
                Ok(Layer::Linear(QLinear { factors }))
            }
            LayerSpec::BatchNorm { values, epsilon } => {
                let channels = self.shape.channels();
                let neutral = || [1.0, 0.0, 0.0, 1.0].map(|value| vec![value; channels]);
                let values = values.clone().unwrap_or_else(neutral);
                if values.iter().any(|values| values.len() != channels) {
                    return Err(Error::argument(
                        "layers",
                        format!("a normalization of {channels} channels needs as many numbers"),
                    ));
                }
                self.signed = true;
                Ok(Layer::Norm(BatchNorm::new(values, *epsilon)?))
            }
            LayerSpec::Relu => {
                self.signed = false;
                Ok(Layer::Relu)
            }
            &LayerSpec::MaxPool(window) => {
                self.pool(Some(window))?;
                Ok(Layer::MaxPool(window))
            }
            &LayerSpec::AveragePool(window) => {
                self.pool(window)?;
                Ok(Layer::AveragePool(window))
            }
            LayerSpec::Flatten => {
                if let Shape::Image(image) = self.shape {
                    self.shape = Shape::Row(image.iter().product());
                }
                Ok(Layer::Flatten)
            }
        }
    }

    fn pool(&mut self, window: Option<Window>) -> Result<(), Error> {
        let [height, width, channels] = self.image("a pool")?;
        let [height, width] = window.map_or(Ok([1, 1]), |window| window.output([height, width]))?;
        self.shape = Shape::Image([height, width, channels]);
        Ok(())
    }

    fn image(&self, reader: &str) -> Result<[usize; 3], Error> {
        match self.shape {
            Shape::Image(image) => Ok(image),
            Shape::Row(_) => Err(Error::argument("layers", format!("{reader} reads images, not rows"))),
        }
    }

    /// Given weights, or random ones (He and others 2015).
    fn factors(
        &mut self,
        [channels, depth]: [usize; 2],
        weights: Option<&Vec<f32>>,
        bias: Option<Vec<f32>>,
        rules: (Option<crate::Quantizer>, Option<crate::Quantizer>),
    ) -> Result<Factors, Error> {
        let count = channels.checked_mul(depth).filter(|count| (1..=MOST_WEIGHTS).contains(count));
        let count = count.ok_or_else(|| {
            Error::argument("layers", format!("weights of {channels} × {depth}: none, or too many"))
        })?;
        let weights = match weights {
            Some(weights) => weights.clone(),
            None => {
                let deviation = (2.0 / depth as f32).sqrt();
                (0..count).map(|_| self.random.normal() * deviation).collect()
            }
        };
        if weights.len() != count || bias.as_ref().is_some_and(|bias| bias.len() != channels) {
            let reason = format!(
                "{} weights or the biases do not fit a product of {channels} × {depth}",
                weights.len()
            );
            return Err(Error::argument("layers", reason));
        }
        Ok(Factors::new(self.backend, (weights, [channels, depth]), bias, rules, self.signed)?)
    }

    /// The layer in a word, without its numbers.
    fn name(&self, spec: &LayerSpec) -> String {
        match spec {
            LayerSpec::Conv { channels, window, depthwise, .. } => {
                let of_each = if *depthwise { "depthwise" } else { "conv" };
                format!("{of_each}{channels}{window:?}")
            }
            LayerSpec::Linear { units, .. } => format!("linear{units}"),
            LayerSpec::BatchNorm { .. } => "norm".to_owned(),
            other => format!("{other:?}"),
        }
    }
}
