//! The text form against protobuf's own: pairs of files in `vectors/text_form`, made by protobuf's printer.

use std::path::Path;

use eightbit_tensorflow::proto::GraphDef;

/// Every pair `NAME.pb`, `NAME.pbtxt` in the folder and its folders.
fn compare(folder: &Path, pairs: &mut usize) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            compare(&path, pairs);
        } else if path.extension().is_some_and(|extension| extension == "pbtxt") {
            let text =
                GraphDef::from_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let binary = GraphDef::from_file(path.with_extension("pb")).expect("a binary graph");
            // NaN is not equal to itself: bytes are.
            assert_eq!(text.to_bytes(), binary.to_bytes(), "{}", path.display());
            let printed = binary.to_text().expect("printable");
            let again = GraphDef::from_bytes(printed.as_bytes()).expect("what was printed is read");
            assert_eq!(again.to_bytes(), binary.to_bytes(), "{}", path.display());
            *pairs += 1;
        }
    }
}

#[test]
fn text_and_binary_are_equal() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/text_form");
    let folder = std::env::var_os("EIGHTBIT_TF_TRANSFORMS").map_or(own, Into::into);
    let mut pairs = 0;
    compare(&folder, &mut pairs);
    assert!(pairs > 0, "{} has no pairs", folder.display());
    println!("{pairs} pairs");
}
