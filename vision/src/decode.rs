//! Decodes PNG and JPEG files.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, Limits};

use crate::{PhotoError, jpeg};

/// The most pixels per side: a file of a few bytes may claim any size.
pub(crate) const SIDE_LIMIT: usize = 1 << 15;
/// The memory limit of decoding one photo, the sum over all forms of its pixels: that of 178 megapixels in three colours.
pub(crate) const MEMORY_LIMIT: u64 = 512 << 20;

/// A decoded file.
pub(crate) struct Decoded {
    /// Rows and columns as stored in the file.
    pub(crate) size: [usize; 2],
    /// 3 bytes (red, green, blue) per pixel.
    pub(crate) pixels: Vec<u8>,
    /// How a viewer rotates or mirrors it.
    pub(crate) orientation: Orientation,
    /// The damage, if it was accepted nevertheless.
    pub(crate) damage: Option<String>,
}

/// Decodes PNG or JPEG, distinguished by their first bytes. Grey becomes three equal channels, transparency is dropped.
/// `lenient` accepts truncated or damaged JPEG files, as far as they can be decoded.
pub(crate) fn decode(bytes: Vec<u8>, lenient: bool) -> Result<Decoded, PhotoError> {
    match image::guess_format(&bytes) {
        Ok(ImageFormat::Png) => png(&bytes),
        Ok(ImageFormat::Jpeg) => jpeg(bytes, lenient),
        Ok(other) => Err(PhotoError::Damaged(format!("it is of the format {other:?}"))),
        Err(_) => Err(PhotoError::Damaged("it does not start like one".to_owned())),
    }
}

fn png(bytes: &[u8]) -> Result<Decoded, PhotoError> {
    let damaged = |error: image::ImageError| PhotoError::Damaged(error.to_string());
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MEMORY_LIMIT);
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let size = check_sides(width as usize, height as usize)?;
    let converted = if decoder.color_type() == ColorType::Rgb8 { 0 } else { 3 * count(size) };
    check_memory(size, decoder.total_bytes() + converted)?;
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let orientation = png_exif(bytes).and_then(Orientation::from_exif_chunk);
    Ok(Decoded {
        size,
        pixels: image.into_rgb8().into_raw(),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        damage: None,
    })
}

/// The chunk `eXIf` of a PNG file, before or after the pixels.
fn png_exif(bytes: &[u8]) -> Option<&[u8]> {
    const SIGNATURE: usize = 8;
    let mut rest = bytes.get(SIGNATURE..)?;
    loop {
        // A chunk is the length of its data, its kind, the data and a checksum.
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if kind == b"eXIf" {
            return after.get(..length);
        }
        rest = after.get(length.checked_add(4)?..)?;
    }
}

fn jpeg(mut bytes: Vec<u8>, lenient: bool) -> Result<Decoded, PhotoError> {
    let jpeg::Head { width, height, channels, orientation } =
        jpeg::head(&bytes).map_err(PhotoError::Damaged)?;
    let size = check_sides(width, height)?;
    let markers = jpeg::markers(&bytes);
    let mut needed = count(size) * channels as u64;
    if channels == 1 {
        needed += count(size) * 3;
    }
    if markers.several_scans {
        // Two-byte coefficients of whole blocks, for three or four components.
        let blocks = [width, height].map(|side| side.next_multiple_of(16));
        needed += count(blocks) * 2 * 4;
    }
    check_memory(size, needed)?;
    let strict = match markers.end {
        Some(end) if !markers.several_scans => jpeg::whole_pixels(&mut bytes, end, markers.restarts),
        Some(_) => jpeg::pixels(&bytes, true).map_err(|reason| format!("it is damaged: {reason}")),
        None => Err(jpeg::ENDS_EARLY.to_owned()),
    };
    let (pixels, damage) = match strict {
        Ok(pixels) => (pixels, None),
        Err(reason) => {
            let pixels = jpeg::pixels(&bytes, false).map_err(PhotoError::Damaged)?;
            if !lenient {
                return Err(PhotoError::Incomplete(reason));
            }
            (pixels, Some(reason))
        }
    };
    let pixels = match channels {
        1 => pixels.into_iter().flat_map(|grey| [grey; 3]).collect(),
        _ => pixels,
    };
    if pixels.len() as u64 != 3 * count(size) {
        return Err(PhotoError::Damaged("its pixels do not fit its size".to_owned()));
    }
    Ok(Decoded { size, pixels, orientation, damage })
}

/// Rows and columns, if they are within 1 and the limit.
fn check_sides(width: usize, height: usize) -> Result<[usize; 2], PhotoError> {
    if width == 0 || height == 0 {
        return Err(PhotoError::Damaged("it has no pixels".to_owned()));
    }
    if width > SIDE_LIMIT || height > SIDE_LIMIT {
        return Err(PhotoError::Large(format!(
            "{width}×{height} pixels, the limit is {SIDE_LIMIT} per side"
        )));
    }
    Ok([height, width])
}

fn count([rows, columns]: [usize; 2]) -> u64 {
    rows as u64 * columns as u64
}

fn check_memory([height, width]: [usize; 2], needed: u64) -> Result<(), PhotoError> {
    if needed <= MEMORY_LIMIT {
        return Ok(());
    }
    Err(PhotoError::Large(format!(
        "decoding {width}×{height} pixels needs {} MiB of memory, the limit is {} MiB",
        needed.div_ceil(1 << 20),
        MEMORY_LIMIT >> 20
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientation_is_found_before_and_after_the_pixels() {
        let chunk =
            |kind: &[u8], data: &[u8]| [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat();
        let [head, exif, pixels] = [chunk(b"IHDR", &[1; 13]), chunk(b"eXIf", b"MM"), chunk(b"IDAT", &[7; 5])];
        for order in [[&head, &exif, &pixels], [&head, &pixels, &exif]] {
            let file = [&[0; 8][..], order[0], order[1], order[2]].concat();
            assert_eq!(png_exif(&file), Some(&b"MM"[..]));
        }
        for file in
            [&b""[..], &[0xff; 30], &[&[0; 8][..], &head].concat(), &[&[0; 8][..], &exif[..9]].concat()]
        {
            assert_eq!(png_exif(file), None);
        }
    }

    #[test]
    fn the_limits_are_exact() {
        assert!(check_sides(SIDE_LIMIT, 1).is_ok() && check_sides(1, SIDE_LIMIT + 1).is_err());
        assert!(
            check_memory([1, 1], MEMORY_LIMIT).is_ok() && check_memory([1, 1], MEMORY_LIMIT + 1).is_err()
        );
    }
}
