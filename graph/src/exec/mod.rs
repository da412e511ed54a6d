//! The executor: a graph is prepared once, then run often.
//!
//! For each set of input shapes, an [`Executor`] makes one plan: it infers all shapes, folds constants, lays 4-D tensors
//! out as NHWC, fuses activations into the operators before them, packs weights, and assigns memory to every intermediate
//! value. A run then executes the steps and allocates nothing but the outputs, as long as no step falls back on
//! [`ops::evaluate`](crate::ops::evaluate) or multiplies two activations, of which it packs the second.
//! [`Executor::profile`] measures the time of each step. A plan ends where sizes depend on elements (`tail`).
//!
//! Plans never change, and threads share them. What a run writes is its `state`: the memory of values, and the `scratch` memory of
//! steps. A run takes a state that no other run uses, and puts it back when it ends; locks are held for these two moments alone.
//!
//! Where to start reading: `executor` is what users call, `run` executes a plan; `lower` calls every node's operator, which adds its
//! steps to `builder`; `memory` assigns memory to values; `step` defines the interface of a step; every kind of step has a file of its
//! own.

pub(crate) mod blocks;
mod broadcast;
pub(crate) mod builder;
pub(crate) mod by_type;
mod executor;
mod fallback;
pub(crate) mod float;
pub(crate) mod integer;
mod lower;
mod memory;
mod observe;
mod options;
mod parallel;
mod plan;
mod plans;
mod prepared;
mod profile;
mod run;
mod scratch;
mod shared;
mod shuffle;
mod signal;
mod slot;
mod source;
mod stash;
mod state;
mod step;
pub(crate) mod strided;
mod supported;
pub(crate) mod tail;
mod value;
mod workers;

pub use executor::Executor;
pub(crate) use observe::Seen;
pub use options::{ExecutorOptions, RunOptions};
pub use parallel::Parallel;
pub use profile::StepTime;
pub(crate) use shuffle::Shuffle;
pub(crate) use source::Observer;
pub use step::StepKind;
pub use supported::{Support, supported};
pub(crate) use value::Layout;
