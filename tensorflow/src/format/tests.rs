//! Tests of the forms of a graph.

use super::*;
use crate::proto::{AttrValue, NodeDef, Value};

fn text(text: &str) -> Result<GraphDef, Error> {
    GraphDef::from_bytes(text.as_bytes())
}

fn attribute(value: &str) -> Option<Value> {
    let graph = format!("node {{ name: 'n' op: 'N' attr {{ key: 'a' value {{ {value} }} }} }}");
    let mut graph = text(&graph).unwrap_or_else(|error| panic!("{value}: {error}"));
    graph.node.pop().and_then(|mut node| node.attr.remove("a")).and_then(|value| value.value)
}

#[test]
fn every_form_of_a_value_is_read() {
    for (value, expected) in [
        ("i: -12", Value::I(-12)),
        ("i: 0x10,", Value::I(16)),
        ("i: 010;", Value::I(8)),
        ("f: 1.5f", Value::F(1.5)),
        ("f: -1e-3", Value::F(-1e-3)),
        ("f: - inf", Value::F(f32::NEG_INFINITY)),
        ("b: true", Value::B(true)),
        ("b: 0", Value::B(false)),
        ("type: DT_FLOAT", Value::Type(1)),
        ("type: 101", Value::Type(101)),
        ("s: 'a\\n' # comment\n \"\\303\\xa9\\\"\"", Value::S(b"a\n\xc3\xa9\"".to_vec())),
        ("placeholder: 'p'", Value::Placeholder("p".to_owned())),
    ] {
        assert_eq!(attribute(value), Some(expected), "{value}");
    }
    let Some(Value::List(list)) = attribute("list < i: [1, 2] i: 3 shape { dim { size: 0 } } >") else {
        panic!("a list")
    };
    assert_eq!(list.i, [1, 2, 3]);
    assert_eq!(list.shape[0].dim[0].size, 0);
}

#[test]
fn what_is_printed_is_read_again() {
    let mut node = NodeDef { name: "n\u{e9}\"\\".to_owned(), op: "N".to_owned(), ..NodeDef::default() };
    for (name, value) in [
        ("f", Value::F(1e-30)),
        ("g", Value::F(f32::MAX)),
        ("i", Value::I(i64::MIN)),
        ("s", Value::S((0..=255).collect())),
        ("t", Value::Type(7777)),
    ] {
        node.attr.insert(name.to_owned(), AttrValue { value: Some(value) });
    }
    let graph = GraphDef { node: vec![node], ..GraphDef::default() };
    let printed = graph.to_text().expect("printable");
    assert_eq!(text(&printed).expect("readable"), graph);
    assert_eq!(GraphDef::from_bytes(&graph.to_bytes()).expect("readable"), graph);
}

#[test]
fn of_a_field_given_twice_the_last_value_is_printed() {
    // In bytes that are carried without a look at them: two numbers of a type.
    let node = NodeDef {
        name: "n".to_owned(),
        op: "N".to_owned(),
        experimental_type: Some(vec![8, 1, 8, 232, 7].into()),
        ..NodeDef::default()
    };
    let graph = GraphDef { node: vec![node], ..GraphDef::default() };
    let printed = graph.to_text().expect("printable");
    assert_eq!(printed.matches("type_id: TFT_TENSOR\n").count(), 1, "{printed}");
    assert_eq!(printed.matches("type_id").count(), 1, "{printed}");
    assert_eq!(text(&printed).expect("readable").to_text().expect("printable"), printed);
    // An attribute's shape in two parts: messages are merged, as protobuf's own reader does.
    let parts = [[58, 4, 18, 2, 8, 2], [58, 4, 18, 2, 8, 3]].concat();
    let merged = super::text_out::print(&parts, &super::schema::ATTRIBUTE).expect("a message");
    assert_eq!(merged.matches("shape {").count(), 1, "{merged}");
    assert_eq!([merged.matches("size: 2").count(), merged.matches("size: 3").count()], [1, 1], "{merged}");
}

#[test]
fn faults_are_named_with_their_line() {
    for (graph, expected) in [
        ("node { name: 'x'\n nme: 'y' }", "line 2: NodeDef has no field \"nme\""),
        ("node { name: 'x' name: 'y' }", "field name of NodeDef is given twice"),
        ("node { name: x }", "field name: \"x\" is not a quoted text"),
        ("node { name: 'x'", "a field of NodeDef is expected"),
        ("node { name: 'x }\n}", "a text ends with its line"),
        ("node { name: '\\777' }", "more than a byte"),
        ("versions { producer: 3000000000 }", "not an integer of 32 bits"),
        ("node { name: 'x' }", "node 0 has no name or no operator"),
        ("node { attr { key: 'a' value { type: DT_NONE } } }", "\"DT_NONE\" is not a known name"),
    ] {
        let error = text(graph).expect_err(graph).to_string();
        assert!(error.contains(expected), "{graph}: {error}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    let deep = "node { attr { value ".to_owned() + &"{ func { attr { value ".repeat(100_000);
    assert!(text(&deep).expect_err("deep").to_string().contains("nested too deeply"));
    let mut wire = Vec::new();
    // From the inside out: an entry of a map, its value, the function in it.
    for level in 0..3000 {
        let mut outer = Vec::new();
        wire::put_delimited([2, 2, 10][level % 3], &wire, &mut outer);
        wire = outer;
    }
    let mut graph = Vec::new();
    wire::put_delimited(1, &wire, &mut graph);
    assert!(GraphDef::from_bytes(&graph).is_err());
}

#[test]
fn empty_messages_count() {
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    for graph in [b"\x0a\x00".repeat(1 << 12), b"node{}".repeat(1 << 12)] {
        let error = GraphDef::from_bytes_within(&graph, &limits).expect_err("2 MiB of nodes");
        assert!(matches!(error, Error::OverLimit { .. }), "{error}");
    }
}

/// Decoding skips groups and goes on behind them, so what follows them is not uncounted.
#[test]
fn groups_are_refused() {
    let graph = [&b"\x73\x74"[..], &b"\x0a\x00".repeat(1 << 12)].concat();
    let error = GraphDef::from_bytes(&graph).expect_err("a group");
    assert!(matches!(error, Error::NotAModel { .. }), "{error}");
}

#[test]
fn text_is_told_by_its_content() {
    assert!(is_text(b"# a comment\n\n node {"));
    assert!(is_text(b"versions:{"));
    // The binary form of a node of 110 bytes begins with a line feed and an n.
    assert!(!is_text(b"\x0anode\x0a"));
    assert!(!is_text(b"\x0a\x6e\x0a\x04node"));
}
