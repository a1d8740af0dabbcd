//! The rows of a PNG file as they are before they are compressed.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;

/// First column, first row, and from one to the next, of each pass over an interlaced picture.
const PASSES: [[usize; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/// Bytes of all rows, with the one before each that names its filter; nothing if there are too many to count.
pub fn bytes(info: &png::Info) -> Option<usize> {
    let [width, height] = [info.width, info.height].map(|size| size as usize);
    let rows = |width: usize, height: usize| match width {
        0 => Some(0),
        _ => height.checked_mul(1 + width.checked_mul(info.bits_per_pixel())?.div_ceil(8)),
    };
    if !info.interlaced {
        return rows(width, height);
    }
    PASSES.iter().try_fold(0_usize, |sum, [x, y, across, down]| {
        let pass =
            rows(width.saturating_sub(*x).div_ceil(*across), height.saturating_sub(*y).div_ceil(*down));
        sum.checked_add(pass?)
    })
}

/// Whether the picture of a file that was decoded inflates to more than `rows` bytes.
pub fn more_than(file: &[u8], rows: usize) -> bool {
    let data = image_data(file);
    let mut inflated = ZlibDecoder::new(&data[..]).take(rows as u64 + 1);
    io::copy(&mut inflated, &mut io::sink()).is_ok_and(|bytes| bytes > rows as u64)
}

/// What stands in the chunks `IDAT`, one after the other.
fn image_data(file: &[u8]) -> Vec<u8> {
    const SIGNATURE: usize = 8;
    let (mut data, mut at) = (Vec::new(), SIGNATURE);
    while let Some((head, rest)) = file.get(at..).and_then(|rest| rest.split_first_chunk::<8>()) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(content) = rest.get(..length) else { break };
        if head.ends_with(b"IDAT") {
            data.extend_from_slice(content);
        }
        at += 12 + length; // length, name and checksum
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(width: u32, height: u32, interlaced: bool) -> usize {
        let mut info = png::Info::with_size(width, height);
        (info.bit_depth, info.color_type, info.interlaced) =
            (png::BitDepth::One, png::ColorType::Rgb, interlaced);
        bytes(&info).unwrap()
    }

    #[test]
    fn rows_begin_with_their_filter_and_passes_share_the_pixels() {
        assert_eq!(info(9, 2, false), 2 * (1 + 4));
        // One pixel: only the first pass has a row. Eight by eight: 1, 1, 2, 4, 8, 16, 32 pixels of three bits.
        assert_eq!((info(1, 1, true), info(1, 1, false)), (2, 2));
        let rows = [(1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8)];
        let passes = rows.iter().map(|(high, wide): &(usize, usize)| high * (1 + (3 * wide).div_ceil(8)));
        assert_eq!(info(8, 8, true), passes.sum::<usize>());
    }
}
