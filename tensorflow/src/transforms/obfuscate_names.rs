//! `obfuscate_names`: short names for all nodes but inputs and outputs.

use std::collections::{HashMap, HashSet};

use super::context::Context;
use super::{Transform, TransformError};
use crate::node::Input;
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "obfuscate_names",
    parameters: &[],
    summary: "replaces names by numbers in base 62",
    run,
};

const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let required: HashSet<&str> = context.inputs.iter().chain(&context.outputs).map(String::as_str).collect();
    let mut free = (0..).map(name).filter(|name| !required.contains(name.as_str()));
    let mut names = HashMap::new();
    for node in &nodes {
        let new = if required.contains(node.name.as_str()) { Some(node.name.clone()) } else { free.next() };
        names.extend(new.map(|new| (node.name.clone(), new)));
    }
    for node in &mut nodes {
        for input in &mut node.input {
            let parsed = Input::parse(input);
            let Some(new) = names.get(parsed.node) else {
                let reason = format!("No node named {} for input to {}", parsed.node, node.name);
                return Err(TransformError::Invalid(reason));
            };
            *input = parsed.renamed(new);
        }
        if let Some(new) = names.get(&node.name) {
            node.name.clone_from(new);
        }
    }
    Ok(nodes)
}

fn name(mut number: usize) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[number % DIGITS.len()]));
        number /= DIGITS.len();
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}
