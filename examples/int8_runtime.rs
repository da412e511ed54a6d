//! An int8 runtime in 200 lines: threads of its own, memory that is used again, saved weights used in place, layers that are quantized
//! when the model is made and when the data come, and images by planes. `docs/an-int8-runtime.md` walks through it.
//!
//! `cargo run --release --example int8_runtime`

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::{array, env, fs, process, thread};

use eightbit::dynamic::{Linear, QuantizedRows, Spread};
use eightbit::elementwise::{Dequantize as ToFloats, Quantize};
use eightbit::pool::AveragePool2d;
use eightbit::{
    Backend, Call, Conv2d, Conv2dShape, Dequantize, ElementType, Fill, MatMut, MatRef, OutputElement,
    PackedWeights, Padding, Per, QuantizedType, Requantize, Stage, Workspace,
};

type Failure = Box<dyn Error + Send + Sync>;
type Answer = [f32; CLASSES];

/// Height and width of an image, channels of the image and of two convolutions of stride 2, and the classes that it may belong to.
const SIZE: usize = 64;
const CHANNELS: [usize; 3] = [3, 32, 64];
const CLASSES: usize = 10;

/// A network: plans, which never change, and which any number of threads share.
struct Network {
    image: Quantize,
    convolutions: [Conv2d; 2],
    average: AveragePool2d,
    floats: ToFloats,
    classes: Linear,
}

/// What a run writes to: every worker has one, which all of its runs use again.
struct Session {
    planes: Vec<u8>,
    /// The image by pixels, and the features that each convolution makes of it.
    pixels: [Vec<u8>; 3],
    codes: [u8; CHANNELS[2]],
    means: [f32; CHANNELS[2]],
    rows: QuantizedRows<u8>,
    /// One for each thread that shares in a layer.
    workspaces: Vec<Workspace>,
}

fn shapes() -> [Conv2dShape; 2] {
    array::from_fn(|i| {
        let shape = Conv2dShape::new([SIZE >> i; 2], CHANNELS[i], CHANNELS[i + 1], [3, 3]);
        shape.with_pad(Padding::same(1)).with_stride([2, 2])
    })
}

/// Packs weights for a backend and saves them, once, where they will run. These are noise; real ones come with a model.
fn save(backend: Backend, folder: &Path) -> Result<(), Failure> {
    let mut state = 7u32;
    let mut random = |len: usize| -> Vec<i8> {
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as i8
        };
        (0..len).map(next).collect()
    };
    for (i, shape) in shapes().iter().enumerate() {
        let weights = random(shape.out_channels * 9 * shape.in_channels);
        fs::write(folder.join(format!("conv{i}")), Conv2d::pack(backend, shape, &weights, 0)?.to_bytes())?;
    }
    let weights = random(CHANNELS[2] * CLASSES);
    let weights = MatRef::new(&weights, CHANNELS[2], CLASSES)?;
    Ok(fs::write(folder.join("classes"), PackedWeights::pack(backend, &weights, 0)?.to_bytes())?)
}

impl Network {
    fn load(backend: Backend, folder: &Path) -> Result<Network, Failure> {
        let weights = |name: &str| -> Result<PackedWeights, Failure> {
            // Kernels read these bytes where they are. Anything that lends bytes will do: a file that is mapped, too.
            let file = fs::read(folder.join(name))?;
            Ok(PackedWeights::from_shared(backend, Arc::new(file))?)
        };
        let (image, features) = (QuantizedType::u8(2.0 / 255.0, 128)?, QuantizedType::u8(0.05, 0)?);
        let convolution = |i: usize, input: QuantizedType, weight_scale: f32| -> Result<Conv2d, Failure> {
            // Between layers nothing is real: one factor takes sums to codes, of which the least is the 0 of a ReLU.
            let factor = Per::Tensor(input.scale() * weight_scale / features.scale());
            let stage = Stage::Requantize(Requantize::new(factor, features.zero_point(), ElementType::U8));
            let (weights, zero) = (weights(&format!("conv{i}"))?, input.zero_point());
            Ok(Conv2d::new(shapes()[i], weights, ElementType::U8, zero, None, &stage)?)
        };
        Ok(Network {
            image: Quantize::new(backend, image),
            convolutions: [convolution(0, image, 0.002)?, convolution(1, features, 0.001)?],
            average: AveragePool2d::global(backend, 1, [SIZE / 4; 2], CHANNELS[2], features, features)?,
            floats: ToFloats::new(backend, features),
            classes: Linear::new(weights("classes")?, &Dequantize::new(Per::Tensor(0.01)), Spread::Range)?,
        })
    }

