//! `eightbit train`.
#![cfg(feature = "train")]

mod support;

use std::path::{Path, PathBuf};

use support::{Run, command, eightbit, folder, npy, photos, run};

const SIDE: usize = 8;

/// Images of a bright upper or lower half, as two arrays: how the classes are told apart is easy.
fn arrays(name: &str) -> (PathBuf, [PathBuf; 2]) {
    let folder = folder(name);
    let pixel = |image: usize, at: usize| {
        let is_bright = (at / (SIDE * SIDE / 2) == 1) == (image % 2 == 1);
        let noise = ((at * 37 + image * 11) % 32) as f32 / 64.0;
        if is_bright { 0.5 + noise / 2.0 } else { noise }
    };
    let pixels: Vec<f32> =
        (0..80 * SIDE * SIDE).map(|at| pixel(at / (SIDE * SIDE), at % (SIDE * SIDE))).collect();
    let [images, labels] = ["images.npy", "labels.npy"].map(|file| folder.join(file));
    npy::write(&images, &[80, SIDE as u64, SIDE as u64], &pixels);
    std::fs::write(&labels, npy_of_bytes(80, |image| (image % 2) as u8)).expect("a file");
    (folder, [images, labels])
}

/// A file of bytes.
fn npy_of_bytes(count: usize, byte: impl Fn(usize) -> u8) -> Vec<u8> {
    let head = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({count},), }}");
    let length = u16::try_from(head.len()).expect("short").to_le_bytes();
    let mut file = [&b"\x93NUMPY\x01\x00"[..], &length, head.as_bytes()].concat();
    file.extend((0..count).map(byte));
    file
}

fn train(data: &[PathBuf; 2], flags: &[&str], files: &[(&str, &Path)]) -> Run {
    let mut command = command();
    command.arg("train").arg("--data").args(data).args(flags);
    files.iter().for_each(|(flag, path)| {
        command.arg(flag).arg(path);
    });
    run(&mut command)
}

#[test]
fn a_network_is_trained_written_executed_and_trained_again() {
    let (folder, data) = arrays("train-network");
    let [model, float, csv, plot] = ["m.onnx", "f.onnx", "c.csv", "c.svg"].map(|file| folder.join(file));
    let flags = ["--bits", "w2a2", "--epochs", "4", "--batch", "8", "--json"];
    let json = train(&data, &flags, &[("-o", &model), ("--csv", &csv), ("--plot", &plot)]).json();
    assert_eq!((json["train_images"].as_u64(), json["test_images"].as_u64()), (Some(64), Some(16)));
    let executed = &json["executed"];
    for count in ["right", "same_answers", "same_bits"] {
        assert_eq!(executed[count], 16, "{count}: {json}");
    }
    assert_eq!(executed["exact_products"], executed["products"]);
    let csv = std::fs::read_to_string(&csv).expect("a curve");
    assert!(
        csv.starts_with("epoch,stage,loss,accuracy,test_loss,test_accuracy\n1,float,")
            && csv.lines().count() == 5
    );
    let plot = std::fs::read_to_string(&plot).expect("a plot");
    assert!(plot.starts_with("<svg") && plot.contains(">w2a2<") && plot.contains("quantized"));
    // The file runs like others.
    let text = eightbit(&[Path::new("inspect"), &model]).ok();
    assert!(text.contains("Quant"), "{text}");

    let text = train(&data, &["--bits", "float", "--epochs", "2", "--arch", "mlp"], &[("-o", &float)]).ok();
    assert!(text.contains("16 of 16"), "{text}");
    let flags =
        ["--bits", "w4a4", "--epochs", "2", "--float-epochs", "0", "--format", "qdq", "--quantizer", "pact"];
    let text = train(&data, &flags, &[("--from", &float), ("-o", &model)]).ok();
    assert!(text.contains("16 of 16"), "{text}");
    train(&data, &flags, &[("--from", &model)])
        .fails(1, &["m.onnx", "cannot be trained", "BatchNormalization"]);
}

