//! The settings of all measurements of a run.

use std::time::Duration;

use crate::args::MeasureArgs;
use crate::bench::clock::Clock;
use crate::bench::peak::{self, Peak};
use crate::bench::setup::Setup;
use crate::bench::timing::Stopwatch;
use crate::engine::{Settings, by_name};
use crate::error::CliError;

/// What is measured with, and how.
pub(super) struct Session {
    pub(super) setup: Setup,
    pub(super) stopwatch: Stopwatch,
}

impl Session {
    pub(super) fn new(args: &MeasureArgs, check: bool, settings: &Settings) -> Result<Self, CliError> {
        let backend = match &args.backend.name {
            Some(name) => by_name(name)?,
            None => settings.backend,
        };
        let threads = settings.threads;
        Ok(Self {
            setup: Setup { backend, threads, check },
            stopwatch: Stopwatch {
                budget: Duration::from_millis(args.budget),
                threads,
                clock: args.clock.unwrap_or(Clock::for_threads(threads)),
            },
        })
    }

    pub(super) fn one_thread(&self) -> Stopwatch {
        Stopwatch { threads: 1, clock: Clock::for_threads(1), ..self.stopwatch }
    }

    /// The single-thread peak.
    pub(super) fn peak(&self) -> Result<Peak, CliError> {
        Ok(peak::measure(self.setup.backend, &self.one_thread())?)
    }
}
