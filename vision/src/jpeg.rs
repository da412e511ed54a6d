//! JPEG files: decoding, and detecting truncation.

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

/// The header of a JPEG file.
pub(crate) struct Head {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Channels of the decoded image: 1 for grey, otherwise 3.
    pub(crate) channels: usize,
    pub(crate) orientation: Orientation,
}

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// A decoder that has read the header. A strict one stops where a lenient one fills in missing data.
fn decoder(bytes: &[u8], strict: bool) -> Result<(Decoder<'_>, ColorSpace), DecodeErrors> {
    let options = DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers()?;
    // Everything but grey becomes red, green, blue.
    let color = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(color));
    Ok((decoder, color))
}

pub(crate) fn head(bytes: &[u8]) -> Result<Head, String> {
    let (decoder, color) = decoder(bytes, false).map_err(reason)?;
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok(Head {
        width,
        height,
        channels: color.num_components(),
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
    })
}

/// The pixels, row by row, of 1 or 3 bytes.
pub(crate) fn pixels(bytes: &[u8], strict: bool) -> Result<Vec<u8>, String> {
    let decode = || decoder(bytes, strict)?.0.decode();
    decode().map_err(reason)
}

/// The text of an error, without the line feeds at the end of some.
fn reason(error: DecodeErrors) -> String {
    error.to_string().trim_end().to_owned()
}

/// As [`pixels`] of a whole file of one scan; an error if its pixels end before the marker at `end`.
///
/// Decoders fill what is missing before the end of the image with zeros. Another marker in its place, after more zeros than are
/// read ahead, is where a strict decoder stops, and where a whole image does not come. With `restarts`, a whole image may come to
/// the first marker, where the decoder looks for the restart behind a last interval; so that one is a restart, and pixels that
/// are missing in the last interval are not seen.
///
/// The markers are put into `bytes`, which may be large, and taken out again.
pub(crate) fn whole_pixels(bytes: &mut Vec<u8>, end: usize, restarts: bool) -> Result<Vec<u8>, String> {
    const READ_AHEAD: [u8; 32] = [0; 32];
    const RESTART: [u8; 2] = [0xff, 0xd0];
    const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
    let restart = if restarts { [&RESTART[..], &READ_AHEAD].concat() } else { Vec::new() };
    let mut stop = [&READ_AHEAD[..], &restart, &START_OF_IMAGE].concat();
    let (length, stopped) = (bytes.len(), end + stop.len());
    if length < stopped {
        bytes.reserve_exact(stopped - length);
        bytes.resize(stopped, 0);
    }
    bytes[end..stopped].swap_with_slice(&mut stop);
    let whole = pixels(&bytes[..stopped], true);
    bytes[end..stopped].swap_with_slice(&mut stop);
    bytes.truncate(length);
    whole.map_err(|_| match pixels(bytes, true) {
        Ok(_) => ENDS_EARLY.to_owned(),
        Err(reason) => format!("it is damaged: {reason}"),
    })
}

/// Why a truncated file is refused.
pub(crate) const ENDS_EARLY: &str = "it ends early";

/// The structure of a file: its markers, without the pixels between them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Markers {
    /// Where the marker is that ends the image.
    pub(crate) end: Option<usize>,
    /// Whether pixels are spread over several scans, so that the decoder holds all coefficients until the last one.
    pub(crate) several_scans: bool,
    /// Whether scans are divided into intervals by restart markers.
    pub(crate) restarts: bool,
}

/// Walks from marker to marker.
pub(crate) fn markers(bytes: &[u8]) -> Markers {
    let mut found = Markers::default();
    let mut components = 0;
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.windows(2).position(is_marker)) {
        let (marker, segment) = (bytes[at + offset + 1], at + offset + 2);
        at = segment;
        match marker {
            // The start of the image, and markers without a meaning, have no segment.
            0xd8 | 0x01 => continue,
            0xd9 => {
                found.end = Some(segment - 2);
                break;
            }
            _ => {}
        }
        let byte = |index: usize| bytes.get(segment + index).copied().map_or(0, usize::from);
        match marker {
            // The start of a frame: length, precision, height, width, components. Frames 2, 6, 10 and 14 are progressive.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                components = byte(7);
                found.several_scans |= marker & 3 == 2;
            }
            // The start of a scan: length, components.
            0xda => found.several_scans |= byte(2) < components,
            // The restart interval: length, number of units; 0 is none.
            0xdd => found.restarts = byte(2) + byte(3) > 0,
            _ => {}
        }
        at += byte(0) << 8 | byte(1);
    }
    found
}

