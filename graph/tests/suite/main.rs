//! The tests of the crate from outside, in one program: each file is a subject.

mod biases;
mod eight_bit_transposed;
mod executor;
mod executor_eight_bit;
mod hostile;
mod hostile_operators;
mod memory_budget;
mod mutated_operators;
mod one_meaning;
mod onnx;
mod onnx_forms;
mod onnx_node_cases;
mod onnx_node_shapes;
mod open_dimensions;
mod operators;
mod passes;
mod qdq;
mod quantization_aware;
mod quantize;
mod quantize_concat;
mod quantize_measure;
mod quantize_split;
mod quantize_warnings;
mod sizes_from_elements;
mod support;
mod values;
