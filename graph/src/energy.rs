//! Signal-to-noise ratios.

/// Sums of the energies of a signal and of the noise in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Energy {
    pub(crate) signal: f64,
    pub(crate) noise: f64,
}

impl Energy {
    /// Counts a number of the signal, and the one found in its place.
    pub(crate) fn add(&mut self, exact: f64, found: f64) {
        self.signal += exact * exact;
        self.noise += (exact - found) * (exact - found);
    }

    /// `10 · log10(signal / noise)`; infinite without noise.
    pub(crate) fn decibels(self) -> f64 {
        if self.noise == 0.0 { f64::INFINITY } else { 10.0 * (self.signal / self.noise).log10() }
    }

    /// The share of noise in the energy of both, 0 to 1.
    pub(crate) fn share(self) -> f64 {
        match self.noise {
            0.0 => 0.0,
            f64::INFINITY => 1.0,
            noise => noise / (self.signal + noise),
        }
    }
}
