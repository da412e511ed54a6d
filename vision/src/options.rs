//! Which form of a photo a network's input wants.

use eightbit_graph::{DataType, ValueInfo};

use crate::{InputError, InputFormat, Layout, Resize};

/// The default side of a photo: that of ImageNet classifiers.
const DEFAULT_SIDE: usize = 224;

/// What a network's file does not say of its input. The default is what TensorFlow's `label_image` does.
#[derive(Clone, Debug, PartialEq)]
pub struct InputOptions {
    /// The height that a photo is resized to; `None` is the network's, or 224.
    pub height: Option<usize>,
    /// The width that a photo is resized to; `None` is the network's, or 224.
    pub width: Option<usize>,
    /// The order of the dimensions; `None` tells it by where the 3 channels are, or else the one.
    pub layout: Option<Layout>,
    /// What happens to a photo whose sides have another ratio than the input's.
    pub resize: Resize,
    /// Subtracted from a pixel (0 to 255): red, green, blue.
    pub mean: [f32; 3],
    /// The divisor of a pixel after that; not 0.
    pub std: [f32; 3],
}

impl Default for InputOptions {
    fn default() -> Self {
        Self {
            height: None,
            width: None,
            layout: None,
            resize: Resize::Stretch,
            mean: [127.0; 3],
            std: [128.0; 3],
        }
    }
}

impl InputFormat {
    /// The form of a photo that `input` takes: `f32`, 1×3×height×width or 1×height×width×3, or with 1 channel.
    ///
    /// # Errors
    ///
    /// An input that takes no photo, or not one of these options.
    pub fn of(input: &ValueInfo, options: &InputOptions) -> Result<Self, InputError> {
        if input.data_type != DataType::F32 {
            return Err(InputError::NotFloat(input.data_type));
        }
        let &[batch, second, third, fourth] = &input.shape[..] else { return Err(InputError::Rank) };
        let layout = options.layout.or(match (second, fourth) {
            // A width of 3 is less likely than three channels in ONNX's own order.
            (Some(3), _) => Some(Layout::Nchw),
            (_, Some(3)) => Some(Layout::Nhwc),
            (Some(1), _) => Some(Layout::Nchw),
            (_, Some(1)) => Some(Layout::Nhwc),
            _ => None,
        });
        let (layout, channels, height, width) = match layout {
            Some(Layout::Nchw) => (Layout::Nchw, second, third, fourth),
            Some(Layout::Nhwc) => (Layout::Nhwc, fourth, second, third),
            None => return Err(InputError::NoChannels),
        };
        let channels = match channels {
            None => 3,
            Some(channels @ (1 | 3)) => channels,
            Some(_) => return Err(InputError::OtherChannels),
        };
        let differ = |of: [f32; 3]| of != [of[0]; 3];
        if channels == 1 && (differ(options.mean) || differ(options.std)) {
            return Err(InputError::OneChannel);
        }
        if batch.is_some_and(|batch| batch != 1) {
            return Err(InputError::Batch);
        }
        let side = |own: Option<usize>, requested: Option<usize>, misfit: fn(usize) -> InputError| match (
            own, requested,
        ) {
            (Some(own), Some(requested)) if own != requested => Err(misfit(requested)),
            (Some(0), _) | (None, Some(0)) => Err(InputError::NoPixels),
            (own, requested) => Ok(own.or(requested).unwrap_or(DEFAULT_SIDE)),
        };
        Ok(InputFormat {
            height: side(height, options.height, InputError::Height)?,
            width: side(width, options.width, InputError::Width)?,
            channels,
            layout,
            resize: options.resize,
            mean: options.mean,
            std: options.std,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(shape: &[Option<usize>], options: &InputOptions) -> Result<InputFormat, InputError> {
        let input = ValueInfo { name: "x".into(), data_type: DataType::F32, shape: shape.to_vec() };
        InputFormat::of(&input, options)
    }

    fn sides(shape: &[Option<usize>], options: &InputOptions) -> Result<(Layout, usize, usize), InputError> {
        format(shape, options).map(|format| (format.layout, format.height, format.width))
    }

    fn options() -> InputOptions {
        InputOptions::default()
    }

    #[test]
    fn layouts_are_told_by_the_channels() {
        assert_eq!(sides(&[Some(1), Some(3), Some(20), Some(30)], &options()), Ok((Layout::Nchw, 20, 30)));
        assert_eq!(sides(&[None, Some(20), Some(30), Some(3)], &options()), Ok((Layout::Nhwc, 20, 30)));
        assert_eq!(sides(&[None, Some(3), None, None], &options()), Ok((Layout::Nchw, 224, 224)));
        let sized = InputOptions { width: Some(96), height: Some(64), ..options() };
        assert_eq!(sides(&[None, None, None, Some(3)], &sized), Ok((Layout::Nhwc, 64, 96)));
    }

    #[test]
    fn one_channel_and_a_given_order() {
        let channels = |shape: &[Option<usize>], options: &InputOptions| {
            format(shape, options).map(|format| (format.layout, format.channels))
        };
        let grey = [Some(1), Some(1), Some(28), Some(28)];
        assert_eq!(channels(&grey, &options()), Ok((Layout::Nchw, 1)));
        assert_eq!(channels(&[Some(1), Some(28), Some(28), Some(1)], &options()), Ok((Layout::Nhwc, 1)));
        let nhwc = InputOptions { layout: Some(Layout::Nhwc), ..options() };
        assert_eq!(channels(&[None; 4], &nhwc), Ok((Layout::Nhwc, 3)));
        assert_eq!(channels(&[None, Some(3), Some(20), Some(3)], &nhwc), Ok((Layout::Nhwc, 3)));
        assert_eq!(channels(&grey, &nhwc), Err(InputError::OtherChannels));
        let three = InputOptions { mean: [1.0, 2.0, 3.0], ..options() };
        assert_eq!(channels(&grey, &three), Err(InputError::OneChannel));
    }

    #[test]
    fn shapes_that_take_no_photo_are_refused() {
        for (shape, reason) in [
            (&[Some(1), Some(4), Some(28), Some(28)][..], InputError::NoChannels),
            (&[Some(1), None, Some(28), Some(28)], InputError::NoChannels),
            (&[Some(1), Some(3)], InputError::Rank),
            (&[Some(2), Some(3), Some(8), Some(8)], InputError::Batch),
            (&[Some(1), Some(3), Some(0), Some(8)], InputError::NoPixels),
            (&[], InputError::Rank),
        ] {
            assert_eq!(sides(shape, &options()), Err(reason), "{shape:?}");
        }
        let whole = [Some(1), Some(3), Some(224), Some(224)];
        let sized = InputOptions { width: Some(299), ..options() };
        assert_eq!(sides(&whole, &sized), Err(InputError::Width(299)));
        let bytes = ValueInfo { name: "x".into(), data_type: DataType::U8, shape: whole.to_vec() };
        assert_eq!(InputFormat::of(&bytes, &options()), Err(InputError::NotFloat(DataType::U8)));
    }
}
