//! Pictures from PNG files.

use std::io::Cursor;
use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::Real;
use ndarray::Array3;
use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};

use crate::png_rows;

/// The byte of a PNG file at which its width and height stand.
pub(crate) const SIZE_AT: usize = 16;

/// Bytes that one byte of a compressed file can become at most, and what headers cost.
const EXPANSION: usize = 1032;

/// Most bytes of pixels that are read: 11,585 x 11,585 gray ones. A small file can hold many more, all alike.
const LARGEST: usize = 1 << 27;

/// The pixels of a gray or colored picture, from 0 to 1: `[rows, columns, 1 or 3]`
///
/// Any PNG file: a palette becomes its colors, pixels of less than eight bits are as bright as the share of the brightest, pixels of
/// 16 bits keep all of them. What is transparent lies on white paper: of a color `c` with opacity `α` comes `αc + 1 - α`.
///
/// # Errors
/// [`FileError`] if the file cannot be read, and with the byte if it is not a PNG file, ends early, or holds fewer or more
/// pixels than its header says.
pub fn read_png<R: Real>(path: &Path) -> Result<Array3<R>, FileError> {
    let bytes = file::read_bytes(path)?;
    parse_png(&bytes).map_err(|(offset, why)| FileError {
        path: path.to_path_buf(),
        offset: Some(offset),
        why,
    })
}

/// The bytes of a PNG file with these colors: `[rows, columns, 3]`
pub fn write_png(pixels: &Array3<u8>) -> Vec<u8> {
    let (rows, columns, channels) = pixels.dim();
    assert_eq!(channels, 3, "red, green and blue");
    let size = |n: usize| u32::try_from(n).expect("a picture with less than 2^32 rows and columns");
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, size(columns), size(rows));
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let pixels: Vec<u8> = pixels.iter().copied().collect();
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    written.expect("memory takes as many bytes as there are");
    bytes
}

/// The picture, or what is wrong with which byte.
fn parse_png<R: Real>(bytes: &[u8]) -> Result<Array3<R>, (usize, String)> {
    let mut cursor = Cursor::new(bytes);
    let decoded = decode(&mut cursor, bytes.len());
    let offset = (cursor.position() as usize).min(bytes.len());
    let Decoded { numbers, size: [rows, columns], colors, opacity, depth, rows_bytes } =
        decoded.map_err(|why| (offset, why))?;
    if png_rows::more_than(bytes, rows_bytes) {
        return Err((
            SIZE_AT,
            format!("the file holds more pixels than {columns} x {rows}, as its header says"),
        ));
    }
    let shares: Vec<R> = match depth {
        BitDepth::Sixteen => {
            let whole = |pair: &[u8]| f64::from(u16::from_be_bytes([pair[0], pair[1]]));
            on_paper(numbers.chunks_exact(2).map(|pair| R::of(whole(pair) / 65535.0)), colors, opacity)
        }
        _ => on_paper(numbers.into_iter().map(|value| R::of(f64::from(value) / 255.0)), colors, opacity),
    };
    Ok(Array3::from_shape_vec((rows, columns, colors), shares).expect("as many as the decoder says"))
}

/// Colors on white paper; their opacity, if there is one, stands behind them.
fn on_paper<R: Real>(shares: impl Iterator<Item = R>, colors: usize, opacity: bool) -> Vec<R> {
    if !opacity {
        return shares.collect();
    }
    let numbers = shares.size_hint().0;
    let mut seen = Vec::with_capacity(numbers / (colors + 1) * colors);
    let mut pixel = Vec::with_capacity(colors);
    for share in shares {
        if pixel.len() < colors {
            pixel.push(share);
        } else {
            seen.extend(pixel.drain(..).map(|color| share * color + (R::of(1.0) - share)));
        }
    }
    seen
}

