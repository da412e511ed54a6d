//! How much is tried for accuracy.

/// How much is tried to make the eight-bit graph more accurate. Each level tries what those before it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Nothing: ranges as they were observed, weights rounded to the nearest.
    None,
    /// Biases that take back what rounded weights add to the mean of each channel, dead channels that become copies of others, ranges by
    /// several rules, and, where a layer's weights have one scale, smaller ones for channels that are always zero and equal ranges for the
    /// others. About three times as long as without.
    #[default]
    Low,
    /// Finer inputs, weights rounded for what they are multiplied by (in a scale of all that may cut off the largest), more channels after the
    /// first layer, and equalized channels. Some four times as long as [`Low`](Self::Low); the network may take a twentieth longer.
    Medium,
    /// A range for every activation by what it does to the answers.
    High,
}

impl Effort {
    /// The level of this number, 0 to 3.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::None, Self::Low, Self::Medium, Self::High].get(usize::from(number)).copied()
    }
}
