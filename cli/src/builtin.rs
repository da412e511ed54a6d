//! What the program brings with it, so that its main job runs without a download. Sources: `models/README.md`.

/// Defines a constant with a file of `models/`.
macro_rules! model_file {
    ($path:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/", $path))
    };
}

/// A float ImageNet classifier, as an ONNX file: EfficientNet-Lite0.
pub(crate) const MODEL: &[u8] = model_file!("efficientnet_lite0.onnx");
/// What the model is called.
pub(crate) const MODEL_NAME: &str = "EfficientNet-Lite0 (built in)";

/// A photo by its file name, as the file has it (PNG or JPEG).
pub(crate) struct BuiltinPhoto {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
}

/// The photo that is labelled when none is given.
pub(crate) const PHOTO: &BuiltinPhoto = &PHOTOS[0];

/// The photos that calibrate when none are given.
pub(crate) const PHOTOS: &[BuiltinPhoto] = &[
    BuiltinPhoto { name: "grace_hopper.jpg", bytes: model_file!("photos/grace_hopper.jpg") },
    BuiltinPhoto { name: "astronaut.png", bytes: model_file!("photos/astronaut.png") },
    BuiltinPhoto { name: "chelsea.png", bytes: model_file!("photos/chelsea.png") },
    BuiltinPhoto { name: "china.jpg", bytes: model_file!("photos/china.jpg") },
    BuiltinPhoto { name: "coffee.png", bytes: model_file!("photos/coffee.png") },
    BuiltinPhoto { name: "flower.jpg", bytes: model_file!("photos/flower.jpg") },
    BuiltinPhoto { name: "rocket.jpg", bytes: model_file!("photos/rocket.jpg") },
];

/// The names of the 1000 ImageNet classes, one a line.
pub(crate) const LABELS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/imagenet_labels.txt"));