/// What a decoder makes of a file.
struct Decoded {
    /// Row by row, one or two bytes each.
    numbers: Vec<u8>,
    /// Rows and columns.
    size: [usize; 2],
    /// 1 or 3.
    colors: usize,
    /// Whether an opacity follows the colors of every pixel.
    opacity: bool,
    depth: BitDepth,
    /// Bytes of all rows as they are in the file once it is inflated.
    rows_bytes: usize,
}

/// The numbers of all rows.
fn decode(cursor: &mut Cursor<&[u8]>, size: usize) -> Result<Decoded, String> {
    let mut decoder = Decoder::new_with_limits(cursor, Limits { bytes: LARGEST });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(|e| one_line(&e))?;
    let (width, height) = reader.info().size();
    let (color, depth) = reader.output_color_type();
    let (colors, opacity) = match color {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (1, true),
        ColorType::Rgb => (3, false),
        ColorType::Rgba => (3, true),
        ColorType::Indexed => return Err("a palette is missing".to_string()),
    };
    let possible = size.saturating_mul(EXPANSION);
    let rows_bytes = png_rows::bytes(reader.info()).filter(|&bytes| bytes <= possible);
    let rows_bytes =
        rows_bytes.ok_or_else(|| format!("{width} x {height} pixels cannot be in a file of {size} bytes"))?;
    let wanted = reader.output_buffer_size().filter(|&wanted| wanted <= LARGEST);
    let wanted = wanted
        .ok_or_else(|| format!("{width} x {height} pixels are too many, at most {LARGEST} bytes are read"))?;
    let mut numbers = vec![0; wanted];
    let frame = reader.next_frame(&mut numbers).map_err(|e| one_line(&e))?;
    numbers.truncate(frame.buffer_size());
    Ok(Decoded { numbers, size: [height as usize, width as usize], colors, opacity, depth, rows_bytes })
}

