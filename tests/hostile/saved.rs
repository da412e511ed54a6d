//! Saved weights with a wrong header and a right checksum.

use eightbit::{
    Backend, Conv2d, Conv2dShape, ElementType, Error, Gemm, MatMut, MatRef, PackedError, PackedWeights,
    Precision, Stage, Workspace,
};
use eightbit_testing::backends;
use eightbit_testing::hostile::{SIZES, pairs};
use eightbit_testing::suite::is_thorough;

use crate::bytes;

/// The most elements of a case.
const LARGEST: usize = 1 << 16;

fn mend(mut file: Vec<u8>) -> Vec<u8> {
    let body = file.len() - 4;
    let checksum = crc32fast::hash(&file[..body]);
    file[body..].copy_from_slice(&checksum.to_le_bytes());
    file
}

/// The offset of the header's five sizes: groups, columns, segments, segment length, number of zero points.
fn sizes_at(file: &[u8]) -> usize {
    // Behind the element type there is a precision in version 2.
    16 + u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize + 1 + usize::from(file[8])
}

fn with_size(mut file: Vec<u8>, field: usize, value: u64) -> Vec<u8> {
    let at = sizes_at(&file) + 8 * field;
    file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    mend(file)
}

/// Weights of every kind: a matrix, one of depth 0, one without columns, channel groups, depthwise; the same of fewer bits.
fn files(backend: Backend) -> Vec<Vec<u8>> {
    let matrix = |k: usize, n: usize| {
        PackedWeights::pack(backend, &MatRef::new(&vec![3i8; k * n], k, n).unwrap(), 0).unwrap()
    };
    let narrow = |k: usize, n: usize, precision: Precision| {
        PackedWeights::pack_as(backend, &MatRef::new(&vec![1i8; k * n], k, n).unwrap(), precision, 0).unwrap()
    };
    let grouped = Conv2dShape::new([5, 5], 4, 6, [3, 2]).with_groups(2);
    let conv = |shape: Conv2dShape| {
        let taps = shape.kernel[0] * shape.kernel[1] * shape.in_channels / shape.groups;
        Conv2d::pack(backend, &shape, &vec![3i8; shape.out_channels * taps], 0).unwrap()
    };
    [
        matrix(5, 3),
        matrix(0, 3),
        matrix(5, 0),
        conv(Conv2dShape::new([5, 5], 4, 6, [3, 2]).with_groups(2)),
        conv(Conv2dShape::new([5, 5], 70, 70, [3, 2]).with_groups(70)),
        conv(Conv2dShape::new([9, 9], 3, 3, [5, 5]).with_groups(3)),
        narrow(5, 3, Precision::Bits(4)),
        narrow(40, 20, Precision::Ternary),
        narrow(0, 3, Precision::Bits(3)),
        narrow(5, 3, Precision::Bits(6)),
        Conv2d::pack_as(backend, &grouped, &[1u8; 72], Precision::Bits(4), 8).unwrap(),
    ]
    .map(|packed| packed.to_bytes())
    .into()
}

/// Loads the weights, and multiplies if that needs little memory.
fn load_and_multiply(backend: Backend, file: &[u8]) -> Result<(), Error> {
    let packed = PackedWeights::from_bytes(backend, file)?;
    let (k, n) = (packed.depth(), packed.columns());
    // The bytes hold what the header claims, unless that is nothing.
    let bits = packed.precision().bits() as usize;
    assert!(
        k.saturating_mul(n).saturating_mul(bits) / 8 <= file.len(),
        "{k} × {n} from {} bytes",
        file.len()
    );
    assert!(n <= LARGEST.max(file.len()), "{n} columns from {} bytes", file.len());
    let gemm = Gemm::new(packed, ElementType::U8, 1, None, &Stage::ACCUMULATORS)?;
    let mut workspace = Workspace::with_capacity(gemm.workspace_bytes());
    assert!(!gemm.explain(3).is_empty());
    for rows in [0, 1, 3] {
        let Some(elements) = k.checked_mul(rows).filter(|&elements| elements <= LARGEST) else { continue };
        let lhs = bytes(elements);
        let mut out = vec![0; rows * n];
        gemm.call(MatRef::new(&lhs, rows, k)?, MatMut::new(&mut out, rows, n)?)?.run(&mut workspace);
    }
    assert!(workspace.capacity() <= 1 << 22, "{} bytes of workspace", workspace.capacity());
    Ok(())
}

#[test]
fn every_pair_of_header_fields_is_refused_or_multiplies() {
    for backend in backends() {
        let (mut loaded, mut refused) = (0, 0);
        for file in files(backend) {
            pairs(5, |fields| {
                let file = fields
                    .iter()
                    .fold(file.clone(), |file, &(field, value)| with_size(file, field, value as u64));
                match load_and_multiply(backend, &file) {
                    Ok(()) => loaded += 1,
                    Err(_) => refused += 1,
                }
            });
            // Sizes that do not fit `usize` everywhere, and those next to the true one.
            for (field, value) in (0..5).flat_map(|field| [2, 3, 4, 16, u64::MAX].map(|value| (field, value)))
            {
                let _ = load_and_multiply(backend, &with_size(file.clone(), field, value));
            }
        }
        assert!(
            !is_thorough() || (loaded > 0 && refused > 1000),
            "{backend}: {loaded} loaded, {refused} refused"
        );
    }
}

#[test]
fn every_byte_of_a_header_is_refused_or_multiplies() {
    for backend in backends() {
        for file in files(backend) {
            for at in 0..sizes_at(&file) + 44 {
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut file = file.clone();
                    file[at] = byte;
                    let _ = load_and_multiply(backend, &mend(file));
                }
            }
        }
    }
}

#[test]
fn empty_segments_are_refused() {
    for backend in backends() {
        let packed = PackedWeights::pack(backend, &MatRef::new(&[] as &[i8], 0, 3).unwrap(), 0).unwrap();
        for segments in [0, 2].into_iter().chain(SIZES[2..].iter().map(|&size| size as u64)) {
            let file = with_size(packed.to_bytes(), 2, segments);
            let error = PackedWeights::from_bytes(backend, &file).unwrap_err();
            assert!(matches!(error, Error::Packed(PackedError::Header(_))), "{backend} {segments}: {error}");
        }
    }
}
