//! `eightbit evaluate --disagreements`: the photos whose answer changed.

mod support;

use std::path::{Path, PathBuf};

use eightbit_graph::{Graph, Tensor};
use support::{Run, command, folder_with_network, photos, run};

/// A network, another one that answers differently, and the classes of the built-in photos.
fn files(name: &str) -> (PathBuf, PathBuf, PathBuf, PathBuf) {
    let (folder, model) = folder_with_network(name);
    let mut graph = Graph::from_onnx_file(&model).expect("a model");
    // The order of the classes is turned.
    for (constant, shape) in [("v", vec![10, 8]), ("d", vec![10])] {
        let rows = graph.constants[constant].as_f32().expect("floats").to_vec();
        let turned: Vec<f32> = rows.chunks(rows.len() / 10).rev().flatten().copied().collect();
        graph.constants.insert(constant.to_owned(), Tensor::new(shape, turned).expect("the same number"));
    }
    let other = folder.join("other.onnx");
    graph.to_onnx_file(&other).expect("a file");
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(photos()).expect("photos") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if [".jpg", ".png"].iter().any(|end| name.ends_with(end)) {
            lines.push(format!("{name}\t3\n"));
        }
    }
    let labels = folder.join("labels.tsv");
    std::fs::write(&labels, lines.concat()).expect("a file");
    (folder, model, other, labels)
}

fn evaluate(files: [&Path; 3], target: &Path, flags: &[&str]) -> Run {
    evaluate_in(&photos(), files, target, flags)
}

fn evaluate_in(images: &Path, [model, other, labels]: [&Path; 3], target: &Path, flags: &[&str]) -> Run {
    let mut command = command();
    command.arg("evaluate").arg("--images").arg(images).arg("--labels").arg(labels).arg("--graph").arg(model);
    run(command.arg("--quantized").arg(other).arg("--disagreements").arg(target).args(flags))
}

#[test]
fn a_page_shows_both_answers() {
    let (folder, model, other, labels) = files("disagreements-page");
    let names = folder.join("names.txt");
    std::fs::write(&names, "zero\none\ntwo\n<b>three</b>\nfour\nfive\nsix\nseven\neight\nnine\n")
        .expect("a file");
    let page = folder.join("changed.html");
    let names = names.to_str().expect("UTF-8");
    let text = evaluate([&model, &other, &labels], &page, &["--names", names]).ok();
    let photos = std::fs::read_to_string(&labels).expect("lines").lines().count();
    assert!(text.contains(&format!("{photos} other answers written to")), "{text}");
    let text = std::fs::read_to_string(&page).expect("a page");
    assert_eq!(text.matches("<img src=\"data:image/png;base64,").count(), photos);
    assert!(text.contains("&lt;b&gt;three&lt;/b&gt; (3)") && !text.contains("<b>three"), "{text}");
    assert!(text.contains("<dt>float") && text.contains("<dt>eight-bit") && !text.contains("http:"));
}

#[test]
fn a_folder_has_the_photos_and_a_table() {
    let (folder, model, other, labels) = files("disagreements-folder");
    let target = folder.join("changed");
    evaluate([&model, &other, &labels], &target, &["--limit", "2"]).ok();
    let table = std::fs::read_to_string(target.join("disagreements.tsv")).expect("a table");
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((rows.len(), rows[0].len(), rows[1].len()), (3, 9, 9), "{table}");
    for row in &rows[1..] {
        let [copy, photo] =
            [target.join(row[0]), photos().join(row[0])].map(|path| std::fs::read(path).expect("a photo"));
        assert!(copy == photo && row[1] == "3" && row[3] != row[6], "{table}");
        let classes = [row[3], row[6]].map(|class| class.parse::<usize>().expect("a class"));
        assert_eq!(classes[0] + classes[1], 9, "{table}");
    }
    // The same network agrees with itself.
    let none = folder.join("none");
    evaluate([&model, &model, &labels], &none, &[]).ok();
    assert_eq!(std::fs::read_dir(&none).expect("a folder").count(), 1);
}

#[test]
fn photos_are_not_replaced_by_their_copies() {
    let (folder, model, other, labels) = files("disagreements-own");
    let images = folder.join("images");
    std::fs::create_dir(&images).expect("a folder");
    let photo = images.join("coffee.png");
    std::fs::copy(photos().join("coffee.png"), &photo).expect("a photo");
    std::fs::write(&labels, "coffee.png\t3\n").expect("a file");
    let before = std::fs::read(&photo).expect("a photo");
    evaluate_in(&images, [&model, &other, &labels], &images, &[]).fails(2, &["would replace"]);
    assert_eq!(std::fs::read(&photo).expect("a photo"), before);
    assert_eq!(std::fs::read_dir(&images).expect("a folder").count(), 1);
    // A page in a folder that is a file.
    evaluate([&model, &other, &labels], &labels.join("x.html"), &[]).fails(1, &["x.html"]);
}
