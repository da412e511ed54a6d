//! The ranges of quantized values.

use clap::{Args, ValueEnum};
use eightbit_graph::quantize::{CalibrationMethod, QuantizeOptions, WeightPrecision};

/// The ranges of values that the eight bits of activations and weights cover.
#[derive(Args)]
#[command(next_help_heading = "Which values eight bits cover")]
pub(crate) struct RangeArgs {
    #[command(flatten)]
    pub(crate) rule: RuleArgs,

    /// How much to try for accuracy, each level what those before it do: 0 nothing, 1 corrected biases and ranges by several rules,
    /// 2 weights rounded for their inputs, finer inputs, and copies of channels, 3 a range for every activation by what it does to the
    /// answers. An aid is kept only if it helps on examples that were held out.
    #[arg(long, value_name = "0-3", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=3))]
    pub(crate) effort: u8,

    /// Keep the sums of neighbouring weights within 128 steps, so that AVX2's saturating products stay exact: weights lose
    /// about a third of a bit, and CPUs with AVX2 but without VNNI run networks a tenth to a quarter faster.
    #[arg(long, aliases = ["pair_safe_weights", "narrow-weights", "narrow_weights"])]
    pub(crate) pair_safe_weights: bool,

    /// Give the weights of a layer one scale for all channels instead of one for each, for runtimes and accelerators that read nothing
    /// else. It costs accuracy.
    #[arg(long, alias = "per_tensor")]
    pub(crate) per_tensor: bool,

    /// The integers that stand for weights: int2 to int8, ternary (-1, 0, 1) or bipolar (-1, 1).
    #[arg(long, value_name = "TYPE", default_value_t = WeightPrecision::EIGHT)]
    pub(crate) weights: WeightPrecision,

    /// The bits of activations, 2 to 8. What the network reads and writes has eight.
    #[arg(long, value_name = "BITS", default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=8))]
    pub(crate) activations: u8,
}

/// How the ranges of activations are found.
#[derive(Args)]
pub(crate) struct RuleArgs {
    /// Cover this percentage of the values seen; values beyond are clamped.
    #[arg(long, value_name = "PERCENT", conflicts_with = "min_max", value_parser = percentile)]
    pub(crate) percentile: Option<f64>,

    /// Cover every value seen.
    #[arg(long, alias = "min_max")]
    pub(crate) min_max: bool,

    /// Choose the ranges by a rule: the least squared error, or the least divergence of the distributions.
    #[arg(long, value_name = "RULE", value_enum, conflicts_with_all = ["min_max", "percentile"])]
    pub(crate) ranges: Option<Rule>,
}

impl RuleArgs {
    pub(crate) fn method(&self) -> CalibrationMethod {
        match (self.min_max, self.percentile, self.ranges) {
            (true, ..) => CalibrationMethod::MinMax,
            (_, Some(percent), _) => CalibrationMethod::Percentile(percent),
            (_, _, Some(Rule::Mse)) => CalibrationMethod::Mse,
            (_, _, Some(Rule::Entropy)) => CalibrationMethod::Entropy,
            _ => QuantizeOptions::default().method,
        }
    }
}

/// Rules for ranges.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Rule {
    /// What is cut off against what is rounded.
    Mse,
    /// The least Kullback-Leibler divergence.
    Entropy,
}

fn percentile(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if 50.0 < percent && percent <= 100.0 => Ok(percent),
        _ => Err("a percentage above 50, up to 100, is needed, for example 99.99".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_limits() {
        assert!(percentile("99.99").is_ok() && percentile("101").is_err() && percentile("NaN").is_err());
    }
}
