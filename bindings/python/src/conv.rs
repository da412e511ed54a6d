//! Convolutions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eightbit::{Dequantize, Element, ElementType, OutputElement, Padding, Per, Requantize, Stage};
use numpy::PyArrayDyn;
use pyo3::prelude::*;

use crate::error::{Class, OrRaise};
use crate::matrix::{Bytes, Workspaces, output, with_bytes};
use crate::packed::{Kernel, PackedWeights, name, per, zero_points};
use crate::pool::Pool;
use crate::settings;

/// Image sizes whose plans are kept.
const PLANS: usize = 4;

/// Plans by batch, height and width of their images, the last used at the end.
type Plans = Vec<([usize; 3], Arc<eightbit::Conv2d>)>;

/// A convolution of bytes, NHWC, with weights OHWI: `[out_channels, height, width, in_channels / groups]`.
#[pyclass(frozen, module = "eightbit")]
pub(crate) struct Conv2d {
    weights: Arc<eightbit::PackedWeights>,
    kernel: Kernel,
    stride: [usize; 2],
    dilation: [usize; 2],
    pad: Padding,
    input: ElementType,
    input_zero: i32,
    bias: Option<Vec<i32>>,
    stage: Stage,
    pool: Pool,
    workspaces: Workspaces,
    /// By batch, height and width; the one used last is the last.
    plans: Mutex<Plans>,
}

/// One number for both axes, or one for each.
#[derive(FromPyObject)]
enum Pair {
    Both(usize),
    Each(usize, usize),
}

impl From<Pair> for [usize; 2] {
    fn from(pair: Pair) -> Self {
        match pair {
            Pair::Both(both) => [both; 2],
            Pair::Each(vertical, horizontal) => [vertical, horizontal],
        }
    }
}

/// One number for all sides, two for the vertical and the horizontal ones, or four: top, left, bottom, right.
#[derive(FromPyObject)]
enum Sides {
    All(usize),
    Axes(usize, usize),
    Each(usize, usize, usize, usize),
}

impl From<Sides> for Padding {
    fn from(sides: Sides) -> Self {
        match sides {
            Sides::All(all) => Padding::same(all),
            Sides::Axes(vertical, horizontal) => {
                Padding { top: vertical, left: horizontal, bottom: vertical, right: horizontal }
            }
            Sides::Each(top, left, bottom, right) => Padding { top, left, bottom, right },
        }
    }
}

/// What follows the accumulators.
fn stage(output: &str, scale: Option<Per<f32>>, zero: i32, clamp: Option<(f32, f32)>) -> PyResult<Stage> {
    let wrong = |why: String| Class::Argument.with(why);
    let element = match output {
        "int32" if scale.is_none() && clamp.is_none() && zero == 0 => return Ok(Stage::ACCUMULATORS),
        "int32" => {
            return Err(wrong(
                "an output of int32 has neither scale, zero point nor clamp: name another as output".into(),
            ));
        }
        "float32" | "uint8" | "int8" if scale.is_none() => {
            return Err(wrong(format!("an output of {output} needs a scale")));
        }
        "uint8" => ElementType::U8,
        "int8" => ElementType::I8,
        "float32" => ElementType::F32,
        _ => {
            return Err(
                Class::DataType.with(format!("output must be int32, uint8, int8 or float32, not {output:?}"))
            );
        }
    };
    let scale = scale.unwrap_or(Per::Tensor(1.0));
    if element == ElementType::F32 {
        let dequantize = Dequantize::new(scale);
        return Ok(Stage::Dequantize(match clamp {
            Some((low, high)) => dequantize.clamped(low, high),
            None => dequantize,
        }));
    }
    let requantize = Requantize::new(scale, zero, element);
    Ok(Stage::Requantize(match clamp {
        // The conversion saturates, and the plan checks the range.
        Some((low, high)) => requantize.clamped(low as i32, high as i32),
        None => requantize,
    }))
}

