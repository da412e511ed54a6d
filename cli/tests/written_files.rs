//! Output files: complete, or the previous content; never over an input.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{command, folder_with_network, photos, run};

fn quantize(model: &Path, photo: &Path, output: &Path) -> Command {
    let mut command = command();
    command.arg("quantize").arg(model).arg("--calibrate").arg(photo).arg("-o").arg(output);
    command
}

fn photo() -> PathBuf {
    photos().join("chelsea.png")
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn inputs_are_not_replaced_under_any_name() {
    let (folder, model) = folder_with_network("written-links");
    let own = folder.join("photo.png");
    std::fs::copy(photo(), &own).expect("a copy");
    let [hard, hard_photo] = ["hard.onnx", "hard.png"].map(|name| folder.join(name));
    std::fs::hard_link(&model, &hard).expect("a link");
    std::fs::hard_link(&own, &hard_photo).expect("a link");
    let before = [&model, &own].map(|path| std::fs::read(path).expect("a file"));
    let mut names = vec![model.clone(), hard, own.clone(), hard_photo];
    #[cfg(unix)]
    for (name, target) in [("soft.onnx", "model.onnx"), ("soft.png", "hard.png")] {
        std::os::unix::fs::symlink(target, folder.join(name)).expect("a link");
        names.push(folder.join(name));
    }
    for name in &names {
        run(&mut quantize(&model, &own, name)).fails(2, &["would replace"]);
    }
    let after = [&model, &own].map(|path| std::fs::read(path).expect("a file"));
    assert!(before == after);
    assert_eq!(count(&folder), names.len());
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions_and_its_links() {
    let (folder, model) = folder_with_network("written-again");
    let output = folder.join("out.onnx");
    run(&mut quantize(&model, &photo(), &output)).ok();
    let first = std::fs::read(&output).expect("a file");
    std::fs::write(&output, "an older one").expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        std::fs::set_permissions(&output, std::fs::Permissions::from_mode(0o640)).expect("an own file");
        let link = folder.join("link.onnx");
        symlink("out.onnx", &link).expect("a link");
        run(&mut quantize(&model, &photo(), &link)).ok();
        assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(std::fs::metadata(&output).expect("the file").permissions().mode() & 0o777, 0o640);
        std::fs::remove_file(&link).expect("the link");
    }
    #[cfg(not(unix))]
    run(&mut quantize(&model, &photo(), &output)).ok();
    assert!(std::fs::read(&output).expect("a file") == first);
    assert_eq!(count(&folder), 2);
}

/// A limit of the file size simulates a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_previous_file() {
    let (folder, model) = folder_with_network("written-full");
    let output = folder.join("out.onnx");
    std::fs::write(&output, "an older one").expect("a file");
    let work = quantize(&model, &photo(), &output);
    let mut limited = Command::new("sh");
    // One block of 512 bytes, and the signal of the limit ignored, so that writing fails as on a full disk.
    limited.arg("-c").arg("trap '' XFSZ; ulimit -f 1 && exec \"$0\" \"$@\"");
    limited.arg(work.get_program()).args(work.get_args()).env_remove("EIGHTBIT_BACKEND");
    let limited = run(&mut limited);
    assert!(!limited.stderr.contains(".tmp"), "{}", limited.stderr);
    limited.fails(1, &["cannot write", "out.onnx"]);
    assert_eq!(std::fs::read(&output).expect("the file"), b"an older one");
    assert_eq!(count(&folder), 2);
}

#[test]
fn two_writers_leave_a_whole_file() {
    let (folder, model) = folder_with_network("written-twice");
    let output = folder.join("out.onnx");
    let start = || quantize(&model, &photo(), &output).spawn().expect("the program starts");
    for mut child in [start(), start(), start()] {
        assert!(child.wait().expect("a child").success());
    }
    eightbit_graph::Graph::from_onnx_file(&output).expect("a whole network");
    assert_eq!(count(&folder), 2);
}

/// Calibration would fail, too: the error about the output shows that it is checked before the work.
#[test]
fn unwritable_outputs_are_reported_before_the_work() {
    let (folder, model) = folder_with_network("written-before");
    let broken = folder.join("broken.png");
    std::fs::write(&broken, "no photo").expect("a file");
    let missing = run(&mut quantize(&model, &broken, &folder.join("no/such/out.onnx")));
    assert!(!missing.stderr.contains(".tmp"), "{}", missing.stderr);
    missing.fails(1, &["cannot write", "out.onnx"]);
    run(&mut quantize(&model, &broken, &folder)).fails(2, &["is a folder"]);
    // Permissions do not restrict root.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let closed = folder.join("closed");
        std::fs::create_dir(&closed).expect("a folder");
        let fixed = folder.join("fixed.onnx");
        std::fs::write(&fixed, "x").expect("a file");
        for (path, mode) in [(&closed, 0o555), (&fixed, 0o444)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("an own file");
        }
        let everything = std::fs::write(closed.join("probe"), "x").is_ok();
        if !everything {
            for output in [&closed.join("out.onnx"), &fixed] {
                run(&mut quantize(&model, &broken, output)).fails(1, &["cannot write", "ermission"]);
            }
        }
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).expect("an own folder");
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_written_and_stays_a_device() {
    let (_, model) = folder_with_network("written-device");
    run(&mut quantize(&model, &photo(), Path::new("/dev/null"))).ok();
    assert!(!std::fs::metadata("/dev/null").expect("the device").is_file());
}

