//! What surrounds an image classifier: from a photo to a network's input, and from its output to answers.
//!
//! A [`Photo`] is decoded from a PNG or JPEG file. An [`InputFormat`], found from the network's input, makes a tensor of it: resized as
//! TensorFlow's `label_image` does, then `(pixel − mean) / std`. [`probabilities`] and [`top`] turn scores into [`Answer`]s, and
//! [`Labels`] names them.
//!
//! ```
//! use eightbit_graph::{DataType, ValueInfo};
//! use eightbit_vision::{InputFormat, InputOptions, Labels, Photo, PhotoOptions, probabilities, top};
//! let input = ValueInfo { name: "x".into(), data_type: DataType::F32, shape: [1, 3, 224, 224].map(Some).to_vec() };
//! let format = InputFormat::of(&input, &InputOptions::default())?;
//! let photo = Photo::decode(eightbit_models::GRACE_HOPPER.bytes.to_vec(), PhotoOptions::default())?;
//! assert_eq!(format.tensor(&photo)?.shape(), [1, 3, 224, 224]);
//!
//! let labels = Labels::parse("cat\ndog\n");
//! let (scores, _) = probabilities(&[0.5, 3.0])?;
//! assert_eq!(labels.name(top(&scores, 1)[0].class), "dog");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod decode;
mod error;
mod files;
mod format;
mod jpeg;
mod labels;
mod options;
mod photo;
mod resize;
mod scores;
mod thumbnail;
mod view;

pub use error::{InputError, PhotoError, ScoreError};
pub use files::photo_files;
pub use format::{InputFormat, Layout};
pub use labels::Labels;
pub use options::InputOptions;
pub use photo::{FILE_LIMIT, Photo, PhotoOptions};
pub use resize::Resize;
pub use scores::{Answer, check, probabilities, top};
