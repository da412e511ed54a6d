//! What the program brings with it, so that its main job runs without a download: the crate `eightbit-models`.

pub(crate) use eightbit_models::{
    EFFICIENTNET_LITE0 as MODEL, GRACE_HOPPER as PHOTO, IMAGENET_LABELS as LABELS, PHOTOS,
    Photo as BuiltinPhoto,
};

/// What the model is called.
pub(crate) const MODEL_NAME: &str = "EfficientNet-Lite0 (built in)";
