//! Weights of few bits through the public API: what is refused and why, what they take, what plans say of them.

use eightbit::dynamic::{GroupwiseWeights, WeightGroups};
use eightbit::{
    Backend, Conv2d, Conv2dShape, Element, ElementType, Error, Gemm, MatMut, MatRef, PackedError,
    PackedWeights, Precision, Stage, Workspace, reference,
};

fn pack<W: Element>(weights: &[W], precision: Precision, zero: i32) -> Result<PackedWeights, Error> {
    PackedWeights::pack_as(Backend::best()?, &MatRef::new(weights, 2, weights.len() / 2)?, precision, zero)
}

#[test]
fn the_first_weight_out_of_range_is_named() {
    let error = pack(&[0i8, 7, -8, 3, 8, -9], Precision::Bits(4), 0).unwrap_err();
    let expected =
        Error::Weight { precision: Precision::Bits(4), low: -8, high: 7, found: 8, depth: 1, column: 1 };
    assert_eq!(error, expected);
    assert_eq!(error.to_string(), "4-bit weights must be in -8..=7, found 8 at depth 1 of column 1");
    let error = pack(&[0u8, 1, 2, 3], Precision::Ternary, 1).unwrap_err();
    assert_eq!(error.to_string(), "ternary weights must be in 0..=2, found 3 at depth 1 of column 1");
    // Output channel 1, kernel row 0, column 1, channel 0 of 2.
    let shape = Conv2dShape::new([2, 2], 2, 2, [1, 2]);
    let error =
        Conv2d::pack_as(Backend::best().unwrap(), &shape, &[1i8, 1, 1, 1, 1, 1, 4, 1], Precision::Bits(3), 0);
    assert!(matches!(error, Err(Error::Weight { found: 4, depth: 2, column: 1, .. })), "{error:?}");
    // What lies between the rows of a view is no weight.
    let gaps = MatRef::with_strides(&[1i8, 100, 0, 100], 2, 1, 2, 1).unwrap();
    assert!(PackedWeights::pack_as(Backend::best().unwrap(), &gaps, Precision::Ternary, 0).is_ok());
}

#[test]
fn zero_points_are_numbers_of_the_precision() {
    let refused = |error: Result<PackedWeights, Error>, low, high| {
        assert!(
            matches!(error, Err(Error::OutOfRange { low: l, high: h, .. }) if (l, h) == (low, high)),
            "{error:?}"
        );
    };
    refused(pack(&[0u8; 4], Precision::Bits(4), 16), 0, 15);
    refused(pack(&[0i8; 4], Precision::Bits(2), 2), -2, 1);
    refused(pack(&[0i8; 4], Precision::Ternary, -2), -1, 1);
    for bits in [0, 1, 9, 255] {
        refused(pack(&[0i8; 4], Precision::Bits(bits), 0), 2, 8);
        assert!(Precision::Bits(bits).unpack::<u8>(&[0; 9], 9).is_err(), "{bits}");
    }
    let weights = MatRef::new(&[1u8; 64], 64, 1).unwrap();
    let groups = WeightGroups { depths: 32, scales: &[1.0, 2.0], zero_points: &[16] };
    let error = GroupwiseWeights::pack_as(Backend::best().unwrap(), &weights, Precision::Bits(4), &groups);
    assert!(matches!(error, Err(Error::OutOfRange { found: 16, .. })), "{error:?}");
}

#[test]
fn bytes_of_files_are_counted() {
    assert_eq!(Precision::Bits(4).unpack::<u8>(&[0x21, 0x03], 3), Ok(vec![1, 2, 3]));
    assert_eq!(Precision::Bits(3).unpack::<i8>(&[0xc4], 2), Ok(vec![4, -4]));
    assert_eq!(Precision::Ternary.unpack::<i8>(&[0b00_11_01_00, 0b11], 5), Ok(vec![0, 1, -1, 0, -1]));
    assert_eq!(Precision::Bits(6).unpack::<i8>(&[0xff, 5], 2), Ok(vec![-1, 5]));
    for (count, bytes) in [(3, 1), (2, 2), (0, 1)] {
        let error = Precision::Bits(4).unpack::<u8>(&vec![0; bytes], count).unwrap_err();
        assert!(matches!(error, Error::Mismatch { what: "bytes of weights", .. }), "{error}");
    }
}

