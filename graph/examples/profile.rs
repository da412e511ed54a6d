//! What the time of a model's run goes into, step by step.
//!
//! ```text
//! cargo run --release -p eightbit-graph --example profile -- MODEL.onnx [RUNS]
//! ```

use std::error::Error;
use std::time::Duration;

use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("usage: profile MODEL.onnx [RUNS]")?;
    let runs = arguments.next().map_or(Ok(50), |runs| runs.parse())?;
    let graph = Graph::from_onnx_file(&model)?;
    let mut executor = Executor::new(&graph, &ExecutorOptions::default())?;
    let inputs = noise(&executor)?;
    let inputs: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let steps = executor.profile(&inputs, runs)?;
    let total: Duration = steps.iter().map(|step| step.time).sum();
    for step in &steps {
        let (time, share) = (step.time.as_secs_f64(), step.time.as_secs_f64() / total.as_secs_f64());
        println!("{:9.1} µs {:5.1} %  {:<40} {}", time * 1e6, share * 100.0, step.name, step.description);
    }
    println!("{:9.1} µs in {} steps", total.as_secs_f64() * 1e6, steps.len());
    Ok(())
}

/// Inputs whose elements look random and are the same everywhere (xorshift64*): floats in -1 … 1, bytes of all values.
fn noise(executor: &Executor) -> Result<Vec<(String, Tensor)>, Box<dyn Error>> {
    let mut state = 7u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40
    };
    let mut inputs = Vec::new();
    for info in executor.inputs() {
        let shape: Vec<usize> = info.shape.iter().map(|dim| dim.unwrap_or(1)).collect();
        let mut tensor = Tensor::zeros(shape, info.data_type)?;
        match info.data_type {
            DataType::F32 => {
                let values = tensor.values_mut::<f32>()?;
                values.iter_mut().for_each(|x| *x = next() as f32 / (1u64 << 23) as f32 - 1.0);
            }
            DataType::U8 => tensor.values_mut::<u8>()?.iter_mut().for_each(|x| *x = next() as u8),
            DataType::I8 => tensor.values_mut::<i8>()?.iter_mut().for_each(|x| *x = next() as i8),
            other => return Err(format!("{}: no noise of type {other}", info.name).into()),
        }
        inputs.push((info.name.clone(), tensor));
    }
    Ok(inputs)
}
