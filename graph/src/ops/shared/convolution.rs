//! Shared by float and integer convolutions: activations NCHW, weights OIHW, any number of spatial axes.

use super::arguments::Arguments;
use super::indexing::for_each_index;
use super::inputs::Inputs;
use super::scales::ZeroPoints;
use super::window::Window;
use crate::{Error, Node, Tensor, TensorData};

/// The number of products that an element of the output is the sum of; `weights` is the index of their input.
pub(crate) fn depth(inputs: &Inputs<'_>, weights: usize) -> usize {
    let filter = inputs.optional(weights).and_then(|weights| weights.shape.get(1..));
    filter.map_or(1, |filter| filter.iter().fold(1, |depth, &size| depth.saturating_mul(size)))
}

/// The sizes of a convolution.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) batch: usize,
    /// Of the input and of the output.
    pub(crate) channels: [usize; 2],
    pub(crate) groups: usize,
    pub(crate) window: Window,
}

impl Geometry {
    /// The sizes of the convolution `node` of activations of shape `x` with weights of shape `w`.
    pub(crate) fn new(node: &Node, x: &[usize], w: &[usize]) -> Result<Self, Error> {
        if x.len() < 3 || w.len() != x.len() {
            return Err(Error::node(
                node,
                format!("activations of shape {x:?} and weights of shape {w:?} do not convolve"),
            ));
        }
        let window = Window::new(node, &x[2..], Some(&w[2..]))?;
        let groups = node.int("group", 1)?;
        let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
        let groups = groups.ok_or_else(|| Error::attribute(node, "group", "must be at least 1"))?;
        let fits = w[1].checked_mul(groups) == Some(x[1]) && w[0].is_multiple_of(groups);
        if !fits {
            return Err(Error::node(
                node,
                format!("activations of shape {x:?}, weights of shape {w:?} and {groups} groups do not fit"),
            ));
        }
        Ok(Self { batch: x[0], channels: [x[1], w[0]], groups, window })
    }

    /// The same on images of one row, for a convolution that has one spatial axis.
    pub(crate) fn of_one_row(mut self) -> Self {
        self.window.input.insert(0, 1);
        let sizes = &mut self.window.sizes;
        for ones in [&mut sizes.kernel, &mut sizes.strides, &mut sizes.dilations, &mut sizes.output] {
            ones.insert(0, 1);
        }
        sizes.pads_begin.insert(0, 0);
        sizes.pads_end.insert(0, 0);
        self
    }

    /// The number of output channels.
    pub(crate) fn out_channels(&self) -> usize {
        self.channels[1]
    }

    /// Input and output channels of a group.
    pub(crate) fn group_channels(&self) -> (usize, usize) {
        (self.channels[0] / self.groups, self.channels[1] / self.groups)
    }

    /// The products of an element of the output.
    pub(crate) fn depth(&self) -> usize {
        self.group_channels().0 * self.window.sizes.kernel.iter().product::<usize>()
    }

    /// Whether it is depthwise.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.channels == [self.groups; 2]
    }

    /// The output's shape.
    pub(crate) fn output(&self) -> Vec<usize> {
        [&[self.batch, self.channels[1]], self.window.sizes.output.as_slice()].concat()
    }

    /// Calls `visit(output offset, output channel, pairs of (activation, weight) offsets)` for every output.
    pub(crate) fn visit(
        &self,
        mut visit: impl FnMut(usize, usize, &mut dyn Iterator<Item = (usize, usize)>),
    ) {
        let window = &self.window;
        let [inputs, outputs, kernel]: [usize; 3] =
            [&window.input, &window.sizes.output, &window.sizes.kernel].map(|sizes| sizes.iter().product());
        let (group_in, group_out) = self.group_channels();
        let mut taps = Vec::new();
        let [in_channels, out_channels] = self.channels;
        if out_channels == 0 {
            return;
        }
        for image in 0..self.batch {
            let mut pixel = 0;
            for_each_index(&window.sizes.output, |index| {
                window.taps(index, &mut taps);
                for channel in 0..out_channels {
                    let first = image * in_channels + channel / group_out * group_in;
                    let mut pairs = (0..group_in).flat_map(|c| {
                        taps.iter().map(move |&(in_kernel, in_input)| {
                            ((first + c) * inputs + in_input, (channel * group_in + c) * kernel + in_kernel)
                        })
                    });
                    visit((image * out_channels + channel) * outputs + pixel, channel, &mut pairs);
                }
                pixel += 1;
            });
        }
    }
}

