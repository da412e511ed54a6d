//! Built-in data from the crate `eightbit-models`, so that the main command runs without a download.

pub(crate) use eightbit_models::{
    EFFICIENTNET_LITE0 as MODEL, GRACE_HOPPER as PHOTO, IMAGENET_LABELS as LABELS, PHOTOS,
    Photo as BuiltinPhoto,
};

/// The model's name.
pub(crate) const MODEL_NAME: &str = "EfficientNet-Lite0 (built in)";
