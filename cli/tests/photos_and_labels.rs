//! Photos that are damaged, rotated, huge or not photos; label files with byte-order marks, gaps or endless input.

mod support;

use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use support::run_capped;
use support::{Run, command, folder, folder_with_network, photos, run};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases").join(name)
}

/// Labels a photo with the model and the labels of a case.
fn label(case: &Path, photo: &str, flags: &[&str]) -> Run {
    let mut command = command();
    command.args(["label-image", "--top", "1", "--json"]).args(flags);
    command.arg("--graph").arg(case.join("model.onnx")).arg("--labels").arg(case.join("labels.txt"));
    run(command.arg("--image").arg(case.join(photo)).arg("--calibrate").arg(photos().join("chelsea.png")))
}

fn answers(run: &Run) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let networks = json["networks"].as_array().expect("networks");
    networks
        .iter()
        .map(|network| network["answers"][0]["label"].as_str().expect("a label").to_owned())
        .collect()
}

#[test]
fn jpeg_files_that_end_early_are_errors_or_warnings() {
    let case = case("bugs/D1_truncated_jpeg");
    assert_eq!(answers(&label(&case, "part100.jpg", &[])), ["bottom"; 2]);
    for part in ["part90.jpg", "part50.jpg", "part10.jpg"] {
        label(&case, part, &[]).fails(1, &[part, "not a whole photo: it ends early", "--lenient"]);
        let lenient = label(&case, part, &["--lenient"]);
        assert_eq!((lenient.code, answers(&lenient).len()), (Some(0), 2), "{}", lenient.stderr);
        assert!(
            lenient.stderr.starts_with("warning: ") && lenient.stderr.contains(part),
            "{}",
            lenient.stderr
        );
        let out = folder("photos-part").join("out.onnx");
        let quantize = |flags: &[&str]| {
            let mut command = command();
            command.arg("quantize").arg(case.join("model.onnx")).arg("-o").arg(&out).args(flags);
            run(command.arg("--calibrate").arg(case.join(part)))
        };
        quantize(&[]).fails(1, &[part, "ends early"]);
        assert!(!out.exists());
        assert_eq!(quantize(&["--lenient"]).code, Some(0));
    }
    // This part cannot be decoded at all.
    let part3 = label(&case, "part3.jpg", &["--lenient"]);
    assert!(!part3.stderr.contains('\\'), "{}", part3.stderr);
    part3.fails(1, &["part3.jpg", "not a PNG or JPEG photo"]);
}

/// The marker that ends an image, behind half of one.
#[test]
fn jpeg_files_with_an_end_in_the_middle_end_early() {
    let case = case("bugs/D1_truncated_jpeg");
    let mut half = std::fs::read(case.join("part50.jpg")).expect("a photo");
    half.extend([0xff, 0xd9]);
    let photo = folder("photos-end").join("half.jpg");
    std::fs::write(&photo, half).expect("a file");
    let photo = photo.to_str().expect("UTF-8");
    label(&case, photo, &[]).fails(1, &["half.jpg", "not a whole photo: it ends early", "--lenient"]);
    let lenient = label(&case, photo, &["--lenient"]);
    assert!(lenient.code == Some(0) && lenient.stderr.starts_with("warning: "), "{}", lenient.stderr);
}

/// Cameras write them.
#[test]
fn jpeg_files_with_restarts_are_whole() {
    let case = case("bugs/D1_truncated_jpeg");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vision/src/testdata");
    for name in ["restarts2.jpg", "restarts5.jpg", "restarts_row.jpg"] {
        let seen = label(&case, data.join(name).to_str().expect("UTF-8"), &[]);
        assert!(seen.code == Some(0) && !seen.stderr.contains(name), "{name}: {}", seen.stderr);
    }
}

