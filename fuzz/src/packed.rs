//! Saved weights: loaded weights must equal the packed ones, and hostile bytes must be refused.

use eightbit::{Backend, Element, ElementType, Gemm, MatMut, MatRef, PackedWeights, Stage, Workspace};

use eightbit_testing::precision::{narrow, narrow_zeros};

use crate::input::Input;

/// After an odd first byte, the rest is a file of packed weights, tried unchanged and with a corrected checksum, so that the code
/// behind the checksum is reached. After an even one, weights are packed, saved, damaged in one byte and loaded.
pub fn packed_weights(data: &[u8]) {
    let mut input = Input::new(data);
    if input.bool() {
        let bytes = data.get(1..).unwrap_or_default();
        load(bytes);
        if let Some(body) = bytes.len().checked_sub(4) {
            let mut mended = bytes[..body].to_vec();
            mended.extend(crc32(&mended).to_le_bytes());
            load(&mended);
        }
    } else if input.bool() {
        round_trip::<i8>(input);
    } else {
        round_trip::<u8>(input);
    }
}

/// Weights that load must also multiply.
fn load(bytes: &[u8]) {
    for backend in Backend::available() {
        let Ok(weights) = PackedWeights::from_bytes(backend, bytes) else { continue };
        let (k, n) = (weights.depth(), weights.columns());
        if k.max(1).saturating_mul(n.max(1)) > 1 << 20 {
            continue;
        }
        let Ok(gemm) = Gemm::new(weights, ElementType::U8, 3, None, &Stage::ACCUMULATORS) else { continue };
        multiply(&gemm, k, n);
    }
}

fn multiply(gemm: &Gemm, k: usize, n: usize) -> Vec<i32> {
    let lhs: Vec<u8> = (0..3 * k).map(|index| (index * 37) as u8).collect();
    let lhs = MatRef::new(&lhs, 3, k).expect("the rows fit");
    let mut out = vec![0; 3 * n];
    let view = MatMut::new(&mut out, 3, n).expect("the rows fit");
    gemm.call(lhs, view).expect("the shapes agree").run(&mut Workspace::new());
    out
}

fn round_trip<W: Element>(mut input: Input<'_>) {
    let (k, n) = (input.size(0, 100), input.size(1, 50));
    let precision = input.precision();
    let zeros = narrow_zeros(precision, W::TYPE, input.zero_points(W::TYPE, n));
    let at = usize::from(input.byte()) << 8 | usize::from(input.byte());
    let flip = input.byte();
    let weights = narrow(precision, input.elements::<W>(k * n));
    let weights = MatRef::new(&weights, k, n).expect("the weights fit");
    for backend in Backend::available() {
        let packed = PackedWeights::pack_as(backend, &weights, precision, zeros.clone())
            .expect("the numbers are in range");
        let mut bytes = packed.to_bytes();
        let loaded = PackedWeights::from_bytes(backend, &bytes).expect("what was saved loads");
        let plan =
            |weights| Gemm::new(weights, ElementType::U8, 3, None, &Stage::ACCUMULATORS).expect("a plan");
        assert_eq!(multiply(&plan(packed), k, n), multiply(&plan(loaded), k, n), "{backend}");
        let at = at % bytes.len();
        bytes[at] ^= flip;
        assert_eq!(
            PackedWeights::from_bytes(backend, &bytes).is_err(),
            flip != 0,
            "{backend}: byte {at} ^ {flip}"
        );
    }
}

/// CRC-32 as in zip and PNG (polynomial 0xedb88320, reflected), the checksum of saved weights.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