fn one_line(error: &png::DecodingError) -> String {
    match error {
        png::DecodingError::IoError(_) => "the file ends early".to_string(),
        png::DecodingError::LimitsExceeded => "more pixels than are read".to_string(),
        other => match other.to_string() {
            text if text.starts_with("CRC error") => "a chunk has another checksum than it says".to_string(),
            text => text.replace(char::is_control, " "),
        },
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
        let gray =
            parse_png::<f64>(&picture(ColorType::Grayscale, 3, 2, &[0, 51, 102, 153, 204, 255])).unwrap();
        assert_eq!(gray.dim(), (2, 3, 1));
        assert_eq!(gray.into_raw_vec_and_offset().0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        let rgb = parse_png::<f64>(&picture(ColorType::Rgb, 1, 2, &[255, 0, 51, 0, 255, 0])).unwrap();
        assert_eq!(rgb.dim(), (2, 1, 3));
        assert_eq!(rgb.into_raw_vec_and_offset().0, [1.0, 0.0, 0.2, 0.0, 1.0, 0.0]);
    }

    fn values(bytes: &[u8]) -> Vec<f64> {
        parse_png(bytes).unwrap().into_raw_vec_and_offset().0
    }

    #[test]
    fn transparent_pictures_lie_on_white_paper() {
        let rgba = picture(ColorType::Rgba, 2, 1, &[255, 0, 51, 255, 0, 255, 102, 51]);
        let expected = [1.0, 0.0, 0.2, 0.8, 1.0, 0.2 * 0.4 + 0.8];
        assert!(values(&rgba).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15));
        let gray = picture(ColorType::GrayscaleAlpha, 3, 1, &[0, 0, 0, 255, 102, 51]);
        assert!(values(&gray).iter().zip([1.0, 0.0, 0.88]).all(|(a, b)| (a - b).abs() < 1e-15));
    }

    #[test]
    fn palettes_become_colors_and_sixteen_bits_stay() {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::One);
        encoder.set_palette(vec![255, 0, 51, 0, 102, 255]);
        encoder.set_trns(vec![255, 0]);
        encoder.write_header().unwrap().write_image_data(&[0b0100_0000]).unwrap();
        assert_eq!(values(&bytes), [1.0, 0.0, 0.2, 1.0, 1.0, 1.0], "the second color is not to be seen");

        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Sixteen);
        encoder.write_header().unwrap().write_image_data(&[0x12, 0x34, 0xff, 0xff]).unwrap();
        assert_eq!(values(&bytes), [f64::from(0x1234) / 65535.0, 1.0]);

        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 4, 1);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Two);
        encoder.write_header().unwrap().write_image_data(&[0b0001_1011]).unwrap();
        assert_eq!(values(&bytes), [0.0, 85.0 / 255.0, 170.0 / 255.0, 1.0]);
    }

    #[test]
    fn what_is_written_is_read() {
        let pixels = Array3::from_shape_fn((3, 2, 3), |(y, x, c)| (40 * y + 20 * x + 7 * c) as u8);
        let read = parse_png::<f64>(&write_png(&pixels)).unwrap();
        assert_eq!(read.mapv(|share| (share * 255.0).round() as u8), pixels);
    }

    /// A gigabyte of paper, which compression could put into two megabytes.
    #[test]
    fn pictures_of_too_many_pixels_are_refused() {
        let mut bytes = picture(ColorType::Grayscale, 2, 2, &[1, 2, 3, 4]);
        bytes[16..24].copy_from_slice(&[0, 0, 0x80, 0, 0, 0, 0x80, 0]);
        let crc = checksum(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        bytes.resize(2 << 20, 0);
        let (_, why) = parse_png::<f64>(&bytes).unwrap_err();
        assert_eq!(why, "32768 x 32768 pixels are too many, at most 134217728 bytes are read");
    }

    /// Blank pages of one bit, alone and with a palette: they become 8 and 24 times as large.
    #[test]
    fn blank_pages_are_read() {
        for (color, colors) in [(ColorType::Grayscale, 1), (ColorType::Indexed, 3)] {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 1024, 1024);
            encoder.set_color(color);
            encoder.set_depth(BitDepth::One);
            encoder.set_palette(vec![255; 6]);
            encoder.write_header().unwrap().write_image_data(&[0; 1024 * 128]).unwrap();
            assert_eq!(parse_png::<f32>(&bytes).unwrap().dim(), (1024, 1024, colors), "{}", bytes.len());
        }
    }

    #[test]
    fn a_wrong_checksum_is_said_in_words() {
        let mut bytes = picture(ColorType::Grayscale, 2, 2, &[1, 2, 3, 4]);
        bytes[16..20].copy_from_slice(&3_u32.to_be_bytes());
        assert_eq!(parse_png::<f64>(&bytes).unwrap_err().1, "a chunk has another checksum than it says");
    }

    /// The size in the header, with a checksum that fits, is not that of the pixels.
    #[test]
    fn lying_sizes_are_refused() {
        let lie = |width: u32, height: u32| {
            let mut bytes = picture(ColorType::Grayscale, 2, 2, &[1, 2, 3, 4]);
            bytes[16..20].copy_from_slice(&width.to_be_bytes());
            bytes[20..24].copy_from_slice(&height.to_be_bytes());
            let crc = checksum(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.to_be_bytes());
            parse_png::<f64>(&bytes).unwrap_err()
        };
        for (width, height) in [(1, 2), (2, 1), (1, 1)] {
            let why = format!("the file holds more pixels than {width} x {height}, as its header says");
            assert_eq!(lie(width, height), (16, why));
        }
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
            let cut = parse_png::<f64>(&good[..end]);
            assert!(cut.is_err() || end > 60, "{end} bytes");
        }
        for at in 0..good.len() {
            for value in [0, 1, 127, 128, 255] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Err((offset, why)) = parse_png::<f64>(&bytes) {
                    assert!(offset <= bytes.len() && !why.contains('\n'));
                }
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_refused_with_its_path() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let text = read_png::<f64>(&path).unwrap_err().to_string();
        assert!(text.contains("Cargo.toml: ") && text.contains("signature"), "{text}");
    }
}
