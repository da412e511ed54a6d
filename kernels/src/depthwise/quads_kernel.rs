//! The kernel on columns of four taps, of an ISA.

/// Makes a [`DepthwiseKernel`](super::DepthwiseKernel) `QUADS` of the token of an [`Interleave`], for functions with its
/// features, whose line-buffer pass computes `outputs` outputs at a time; and `NINE_BITS`, for bytes around a centre,
/// which differs for blocks that have one.
macro_rules! quads_kernel {
    ($token:ty, $features:literal, $layout:literal, $nine_bits:literal, outputs: $outputs:literal) => {
        pub(crate) static QUADS: $crate::depthwise::DepthwiseKernel = $crate::depthwise::DepthwiseKernel {
            last_overlaps: !<$token as $crate::depthwise::Interleave>::PARTIAL,
            order: $crate::depthwise::ChannelOrder::Unpacked,
            offsets: [0, 128],
            line_buffer: Some($crate::depthwise::LineBufferPasses {
                min_height: 5,
                interleave: [interleave::<false>, interleave::<true>],
                multiply,
            }),
            ..$crate::depthwise::DepthwiseKernel::new(
                $layout,
                <$token as $crate::depthwise::Interleave>::BYTES,
                4,
                [row::<false>, row::<true>],
            )
        };

        pub(crate) static NINE_BITS: $crate::depthwise::DepthwiseKernel =
            $crate::depthwise::DepthwiseKernel { layout: $nine_bits, centred: true, ..QUADS };

        #[target_feature(enable = $features)]
        unsafe fn row<const SIGNED: bool>(call: &$crate::depthwise::Row) {
            // SAFETY: the caller's promises, handed on.
            unsafe {
                if call.centred {
                    row_of::<SIGNED, true>(call);
                } else {
                    row_of::<SIGNED, false>(call);
                }
            }
        }

        #[target_feature(enable = $features)]
        #[inline(never)]
        unsafe fn row_of<const SIGNED: bool, const CENTRED: bool>(call: &$crate::depthwise::Row) {
            // SAFETY: the caller's promises; this function has the token's features, and a block is whole or the token masks.
            unsafe { $crate::depthwise::quads_row::<$token, SIGNED, CENTRED>(<$token>::new(), call) }
        }

        #[target_feature(enable = $features)]
        unsafe fn interleave<const SIGNED: bool>(group: &$crate::depthwise::Group<'_>) {
            // SAFETY: as in `row_of`.
            unsafe { $crate::depthwise::quads_interleave::<$token, SIGNED>(<$token>::new(), group) }
        }

        #[target_feature(enable = $features)]
        unsafe fn multiply(rows: &[$crate::depthwise::Row]) {
            for row in rows {
                // SAFETY: the caller's promises, handed on.
                unsafe {
                    if row.centred {
                        multiply_row::<true>(row);
                    } else {
                        multiply_row::<false>(row);
                    }
                }
            }
        }

        #[target_feature(enable = $features)]
        #[inline(never)]
        unsafe fn multiply_row<const CENTRED: bool>(call: &$crate::depthwise::Row) {
            // SAFETY: as in `row_of`.
            unsafe {
                $crate::depthwise::quads_multiply::<$token, $outputs, CENTRED>(
                    <$token>::new(),
                    call,
                    multiply_any_stage::<CENTRED>,
                )
            }
        }

        #[target_feature(enable = $features)]
        #[inline(never)]
        unsafe fn multiply_any_stage<const CENTRED: bool>(call: &$crate::depthwise::Row) {
            // SAFETY: as in `row_of`.
            unsafe { $crate::depthwise::quads_multiply_any_stage::<$token, CENTRED>(<$token>::new(), call) }
        }
    };
}
pub(crate) use quads_kernel;
