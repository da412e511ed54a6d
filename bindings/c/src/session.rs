//! Sessions: a model that is ready to run.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use eightbit_graph::{
    AsTensor, Executor, ExecutorOptions, Graph, Limits, Tensor, TensorData, TensorViewMut, ValueInfo,
};

use crate::parallel::{EbParallel, Threads};
use crate::pointer;
use crate::status::{Code, Failure, counted, guarded};
use crate::tensor::{EbTensor, Lent};
use crate::types::number;

/// The size of an open dimension.
const OPEN: usize = usize::MAX;

/// An input or output as C sees it.
struct Info {
    name: CString,
    kind: i32,
    shape: Vec<usize>,
}

impl Info {
    fn new(info: &ValueInfo) -> Result<Self, Failure> {
        let name = CString::new(info.name.as_str());
        let name =
            name.map_err(|_| Failure::new(Code::Model, "the name of an input or output has a zero byte"))?;
        let shape = info.shape.iter().map(|size| size.unwrap_or(OPEN)).collect();
        Ok(Self { name, kind: number(info.data_type), shape })
    }

    fn tensor(&self) -> EbTensor {
        let Self { name, kind, shape } = self;
        let data = std::ptr::null_mut();
        EbTensor { name: name.as_ptr(), kind: *kind, rank: shape.len(), shape: shape.as_ptr(), data }
    }
}

/// A session.
pub(crate) struct EbSession {
    executor: Executor,
    inputs: Vec<Info>,
    outputs: Vec<Info>,
    /// The name of the only input.
    only: Option<String>,
}

impl EbSession {
    fn new(graph: &Graph, threads: Option<Threads>) -> Result<Self, Failure> {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = Limits::for_model(graph);
        options.parallel = threads.map(|threads| Arc::new(threads) as Arc<dyn eightbit_graph::Parallel>);
        let infos = |values: &[ValueInfo]| values.iter().map(Info::new).collect::<Result<_, _>>();
        let only = if let [only] = &graph.inputs[..] { Some(only.name.clone()) } else { None };
        Ok(Self {
            executor: Executor::new(graph, &options)?,
            inputs: infos(&graph.inputs)?,
            outputs: infos(&graph.outputs)?,
            only,
        })
    }

