//! The saved form of packed weights, little-endian:
//!
//! ```text
//! magic "8bitpack" · version u32 (1; 2 if weights have fewer than eight bits) · layout: u32 length, UTF-8
//! · element u8 (0 = u8, 1 = i8) · in version 2, precision u8 (2 … 7 bits, 0 = ternary)
//! · kind u8 (0 = panels, 1 = taps of a depthwise convolution)
//! · groups u64 · columns of a group u64 · segments u64 · segment length u64
//!   (of taps: 1 · channels · kernel height · kernel width)
//! · zero points: u64 count (0: one for all), i32 each · zeros up to a multiple of 64
//! · packed bytes of each group · CRC-32 (IEEE) of everything before it
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use eightbit_kernels::Bytes;
use eightbit_kernels::depthwise::{PackedTaps, TapsError};
use eightbit_kernels::gemm::{PackedPanels, PanelError, SavedShape};

use super::{Fetched, Packed, PackedWeights, check_zero_points};
use crate::{Backend, ElementType, Error, PackedError, Per, Precision};

const MAGIC: &[u8; 8] = b"8bitpack";
/// The version of weights of eight bits, and that of weights of fewer.
const EIGHT_BITS: u32 = 1;
const VERSION: u32 = 2;
const ALIGNMENT: usize = 64;

