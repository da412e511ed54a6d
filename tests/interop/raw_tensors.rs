//! Quantizes and runs models on tensors in plain files, so that a script can compare answers number by number.
//!
//! ```text
//! raw_tensors quantize MODEL.onnx OUT.onnx minmax|PERCENTILE TENSORS   calibrate with TENSORS, write OUT.onnx
//! raw_tensors run MODEL.onnx TENSORS OUTPUTS                            write the first output for each tensor
//! ```
//!
//! TENSORS holds little-endian floats: inputs of the model, one after the other; OUTPUTS likewise.

use std::error::Error;
use std::fs;

use eightbit_graph::quantize::{CalibrationMethod, Progress, QuantizeOptions, quantize};
use eightbit_graph::{Executor, ExecutorOptions, Graph, Tensor};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["quantize", model, out, method, tensors] => write_quantized(model, out, method, tensors),
        ["run", model, tensors, outputs] => write_outputs(model, tensors, outputs),
        _ => {
            Err("usage: raw_tensors quantize MODEL OUT minmax|PERCENTILE TENSORS | run MODEL TENSORS OUTPUTS"
                .into())
        }
    }
}

fn write_quantized(model: &str, out: &str, method: &str, tensors: &str) -> Result<()> {
    let graph = Graph::from_onnx_file(model)?;
    let method = match method {
        "minmax" => CalibrationMethod::MinMax,
        percentile => CalibrationMethod::Percentile(percentile.parse()?),
    };
    let examples: Vec<_> = read(&graph, tensors)?.into_iter().map(|tensor| vec![tensor]).collect();
    let options = QuantizeOptions { method, ..QuantizeOptions::default() };
    let (quantized, report) = quantize(&graph, &examples, &options, |progress| {
        if let Progress::Observed(count) = progress
            && count % 16 == 0
        {
            eprintln!("{count} examples observed");
        }
    })?;
    println!("bytes of constants: {} before, {} after", report.bytes_before, report.bytes_after);
    println!("nodes: {} quantized, {} float", report.quantized().count(), report.float().count());
    for (node, reason) in report.float() {
        println!("  float: {} ({}): {reason}", node.name, node.op);
    }
    for layer in report.worst_layers(5) {
        println!(
            "  {:5.1} dB alone, {:5.1} dB with all before it: {} ({})",
            layer.sqnr_db, layer.accumulated_sqnr_db, layer.node, layer.op
        );
    }
    quantized.to_onnx_file(out)?;
    Ok(())
}

fn write_outputs(model: &str, tensors: &str, outputs: &str) -> Result<()> {
    let graph = Graph::from_onnx_file(model)?;
    let executor = Executor::new(&graph, &ExecutorOptions::default())?;
    let mut bytes = Vec::new();
    for tensor in read(&graph, tensors)? {
        let results = executor.run(&[(&graph.inputs[0].name, &tensor)])?;
        let result = results.first().ok_or("the model has no output")?;
        bytes.extend(result.as_f32()?.iter().flat_map(|value| value.to_le_bytes()));
    }
    fs::write(outputs, bytes)?;
    Ok(())
}

/// The tensors in `file`, each in the shape of the model's input, an open dimension being 1.
fn read(graph: &Graph, file: &str) -> Result<Vec<Tensor>> {
    let input = graph.inputs.first().ok_or("the model has no input")?;
    let shape: Vec<usize> = input.shape.iter().map(|dimension| dimension.unwrap_or(1)).collect();
    let size = 4 * shape.iter().product::<usize>();
    let bytes = fs::read(file)?;
    if size == 0 || bytes.len() % size != 0 {
        return Err(format!("{file}: {} bytes are not a multiple of {size}", bytes.len()).into());
    }
    let tensor = |bytes: &[u8]| {
        let values =
            bytes.chunks_exact(4).map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]));
        Ok(Tensor::new(shape.clone(), values.collect::<Vec<f32>>())?)
    };
    bytes.chunks_exact(size).map(tensor).collect()
}
