//! Resizing along axes: the sizes of the output, and the elements of the input that each of its coordinates is made of.
//!
//! An interpolation over several axes is one along each of them, so all of it is about a single axis. Coordinates are computed in
//! `f32`, as ONNX Runtime does: where they are rounded to the nearest element, it matters. As there, the corners that are aligned
//! are those of whole elements, where ONNX's own examples align with the scaled size before it is rounded.

mod axis;
mod filter;

pub(crate) use axis::{Axis, Given};
pub(crate) use filter::Taps;

use crate::{Error, Node, quoted};

/// How elements between those of the input are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    /// The nearest one.
    Nearest(Rounding),
    /// The two beside it, by their distance.
    Linear,
    /// The four beside it, by a cubic polynomial with this coefficient.
    Cubic(f32),
}

/// Which element is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

/// How a coordinate of the output becomes one of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    TfHalfPixelForNearest,
    AlignCorners,
    Asymmetric,
    CropAndResize,
}

/// The attributes of a node of `Resize` that do not determine the output's size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) coordinates: Coordinates,
    /// Whether an element of a smaller output is made of all elements that it covers.
    pub(crate) antialias: bool,
    /// Whether elements outside the input have no weight; otherwise they repeat the nearest element inside.
    exclude_outside: bool,
    /// The element of the output where a cropped region is outside the input.
    pub(crate) extrapolation: f32,
}

impl Settings {
    /// The attributes of `node`.
    pub(crate) fn of(node: &Node) -> Result<Self, Error> {
        let unknown =
            |name: &str, value: &str| Error::attribute(node, name, format!("{} is not known", quoted(value)));
        let rounding = match node.string("nearest_mode", "round_prefer_floor")? {
            "round_prefer_floor" => Rounding::PreferFloor,
            "round_prefer_ceil" => Rounding::PreferCeil,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            other => return Err(unknown("nearest_mode", other)),
        };
        let mode = match node.string("mode", "nearest")? {
            "nearest" => Mode::Nearest(rounding),
            "linear" => Mode::Linear,
            "cubic" => Mode::Cubic(node.float("cubic_coeff_a", -0.75)?),
            other => return Err(unknown("mode", other)),
        };
        let coordinates = match node.string("coordinate_transformation_mode", "half_pixel")? {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNearest,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_crop_and_resize" => Coordinates::CropAndResize,
            other => return Err(unknown("coordinate_transformation_mode", other)),
        };
        Ok(Self {
            mode,
            coordinates,
            antialias: node.flag("antialias", false)? && !matches!(mode, Mode::Nearest(_)),
            exclude_outside: node.flag("exclude_outside", false)?,
            extrapolation: node.float("extrapolation_value", 0.0)?,
        })
    }

    /// The coordinate in the input of the coordinate `at` of the output.
    fn coordinate(&self, axis: &Axis, at: usize) -> f32 {
        let Axis { from, to, scale, region: [start, end], .. } = *axis;
        let (x, size, resized) = (at as f32, from as f32, to as f32);
        match self.coordinates {
            // Some would move it.
            _ if axis.is_unchanged() => x,
            Coordinates::HalfPixel => (x + 0.5) / scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let offset = size / 2.0 * (1.0 - resized / (scale * size));
                offset + (x + 0.5) / scale - 0.5
            }
            Coordinates::PytorchHalfPixel if to > 1 => (x + 0.5) / scale - 0.5,
            Coordinates::PytorchHalfPixel => 0.0,
            Coordinates::TfHalfPixelForNearest => (x + 0.5) / scale,
            Coordinates::AlignCorners if to > 1 => x * (size - 1.0) / (resized - 1.0),
            Coordinates::AlignCorners => 0.0,
            Coordinates::Asymmetric => x / scale,
            Coordinates::CropAndResize if to > 1 => {
                start * (size - 1.0) + x * (end - start) * (size - 1.0) / (resized - 1.0)
            }
            Coordinates::CropAndResize => 0.5 * (start + end) * (size - 1.0),
        }
    }

    /// Whether the coordinate `at` of the output is outside the input, and has the value for extrapolation.
    pub(crate) fn is_outside(&self, axis: &Axis, at: usize) -> bool {
        let x = self.coordinate(axis, at);
        self.coordinates == Coordinates::CropAndResize && !(0.0..=axis.from as f32 - 1.0).contains(&x)
    }

    /// The element of the input that is nearest to the coordinate `at` of the output.
    pub(crate) fn nearest(&self, axis: &Axis, at: usize) -> usize {
        let x = self.coordinate(axis, at);
        let below = x.floor();
        let beyond_half = x - below - 0.5;
        // What almost is a tie is one: the coordinate was rounded.
        let is_tie = beyond_half.abs() <= 1e-6;
        let above = match self.mode {
            Mode::Nearest(Rounding::PreferCeil) => is_tie || beyond_half > 0.0,
            Mode::Nearest(Rounding::Floor) => false,
            Mode::Nearest(Rounding::Ceil) => below < x,
            _ => !is_tie && beyond_half > 0.0,
        };
        let rounded = if above { below + 1.0 } else { below };
        // Casts saturate.
        (rounded as usize).min(axis.from.saturating_sub(1))
    }
}
