//! Shared code of the program's tests: running it, a small network, input files.
#![allow(dead_code, reason = "each test crate uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};

/// The result of a run of the program.
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Runs the program.
pub(crate) fn eightbit<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Run {
    run(command().args(arguments))
}

/// The program, without the environment variables that configure it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eightbit"));
    command.env_remove("EIGHTBIT_BACKEND").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().expect("the program starts");
    Run {
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        code: output.status.code(),
    }
}

/// Runs the program with `input` on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Run {
    let path = folder("standard-input").join("input.txt");
    std::fs::write(&path, input).expect("a file");
    run(command.stdin(std::fs::File::open(&path).expect("the file")))
}

impl Run {
    /// The output of a run that must succeed. Warnings are allowed, for example of few calibration photos.
    pub(crate) fn ok(self) -> String {
        let warns = self.stderr.lines().all(|line| line.starts_with("warning: "));
        assert!(self.code == Some(0) && warns, "{:?}: {}{}", self.code, self.stdout, self.stderr);
        self.stdout
    }

    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }

    /// Checks that the run failed with `code` and one error, perhaps after warnings, that fits on a screen and contains all
    /// `parts`; no panic.
    pub(crate) fn fails(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        let first = self.stderr.lines().find(|line| !line.starts_with("warning: "));
        assert!(first.is_some_and(|line| line.starts_with("error: ")), "{}", self.stderr);
        assert!(self.stderr.lines().count() <= 20 && self.stderr.len() < 1600, "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in: {}", self.stderr);
        }
    }
}

/// An empty folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The folder of the built-in photos.
pub(crate) fn photos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/photos")
}

/// Writes `graph` as `model.onnx` into `folder`.
pub(crate) fn write(folder: &Path, graph: &Graph) -> PathBuf {
    let path = folder.join("model.onnx");
    graph.to_onnx_file(&path).expect("a file");
    path
}

/// A small classifier of photos: convolution, ReLU, average, ten logits; 3×16×16 in.
pub(crate) fn small_network() -> Graph {
    let weights = |len: usize, scale: f32| -> Vec<f32> {
        (0..len).map(|index| ((index * 37 % 101) as f32 / 101.0 - 0.5) * scale).collect()
    };
    let info = |name: &str, shape: &[usize]| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.iter().copied().map(Some).collect(),
    };
    let mut graph = Graph {
        name: "small".to_owned(),
        opset: 13,
        inputs: vec![info("photo", &[1, 3, 16, 16])],
        outputs: vec![info("logits", &[1, 10])],
        ..Graph::default()
    };
    graph.nodes = vec![
        Node::new("conv", "Conv", &["photo", "w", "b"], &["c"])
            .with("pads", vec![1i64; 4])
            .with("strides", vec![2i64; 2]),
        Node::new("relu", "Relu", &["c"], &["r"]),
        Node::new("mean", "GlobalAveragePool", &["r"], &["m"]),
        Node::new("flat", "Flatten", &["m"], &["f"]),
        Node::new("gemm", "Gemm", &["f", "v", "d"], &["logits"]).with("transB", 1i64),
    ];
    let mut constant = |name: &str, shape: &[usize], scale: f32| {
        let tensor = Tensor::new(shape, weights(shape.iter().product(), scale)).expect("a tensor");
        graph.constants.insert(name.to_owned(), tensor);
    };
    constant("w", &[8, 3, 3, 3], 0.5);
    constant("b", &[8], 0.2);
    constant("v", &[10, 8], 4.0);
    constant("d", &[10], 1.0);
    graph
}

/// An empty folder for one test, and the small network in it.
pub(crate) fn folder_with_network(name: &str) -> (PathBuf, PathBuf) {
    let folder = folder(name);
    let model = write(&folder, &small_network());
    (folder, model)
}

/// NumPy files.
pub(crate) mod npy {
    use std::path::Path;

    use npyz::{AutoSerialize, NpyFile, Serialize, WriterBuilder};

    /// The shape and the elements of any type.
    pub(crate) fn read(path: &Path) -> (Vec<usize>, Vec<f64>) {
        let bytes = std::fs::read(path).expect("a file");
        let file = NpyFile::new(&bytes[..]).expect("an array");
        let shape = file.shape().iter().map(|&dim| usize::try_from(dim).expect("a size")).collect();
        let kind = match file.dtype() {
            npyz::DType::Plain(kind) => kind.to_string(),
            other => panic!("{other:?}"),
        };
        let values = match &kind[1..] {
            "f4" => file.into_vec::<f32>().expect("floats").into_iter().map(f64::from).collect(),
            "f8" => file.into_vec::<f64>().expect("floats"),
            "u1" => file.into_vec::<u8>().expect("bytes").into_iter().map(f64::from).collect(),
            "i1" => file.into_vec::<i8>().expect("bytes").into_iter().map(f64::from).collect(),
            "i4" => file.into_vec::<i32>().expect("integers").into_iter().map(f64::from).collect(),
            "i8" => file.into_vec::<i64>().expect("integers").into_iter().map(|value| value as f64).collect(),
            "b1" => file
                .into_vec::<bool>()
                .expect("flags")
                .into_iter()
                .map(|flag| f64::from(u8::from(flag)))
                .collect(),
            other => panic!("{other}"),
        };
        (shape, values)
    }

    pub(crate) fn write<T: Serialize + AutoSerialize>(path: &Path, shape: &[u64], values: &[T]) {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut writer = options.writer(&mut bytes).begin_nd().expect("memory does not fail");
        writer.extend(values).expect("memory does not fail");
        writer.finish().expect("the elements fit the shape");
        std::fs::write(path, bytes).expect("a file");
    }
}

/// Runs the program with limits of address space, in MiB, and of CPU time. `None` for a run that does not end in
/// five times the limit, which other processes on the machine may take: it waits for something.
#[cfg(target_os = "linux")]
pub(crate) fn run_capped(program: &mut Command, mebibytes: usize, limit: std::time::Duration) -> Option<Run> {
    let folder = tempfile::tempdir().expect("a folder");
    let [out, err] = ["out", "err"].map(|name| folder.path().join(name));
    let file = |path| std::fs::File::create(path).expect("a file");
    let mut capped = Command::new("sh");
    capped.arg("-c").arg(format!(
        "ulimit -v {} && ulimit -t {} && exec \"$0\" \"$@\"",
        mebibytes << 10,
        limit.as_secs()
    ));
    capped.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => capped.env(name, value),
            None => capped.env_remove(name),
        };
    }
    let mut child = capped
        .stdin(Stdio::null())
        .stdout(file(&out))
        .stderr(file(&err))
        .spawn()
        .expect("the program starts");
    let start = std::time::Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if start.elapsed() > 5 * limit {
            child.kill().expect("a child");
            child.wait().expect("a child");
            return None;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let text = |path: &Path| String::from_utf8(std::fs::read(path).expect("a file")).expect("UTF-8");
    Some(Run { stdout: text(&out), stderr: text(&err), code: status.code() })
}
