//! Aids to accuracy of one's own.

use std::collections::BTreeMap;

use super::{ChannelStatistics, Plan};
use crate::{Error, Graph};

/// What an [`Aid`] works on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The float graph, after the passes and the aids before this one.
    pub graph: &'a Graph,
    /// How it is quantized so far.
    pub plan: &'a Plan,
    /// By value, the statistics of the channels of what eight-bit layers read.
    pub statistics: &'a BTreeMap<&'a str, &'a ChannelStatistics>,
}

/// Something that may make an eight-bit graph more accurate.
///
/// It is kept only if the answers of the executed eight-bit graph come nearer to those of the float graph by it, on examples that it has
/// not seen. One that is kept makes its plan again when all examples are observed.
///
/// ```
/// use eightbit_graph::Error;
/// use eightbit_graph::quantize::{Aid, Plan, Range, Subject};
///
/// /// Covers a tenth more than was seen.
/// struct Wider;
///
/// impl Aid for Wider {
///     fn name(&self) -> &str {
///         "wider ranges"
///     }
///
///     fn plan(&self, subject: &Subject<'_>) -> Result<Option<Plan>, Error> {
///         let mut plan = subject.plan.clone();
///         for (value, of) in subject.statistics {
///             if plan.parameters(value).is_some() {
///                 let all = |values: &[f32], of: fn(f32, f32) -> f32| 1.1 * values.iter().copied().fold(0.0, of);
///                 plan = plan.with_range(value, Range { min: all(&of.min, f32::min), max: all(&of.max, f32::max) })?;
///             }
///         }
///         Ok(Some(plan))
///     }
/// }
/// ```
pub trait Aid {
    /// What it does, for reports.
    fn name(&self) -> &str;

    /// The plan with this aid; `None` if it changes nothing.
    ///
    /// # Errors
    ///
    /// Whatever prevents the quantization: it ends with this error.
    fn plan(&self, subject: &Subject<'_>) -> Result<Option<Plan>, Error>;
}
