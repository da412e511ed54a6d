//! How a photo becomes a network's input.

use std::str::FromStr;

use clap::Args;
use eightbit_graph::quoted;
use eightbit_vision::InputOptions;

use super::fixing::FixArgs;
use crate::layers::Layers;
use crate::photo::{Layout, PhotoOptions, Resize};

/// How a photo becomes the network's input: resized, then (pixel − mean) / std; grey if the network takes one channel.
#[derive(Args)]
#[command(next_help_heading = "How a photo becomes the network's input")]
pub(crate) struct InputArgs {
    /// Width that a photo is resized to. Default: the network's, or 224.
    #[arg(long, alias = "input_width", value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) input_width: Option<u16>,

    /// Height that a photo is resized to. Default: the network's, or 224.
    #[arg(long, alias = "input_height", value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) input_height: Option<u16>,

    /// Subtracted from a pixel (0 to 255): one number, or three for red, green, blue.
    #[arg(
        long,
        visible_alias = "mean",
        alias = "input_mean",
        value_name = "MEAN",
        default_value = "127",
        allow_hyphen_values = true
    )]
    pub(crate) input_mean: Channels,

    /// The divisor of a pixel after that: one number, or three.
    #[arg(long, visible_alias = "std", alias = "input_std", value_name = "STD", default_value = "128", value_parser = divisor)]
    pub(crate) input_std: Channels,

    /// What happens to a photo whose sides have another ratio than the input's.
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub(crate) resize: Resize,

    /// The order of the input's dimensions. Default: the channels are where the size is 3, or else 1.
    #[arg(long, value_enum, value_name = "ORDER")]
    pub(crate) layout: Option<Layout>,

    /// The value that the photo becomes: the network's only input, or one inside it, such as `Mul:0`; what comes before is cut off.
    #[arg(long, alias = "input_layer", value_name = "NAME")]
    pub(crate) input_layer: Option<String>,

    /// The value that holds the scores. Default: the network's only output; for `quantize`, all of them.
    #[arg(long, alias = "output_layer", value_name = "NAME")]
    pub(crate) output_layer: Option<String>,

    /// Ignore the EXIF orientation of photos, as TensorFlow does. By default a photo is rotated as viewers rotate it.
    #[arg(long, alias = "ignore_orientation")]
    pub(crate) ignore_orientation: bool,

    /// Accept truncated or damaged JPEG photos with a warning; missing parts are grey.
    #[arg(long)]
    pub(crate) lenient: bool,

    #[command(flatten)]
    pub(crate) fix: FixArgs,
}

impl InputArgs {
    pub(crate) fn layers(&self) -> Layers<'_> {
        Layers { inputs: self.input_layer.as_slice(), outputs: self.output_layer.as_slice() }
    }

    pub(crate) fn input_options(&self) -> InputOptions {
        InputOptions {
            height: self.input_height.map(usize::from),
            width: self.input_width.map(usize::from),
            layout: self.layout,
            resize: self.resize,
            mean: self.input_mean.0,
            std: self.input_std.0,
        }
    }

    pub(crate) fn photo_options(&self) -> PhotoOptions {
        PhotoOptions { lenient: self.lenient, ignore_orientation: self.ignore_orientation }
    }
}

/// A number for each channel: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Channels(pub(crate) [f32; 3]);

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{} is neither one number nor three, separated by commas", quoted(text));
        let numbers: Result<Vec<f32>, _> = text.split(',').map(|word| word.trim().parse()).collect();
        match numbers.map_err(|_| wrong())?[..] {
            [one] if one.is_finite() => Ok(Self([one; 3])),
            [red, green, blue] if (red + green + blue).is_finite() => Ok(Self([red, green, blue])),
            _ => Err(wrong()),
        }
    }
}

fn divisor(text: &str) -> Result<Channels, String> {
    let channels: Channels = text.parse()?;
    if channels.0.contains(&0.0) { Err("a pixel cannot be divided by 0".to_owned()) } else { Ok(channels) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels() {
        assert_eq!("127".parse(), Ok(Channels([127.0; 3])));
        assert_eq!("-1, 2,.5".parse(), Ok(Channels([-1.0, 2.0, 0.5])));
        for wrong in ["", "1,2", "1,2,3,4", "x", "inf", "NaN", "1,NaN,2"] {
            assert!(wrong.parse::<Channels>().is_err(), "{wrong}");
        }
        assert!(divisor("1,0,1").is_err());
    }
}
