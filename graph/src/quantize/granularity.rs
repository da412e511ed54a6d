//! How many scales the weights of a layer have.

/// How many scales the weights of a layer have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// One for each output channel, which is the most accurate.
    #[default]
    PerChannel,
    /// One for all channels, that of the channel that needs the largest. Some runtimes and accelerators read nothing else; a network whose
    /// channels differ much, as those of depthwise convolutions do, loses accuracy.
    PerTensor,
}

impl Granularity {
    /// The number of scales of weights with this many output channels.
    pub(crate) fn scales(self, channels: usize) -> usize {
        match self {
            Self::PerChannel => channels,
            Self::PerTensor => 1,
        }
    }
}
