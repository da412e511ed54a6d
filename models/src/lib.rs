//! A float ImageNet network, its labels and sample photos, as bytes: the defaults of the program `eightbit`. `README.md` in the
//! package names sources, authors and licences.
#![no_std]
#![forbid(unsafe_code)]

/// EfficientNet-Lite0 as an ONNX file: input 1×3×224×224 (NCHW, RGB), pixels as (x − 127) / 128; output 1000 logits.
pub const EFFICIENTNET_LITE0: &[u8] = include_bytes!("../efficientnet_lite0.onnx");

/// The names of the 1000 ImageNet classes, one per line, in the order of the logits.
pub const IMAGENET_LABELS: &str = include_str!("../imagenet_labels.txt");

/// A photo file (PNG or JPEG) with its name.
#[derive(Clone, Copy, Debug)]
pub struct Photo {
    /// The file's name: `grace_hopper.jpg`.
    pub name: &'static str,
    /// The file's bytes.
    pub bytes: &'static [u8],
}

/// A photo of Grace Hopper in uniform; class 652, military uniform.
pub const GRACE_HOPPER: Photo =
    Photo { name: "grace_hopper.jpg", bytes: include_bytes!("../photos/grace_hopper.jpg") };

/// All photos, [`GRACE_HOPPER`] first.
pub const PHOTOS: &[Photo] = &[
    GRACE_HOPPER,
    Photo { name: "astronaut.png", bytes: include_bytes!("../photos/astronaut.png") },
    Photo { name: "chelsea.png", bytes: include_bytes!("../photos/chelsea.png") },
    Photo { name: "china.jpg", bytes: include_bytes!("../photos/china.jpg") },
    Photo { name: "coffee.png", bytes: include_bytes!("../photos/coffee.png") },
    Photo { name: "flower.jpg", bytes: include_bytes!("../photos/flower.jpg") },
    Photo { name: "rocket.jpg", bytes: include_bytes!("../photos/rocket.jpg") },
];
