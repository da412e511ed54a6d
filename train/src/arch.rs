//! Small networks that are good enough to begin with.

use std::str::FromStr;

use eightbit_graph::quoted;

use crate::ops::Window;
use crate::{Error, LayerSpec};

/// A network by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Architecture {
    /// Three convolutions of 3×3 (32, 64 and 64 channels, each with a normalization and a ReLU), the first two of which halve the image, as
    /// does a max-pool behind them; a matrix product. 28×28 images of one channel: 65,000 weights.
    #[default]
    Cnn,
    /// Two matrix products of 256 with normalizations and ReLUs, and a third one.
    Mlp,
}

impl Architecture {
    /// Its layers for images of a size.
    pub fn layers(self, [height, width, _]: [usize; 3], classes: usize) -> Vec<LayerSpec> {
        let mut layers = Vec::new();
        match self {
            Self::Cnn => {
                for (channels, stride) in [(32, 2), (64, 2), (64, 1)] {
                    layers.extend([LayerSpec::conv(channels, 3, stride), LayerSpec::norm(), LayerSpec::Relu]);
                }
                // Two halvings leave less than two pixels of small images.
                if height > 4 && width > 4 {
                    layers.push(LayerSpec::MaxPool(Window::square(2, 2, 0)));
                }
                layers.push(LayerSpec::Flatten);
            }
            Self::Mlp => {
                layers.push(LayerSpec::Flatten);
                for _ in 0..2 {
                    layers.extend([LayerSpec::linear(256), LayerSpec::norm(), LayerSpec::Relu]);
                }
            }
        }
        layers.push(LayerSpec::linear(classes));
        layers
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "cnn" => Ok(Self::Cnn),
            "mlp" => Ok(Self::Mlp),
            _ => Err(Error::argument("arch", format!("{} is neither cnn nor mlp", quoted(text)))),
        }
    }
}