pub(super) fn write(weights: &PackedWeights, fetched: Fetched<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    let version = if weights.precision == Precision::EIGHT { EIGHT_BITS } else { VERSION };
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&(weights.layout().len() as u32).to_le_bytes());
    out.extend_from_slice(weights.layout().as_bytes());
    out.push(u8::from(weights.element == ElementType::I8));
    match weights.precision {
        Precision::EIGHT => {}
        Precision::Ternary => out.push(0),
        Precision::Bits(bits) => out.push(bits),
    }
    let (kind, sizes) = match &weights.packed {
        Packed::Panels(groups) => {
            let first = groups.first();
            let segments = first.map_or(0, |panels| panels.segments());
            let segment_len = first.map_or(0, |panels| panels.segment_len());
            (0, [groups.len(), first.map_or(0, |panels| panels.columns()), segments, segment_len])
        }
        Packed::Taps(taps) => (1, [1, taps.channels(), taps.kernel_size()[0], taps.kernel_size()[1]]),
    };
    out.push(kind);
    for size in sizes {
        out.extend_from_slice(&(size as u64).to_le_bytes());
    }
    let count = match &weights.zero_points {
        Per::Tensor(_) => 0,
        Per::Channel(values) => values.len() as u64,
    };
    out.extend_from_slice(&count.to_le_bytes());
    for (_, zero_point) in weights.zero_points.values() {
        out.extend_from_slice(&zero_point.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    match fetched {
        Fetched::Panels { groups, owner } => {
            let panels = groups.iter().filter_map(|group| group.within(owner).ok());
            panels.for_each(|panels| out.extend_from_slice(panels.bytes()));
        }
        Fetched::Taps(taps) => out.extend_from_slice(taps.bytes()),
    }
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

pub(super) fn read(
    backend: Backend,
    bytes: &[u8],
    panels: impl Fn(Range<usize>) -> Option<Bytes>,
) -> Result<PackedWeights, Error> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.take(MAGIC.len()).ok() != Some(MAGIC.as_slice()) {
        return Err(PackedError::Magic.into());
    }
    let version = reader.u32()?;
    if !(EIGHT_BITS..=VERSION).contains(&version) {
        return Err(PackedError::Version { expected: VERSION, found: version }.into());
    }
    // Verify the checksum before trusting any field.
    let body = bytes.len().saturating_sub(4);
    let expected = u32::from_le_bytes(Reader { bytes, at: body }.array()?);
    let found = crc32fast::hash(&bytes[..body]);
    if expected != found {
        return Err(PackedError::Checksum { expected, found }.into());
    }
    let layout_len = reader.u32()? as usize;
    let layout = String::from_utf8_lossy(reader.take(layout_len)?).into_owned();
    let signed = match reader.array::<1>()? {
        [0] => false,
        [1] => true,
        _ => return Err(PackedError::Header("unknown element type").into()),
    };
    let element = if signed { ElementType::I8 } else { ElementType::U8 };
    let precision = match version {
        EIGHT_BITS => Precision::EIGHT,
        _ => match reader.array()? {
            [0] => Precision::Ternary,
            [bits @ 2..8] => Precision::Bits(bits),
            _ => return Err(PackedError::Header("unknown precision").into()),
        },
    };
    let kind = reader.array::<1>()?[0];
    let [groups, columns, segments, segment_len] =
        [reader.size()?, reader.size()?, reader.size()?, reader.size()?];
    let count = reader.size()?;
    let zero_points = if count == 0 {
        Per::Tensor(i32::from_le_bytes(reader.array()?))
    } else {
        let len = count.checked_mul(4).ok_or(PackedError::Header("number of zero points"))?;
        let values = reader.take(len)?.chunks_exact(4);
        Per::Channel(values.map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    let total = groups.checked_mul(columns).ok_or(PackedError::Header("number of columns"))?;
    check_zero_points(&zero_points, total, precision.range(element)?)?;

    let start = reader.at.next_multiple_of(ALIGNMENT);
    let payload =
        body.checked_sub(start).ok_or(PackedError::Truncated { needed: start + 4, found: bytes.len() })?;
    if groups == 0 || payload % groups != 0 || (payload == 0 && groups > 1) {
        return Err(PackedError::Header("number of groups").into());
    }
    let group_len = payload / groups;
    let bytes_of = |group: usize| {
        let begin = start + group * group_len;
        let range = begin..begin + group_len;
        panels(range).ok_or(PackedError::Truncated { needed: begin + group_len, found: bytes.len() })
    };
    let wrong_layout = |expected: &str| PackedError::Layout {
        expected: expected.into(),
        found: layout.clone(),
        backend: backend.name(),
    };
    let packed = match kind {
        0 => {
            let load = |group| {
                let bytes = bytes_of(group)?;
                let (layout, bits) = (layout.as_str(), precision.bits());
                let shape = SavedShape { layout, signed, bits, columns, segments, segment_len };
                PackedPanels::from_bytes(backend, bytes, &shape).map_err(|error| match error {
                    PanelError::Layout { expected } => wrong_layout(expected),
                    PanelError::Shrunk => PackedError::Shrunk,
                    PanelError::Empty => PackedError::Header("segments or columns without weights"),
                    _ => PackedError::Header("the shape does not fit the number of bytes"),
                })
            };
            Packed::Panels((0..groups).map(load).collect::<Result<Vec<_>, PackedError>>()?)
        }
        1 if groups == 1 => {
            let taps =
                PackedTaps::from_bytes(backend, &layout, bytes_of(0)?, columns, [segments, segment_len]);
            Packed::Taps(taps.map_err(|error| match error {
                TapsError::Layout { best } => wrong_layout(best),
                TapsError::Shrunk => PackedError::Shrunk,
                _ => PackedError::Header("the shape does not fit the number of bytes"),
            })?)
        }
        _ => return Err(PackedError::Header("unknown kind of weights").into()),
    };
    Ok(PackedWeights { backend, element, precision, zero_points, packed })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], PackedError> {
        let end = self.at.checked_add(len).ok_or(PackedError::Header("a length overflows"))?;
        let taken = self.bytes.get(self.at..end);
        let taken = taken.ok_or(PackedError::Truncated { needed: end, found: self.bytes.len() })?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackedError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, PackedError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn size(&mut self) -> Result<usize, PackedError> {
        usize::try_from(u64::from_le_bytes(self.array()?))
            .map_err(|_| PackedError::Header("a size overflows"))
    }
}