/// Waiting for a reader could take forever; a pipe that is read gets the whole file.
#[cfg(unix)]
#[test]
fn a_pipe_needs_a_reader_before_the_work() {
    let (folder, model) = folder_with_network("written-pipe");
    let [broken, pipe] = ["broken.png", "pipe"].map(|name| folder.join(name));
    std::fs::write(&broken, "no photo").expect("a file");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    run(&mut quantize(&model, &broken, &pipe)).fails(1, &["cannot write", "no program reads this pipe"]);
    let read = pipe.clone();
    let reader = std::thread::spawn(move || std::fs::read(read).expect("the file"));
    let mut written = run(&mut quantize(&model, &photo(), &pipe));
    // The reader may open the pipe later than the program.
    while written.stderr.contains("no program reads") {
        written = run(&mut quantize(&model, &photo(), &pipe));
    }
    written.ok();
    let copy = folder.join("copy.onnx");
    std::fs::write(&copy, reader.join().expect("a reader")).expect("a file");
    eightbit_graph::Graph::from_onnx_file(&copy).expect("a whole network");
}

/// Standard output is written to where it is, pipe or file, and not replaced by a new file.
#[cfg(target_os = "linux")]
#[test]
fn open_files_are_written_and_not_replaced() {
    let (folder, model) = folder_with_network("written-open");
    let whole = folder.join("whole.onnx");
    run(&mut quantize(&model, &photo(), &whole)).ok();
    let whole = std::fs::read(whole).expect("a file");
    let holds = |bytes: &[u8]| bytes.windows(whole.len()).any(|part| part == whole);
    let piped = quantize(&model, &photo(), Path::new("/dev/stdout")).output().expect("the program starts");
    assert!(piped.status.success() && holds(&piped.stdout), "{}", String::from_utf8_lossy(&piped.stderr));
    let (socket, mut reader) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let reading = std::thread::spawn(move || {
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut read).map(|_| read)
    });
    let socket = std::os::fd::OwnedFd::from(socket);
    let status = quantize(&model, &photo(), Path::new("/dev/stdout")).stdout(socket).status();
    assert!(status.expect("the program starts").success());
    assert!(holds(&reading.join().expect("a reader").expect("bytes")));
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let path = folder.join("redirected");
        let mut file = std::fs::File::create(&path).expect("a file");
        std::io::Write::write_all(&mut file, b"before ").expect("a file");
        let identity = std::os::unix::fs::MetadataExt::ino(&file.metadata().expect("the file"));
        let status = quantize(&model, &photo(), Path::new(name)).stdout(file).status();
        assert!(status.expect("the program starts").success(), "{name}");
        let written = std::fs::read(&path).expect("the file");
        assert!(written.starts_with(b"before ") && holds(&written), "{name}");
        let after = std::fs::metadata(&path).expect("the file");
        assert_eq!(std::os::unix::fs::MetadataExt::ino(&after), identity, "{name}");
    }
    // Another number, by the shell: behind what is there.
    let path = folder.join("third");
    std::fs::write(&path, "before ").expect("a file");
    let work = quantize(&model, &photo(), Path::new("/dev/fd/3"));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("out=$1; shift; exec \"$@\" 3>>\"$out\"").arg("sh").arg(&path);
    run(shell.arg(work.get_program()).args(work.get_args()).env_remove("EIGHTBIT_BACKEND")).ok();
    assert!(std::fs::read(&path).expect("the file") == [b"before ", &whole[..]].concat());
    // A file that is read is not written, under these names neither.
    let before = std::fs::read(&model).expect("a file");
    let file = std::fs::OpenOptions::new().append(true).open(&model).expect("a file");
    let status = quantize(&model, &photo(), Path::new("/dev/stdout")).stdout(file).status();
    assert_eq!(status.expect("the program starts").code(), Some(2));
    assert!(std::fs::read(&model).expect("a file") == before);
    assert_eq!(count(&folder), 4);
}

/// What `--resume` keeps is there until the network is written, and never replaces anything.
#[test]
fn what_is_kept_on_the_way_is_removed() {
    let (folder, model) = folder_with_network("written-resume");
    let [output, kept] = ["out.onnx", "kept.resume"].map(|name| folder.join(name));
    run(&mut quantize(&model, &photo(), &output)).ok();
    let plain = std::fs::read(&output).expect("a file");
    run(quantize(&model, &photo(), &output).arg("--resume").arg(&kept)).ok();
    assert!(!kept.exists() && std::fs::read(&output).is_ok_and(|bytes| bytes == plain));
    std::fs::write(&kept, "notes of somebody else").expect("a file");
    let reason = "kept.resume: it is no file of an interrupted quantization";
    run(quantize(&model, &photo(), &output).arg("--resume").arg(&kept)).fails(1, &[reason]);
    assert!(std::fs::read(&kept).is_ok_and(|bytes| bytes == b"notes of somebody else"));
    std::fs::create_dir(folder.join("inner")).expect("a new folder");
    let again = folder.join("inner/../out.onnx");
    let written = "--resume names a file that is written";
    for (path, part) in [(&model, "would replace"), (&output, written), (&again, written)] {
        run(quantize(&model, &photo(), &output).arg("--resume").arg(path)).fails(2, &[part]);
    }
    run(quantize(&model, &photo(), &output).arg("--report").arg(&again)).fails(2, &["name the same file"]);
}
