//! Convolutions.

use std::ffi::c_void;

use eightbit::{Backend, Conv2d, Conv2dShape, Element, ElementType, OutputElement, Padding};

use crate::gemm::optional;
use crate::parallel::{EbParallel, Threads};
use crate::pointer;
use crate::stage::{EbStage, zero_points};
use crate::status::{Code, Failure, counted, guarded};
use crate::types::is_signed;
use crate::workspace::EbWorkspace;

/// The struct of the header.
#[repr(C)]
pub(crate) struct EbConv2dShape {
    batch: usize,
    height: usize,
    width: usize,
    in_channels: usize,
    out_channels: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pad_top: usize,
    pad_left: usize,
    pad_bottom: usize,
    pad_right: usize,
    groups: usize,
}

impl EbConv2dShape {
    fn shape(&self) -> Conv2dShape {
        let (top, left, bottom, right) = (self.pad_top, self.pad_left, self.pad_bottom, self.pad_right);
        Conv2dShape::new([self.height, self.width], self.in_channels, self.out_channels, self.kernel)
            .with_batch(self.batch)
            .with_stride(self.stride)
            .with_dilation(self.dilation)
            .with_pad(Padding { top, left, bottom, right })
            .with_groups(self.groups)
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn eb_conv2d_shape_of(
    height: usize,
    width: usize,
    in_channels: usize,
    out_channels: usize,
    kernel: usize,
) -> EbConv2dShape {
    EbConv2dShape {
        batch: 1,
        height,
        width,
        in_channels,
        out_channels,
        kernel: [kernel; 2],
        stride: [1; 2],
        dilation: [1; 2],
        pad_top: 0,
        pad_left: 0,
        pad_bottom: 0,
        pad_right: 0,
        groups: 1,
    }
}

/// A plan.
pub(crate) struct EbConv2d {
    conv: Conv2d,
    signed: bool,
    /// Elements of the input and of the output.
    lengths: [usize; 2],
}

/// The product of sizes.
fn count(sizes: &[usize]) -> Result<usize, Failure> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product.ok_or_else(|| Failure::new(Code::Shape, "the sizes of the convolution overflow"))
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_conv2d_new(
    shape: *const EbConv2dShape,
    weights: *const c_void,
    weight_type: i32,
    zeros: *const i32,
    zero_count: usize,
    input: i32,
    input_zero: i32,
    bias: *const i32,
    stage: *const EbStage,
    out: *mut *mut EbConv2d,
) -> i32 {
    guarded(|| {
        let make = || {
            // SAFETY: as promised by the caller.
            let (shape, stage) =
                unsafe { (pointer::object(shape, "shape")?, pointer::object(stage, "stage")?) };
            let shape = shape.shape();
            shape.check()?;
            let [height, width] = shape.output();
            let lengths = [
                count(&[shape.batch, shape.input[0], shape.input[1], shape.in_channels])?,
                count(&[shape.batch, height, width, shape.out_channels])?,
            ];
            let [kernel_height, kernel_width] = shape.kernel;
            let len =
                count(&[shape.out_channels, kernel_height, kernel_width, shape.in_channels / shape.groups])?;
            // SAFETY: as promised by the caller.
            let (zero_points, bias) =
                unsafe { (zero_points(zeros, zero_count)?, optional(bias, shape.out_channels)?) };
            // SAFETY: as promised by the caller.
            let stage = unsafe { stage.read() }?;
            let backend = Backend::best()?;
            let packed = if is_signed(weight_type, "weight_type")? {
                // SAFETY: as promised by the caller; every byte is a value of both types.
                let weights = unsafe { pointer::slice(weights.cast::<i8>(), len, "weights") }?;
                Conv2d::pack(backend, &shape, weights, zero_points)?
            } else {
                // SAFETY: as above.
                let weights = unsafe { pointer::slice(weights.cast::<u8>(), len, "weights") }?;
                Conv2d::pack(backend, &shape, weights, zero_points)?
            };
            let signed = is_signed(input, "input")?;
            let element = if signed { ElementType::I8 } else { ElementType::U8 };
            Ok(EbConv2d {
                conv: Conv2d::new(shape, packed, element, input_zero, bias, &stage)?,
                signed,
                lengths,
            })
        };
        // SAFETY: as promised by the caller.
        unsafe { pointer::give(out, make) }
    })
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_conv2d_output(
    conv: *const EbConv2d,
    height: *mut usize,
    width: *mut usize,
) {
    guarded(|| {
        // SAFETY: as promised by the caller.
        let sizes = unsafe { pointer::object(conv, "conv") }?.conv.shape().output();
        // SAFETY: as promised by the caller.
        unsafe {
            *pointer::object_mut(height, "height")? = sizes[0];
            *pointer::object_mut(width, "width")? = sizes[1];
        }
        Ok(())
    });
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_conv2d_workspace_bytes(conv: *const EbConv2d) -> usize {
    // SAFETY: as promised by the caller.
    counted(|| Ok(unsafe { pointer::object(conv, "conv") }?.conv.workspace_bytes()))
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_conv2d_free(conv: *mut EbConv2d) {
    // SAFETY: as promised by the caller.
    unsafe { pointer::free(conv) }
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_conv2d_run(
    conv: *const EbConv2d,
    input: *const c_void,
    out: *mut c_void,
    workspace: *mut EbWorkspace,
    parallel: *const EbParallel,
) -> i32 {
    guarded(|| {
        // SAFETY: as promised by the caller.
        let plan = unsafe { pointer::object(conv, "conv") }?;
        // SAFETY: as promised by the caller: one thread at a time has a workspace.
        let workspace = unsafe { pointer::object_mut(workspace, "workspace") }?;
        // SAFETY: as promised by the caller.
        let threads = unsafe { Threads::new(parallel) }?;
        // SAFETY: as promised by the caller; the plan has these types.
        unsafe {
            match (plan.signed, plan.conv.output()) {
                (false, ElementType::I32) => run::<u8, i32>(plan, input, out, workspace, threads),
                (false, ElementType::F32) => run::<u8, f32>(plan, input, out, workspace, threads),
                (false, ElementType::U8) => run::<u8, u8>(plan, input, out, workspace, threads),
                (false, ElementType::I8) => run::<u8, i8>(plan, input, out, workspace, threads),
                (true, ElementType::I32) => run::<i8, i32>(plan, input, out, workspace, threads),
                (true, ElementType::F32) => run::<i8, f32>(plan, input, out, workspace, threads),
                (true, ElementType::U8) => run::<i8, u8>(plan, input, out, workspace, threads),
                (true, ElementType::I8) => run::<i8, i8>(plan, input, out, workspace, threads),
                (_, other) => Err(Failure::new(Code::Type, format!("there is no output of type {other}"))),
            }
        }
    })
}

/// Runs a plan on operands of these types.
///
/// # Safety
///
/// The operands have these types, and keep the promises of the header.
unsafe fn run<A: Element, T: OutputElement>(
    plan: &EbConv2d,
    input: *const c_void,
    out: *mut c_void,
    workspace: &mut EbWorkspace,
    threads: Option<Threads>,
) -> Result<(), Failure> {
    let [inputs, outputs] = plan.lengths;
    // SAFETY: as promised by the caller.
    let input = unsafe { pointer::slice(input.cast::<A>(), inputs, "input") }?;
    // SAFETY: as promised by the caller.
    let out = unsafe { pointer::slice_mut(out.cast::<T>(), outputs, "out") }?;
    workspace.run(plan.conv.call(input, out)?, threads.as_ref())
}
