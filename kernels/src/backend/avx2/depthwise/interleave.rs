//! Pairs of rows, interleaved and widened to `i16`.

use core::arch::x86_64::*;
use core::ops::Range;

use crate::depthwise::Group;

/// Channels of a block: the 32-bit lanes of a vector.
pub(super) const BLOCK: usize = 8;

/// Widens a pair of rows; of two blocks at a time where they are neighbours.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn interleave<const SIGNED: bool>(group: &Group<'_>) {
    let Range { start: mut block, end } = group.blocks;
    while block < end {
        let first = group.block(block);
        let second = (block + 1 < end).then(|| group.block(block + 1));
        // SAFETY: the caller's promises; blocks of eight channels, or two that make sixteen.
        unsafe {
            match second {
                Some(second) if second.channel == first.channel + BLOCK => {
                    columns::<2, SIGNED>(group, first.channel, [first.to.cast(), second.to.cast()]);
                    block += 2;
                }
                _ => {
                    columns::<1, SIGNED>(group, first.channel, [first.to.cast()]);
                    block += 1;
                }
            }
        }
    }
}

/// The columns of `N` blocks, one or two, that begin at `channel`.
///
/// # Safety
///
/// AVX2; two rows of the blocks' channels in each column, and room for a vector for each in each block.
#[inline(always)]
unsafe fn columns<const N: usize, const SIGNED: bool>(
    group: &Group<'_>,
    channel: usize,
    mut to: [*mut __m256i; N],
) {
    let [left, inside, right] = group.columns;
    // SAFETY: the padding, and the rows, of which there are two.
    unsafe {
        let padding = group.padding.add(channel);
        let outside = pairs_of::<N, SIGNED>(padding, padding);
        for _ in 0..left {
            to = store(to, outside);
        }
        let (upper, lower) = (*group.rows, *group.rows.add(1));
        let (mut above, mut below) = (upper.at(channel), lower.at(channel));
        for _ in 0..inside {
            to = store(to, pairs_of::<N, SIGNED>(above, below));
            above = above.wrapping_add(upper.step);
            below = below.wrapping_add(lower.step);
        }
        for _ in 0..right {
            to = store(to, outside);
        }
    }
}

/// Stores a column of `N` blocks; returns where the next one goes.
///
/// # Safety
///
/// AVX2; room for a vector in each.
#[inline(always)]
unsafe fn store<const N: usize>(mut to: [*mut __m256i; N], pairs: [__m256i; N]) -> [*mut __m256i; N] {
    for n in 0..N {
        // SAFETY: as the caller promises.
        unsafe { _mm256_storeu_si256(to[n], pairs[n]) };
        to[n] = to[n].wrapping_add(1);
    }
    to
}

/// Two neighbours of a column in `N` blocks, one or two.
///
/// # Safety
///
/// AVX2; the blocks' channels readable at each row.
#[inline(always)]
unsafe fn pairs_of<const N: usize, const SIGNED: bool>(upper: *const u8, lower: *const u8) -> [__m256i; N] {
    // SAFETY: as the caller promises.
    unsafe {
        let mut pairs = [_mm256_setzero_si256(); N];
        if N == 1 {
            pairs[0] = pair::<SIGNED>(upper, lower);
        } else {
            let (upper, lower) = (_mm_loadu_si128(upper.cast()), _mm_loadu_si128(lower.cast()));
            pairs[0] = widen::<SIGNED>(_mm_unpacklo_epi8(upper, lower));
            pairs[1] = widen::<SIGNED>(_mm_unpackhi_epi8(upper, lower));
        }
        pairs
    }
}

/// Two neighbours of a column in one block.
///
/// # Safety
///
/// AVX2; eight readable bytes at each row.
#[inline(always)]
pub(super) unsafe fn pair<const SIGNED: bool>(upper: *const u8, lower: *const u8) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe {
        widen::<SIGNED>(_mm_unpacklo_epi8(_mm_loadl_epi64(upper.cast()), _mm_loadl_epi64(lower.cast())))
    }
}

/// # Safety
///
/// AVX2.
#[inline(always)]
unsafe fn widen<const SIGNED: bool>(bytes: __m128i) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe { if SIGNED { _mm256_cvtepi8_epi16(bytes) } else { _mm256_cvtepu8_epi16(bytes) } }
}

/// One tap; the sign fills the other half, which is multiplied by 0.
///
/// # Safety
///
/// AVX2; eight readable bytes.
#[inline(always)]
pub(super) unsafe fn single<const SIGNED: bool>(row: *const u8) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe {
        let bytes = _mm_loadl_epi64(row.cast());
        if SIGNED { _mm256_cvtepi8_epi32(bytes) } else { _mm256_cvtepu8_epi32(bytes) }
    }
}
