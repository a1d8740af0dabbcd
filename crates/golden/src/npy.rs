//! Arrays as NumPy reads them: `.npy`, version 1.0, and archives of them, `.npz`.

use std::collections::BTreeMap;

use ndarray::{ArrayD, ArrayRef, Dimension};

/// An array that can be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Npy {
    /// Pixels, labels: one byte each.
    U8(ArrayD<u8>),
    /// Rows, boxes, offsets: eight bytes each.
    I64(ArrayD<i64>),
    /// Features: four bytes each.
    F32(ArrayD<f32>),
    /// True values: eight bytes each.
    F64(ArrayD<f64>),
    /// Masks: one byte each.
    Bool(ArrayD<bool>),
}

impl Npy {
    /// Pixels or labels.
    pub fn u8<D: Dimension>(array: &ArrayRef<u8, D>) -> Self {
        Npy::U8(array.to_owned().into_dyn())
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Npy::U8(a) => a.shape(),
            Npy::I64(a) => a.shape(),
            Npy::F32(a) => a.shape(),
            Npy::F64(a) => a.shape(),
            Npy::Bool(a) => a.shape(),
        }
    }

    /// `"|u1"`, `"<i8"`, `"<f4"`, `"<f8"` or `"|b1"`.
    fn descr(&self) -> &'static str {
        match self {
            Npy::U8(_) => "|u1",
            Npy::I64(_) => "<i8",
            Npy::F32(_) => "<f4",
            Npy::F64(_) => "<f8",
            Npy::Bool(_) => "|b1",
        }
    }

    /// The bytes of the file: a header that is filled up with spaces to a multiple of 64, then the numbers in row-major
    /// order, the lowest byte first.
    pub fn bytes(&self) -> Vec<u8> {
        let sizes: String = self.shape().iter().map(|size| format!("{size}, ")).collect();
        let sizes = sizes.strip_suffix(' ').unwrap_or(&sizes);
        let sizes = if self.shape().len() > 1 { sizes.trim_end_matches(',') } else { sizes };
        let mut header =
            format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sizes}), }}", self.descr());
        // Ten bytes before it, the end of the line after it.
        let spaces = (header.len() + 11).next_multiple_of(64) - (header.len() + 11);
        header.extend(std::iter::repeat_n(' ', spaces));
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        match self {
            Npy::U8(a) => bytes.extend(a),
            Npy::I64(a) => a.iter().for_each(|x| bytes.extend(x.to_le_bytes())),
            Npy::F32(a) => a.iter().for_each(|x| bytes.extend(x.to_le_bytes())),
            Npy::F64(a) => a.iter().for_each(|x| bytes.extend(x.to_le_bytes())),
            Npy::Bool(a) => bytes.extend(a.iter().map(|&x| u8::from(x))),
        }
        bytes
    }
}

/// An archive of arrays: a ZIP file in which nothing is compressed, the same bytes for the same arrays.
pub fn npz(arrays: &BTreeMap<String, Npy>) -> Vec<u8> {
    let (mut file, mut directory) = (vec![], vec![]);
    for (name, array) in arrays {
        let (name, bytes) = (format!("{name}.npy"), array.bytes());
        let at = file.len() as u32;
        let entry = entry(&name, &bytes);
        file.extend(b"PK\x03\x04");
        file.extend(&entry);
        file.extend(name.bytes());
        file.extend(&bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&entry);
        // No comment, disk 0, no attributes.
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.bytes());
    }
    let (count, size, at) = (arrays.len() as u16, directory.len() as u32, file.len() as u32);
    file.extend(directory);
    file.extend(b"PK\x05\x06\x00\x00\x00\x00");
    file.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    file.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    file.extend([0; 2]);
    file
}

/// What both headers of a file in an archive say: version 2.0, no flags, stored, the first of January 1980, the sum, both sizes,
/// and the lengths of its name and of nothing more.
fn entry(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut entry = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    entry.extend(crc32(bytes).to_le_bytes());
    let size = (bytes.len() as u32).to_le_bytes();
    entry.extend([size, size].concat());
    entry.extend((name.len() as u16).to_le_bytes());
    entry.extend([0; 2]);
    entry
}

/// The check sum of ZIP.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1)))
    };
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use ndarray::{arr0, arr1, arr2};

    use super::*;

    fn header(array: &Npy) -> String {
        let bytes = array.bytes();
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        assert_eq!((10 + length) % 64, 0);
        let header = String::from_utf8(bytes[10..10 + length].to_vec()).unwrap();
        assert!(header.ends_with('\n'));
        header.trim_end().to_string()
    }

    #[test]
    fn headers_are_those_of_numpy() {
        let pixels = Npy::u8(&arr2(&[[1, 2, 3], [4, 5, 6]]));
        assert_eq!(header(&pixels), "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }");
        let rows = Npy::I64(arr1(&[7, -1]).into_dyn());
        assert_eq!(header(&rows), "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }");
        let number = Npy::F32(arr0(0.5).into_dyn());
        assert_eq!(header(&number), "{'descr': '<f4', 'fortran_order': False, 'shape': (), }");
        let nothing = Npy::F32(ArrayD::zeros(ndarray::IxDyn(&[0, 20])));
        assert_eq!(header(&nothing), "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 20), }");
    }

    #[test]
    fn numbers_follow_in_row_major_order() {
        let a = arr2(&[[1, 2], [3, 4]]);
        assert!(Npy::u8(&a).bytes().ends_with(&[1, 2, 3, 4]));
        assert!(Npy::U8(a.reversed_axes().into_dyn()).bytes().ends_with(&[1, 3, 2, 4]));
        let rows = Npy::I64(arr1(&[-2]).into_dyn()).bytes();
        assert!(rows.ends_with(&(-2_i64).to_le_bytes()) && rows.len() == 128 + 8);
        assert!(Npy::F32(arr1(&[0.1]).into_dyn()).bytes().ends_with(&0.1_f32.to_le_bytes()));
    }
}