#[test]
fn photos_are_oriented_as_in_viewers() {
    let case = case("bugs/E1_exif_orientation");
    assert_eq!(answers(&label(&case, "upright.png", &[])), ["top"; 2]);
    for (orientation, stored) in [(1, "top"), (3, "bottom"), (4, "bottom"), (6, "left"), (8, "right")] {
        for format in ["jpg", "png"] {
            let photo = format!("orientation{orientation}.{format}");
            let seen = label(&case, &photo, &[]);
            assert_eq!(answers(&seen), ["top"; 2], "{photo}: {}", seen.stderr);
            assert_eq!(answers(&label(&case, &photo, &["--ignore-orientation"])), [stored; 2], "{photo}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn photos_beyond_the_memory_limit_are_refused_before_decoding() {
    let (_, model) = folder_with_network("photos-large");
    let mut command = command();
    command.arg("label-image").arg("--graph").arg(&model).arg("--image").arg(case("hostile/bombg8.png"));
    let run = run_capped(&mut command, 512, std::time::Duration::from_secs(10)).expect("an end");
    run.fails(1, &["bombg8.png", "too large", "22000×22000", "1847 MiB", "limit is 512 MiB"]);
}

#[test]
fn a_truncated_photo_is_reported() {
    let (_, model) = folder_with_network("photos-half");
    let mut command = command();
    command.arg("label-image").arg("--graph").arg(&model).arg("--image").arg(case("hostile/trunc.jpg"));
    run(&mut command).fails(1, &["trunc.jpg", "ends early"]);
}

#[cfg(target_os = "linux")]
#[test]
fn endless_devices_and_silent_pipes_are_errors() {
    let (folder, model) = folder_with_network("photos-endless");
    let silent = folder.join("silent.png");
    assert!(std::process::Command::new("mkfifo").arg(&silent).status().expect("mkfifo").success());
    for path in [Path::new("/dev/zero"), &silent] {
        let [name, out] = [path.display().to_string(), folder.join("out.onnx").display().to_string()];
        let model = model.to_str().expect("UTF-8");
        for arguments in [
            &["label-image", "--graph", model, "--image", &name][..],
            &["label-image", "--graph", model, "--labels", &name],
            &["label-image", "--graph", &name],
            &["evaluate", "--images", ".", "--labels", &name],
            &["quantize", model, "-o", &out, "--calibrate", &name],
            &["run", model, "--input", &name],
        ] {
            let mut command = command();
            let run = run_capped(command.args(arguments), 512, std::time::Duration::from_secs(15));
            run.unwrap_or_else(|| panic!("{arguments:?} does not end")).fails(1, &[&name]);
        }
    }
}

#[test]
fn the_byte_order_mark_of_label_files_is_skipped() {
    let case = case("bugs/G1_labels_bom");
    let mut label = command();
    label.args(["label-image", "--json", "--graph"]).arg(case.join("model.onnx"));
    label.arg("--labels").arg(case.join("names.txt")).arg("--image").arg(case.join("a.png"));
    let labelled = run(label.arg("--calibrate").arg(case.join("a.png")));
    assert_eq!(
        (labelled.code, answers(&labelled)),
        (Some(0), vec!["top".to_owned(); 2]),
        "{}",
        labelled.stderr
    );
    // It names two of four classes.
    assert!(
        labelled.stderr.starts_with("warning: ") && labelled.stderr.contains("2 names"),
        "{}",
        labelled.stderr
    );
    let mut evaluate = command();
    evaluate.args(["evaluate", "--json", "--graph"]).arg(case.join("model.onnx")).arg("--images").arg(&case);
    let json = run(evaluate.arg("--labels").arg(case.join("labels.tsv"))).json();
    assert_eq!(json["photos"], 2);
}

#[test]
fn a_label_file_has_a_line_for_each_class() {
    let (folder, model) = folder_with_network("labels-length");
    let labels = folder.join("labels.txt");
    let label = |count: usize| {
        std::fs::write(&labels, "name\n".repeat(count)).expect("a file");
        run(command().arg("label-image").arg("--graph").arg(&model).arg("--labels").arg(&labels))
    };
    label(10).ok();
    // One name too few or too many belongs to another network, with or without a background class.
    for count in [9, 11, 1001] {
        label(count).fails(1, &["labels.txt", &format!("{count} names"), "10 classes"]);
    }
    let short = label(3);
    assert_eq!(short.code, Some(0));
    assert!(
        short.stderr.contains("warning: ") && short.stderr.contains("3 names in the file"),
        "{}",
        short.stderr
    );
}

#[test]
fn folders_named_like_photos_are_skipped() {
    let case = case("bugs/G2_calibrate_folder_entries");
    let out = folder("labels-folders").join("out.onnx");
    let mut command = command();
    command.args(["quantize", "--json"]).arg(case.join("model.onnx")).arg("-o").arg(&out);
    assert_eq!(run(command.arg("--calibrate").arg(case.join("p"))).json()["calibration_photos"], 1);
}

/// One black photo is useless for calibration; the program warns.
#[test]
fn useless_calibration_photos_give_a_warning() {
    let (folder, model) = folder_with_network("photos-black");
    let black = folder.join("black.png");
    image::RgbImage::new(20, 20).save(&black).expect("a photo");
    let mut command = command();
    command.arg("quantize").arg(&model).arg("-o").arg(folder.join("out.onnx")).arg("--calibrate").arg(&black);
    let run = run(&mut command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("are flat"), "{}", run.stderr);
}