/// The output shape of a convolution of input `x` with the weights in input `w`; checks input `bias` if present.
pub(crate) fn infer(inputs: &Inputs<'_>, x: usize, w: usize, bias: usize) -> Result<Vec<usize>, Error> {
    let geometry = Geometry::new(inputs.node, inputs.shape(x)?, inputs.shape(w)?)?;
    check_bias_shape(inputs, bias, geometry.out_channels())?;
    Ok(geometry.output())
}

/// Checks that input `bias`, if present, has one element per channel.
pub(crate) fn check_bias_shape(inputs: &Inputs<'_>, bias: usize, channels: usize) -> Result<(), Error> {
    match inputs.optional(bias) {
        Some(bias) if bias.shape != [channels] => {
            Err(inputs.error(format!("a bias of shape {:?} for {channels} channels", bias.shape)))
        }
        _ => Ok(()),
    }
}

/// `Σ (x − x_zero)·(w − w_zero)` mod 2³²; the padding is the zero point.
pub(crate) fn accumulate(
    args: &Arguments<'_>,
    x: (&Tensor, &ZeroPoints),
    w: (&Tensor, &ZeroPoints),
) -> Result<(Tensor, Geometry), Error> {
    fn sums<X, W>(
        args: &Arguments<'_>,
        geometry: &Geometry,
        x: (&[X], i32),
        w: (&[W], &ZeroPoints),
    ) -> Result<Tensor, Error>
    where
        X: Copy + Into<i32>,
        W: Copy + Into<i32>,
    {
        let shape = geometry.output();
        let mut y = vec![0i32; args.count(&shape)?];
        geometry.visit(|at, channel, pairs| {
            let w_zero = w.1.of(channel);
            y[at] = pairs.fold(0i32, |sum, (i, j)| {
                let (x, w): (i32, i32) = (x.0[i].into() - x.1, w.0[j].into() - w_zero);
                sum.wrapping_add(x * w)
            });
        });
        Tensor::new(shape, y)
    }
    let geometry = Geometry::new(args.node(), x.0.shape(), w.0.shape())?;
    let x_zero = x.1.scalar().ok_or_else(|| args.error("the activations need a single zero point"))?;
    if !w.1.fits(geometry.out_channels()) {
        return Err(args.error("the weights need one zero point, or one per output channel"));
    }
    let sums = match (x.0.data(), w.0.data()) {
        (TensorData::U8(x), TensorData::U8(v)) => sums(args, &geometry, (x, x_zero), (v, w.1)),
        (TensorData::U8(x), TensorData::I8(v)) => sums(args, &geometry, (x, x_zero), (v, w.1)),
        (TensorData::I8(x), TensorData::U8(v)) => sums(args, &geometry, (x, x_zero), (v, w.1)),
        (TensorData::I8(x), TensorData::I8(v)) => sums(args, &geometry, (x, x_zero), (v, w.1)),
        (TensorData::U8(_) | TensorData::I8(_), other) | (other, _) => {
            Err(args.wrong_type(other.data_type()))
        }
    }?;
    Ok((sums, geometry))
}

/// Checks that there is no bias or one per channel.
pub(crate) fn check_bias(args: &Arguments<'_>, len: Option<usize>, channels: usize) -> Result<(), Error> {
    match len {
        Some(len) if len != channels => {
            Err(args.error(format!("{len} biases for {channels} output channels")))
        }
        _ => Ok(()),
    }
}