#[test]
fn a_training_goes_on_from_its_checkpoint() {
    let (folder, data) = arrays("train-resume");
    let [one, two, saved] = ["1.onnx", "2.onnx", "saved"].map(|file| folder.join(file));
    let flags = ["--bits", "w1a1", "--epochs", "3", "--resume"];
    train(&data, &flags, &[("--checkpoint", &saved), ("-o", &one)]).ok();
    // Everything is done already: only the file is written.
    train(&data, &flags, &[("--checkpoint", &saved), ("-o", &two)]).ok();
    assert_eq!(std::fs::read(&one).expect("a file"), std::fs::read(&two).expect("a file"));
    let other = ["--bits", "w1a1", "--epochs", "4", "--resume"];
    train(&data, &other, &[("--checkpoint", &saved)]).fails(1, &["saved", "other options"]);
    std::fs::write(&saved, b"no checkpoint").expect("a file");
    train(&data, &flags, &[("--checkpoint", &saved)]).fails(1, &["saved", "safetensors"]);
}

#[test]
fn photos_and_digits_are_read() {
    let root = folder("train-photos");
    let photo = std::fs::read_dir(photos()).expect("photos").map(|entry| entry.expect("an entry").path());
    let photo = photo
        .filter(|path| path.extension().is_some_and(|end| end == "jpg" || end == "png"))
        .min()
        .expect("a photo");
    for class in ["a", "b"] {
        std::fs::create_dir_all(root.join("photos").join(class)).expect("a folder");
        for number in 0..2 {
            let to = root
                .join("photos")
                .join(class)
                .join(format!("{number}.{}", photo.extension().expect("one").display()));
            std::fs::copy(&photo, to).expect("a copy");
        }
    }
    let of = |data: &Path, more: &[&str]| {
        run(command()
            .arg("train")
            .arg("--data")
            .arg(data)
            .args(["--epochs", "1", "--bits", "float"])
            .args(more))
    };
    let text = of(&root.join("photos"), &["--size", "12", "--grey"]).ok();
    assert!(text.contains("12×12×1") && text.contains("2 classes"), "{text}");
    let digits = root.join("digits");
    std::fs::create_dir_all(&digits).expect("a folder");
    for class in 0..3 {
        let numbers = vec![format!("0.{class}"); 2 * 64].join(",");
        std::fs::write(digits.join(format!("{class}.json")), format!("{{\"data\": [{numbers}]}}"))
            .expect("a file");
    }
    let text = of(&digits, &[]).ok();
    assert!(text.contains("8×8×1") && text.contains("3 classes"), "{text}");
    std::fs::write(digits.join("1.json"), "{\"data\": [1, \"x\"]}").expect("a file");
    of(&digits, &[]).fails(1, &["1.json", "numbers"]);
    of(&root.join("photos/a"), &[]).fails(1, &["two classes"]);
    of(&root.join("missing"), &[]).fails(1, &["missing"]);
}

#[test]
fn wrong_arguments_are_named() {
    let (folder, data) = arrays("train-arguments");
    let fails = |flags: &[&str], code, part: &str| train(&data, flags, &[]).fails(code, &[part]);
    fails(&["--bits", "w9a1"], 2, "w9a1");
    fails(&["--bits", "w1a1", "--format", "qdq", "-o", "/dev/null"], 1, "choose qonnx");
    fails(&["--epochs", "2", "--float-epochs", "3"], 1, "more than 2");
    fails(&["--test-fraction", "1"], 1, "between 0 and 1");
    fails(&["--learning-rate", "1e38", "--epochs", "6", "--bits", "float"], 1, "learning rate");
    fails(&["--resume"], 2, "--checkpoint");
    let same = folder.join("same");
    train(&data, &[], &[("-o", &same), ("--csv", &same)]).fails(2, &["same file"]);
    train(&data, &[], &[("-o", &data[0])]).fails(2, &["images.npy"]);
    let labels = [data[0].clone(), data[0].clone()];
    train(&labels, &[], &[]).fails(1, &["images.npy"]);
}
