//! Pictures from PNG files.

use std::io::Cursor;
use std::path::Path;

use mmt_golden::file::{self, FileError};
use ndarray::Array3;
use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

/// Bytes that one byte of a compressed file can become at most, and what headers cost.
const EXPANSION: usize = 1032;

/// Most bytes of pixels that are read: 11,585 x 11,585 gray ones. A small file can hold many more, all alike.
const LARGEST: usize = 1 << 27;

/// The pixels of a gray or colored picture, from 0 to 1: `[rows, columns, 1 or 3]`
///
/// # Errors
/// [`FileError`] if the file cannot be read, and with the byte if it is not a PNG file, ends early, holds fewer pixels
/// than its header says, or is transparent.
pub fn read_png(path: &Path) -> Result<Array3<f64>, FileError> {
    let bytes = file::read_bytes(path)?;
    parse_png(&bytes).map_err(|(offset, why)| FileError {
        path: path.to_path_buf(),
        offset: Some(offset),
        why,
    })
}

/// The picture, or what is wrong with which byte.
fn parse_png(bytes: &[u8]) -> Result<Array3<f64>, (usize, String)> {
    let mut cursor = Cursor::new(bytes);
    let decoded = decode(&mut cursor, bytes.len());
    let offset = (cursor.position() as usize).min(bytes.len());
    let (pixels, [rows, columns, channels]) = decoded.map_err(|why| (offset, why))?;
    let shares = pixels.into_iter().map(|value| f64::from(value) / 255.0).collect();
    Ok(Array3::from_shape_vec((rows, columns, channels), shares).expect("as many as the decoder says"))
}

/// The pixels of all rows, eight bits each, and their shape.
fn decode(cursor: &mut Cursor<&[u8]>, size: usize) -> Result<(Vec<u8>, [usize; 3]), String> {
    let possible = size.saturating_mul(EXPANSION);
    let most = possible.min(LARGEST);
    let mut decoder = Decoder::new_with_limits(cursor, Limits { bytes: most });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|e| one_line(&e))?;
    let (width, height) = reader.info().size();
    let (color, depth) = reader.output_color_type();
    let channels = match (color, depth) {
        (ColorType::Grayscale, BitDepth::Eight) => 1,
        (ColorType::Rgb, BitDepth::Eight) => 3,
        (ColorType::GrayscaleAlpha | ColorType::Rgba, _) => {
            return Err("transparent pictures are not supported, only gray and RGB".to_string());
        }
        _ => return Err("pixels of this kind are not supported, only gray and RGB".to_string()),
    };
    let wanted = reader.output_buffer_size().filter(|&wanted| wanted <= possible);
    let wanted =
        wanted.ok_or_else(|| format!("{width} x {height} pixels cannot be in a file of {size} bytes"))?;
    if wanted > LARGEST {
        return Err(format!("{width} x {height} pixels are too many, at most {LARGEST} bytes are read"));
    }
    let mut pixels = vec![0; wanted];
    let frame = reader.next_frame(&mut pixels).map_err(|e| one_line(&e))?;
    pixels.truncate(frame.buffer_size());
    Ok((pixels, [height as usize, width as usize, channels]))
}

fn one_line(error: &png::DecodingError) -> String {
    match error {
        png::DecodingError::IoError(_) => "the file ends early".to_string(),
        png::DecodingError::LimitsExceeded => "more pixels than the file can hold".to_string(),
        other => other.to_string().replace(char::is_control, " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these pixels, eight bits each.
    fn picture(color: ColorType, width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }

    #[test]
    fn gray_and_colored_pictures_are_shares_of_white() {
        let gray = parse_png(&picture(ColorType::Grayscale, 3, 2, &[0, 51, 102, 153, 204, 255])).unwrap();
        assert_eq!(gray.dim(), (2, 3, 1));
        assert_eq!(gray.into_raw_vec_and_offset().0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        let rgb = parse_png(&picture(ColorType::Rgb, 1, 2, &[255, 0, 51, 0, 255, 0])).unwrap();
        assert_eq!(rgb.dim(), (2, 1, 3));
        assert_eq!(rgb.into_raw_vec_and_offset().0, [1.0, 0.0, 0.2, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn transparent_pictures_are_refused() {
        let (_, why) = parse_png(&picture(ColorType::Rgba, 1, 1, &[1, 2, 3, 4])).unwrap_err();
        assert_eq!(why, "transparent pictures are not supported, only gray and RGB");
    }

    /// A gigabyte of paper, which compression could put into two megabytes.
    #[test]
    fn pictures_of_too_many_pixels_are_refused() {
        let mut bytes = picture(ColorType::Grayscale, 2, 2, &[1, 2, 3, 4]);
        bytes[16..24].copy_from_slice(&[0, 0, 0x80, 0, 0, 0, 0x80, 0]);
        let crc = checksum(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        bytes.resize(2 << 20, 0);
        let (_, why) = parse_png(&bytes).unwrap_err();
        assert_eq!(why, "32768 x 32768 pixels are too many, at most 134217728 bytes are read");
    }

    /// The size in the header, with a checksum that fits, says more than the pixels can hold.
    #[test]
    fn lying_sizes_are_refused() {
        let lie = |width: u32, height: u32| {
            let mut bytes = picture(ColorType::Grayscale, 2, 2, &[1, 2, 3, 4]);
            bytes[16..20].copy_from_slice(&width.to_be_bytes());
            bytes[20..24].copy_from_slice(&height.to_be_bytes());
            let crc = checksum(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.to_be_bytes());
            parse_png(&bytes).unwrap_err()
        };
        for (width, height) in [(60_000, 60_000), (u32::MAX / 2, 1), (0, 2), (2, 3), (200, 200)] {
            let (_, why) = lie(width, height);
            assert!(!why.is_empty() && !why.contains('\n'), "{width} x {height}: {why}");
        }
        assert_eq!(lie(60_000, 60_000).1, "60000 x 60000 pixels cannot be in a file of 71 bytes");
    }

    fn checksum(bytes: &[u8]) -> u32 {
        let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
        !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
    }

    #[test]
    fn hostile_files_do_not_panic() {
        let good = picture(ColorType::Rgb, 4, 3, &[9; 36]);
        for end in 0..good.len() {
            let cut = parse_png(&good[..end]);
            assert!(cut.is_err() || end > 60, "{end} bytes");
        }
        for at in 0..good.len() {
            for value in [0, 1, 127, 128, 255] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Err((offset, why)) = parse_png(&bytes) {
                    assert!(offset <= bytes.len() && !why.contains('\n'));
                }
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_refused_with_its_path() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let text = read_png(&path).unwrap_err().to_string();
        assert!(text.contains("Cargo.toml: ") && text.contains("signature"), "{text}");
    }
}
