//! What becomes of the sums of binary products.

use alloc::vec;
use alloc::vec::Vec;

use eightbit_kernels::binary::{self, BitPanels, row_bytes};

use super::Thresholds;
use super::thresholds::LEAST;
use crate::check::check_size;
use crate::epilogue::{Columns, Epilogue};
use crate::gemm::check_bias;
use crate::{ElementType, Error, Stage};

/// The epilogue of a binary product.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BinaryStage {
    /// That of eight-bit products: accumulators, eight bits or floats.
    Sums(Stage),
    /// Bits: the output's rows are [`row_bytes`](super::row_bytes) of the output channels long, of type `u8`.
    Bits(Thresholds),
}

impl From<Stage> for BinaryStage {
    fn from(stage: Stage) -> BinaryStage {
        BinaryStage::Sums(stage)
    }
}

impl From<Thresholds> for BinaryStage {
    fn from(thresholds: Thresholds) -> BinaryStage {
        BinaryStage::Bits(thresholds)
    }
}

/// A checked stage, laid out by column with padding.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// The depth, and a bias.
    init: Vec<i32>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Sums(Epilogue),
    Bits { thresholds: Vec<i32>, flips: Vec<u8> },
}

impl Prepared {
    pub(super) fn new(
        panels: &BitPanels,
        bias: Option<&[i32]>,
        stage: &BinaryStage,
    ) -> Result<Prepared, Error> {
        let columns = panels.columns();
        check_bias(bias, columns)?;
        // At most 2³⁰ − 1.
        let depth = panels.depth() as i32;
        let mut init = vec![depth; panels.padded_columns()];
        for (init, bias) in init.iter_mut().zip(bias.unwrap_or_default()) {
            *init = init.wrapping_add(*bias);
        }
        let kind = match stage {
            BinaryStage::Sums(stage) => {
                Kind::Sums(Epilogue::new(stage, Columns::of_panels(columns, panels.panel_columns()))?)
            }
            BinaryStage::Bits(found) => {
                if bias.is_some() {
                    let why =
                        "with thresholds there is no bias: it is part of the chain that they are found from";
                    return Err(Error::Shape { what: "binary product", why: why.into() });
                }
                check_size("number of thresholds", columns, found.thresholds().len())?;
                let mut thresholds = vec![LEAST; init.len()];
                thresholds[..columns].copy_from_slice(found.thresholds());
                let mut flips = vec![0; init.len() / 8];
                for (n, &flip) in found.flips().iter().enumerate() {
                    flips[n / 8] |= u8::from(flip) << (n % 8);
                }
                Kind::Bits { thresholds, flips }
            }
        };
        Ok(Prepared { init, kind })
    }

    /// The type that is written.
    pub(super) fn output(&self) -> ElementType {
        match &self.kind {
            Kind::Sums(epilogue) => epilogue.output(),
            Kind::Bits { .. } => ElementType::U8,
        }
    }

    /// Elements of a row of the output.
    pub(super) fn output_columns(&self, panels: &BitPanels) -> usize {
        if self.has_bits() { row_bytes(panels.columns()) } else { panels.columns() }
    }

    /// Whether bits are written.
    pub(super) fn has_bits(&self) -> bool {
        matches!(self.kind, Kind::Bits { .. })
    }

    pub(super) fn init(&self) -> &[i32] {
        &self.init
    }

    pub(super) fn stage(&self) -> binary::BitStage<'_> {
        match &self.kind {
            Kind::Sums(epilogue) => binary::BitStage::Sums(epilogue.stage(0, None)),
            Kind::Bits { thresholds, flips } => binary::BitStage::Bits { thresholds, flips },
        }
    }
}
