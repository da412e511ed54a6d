//! Packed bytes and sums against their definitions, weight by weight.

use alloc::vec;
use alloc::vec::Vec;

use super::arrange::{STRIP, STRIP_PANELS};
use super::pack::WeightView;
use super::panels::{padded, panels_len};
use super::sums::TapSums;
use crate::gemm::{Layout, PANEL};

const LAYOUTS: [Layout; 3] = [Layout::GROUPS_OF_2, Layout::GROUPS_OF_4, Layout::bytes("i8-group8", 8)];

/// The panels and sums of `weights`, as packing makes them.
fn packed(layout: &Layout, weights: &WeightView<'_>) -> (Vec<u8>, TapSums) {
    let (columns, shape) = (weights.columns, [weights.segments, weights.segment_len]);
    let len = panels_len(layout, columns, shape[0], shape[1]).expect("small weights");
    let mut bytes = vec![0; len];
    let mut sums = TapSums::new(weights.taps, padded(columns));
    let panel_bytes = len / columns.div_ceil(PANEL);
    for (strip, panels) in bytes.chunks_mut(panel_bytes * STRIP_PANELS).enumerate() {
        layout.arrange(weights, strip * STRIP, panels);
        for (number, panel) in panels.chunks_exact(panel_bytes).enumerate() {
            sums.add_panel(layout, shape, strip * STRIP_PANELS + number, panel);
        }
    }
    (bytes, sums)
}

/// The same, by the definition.
fn defined(layout: &Layout, weights: &WeightView<'_>) -> (Vec<u8>, Vec<i32>) {
    let &WeightView { segments, segment_len, columns, taps, .. } = weights;
    let mut bytes = vec![0; panels_len(layout, columns, segments, segment_len).expect("small weights")];
    let mut sums = vec![0; taps * padded(columns)];
    let groups = segment_len.div_ceil(layout.k_group);
    for column in 0..columns {
        for depth in 0..segments * segment_len {
            let flip = if weights.signed { 0 } else { 0x80 };
            let weight = weights.data[depth * weights.depth_stride + column * weights.column_stride] ^ flip;
            let (segment, k) = (depth / segment_len, depth % segment_len);
            let group = (column / PANEL * segments + segment) * groups + k / layout.k_group;
            bytes[group * layout.group_bytes() + column % PANEL * layout.k_group + k % layout.k_group] =
                weight;
            let tap = depth * taps / (segments * segment_len);
            sums[tap * padded(columns) + column] += i32::from(weight.cast_signed());
        }
    }
    (bytes, sums)
}

#[test]
fn panels_and_sums_are_what_the_layout_says() {
    // Whole and partial strips, panels, runs and groups; taps that are segments, parts of segments, and parts of groups.
    let shapes = [
        (1, 1, 1, 1),
        (16, 1, 64, 1),
        (64, 1, 256, 1),
        (65, 1, 130, 1),
        (130, 3, 48, 9),
        (31, 3, 51, 9),
        (70, 9, 17, 9),
        (48, 1, 27, 9),
        (5, 2, 300, 1),
    ];
    for (layout, (columns, segments, segment_len, taps)) in
        LAYOUTS.iter().flat_map(|layout| shapes.map(|shape| (layout, shape)))
    {
        let depth = segments * segment_len;
        let strides = [(columns, 1), (columns + 3, 1), (1, depth), (1, depth + 5), (2, 2 * depth), (0, 1)];
        for (signed, (depth_stride, column_stride)) in
            [false, true].into_iter().flat_map(|signed| strides.map(|stride| (signed, stride)))
        {
            let len = (depth - 1) * depth_stride + (columns - 1) * column_stride + 1;
            let data: Vec<u8> = (0..len).map(|i| (i * i / 7 + 3 * i) as u8).collect();
            let weights = WeightView {
                data: &data,
                signed,
                columns,
                segments,
                segment_len,
                taps,
                depth_stride,
                column_stride,
            };
            let (bytes, sums) = packed(layout, &weights);
            let (expected, expected_sums) = defined(layout, &weights);
            let case = (layout.name, columns, [segments, segment_len, taps], [depth_stride, column_stride]);
            assert!(bytes == expected, "bytes of {case:?}, signed {signed}");
            assert_eq!(sums.as_slice(), expected_sums, "sums of {case:?}, signed {signed}");
        }
    }
}

#[test]
fn sums_of_extreme_weights_do_not_saturate() {
    for layout in &LAYOUTS {
        let depth = 5000;
        for weight in [0x80, 0x7f] {
            let panel = vec![weight; depth * PANEL];
            let mut sums = TapSums::new(1, PANEL);
            sums.add_panel(layout, [1, depth], 0, &panel);
            let expected = depth as i32 * i32::from(weight.cast_signed());
            assert_eq!(sums.as_slice(), [expected; PANEL], "{}", layout.name);
        }
    }
}