#[test]
fn fewer_bits_take_fewer_bytes_and_are_saved() {
    for backend in Backend::available() {
        let weights: Vec<i8> = (0..256 * 64).map(|i| (i % 3) as i8 - 1).collect();
        let matrix = MatRef::new(&weights, 256, 64).unwrap();
        let packed = |precision| PackedWeights::pack_as(backend, &matrix, precision, 0).unwrap();
        let eight = packed(Precision::EIGHT).to_bytes();
        assert_eq!((eight[8], &eight), (1, &PackedWeights::pack(backend, &matrix, 0).unwrap().to_bytes()));
        for (precision, part) in [(Precision::Bits(4), 2), (Precision::Bits(3), 2), (Precision::Ternary, 4)] {
            let weights = packed(precision);
            let bytes = weights.to_bytes();
            assert_eq!(bytes[8], 2, "the version");
            assert!(bytes.len() <= eight.len() / part + 256, "{backend}: {precision} in {}", bytes.len());
            let loaded = PackedWeights::from_bytes(backend, &bytes).unwrap();
            assert_eq!((loaded.precision(), loaded.layout()), (precision, weights.layout()));
            let mut later = bytes.clone();
            later[8] = 3;
            let error = PackedWeights::from_bytes(backend, &later).unwrap_err();
            assert_eq!(error, Error::Packed(PackedError::Version { expected: 2, found: 3 }));
        }
    }
}

/// The deepest products that are shifted back after they were multiplied, the next deeper ones, and the least and greatest of all numbers.
#[test]
fn deep_products_of_extremes_are_exact() {
    for depth in [65_793, 65_794] {
        for (bits, weight) in [(4, -8i8), (4, 7), (2, -2), (2, 1), (3, -4)] {
            let weights = vec![weight; depth * 17];
            let matrix = MatRef::new(&weights, depth, 17).unwrap();
            let lhs = vec![255u8; 2 * depth];
            for backend in Backend::available() {
                let packed = PackedWeights::pack_as(backend, &matrix, Precision::Bits(bits), 0).unwrap();
                let gemm = Gemm::new(packed, ElementType::U8, 0, None, &Stage::ACCUMULATORS).unwrap();
                let mut out = [0; 2 * 17];
                let lhs = MatRef::new(&lhs, 2, depth).unwrap();
                let call = gemm.call(lhs, MatMut::new(&mut out, 2, 17).unwrap()).unwrap();
                call.run(&mut Workspace::new());
                let expected = 255 * i32::from(weight) * depth as i32;
                assert_eq!(out, [expected; 2 * 17], "{backend}: {bits} bits, {weight}, depth {depth}");
            }
        }
    }
}

#[test]
fn views_without_weights_are_packed_at_once() {
    let far = MatRef::with_strides(&[100i8], isize::MAX as usize, 0, 0, 1).unwrap();
    assert!(
        !PackedWeights::pack_as(Backend::best().unwrap(), &far, Precision::Ternary, 0)
            .is_ok_and(|w| w.columns() > 0)
    );
}

#[test]
fn plans_say_how_weights_are_read() {
    for backend in Backend::available() {
        let weights = vec![1i8; 64 * 64];
        let matrix = MatRef::new(&weights, 64, 64).unwrap();
        let packed = PackedWeights::pack_as(backend, &matrix, Precision::Bits(4), 0).unwrap();
        let gemm = Gemm::new(packed, ElementType::U8, 0, None, &Stage::ACCUMULATORS).unwrap();
        let many = gemm.explain(1000);
        assert!(
            many.contains("layout i4-group") && many.contains("unfolded to bytes block by block"),
            "{many}"
        );
        let one = gemm.explain(1);
        assert!(one.contains("unfolded"), "{one}");
        let lhs = [3u8; 64];
        let mut out = [0; 64];
        let call = gemm.call(MatRef::new(&lhs, 1, 64).unwrap(), MatMut::new(&mut out, 1, 64).unwrap());
        call.unwrap().run(&mut Workspace::with_capacity(gemm.workspace_bytes()));
        let lhs = MatRef::new(&lhs, 1, 64).unwrap();
        assert_eq!(out[..], reference::gemm(&lhs, 0, &matrix, &0.into(), None), "{backend}");
    }
}
