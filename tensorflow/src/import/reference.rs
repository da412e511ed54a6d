//! Names of values.

/// The name of an input of a node: `node`, `node:1`, or `^node`, which only orders the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference<'a> {
    /// The node.
    pub node: &'a str,
    /// The output of the node; `None` for a control input.
    pub port: Option<usize>,
}

impl<'a> Reference<'a> {
    /// Reads a name. What is not a number after a colon belongs to the node's name.
    pub fn new(name: &'a str) -> Self {
        if let Some(node) = name.strip_prefix('^') {
            return Self { node, port: None };
        }
        match name.rsplit_once(':').and_then(|(node, port)| Some((node, port.parse().ok()?))) {
            Some((node, port)) => Self { node, port: Some(port) },
            None => Self { node: name, port: Some(0) },
        }
    }

    /// The name of the value in a graph: `node`, `node:1`.
    pub fn value_name(self) -> String {
        match self.port {
            Some(port @ 1..) => format!("{}:{port}", self.node),
            _ => self.node.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_forms() {
        assert_eq!(Reference::new("a/b"), Reference { node: "a/b", port: Some(0) });
        assert_eq!(Reference::new("a/b:0"), Reference::new("a/b"));
        assert_eq!(Reference::new("a:12").value_name(), "a:12");
        assert_eq!(Reference::new("^a"), Reference { node: "a", port: None });
        assert_eq!(Reference::new("a:b").node, "a:b");
    }
}