    fn session(&self, threads: usize) -> Session {
        let bytes = self.convolutions.iter().map(Conv2d::workspace_bytes).max().unwrap_or(0);
        Session {
            planes: vec![0; SIZE * SIZE * CHANNELS[0]],
            pixels: array::from_fn(|i| vec![0; (SIZE >> i) * (SIZE >> i) * CHANNELS[i]]),
            codes: [0; CHANNELS[2]],
            means: [0.0; CHANNELS[2]],
            rows: QuantizedRows::with_capacity(1, CHANNELS[2]),
            workspaces: (0..threads).map(|_| Workspace::with_capacity(bytes)).collect(),
        }
    }

    /// Runs the network on an image of floats, of which each channel is a plane (NCHW).
    fn run(&self, image: &[f32], session: &mut Session) -> Result<Answer, Failure> {
        let Session { planes, pixels: [pixels, first, second], codes, means, rows, workspaces } = session;
        // The border: bytes change places, of which there are a quarter of those of floats.
        share(self.image.call(image, planes)?, workspaces);
        interleave(planes, pixels);
        share(self.convolutions[0].call(pixels, first)?, workspaces);
        share(self.convolutions[1].call(first, second)?, workspaces);
        share(self.average.call(second, codes)?, workspaces);
        share(self.floats.call(codes, means)?, workspaces);
        // What is real again is quantized over the range that it has.
        let (mut out, means) = ([0.0; CLASSES], MatRef::new(means, 1, CHANNELS[2])?);
        self.classes.run(means, MatMut::new(&mut out, 1, CLASSES)?, rows, &mut workspaces[0])?;
        Ok(out)
    }
}

/// Runs a call on as many threads as there are workspaces. The split never changes a bit.
fn share<'a, T: OutputElement, F: Fill<T>>(call: Call<'a, T, F>, workspaces: &mut [Workspace]) {
    if let [one] = workspaces {
        return call.run(one);
    }
    thread::scope(|scope| {
        for (task, workspace) in call.tasks(workspaces.len()).zip(workspaces) {
            scope.spawn(move || task.run(workspace));
        }
    });
}

/// Makes pixels of planes.
fn interleave(planes: &[u8], pixels: &mut [u8]) {
    for (channel, plane) in planes.chunks_exact(SIZE * SIZE).enumerate() {
        for (pixel, &code) in pixels.chunks_exact_mut(CHANNELS[0]).zip(plane) {
            pixel[channel] = code;
        }
    }
}

/// An image, and where the answer is to be sent.
type Job = (Arc<[f32]>, mpsc::Sender<Result<Answer, Failure>>);

/// Starts threads that wait for jobs, each with a session of its own, until nobody can send any.
fn start(network: &Arc<Network>, workers: usize) -> mpsc::Sender<Job> {
    let (jobs, waiting) = mpsc::channel::<Job>();
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..workers {
        let (network, waiting) = (Arc::clone(network), Arc::clone(&waiting));
        thread::spawn(move || {
            let mut session = network.session(1);
            while let Some((image, answer)) = waiting.lock().ok().and_then(|waiting| waiting.recv().ok()) {
                // Who does not wait for the answer need not get it.
                drop(answer.send(network.run(&image, &mut session)));
            }
        });
    }
    jobs
}

fn main() -> Result<(), Failure> {
    let folder = env::temp_dir().join(format!("int8_runtime_{}", process::id()));
    fs::create_dir_all(&folder)?;
    let image = |n: usize| (0..3 * SIZE * SIZE).map(|i| ((i * n) as f32 * 0.01).sin()).collect();
    let images: [Arc<[f32]>; 8] = array::from_fn(|n| image(n + 1));
    let mut all = Vec::new();
    for backend in Backend::available() {
        save(backend, &folder)?;
        let network = Arc::new(Network::load(backend, &folder)?);
        // Many images: each of four workers runs one at a time.
        let jobs = start(&network, 4);
        let mut answers = Vec::new();
        for image in &images {
            let (answer, wait) = mpsc::channel();
            jobs.send((Arc::clone(image), answer)).map_err(|_| "all workers have ended")?;
            answers.push(wait);
        }
        let answers = answers.iter().map(|wait| wait.recv()?).collect::<Result<Vec<Answer>, Failure>>()?;
        // One image: two threads share each layer.
        assert_eq!(network.run(&images[0], &mut network.session(2))?, answers[0]);
        println!("{:<14}{:.3?}", backend.name(), &answers[0][..5]);
        all.push(answers);
    }
    fs::remove_dir_all(&folder)?;
    assert!(all.iter().all(|answers| *answers == all[0]));
    println!("{} images, {} backends, one thread and two: the same bits", images.len(), all.len());
    Ok(())
}

#[test]
fn runs() -> Result<(), Failure> {
    main()
}
