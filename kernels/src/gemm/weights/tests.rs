//! Packed bytes and sums against their definitions, weight by weight.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::arrange::{STRIP, STRIP_PANELS, strip_bytes};
use super::pack::WeightView;
use super::panels::{PackedPanels, PanelShape, padded, panels_len};
use super::sums::TapSums;
use crate::gemm::{Layout, PANEL, Variant};
use crate::{Backend, Bytes};

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
                bits: 8,
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

/// Panels without columns or depth in any layout, which no call multiplies.
fn nothing(layout: Layout, signed: bool, columns: usize, depth: usize) -> PackedPanels {
    let backend = Backend::available().next().expect("a backend");
    let variant = Box::leak(Box::new(Variant { layout, ..*backend.entry().variant(|_| false) }));
    let shape = PanelShape::new(variant, signed, columns, [1, depth]);
    PackedPanels { bytes: Bytes::copy_from(&[]), shape, sums: vec![0; padded(columns)], tap_sums: None }
}

#[test]
fn panels_that_grow_are_what_the_layout_says() {
    for (layout, signed) in LAYOUTS.iter().flat_map(|layout| [(layout, false), (layout, true)]) {
        // Columns or depths are added, and all but the first `left` taken away again.
        let steps = [(1, 1), (3, 4), (40, 44), (0, 20), (15, 35), (29, 7), (90, 97), (1, 98)];
        for (by_depth, len) in [(false, 37), (false, 8), (true, 19), (true, 64)] {
            let [columns, depth] = if by_depth { [len, 0] } else { [0, len] };
            let (mut panels, mut codes) = (nothing(*layout, signed, columns, depth), Vec::new());
            for (step, (count, left)) in steps.into_iter().enumerate() {
                let more: Vec<u8> = (0..count * len).map(|i| (i * i / 5 + 7 * i + step) as u8).collect();
                codes.extend_from_slice(&more);
                codes.truncate(left * len);
                if by_depth {
                    panels.push_depths(&more, count);
                    panels.truncate_depth(left);
                } else {
                    panels.push(&more, count);
                    panels.truncate(left);
                }
                let (strides, columns, depth) =
                    if by_depth { ((len, 1), len, left) } else { ((1, len), left, len) };
                let weights = WeightView {
                    data: &codes,
                    signed,
                    bits: 8,
                    columns,
                    segments: 1,
                    segment_len: depth,
                    taps: 1,
                    depth_stride: strides.0,
                    column_stride: strides.1,
                };
                let (expected, sums) = defined(layout, &weights);
                let case = (layout.name, signed, by_depth, len, step);
                assert_eq!(panels.sums()[..columns], sums[..columns], "sums of {case:?}");
                let (len, stride) = (panels.panel_bytes(), panels.panel_stride());
                let found = panels.get().expect("they are owned").bytes().chunks_exact(stride);
                for (number, (found, expected)) in found.zip(expected.chunks_exact(len)).enumerate() {
                    // Columns that were taken away are no one's.
                    let lanes = (columns - number * PANEL).min(PANEL) * layout.k_group;
                    let unit = PANEL * layout.k_group;
                    for (found, expected) in found[..len].chunks(unit).zip(expected.chunks(unit)) {
                        assert_eq!(found[..lanes], expected[..lanes], "panel {number} of {case:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn copies_share_memory_until_they_change() {
    let backend = Backend::available().next().expect("a backend");
    let mut panels = PackedPanels::growing(backend, 8, true, 100).expect("they fit");
    panels.push(&[1; 40 * 8], 40);
    let at = |panels: &PackedPanels| panels.get().expect("they are owned").bytes().as_ptr();
    let (mut copy, place) = (panels.clone(), at(&panels));
    copy.truncate(20);
    assert_eq!(at(&copy), place, "what is taken away is not written");
    copy.push(&[2; 8], 1);
    assert_ne!(at(&copy), place);
    assert_eq!((panels.sums()[20], copy.sums()[20]), (8, 16));
    drop(copy);
    panels.push(&[1; 60 * 8], 60);
    assert_eq!(at(&panels), place, "there was memory for a hundred");
}

#[test]
fn strips_are_cut_by_what_can_be_counted() {
    assert_eq!([0, 32, 48 * PANEL].map(strip_bytes), [64, 128, 192 * PANEL]);
    for panel_bytes in [usize::MAX / 4 + 1, usize::MAX / 2, usize::MAX] {
        let bytes = strip_bytes(panel_bytes);
        assert!(bytes.is_multiple_of(64) && bytes > isize::MAX as usize, "{panel_bytes}");
    }
}
