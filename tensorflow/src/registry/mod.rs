//! TensorFlow's operators: types of their arguments and results, defaults of their attributes, and whether they have state.
//!
//! `operators.txt` has a line for each operator that TensorFlow 1.15 registers: name, with `!` if it has state; types of the
//! arguments; types of the results; defaults. `float` is a type, `$T` the type in the attribute `T`, `$N*float` as many of them as
//! the attribute `N` says, `@U` the types in the attribute `U`, `&` before a type marks a reference. Defaults have the kind of the
//! value before the colon; `l` is an empty list.

mod defaults;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::data_types;
use crate::node;
use crate::proto::{AttrValue, NodeDef, Value};

static LINES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let split = |line: &'static str| {
        let (name, _) = line.split_once('|')?;
        Some((name.trim_end_matches('!'), line))
    };
    include_str!("operators.txt").lines().filter_map(split).collect()
});

/// The most results of an operator whose number an attribute gives.
const MAX_RESULTS: i64 = 1 << 16;

/// What is known about an operator.
#[derive(Clone, Copy)]
pub(crate) struct Operator {
    arguments: &'static str,
    results: &'static str,
    defaults: &'static str,
    /// Whether two equal nodes are two things: variables, tables, random numbers.
    pub(crate) has_state: bool,
}

impl Operator {
    /// The operator, if TensorFlow 1.15 has it.
    pub(crate) fn find(name: &str) -> Option<Self> {
        let mut fields = LINES.get(name)?.split('|');
        let mut next = || fields.next().unwrap_or_default();
        let has_state = next().ends_with('!');
        Some(Self { arguments: next(), results: next(), defaults: next(), has_state })
    }

    /// The attributes that have a default.
    pub(crate) fn defaults(self) -> impl Iterator<Item = (&'static str, AttrValue)> {
        self.defaults.split(' ').filter_map(|default| {
            let (name, value) = default.split_once('=')?;
            Some((name, AttrValue { value: Some(defaults::parse(value)?) }))
        })
    }

    /// The element types of a node's arguments; an error says which attribute is missing.
    pub(crate) fn argument_types(self, node: &NodeDef) -> Result<Vec<i32>, String> {
        types(self.arguments, node)
    }

    /// The element types of a node's results.
    pub(crate) fn result_types(self, node: &NodeDef) -> Result<Vec<i32>, String> {
        types(self.results, node)
    }
}

fn types(list: &str, node: &NodeDef) -> Result<Vec<i32>, String> {
    let missing = |name: &str| format!("No attr named '{name}' in NodeDef of node '{}'", node.name);
    let mut types = Vec::new();
    for item in list.split(' ').filter(|item| !item.is_empty()) {
        if let Some(name) = item.strip_prefix('@') {
            let Some(Value::List(list)) = node::value(node, name) else { return Err(missing(name)) };
            types.extend_from_slice(&list.r#type);
            continue;
        }
        let (count, item) = match item.split_once('*') {
            Some((count, item)) => {
                let name = count.trim_start_matches('$');
                match node::value(node, name) {
                    Some(&Value::I(count @ 0..=MAX_RESULTS)) => (count, item),
                    _ => return Err(missing(name)),
                }
            }
            None => (1, item),
        };
        let item = item.trim_start_matches('&');
        let data_type = match item.strip_prefix('$') {
            Some(name) => match node::value(node, name) {
                Some(&Value::Type(data_type)) => data_type,
                _ => return Err(missing(name)),
            },
            None => data_types::parse(item).unwrap_or_default(),
        };
        types.extend((0..count).map(|_| data_type));
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::DataType;

    #[test]
    fn every_line_is_read() {
        assert!(LINES.len() > 1100);
        for (name, line) in LINES.iter() {
            let fields: Vec<_> = line.split('|').collect();
            assert_eq!(fields.len(), 4, "{line}");
            let operator = Operator::find(name).expect("it is listed");
            let written = fields[3].split(' ').filter(|default| !default.is_empty()).count();
            assert_eq!(operator.defaults().count(), written, "{line}");
            for item in fields[1].split(' ').chain(fields[2].split(' ')).filter(|item| !item.is_empty()) {
                let item = item.rsplit('*').next().unwrap_or(item).trim_start_matches('&');
                let known = item.starts_with(['$', '@']) || data_types::parse(item).is_some();
                assert!(known, "{item} in {line}");
            }
        }
    }

    #[test]
    fn types_come_from_attributes() {
        let operator = Operator::find("Split").expect("it is listed");
        let node = |count| {
            node::Builder::new("s", "Split")
                .attribute("T", Value::Type(DataType::Half as i32))
                .attribute("num_split", Value::I(count))
                .build()
        };
        let types = operator.result_types(&node(3)).expect("attributes are there");
        assert_eq!(types, [DataType::Half as i32; 3]);
        assert!(operator.result_types(&node(-1)).is_err());
        assert!(operator.result_types(&node(i64::MAX)).is_err());
        assert!(operator.argument_types(&NodeDef::default()).is_err());
    }
}
