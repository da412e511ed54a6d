//! Float functions that `core` lacks, from the crate `libm`, for builds without `std`. The bits are those of `std`: each
//! function is rounded correctly.

/// Methods that `std` defines on `f32`.
pub(crate) trait F32 {
    fn mul_add(self, factor: f32, addend: f32) -> f32;
    fn round_ties_even(self) -> f32;
}

/// Methods that `std` defines on `f64`.
pub(crate) trait F64 {
    fn round(self) -> f64;
}

impl F32 for f32 {
    fn mul_add(self, factor: f32, addend: f32) -> f32 {
        libm::fmaf(self, factor, addend)
    }

    fn round_ties_even(self) -> f32 {
        libm::rintf(self)
    }
}

impl F64 for f64 {
    fn round(self) -> f64 {
        libm::round(self)
    }
}
