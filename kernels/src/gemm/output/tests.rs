//! Batches of every small shape: what is accepted is disjoint and inside, and parts cover it once.

use alloc::collections::BTreeSet;
use alloc::vec;

use super::{OutputBatch, OutputBlock};

#[test]
fn rows_of_a_batch_are_disjoint() {
    let (sizes, strides) = ([0, 1, 2, 3], [0, 1, 2, 3, 4, 6, 7, 9, usize::MAX]);
    let mut accepted = 0;
    for (count, rows) in sizes.into_iter().flat_map(|count| sizes.map(|rows| (count, rows))) {
        for (columns, stride) in sizes.into_iter().flat_map(|columns| strides.map(|stride| (columns, stride)))
        {
            for row_stride in strides {
                let mut data = vec![0i32; 27];
                let Some(batch) = OutputBatch::new(&mut data, count, [rows, columns], stride, row_stride)
                else {
                    continue;
                };
                let cells = (0..count).flat_map(|i| (0..rows).map(move |r| (i, r)));
                let cells = cells.flat_map(|(i, r)| (0..columns).map(move |c| (i, r, c)));
                let at = |(i, r, c): (usize, usize, usize)| {
                    let step = |index: usize, stride: usize| if index == 0 { 0 } else { index * stride };
                    step(i, stride) + step(r, row_stride) + c
                };
                let places: BTreeSet<usize> = cells.map(at).collect();
                assert_eq!(places.len(), count * rows * columns, "an element belongs to two rows");
                assert!(places.iter().all(|&place| place < 27), "an element outside");

                // Parts of it, of matrices, columns and rows, count up what they own.
                let (first, rest) = batch.split(count / 2);
                for half in [first, rest] {
                    let (left, right) = half.split_columns(columns / 2);
                    let (above, below) = right.split_rows(rows / 2);
                    assert_eq!((below.first_row(), below.first_column()), (rows / 2, columns / 2));
                    for mut part in [left, above, below] {
                        for number in 0..part.count() {
                            let mut block = part.matrix(number);
                            for row in 0..block.rows() {
                                block.row_mut(row).iter_mut().for_each(|x| *x += 1);
                            }
                        }
                    }
                }
                for (place, &x) in data.iter().enumerate() {
                    assert_eq!(x, i32::from(places.contains(&place)));
                }
                accepted += usize::from(!places.is_empty());
            }
        }
    }
    assert!(accepted > 100, "only {accepted} shapes were compared");
}

/// Code behind a block adds to the numbers of its rows without looking.
#[test]
#[should_panic(expected = "rows past the greatest number")]
fn numbers_of_rows_do_not_overflow() {
    let mut data = [0u8; 4];
    let _ = OutputBlock::new(&mut data, 2, 2, 2).from_row(usize::MAX - 1);
}