/// Whether two bytes are a marker: 0xff that is neither a fill byte, nor a data byte (followed by 0), nor a restart of a
/// scan.
fn is_marker(pair: &[u8]) -> bool {
    pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff | 0xd0..=0xd7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use eightbit_models::GRACE_HOPPER;

    #[test]
    fn a_file_is_complete_with_its_last_marker_only() {
        let whole = GRACE_HOPPER.bytes;
        let end = whole.len() - 1 - whole.iter().rev().position(|&byte| byte == 0xd9).expect("an end");
        assert_eq!(markers(whole), Markers { end: Some(end - 1), ..Markers::default() });
        for length in (0..end).step_by(97).chain([end]) {
            assert_eq!(markers(&whole[..length]).end, None, "{length}");
        }
    }

    #[test]
    fn an_end_in_the_middle_is_no_end() {
        let whole = GRACE_HOPPER.bytes;
        let end = markers(whole).end.expect("an end");
        assert_eq!(whole_pixels(&mut whole.to_vec(), end, false), pixels(whole, true));
        for part in [2, 5, 9] {
            let mut cut = whole[..end * part / 10].to_vec();
            // The last byte must not become a part of a marker.
            cut.pop_if(|last| *last == 0xff);
            let end = cut.len();
            cut.extend([0xff, 0xd9]);
            assert_eq!(markers(&cut).end, Some(end));
            assert!(pixels(&cut, true).is_ok(), "the decoder alone does not see it");
            let before = cut.clone();
            assert_eq!(whole_pixels(&mut cut, end, false), Err(ENDS_EARLY.to_owned()));
            assert!(cut == before);
        }
    }

    /// Photos of 64×48 pixels: of 12 units, with 2 or 5 in an interval, so that the last one is full or not; and a grey one of 48
    /// units with 8 in an interval.
    #[test]
    fn restarts_are_no_end() {
        for whole in [
            &include_bytes!("testdata/restarts2.jpg")[..],
            include_bytes!("testdata/restarts5.jpg"),
            include_bytes!("testdata/restarts_row.jpg"),
        ] {
            let Markers { end: Some(end), several_scans: false, restarts: true } = markers(whole) else {
                panic!("a file of one scan with restarts");
            };
            assert!(pixels(whole, true).is_ok());
            assert_eq!(whole_pixels(&mut whole.to_vec(), end, true), pixels(whole, true));
            let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).expect("a scan");
            let mut cut = whole[..scan + (end - scan) / 2].to_vec();
            cut.pop_if(|last| *last == 0xff);
            let end = cut.len();
            cut.extend([0xff, 0xd9]);
            assert_eq!(whole_pixels(&mut cut, end, true), Err(ENDS_EARLY.to_owned()));
        }
    }

    /// The end of a thumbnail is not the end of the photo.
    #[test]
    fn markers_inside_segments_do_not_count() {
        let thumbnail = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
        assert_eq!(markers(&thumbnail).end, None);
        assert_eq!(markers(&[&thumbnail[..], &[0xff, 0xff, 0xd9]].concat()).end, Some(thumbnail.len() + 1));
    }

    #[test]
    fn scans_of_single_components_and_progressive_frames_are_several_scans() {
        let frame = |kind| [0xff, kind, 0, 8, 8, 0, 1, 0, 1, 3];
        let scan = |components| [0xff, 0xda, 0, 3, components];
        for (kind, components, several) in
            [(0xc0, 3, false), (0xc0, 1, true), (0xc2, 3, true), (0xc1, 3, false)]
        {
            let bytes = [&frame(kind)[..], &scan(components)].concat();
            assert_eq!(markers(&bytes).several_scans, several, "{kind:x} {components}");
        }
    }
}