    /// The inputs with their names.
    ///
    /// # Safety
    ///
    /// `inputs` keeps the promises of the header during `'a`.
    unsafe fn feed<'a>(
        &'a self,
        inputs: *const EbTensor,
        count: usize,
    ) -> Result<Vec<(&'a str, Lent<'a>)>, Failure> {
        // SAFETY: as promised by the caller.
        let inputs: &'a [EbTensor] = unsafe { pointer::slice(inputs, count, "inputs") }?;
        let one = |tensor: &'a EbTensor| {
            let name = match (&self.only, tensor.name.is_null()) {
                (Some(only), true) => only.as_str(),
                // SAFETY: as promised by the caller.
                _ => unsafe { pointer::text(tensor.name, "name of an input") }?,
            };
            // SAFETY: as promised by the caller.
            Ok((name, unsafe { tensor.lend() }?))
        };
        inputs.iter().map(one).collect()
    }
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_session_open(
    path: *const c_char,
    parallel: *const EbParallel,
    out: *mut *mut EbSession,
) -> i32 {
    guarded(|| {
        let make = || {
            // SAFETY: as promised by the caller.
            let (path, threads) = unsafe { (pointer::text(path, "path")?, Threads::new(parallel)?) };
            EbSession::new(&Graph::from_onnx_file(path)?, threads)
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
pub(crate) unsafe extern "C" fn eb_session_from_bytes(
    data: *const c_void,
    size: usize,
    parallel: *const EbParallel,
    out: *mut *mut EbSession,
) -> i32 {
    guarded(|| {
        let make = || {
            // SAFETY: as promised by the caller.
            let (data, threads) =
                unsafe { (pointer::slice(data.cast::<u8>(), size, "data")?, Threads::new(parallel)?) };
            EbSession::new(&Graph::from_onnx_bytes(data)?, threads)
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
pub(crate) unsafe extern "C" fn eb_session_inputs(session: *const EbSession) -> usize {
    // SAFETY: as promised by the caller.
    counted(|| Ok(unsafe { pointer::object(session, "session") }?.inputs.len()))
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_session_outputs(session: *const EbSession) -> usize {
    // SAFETY: as promised by the caller.
    counted(|| Ok(unsafe { pointer::object(session, "session") }?.outputs.len()))
}

/// One of these.
fn nth<'a, T>(list: &'a [T], index: usize, what: &str) -> Result<&'a T, Failure> {
    list.get(index)
        .ok_or_else(|| Failure::new(Code::Argument, format!("there is no {what} {index}, of {}", list.len())))
}

/// Describes a value of one of the lists of a session in `info`.
///
/// # Safety
///
/// The promises of the header.
unsafe fn describe(
    session: *const EbSession,
    index: usize,
    info: *mut EbTensor,
    what: &str,
    list: fn(&EbSession) -> &[Info],
) -> i32 {
    guarded(|| {
        // SAFETY: as promised by the caller.
        let (session, info) =
            unsafe { (pointer::object(session, "session")?, pointer::object_mut(info, "info")?) };
        *info = nth(list(session), index, what)?.tensor();
        Ok(())
    })
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_session_input(
    session: *const EbSession,
    index: usize,
    info: *mut EbTensor,
) -> i32 {
    // SAFETY: as promised by the caller.
    unsafe { describe(session, index, info, "input", |session| &session.inputs) }
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_session_output(
    session: *const EbSession,
    index: usize,
    info: *mut EbTensor,
) -> i32 {
    // SAFETY: as promised by the caller.
    unsafe { describe(session, index, info, "output", |session| &session.outputs) }
}

/// The outputs of a run.
pub(crate) struct EbResults(Vec<(CString, Tensor)>);

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_session_run(
    session: *const EbSession,
    inputs: *const EbTensor,
    count: usize,
    out: *mut *mut EbResults,
) -> i32 {
    guarded(|| {
        let make = || {
            // SAFETY: as promised by the caller.
            let session = unsafe { pointer::object(session, "session") }?;
            // SAFETY: as promised by the caller.
            let feed = unsafe { session.feed(inputs, count) }?;
            let names = session.outputs.iter().map(|info| info.name.clone());
            Ok(EbResults(names.zip(session.executor.run(&feed)?).collect()))
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
pub(crate) unsafe extern "C" fn eb_session_run_into(
    session: *const EbSession,
    inputs: *const EbTensor,
    count: usize,
    outputs: *const EbTensor,
    output_count: usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as promised by the caller.
        let session = unsafe { pointer::object(session, "session") }?;
        // SAFETY: as promised by the caller.
        let (feed, outputs) =
            unsafe { (session.feed(inputs, count)?, pointer::slice(outputs, output_count, "outputs")?) };
        // SAFETY: as promised by the caller: memory that is written is nobody else's.
        let outputs = outputs.iter().map(|output| unsafe { output.lend_mut() });
        let mut outputs = outputs.collect::<Result<Vec<TensorViewMut<'_>>, Failure>>()?;
        Ok(session.executor.run_into(&feed, &mut outputs)?)
    })
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_session_free(session: *mut EbSession) {
    // SAFETY: as promised by the caller.
    unsafe { pointer::free(session) }
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_results_count(results: *const EbResults) -> usize {
    // SAFETY: as promised by the caller.
    counted(|| Ok(unsafe { pointer::object(results, "results") }?.0.len()))
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_results_get(
    results: *const EbResults,
    index: usize,
    tensor: *mut EbTensor,
) -> i32 {
    guarded(|| {
        // SAFETY: as promised by the caller.
        let (results, tensor) =
            unsafe { (pointer::object(results, "results")?, pointer::object_mut(tensor, "tensor")?) };
        let (name, found) = nth(&results.0, index, "output")?;
        let (view, shape) = (found.as_tensor(), found.shape());
        let kind = number(view.data_type());
        let data = first(found.data()).cast_mut();
        *tensor = EbTensor { name: name.as_ptr(), kind, rank: shape.len(), shape: shape.as_ptr(), data };
        Ok(())
    })
}

/// Where the elements are.
fn first(data: &TensorData) -> *const c_void {
    match data {
        TensorData::F32(elements) => elements.as_ptr().cast(),
        TensorData::F64(elements) => elements.as_ptr().cast(),
        TensorData::U8(elements) => elements.as_ptr().cast(),
        TensorData::I8(elements) => elements.as_ptr().cast(),
        TensorData::U16(elements) => elements.as_ptr().cast(),
        TensorData::I16(elements) => elements.as_ptr().cast(),
        TensorData::U32(elements) => elements.as_ptr().cast(),
        TensorData::I32(elements) => elements.as_ptr().cast(),
        TensorData::U64(elements) => elements.as_ptr().cast(),
        TensorData::I64(elements) => elements.as_ptr().cast(),
        TensorData::Bool(elements) => elements.as_ptr().cast(),
        _ => std::ptr::null(),
    }
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_results_free(results: *mut EbResults) {
    // SAFETY: as promised by the caller.
    unsafe { pointer::free(results) }
}