#[pymethods]
impl Conv2d {
    #[new]
    #[pyo3(signature = (weights, *, stride = Pair::Both(1), pad = Sides::All(0), dilation = Pair::Both(1), groups = 1,
        input = "uint8", input_zero = 0, weight_zero = None, bias = None, output = "int32", scale = None, output_zero = 0,
        clamp = None, shape = None, threads = 1, backend = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        weights: &Bound<'_, PyAny>,
        stride: Pair,
        pad: Sides,
        dilation: Pair,
        groups: usize,
        input: &str,
        input_zero: i32,
        weight_zero: Option<&Bound<'_, PyAny>>,
        bias: Option<Vec<i32>>,
        output: &str,
        scale: Option<&Bound<'_, PyAny>>,
        output_zero: i32,
        clamp: Option<(f32, f32)>,
        shape: Option<[usize; 4]>,
        threads: usize,
        backend: Option<&str>,
    ) -> PyResult<Self> {
        let input = match input {
            "uint8" => ElementType::U8,
            "int8" => ElementType::I8,
            _ => return Err(Class::DataType.with(format!("input must be uint8 or int8, not {input:?}"))),
        };
        let stage = stage(output, scale.map(per).transpose()?, output_zero, clamp)?;
        let dilation = dilation.into();
        let (weights, kernel) = match weights.cast::<PackedWeights>() {
            Ok(_) if weight_zero.is_some() || backend.is_some() => {
                let message =
                    "zero points and backend of packed weights are those that they were packed with";
                return Err(Class::Argument.with(message));
            }
            Ok(packed) => {
                let missing = "shape: packed weights need the shape that they had before";
                let shape = shape.ok_or_else(|| Class::Argument.with(missing))?;
                (Arc::clone(&packed.get().0), Kernel::of(&shape, groups)?)
            }
            Err(_) => {
                let (weights, backend) = (Bytes::contiguous(weights)?, settings::by_name(backend)?);
                let kernel = Kernel::of(weights.shape(), groups)?;
                let zero_points = zero_points(weight_zero)?;
                let smallest = kernel.shape(1, None, dilation)?;
                let packed = with_bytes!(weights, elements => {
                    let elements = elements.as_slice()?;
                    py.detach(|| eightbit::Conv2d::pack(backend, &smallest, elements, zero_points))
                });
                (Arc::new(packed.or_raise()?), kernel)
            }
        };
        let conv = Self {
            weights,
            kernel,
            stride: stride.into(),
            dilation,
            pad: pad.into(),
            input,
            input_zero,
            bias,
            stage,
            pool: Pool::new(threads)?,
            workspaces: Workspaces::default(),
            plans: Mutex::default(),
        };
        // What is wrong is found now, not when an image comes.
        let [height, width] = kernel.shape(1, None, dilation)?.input;
        conv.plan([1, height, width])?;
        Ok(conv)
    }

    /// The packed weights.
    #[getter]
    fn weights(&self) -> PackedWeights {
        PackedWeights(Arc::clone(&self.weights))
    }

    /// Which kernels compute images of this size, and why.
    #[pyo3(signature = (height, width, batch = 1))]
    fn explain(&self, height: usize, width: usize, batch: usize) -> PyResult<String> {
        Ok(self.plan([batch, height, width])?.explain())
    }

    /// The convolution of `x`, `[batch, height, width, in_channels]`.
    fn __call__<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let x = Bytes::contiguous(x)?;
        let &[batch, height, width, channels] = x.shape() else {
            return Err(Class::Shape
                .with(format!("images are [batch, height, width, channels], found {:?}", x.shape())));
        };
        if channels != self.kernel.in_channels {
            let wanted = self.kernel.in_channels;
            return Err(
                Class::Shape.with(format!("images have {channels} channels, the weights are for {wanted}"))
            );
        }
        let plan = self.plan([batch, height, width])?;
        match plan.output() {
            ElementType::I32 => self.into::<i32>(py, &plan, &x),
            ElementType::F32 => self.into::<f32>(py, &plan, &x),
            ElementType::U8 => self.into::<u8>(py, &plan, &x),
            ElementType::I8 => self.into::<i8>(py, &plan, &x),
            other => Err(Class::DataType.with(format!("NumPy has no type for {other}"))),
        }
    }
}

impl Conv2d {
    /// The plan for images of this batch, height and width.
    fn plan(&self, sizes: [usize; 3]) -> PyResult<Arc<eightbit::Conv2d>> {
        if let Some(plan) = self.kept(sizes) {
            return Ok(plan);
        }
        let [batch, height, width] = sizes;
        let shape = self.kernel.shape(batch, Some([height, width]), self.dilation)?;
        let shape = shape.with_stride(self.stride).with_pad(self.pad);
        let weights = Arc::clone(&self.weights);
        let plan = eightbit::Conv2d::new(
            shape,
            weights,
            self.input,
            self.input_zero,
            self.bias.as_deref(),
            &self.stage,
        );
        let plan = Arc::new(plan.or_raise()?);
        let mut plans = self.lock();
        if plans.len() == PLANS {
            plans.remove(0);
        }
        plans.push((sizes, Arc::clone(&plan)));
        Ok(plan)
    }

    /// The plan for images of these sizes that was made before.
    fn kept(&self, sizes: [usize; 3]) -> Option<Arc<eightbit::Conv2d>> {
        let mut plans = self.lock();
        let at = plans.iter().position(|(of, _)| *of == sizes)?;
        let found = plans.remove(at);
        let plan = Arc::clone(&found.1);
        plans.push(found);
        Some(plan)
    }

    /// The plans. Nothing of Python may be called with them: it could wait for a thread that waits for them.
    fn lock(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The convolution of `x` as an array of `T`.
    fn into<'py, T: OutputElement + numpy::Element>(
        &self,
        py: Python<'py>,
        plan: &eightbit::Conv2d,
        x: &Bytes<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ([height, width], shape) = (plan.shape().output(), plan.shape());
        let mut out = output::<T>(py, &[shape.batch, height, width, shape.out_channels])?;
        let elements = out.as_slice_mut()?;
        with_bytes!(x, array => {
            let array = array.as_slice()?;
            py.detach(|| self.compute(plan, array, elements))?;
        });
        Ok(out.as_any().cast::<PyArrayDyn<T>>()?.clone().into_any())
    }

    fn compute<A: Element, T: OutputElement>(
        &self,
        plan: &eightbit::Conv2d,
        x: &[A],
        out: &mut [T],
    ) -> PyResult<()> {
        if A::TYPE != self.input {
            let (wanted, found) = (name(self.input), name(A::TYPE));
            return Err(Class::DataType.with(format!("images are of {wanted}, found {found}")));
        }
        self.workspaces.run(plan.call(x, out).or_raise()?, plan.workspace_bytes(), &self.pool)
    }
}
