//! Matches values by their names.

use std::collections::HashMap;

use super::pairs::{MatchedBy, Pairs};
use super::signals::{Signal, Signals};

/// Beginnings of the names that `quantize_nodes` and `pin_float_layers` make up: they say nothing of a value.
const MADE_UP: [&str; 5] = ["float", "quantized", "dequantized", "dequantize", "pinned"];

/// A value's name without the number of the node's output that TensorFlow and its converters append, if it is the first one.
pub(super) fn plain(name: &str) -> &str {
    name.strip_suffix(":0").unwrap_or(name)
}

/// Pairs signals of which a form has the same name in both graphs, and the compared forms have the same shape.
pub(super) fn pair(a: &Signals<'_>, b: &Signals<'_>, pairs: &mut Pairs) {
    let mut named: HashMap<&str, usize> = HashMap::new();
    for (index, signal) in b.list.iter().enumerate() {
        for name in telling(signal) {
            named.entry(name).or_insert(index);
        }
    }
    for (index, signal) in a.list.iter().enumerate() {
        let mut found = telling(signal).filter_map(|name| named.get(name).copied());
        if let Some(other) = found.find(|&other| pairs.are_free(index, other) && fit(signal, &b.list[other]))
        {
            pairs.add(index, other, MatchedBy::Name);
        }
    }
}

/// Whether two signals can be compared.
pub(super) fn fit(a: &Signal<'_>, b: &Signal<'_>) -> bool {
    a.shape.is_some() && a.shape == b.shape
}

/// The names of a signal that say which value it is, that of the compared form first.
fn telling<'s>(signal: &'s Signal<'_>) -> impl Iterator<Item = &'s str> {
    let all = std::iter::once(signal.value).chain(signal.names.iter().copied());
    all.map(plain).filter(|name| !is_made_up(name))
}

/// The name by which users know a signal.
pub(super) fn label<'g>(signal: &Signal<'g>) -> &'g str {
    let all = std::iter::once(signal.value).chain(signal.names.iter().copied());
    all.clone().find(|name| !is_made_up(plain(name))).unwrap_or(signal.value)
}

fn is_made_up(name: &str) -> bool {
    let stem = match name.rsplit_once('_') {
        Some((stem, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    };
    MADE_UP.contains(&stem)
}
