//! Files of named arrays in the safetensors format, in and out.
//!
//! A file from outside is not trusted: whatever its bytes are, it gives arrays or one line that says where and what is
//! wrong. Nothing is allocated that the file does not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::half;
use mmt_tensor::Real;
use ndarray::{ArrayD, ArrayRef, Dimension, IxDyn};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorInfo, TensorView};
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// Bytes before the header: its length.
const PREFIX: usize = 8;

/// The numbers of an array in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Eight bytes each.
    F64(ArrayD<f64>),
    /// Four bytes each.
    F32(ArrayD<f32>),
    /// The upper halves of single precision: two bytes each.
    Bf16(ArrayD<u16>),
    /// The bits of half precision: two bytes each.
    F16(ArrayD<u16>),
    /// Ids, labels, lengths.
    I64(ArrayD<i64>),
    /// Masks: one byte each, 0 or 1.
    Bool(ArrayD<bool>),
}

/// An array of a file, and where its numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The numbers.
    pub data: Data,
    /// The byte of the file at which they begin.
    pub offset: usize,
}

/// What a file holds, by name.
pub type Tensors = BTreeMap<String, Stored>;

/// What is wrong with the content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The byte at which it is seen.
    pub offset: usize,
    /// One line.
    pub why: String,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The byte at which it is seen; `None` if the file cannot be read or written at all.
    pub offset: Option<usize>,
    /// One line.
    pub why: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{}: byte {offset}: {}", self.path.display(), one_line(&self.why)),
            None => write!(f, "{}: {}", self.path.display(), one_line(&self.why)),
        }
    }
}

impl std::error::Error for FileError {}

impl Malformed {
    /// The error of a file with this content.
    pub fn at(self, path: &Path) -> FileError {
        FileError { path: path.to_path_buf(), offset: Some(self.offset), why: self.why }
    }
}

impl Data {
    /// `"F64"`, `"F32"`, `"BF16"`, `"F16"`, `"I64"` or `"BOOL"`.
    pub fn dtype(&self) -> &'static str {
        match self {
            Data::F64(_) => "F64",
            Data::F32(_) => "F32",
            Data::Bf16(_) => "BF16",
            Data::F16(_) => "F16",
            Data::I64(_) => "I64",
            Data::Bool(_) => "BOOL",
        }
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Data::F64(a) => a.shape(),
            Data::F32(a) => a.shape(),
            Data::Bf16(a) | Data::F16(a) => a.shape(),
            Data::I64(a) => a.shape(),
            Data::Bool(a) => a.shape(),
        }
    }

    /// The numbers of an array of any type, as `f64`.
    pub fn of<R: Real, D: Dimension>(a: &ArrayRef<R, D>) -> Data {
        Data::F64(a.to_owned().into_dyn().mapv(Real::to_f64))
    }

    /// The numbers in row-major order, the lowest byte first.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Data::F64(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::F32(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::Bf16(a) | Data::F16(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::I64(a) => a.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::Bool(a) => a.iter().map(|&x| u8::from(x)).collect(),
        }
    }

    fn view_parts(&self) -> (Dtype, Vec<u8>) {
        let dtype = match self {
            Data::F64(_) => Dtype::F64,
            Data::F32(_) => Dtype::F32,
            Data::Bf16(_) => Dtype::BF16,
            Data::F16(_) => Dtype::F16,
            Data::I64(_) => Dtype::I64,
            Data::Bool(_) => Dtype::BOOL,
        };
        (dtype, self.bytes())
    }
}

impl Stored {
    /// The numbers in the type of a run; `None` for ids and masks.
    pub fn real<R: Real>(&self) -> Option<ArrayD<R>> {
        match &self.data {
            Data::F64(a) => Some(a.mapv(R::of)),
            Data::F32(a) => Some(a.mapv(|x| R::of(f64::from(x)))),
            Data::Bf16(a) => Some(a.mapv(|x| R::of(half::of_bf16(x)))),
            Data::F16(a) => Some(a.mapv(|x| R::of(half::of_f16(x)))),
            Data::I64(_) | Data::Bool(_) => None,
        }
    }

    /// Refuses NaN and infinities, for a reader that has no use for them.
    ///
    /// # Errors
    /// [`Malformed`] with the byte of the first such number.
    pub fn check_finite(&self, name: &str) -> Result<(), Malformed> {
        let (found, width) = match &self.data {
            Data::F64(a) => (a.iter().position(|x| !x.is_finite()), 8),
            Data::F32(a) => (a.iter().position(|x| !x.is_finite()), 4),
            Data::Bf16(a) => (a.iter().position(|&x| !half::of_bf16(x).is_finite()), 2),
            Data::F16(a) => (a.iter().position(|&x| !half::of_f16(x).is_finite()), 2),
            Data::I64(_) | Data::Bool(_) => (None, 0),
        };
        match found {
            None => Ok(()),
            Some(i) => Err(Malformed {
                offset: self.offset + i * width,
                why: format!("`{name}` holds a number that is not finite"),
            }),
        }
    }
}

/// Reads a whole file.
///
/// # Errors
/// [`FileError`] if it is not a regular file or cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    let fail = |why: String| FileError { path: path.to_path_buf(), offset: None, why };
    let about = fs::metadata(path).map_err(|e| fail(reason(&e)))?;
    if !about.is_file() {
        return Err(fail("not a file".to_string()));
    }
    fs::read(path).map_err(|e| fail(reason(&e)))
}

/// The names of the regular files of a folder that end in `.extension`, without that ending, sorted.
///
/// # Errors
/// [`FileError`] if the folder cannot be read.
pub fn list(folder: &Path, extension: &str) -> Result<Vec<String>, FileError> {
    let fail = |e: std::io::Error| FileError { path: folder.to_path_buf(), offset: None, why: reason(&e) };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|e| e == extension) && path.is_file() {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_string));
        }
    }
    Ok(names.into_iter().collect())
}

/// Reads a file of arrays.
///
/// # Errors
/// [`FileError`] as for [`read_bytes`] and [`parse`].
pub fn read(path: &Path) -> Result<Tensors, FileError> {
    parse(&read_bytes(path)?).map_err(|e| e.at(path))
}

/// The arrays in the bytes of a file.
///
/// # Errors
/// [`Malformed`] for bytes that are cut off or left over, a header that is not what the format asks for, a name that
/// comes twice, offsets that overlap, leave a gap or contradict a shape, a type other than those of [`Data`], and a
/// mask with a byte other than 0 and 1.
pub fn parse(bytes: &[u8]) -> Result<Tensors, Malformed> {
    let header = header(bytes)?;
    let names = names(header)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| explain(e, header, bytes.len()))?;
    let start = PREFIX + header.len();
    let mut tensors = Tensors::new();
    for name in names {
        let Some(info) = metadata.info(&name) else { continue }; // free text, "__metadata__"
        let (from, to) = info.data_offsets;
        let bytes = &bytes[start + from..start + to];
        let data = numbers(info.dtype, &info.shape, bytes).map_err(|(byte, why)| Malformed {
            offset: byte.map_or_else(|| place(header, &name), |i| start + from + i),
            why: format!("`{name}` {why}"),
        })?;
        tensors.insert(name, Stored { data, offset: start + from });
    }
    Ok(tensors)
}

/// Writes a file of arrays: to a temporary name beside it, then renamed, so that no reader ever sees half of it.
///
/// The same arrays give the same bytes: sorted by type and name, without free text.
///
/// # Errors
/// [`FileError`] if the file cannot be written.
pub fn write(path: &Path, arrays: &BTreeMap<String, Data>) -> Result<(), FileError> {
    let fail = |why: String| FileError { path: path.to_path_buf(), offset: None, why };
    let bytes = bytes_of(arrays).map_err(|why| fail(why.to_string()))?;
    let name = path.file_name().ok_or_else(|| fail("not the name of a file".to_string()))?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|e| {
        // The name is ours alone; if it cannot be removed either, the first error says more.
        let _ = fs::remove_file(&temporary);
        fail(reason(&e))
    })
}

/// The bytes of a file with these arrays.
///
/// # Errors
/// If the header would be larger than the format allows.
pub fn bytes_of(arrays: &BTreeMap<String, Data>) -> Result<Vec<u8>, SafeTensorError> {
    let parts: Vec<_> = arrays.iter().map(|(name, data)| (name, data.shape(), data.view_parts())).collect();
    let views = parts
        .iter()
        .map(|(name, shape, (dtype, bytes))| Ok((name, TensorView::new(*dtype, shape.to_vec(), bytes)?)));
    safetensors::serialize(views.collect::<Result<Vec<_>, SafeTensorError>>()?, None)
}

/// The header as text.
fn header(bytes: &[u8]) -> Result<&str, Malformed> {
    let size = bytes.len();
    let Some(length) = bytes.first_chunk::<PREFIX>() else {
        return Err(Malformed {
            offset: size,
            why: format!("the file ends after {size} bytes, before its header"),
        });
    };
    let length = u64::from_le_bytes(*length);
    let end = usize::try_from(length).ok().and_then(|n| n.checked_add(PREFIX)).filter(|end| *end <= size);
    let Some(end) = end else {
        return Err(Malformed { offset: 0, why: format!("a header of {length} bytes in a file of {size}") });
    };
    std::str::from_utf8(&bytes[PREFIX..end]).map_err(|e| Malformed {
        offset: PREFIX + e.valid_up_to(),
        why: "the header is not UTF-8".to_string(),
    })
}

/// The names in the header, each of which may come once: readers disagree which of two entries counts.
fn names(header: &str) -> Result<BTreeSet<String>, Malformed> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = BTreeSet<String>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object with one entry per array")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = BTreeSet::new();
            while let Some(name) = map.next_key::<String>()? {
                if names.contains(&name) {
                    return Err(A::Error::custom(format!("`{name}` comes twice")));
                }
                names.insert(name);
                map.next_value::<IgnoredAny>()?;
            }
            Ok(names)
        }
    }
    let mut json = serde_json::Deserializer::from_str(header);
    let names = json.deserialize_map(Names).and_then(|names| json.end().map(|()| names));
    names.map_err(|e| json_error(header, &e, PREFIX))
}

/// Where in a JSON text an error is, and what it says without the line and column.
pub fn json_error(text: &str, error: &serde_json::Error, start: usize) -> Malformed {
    let line: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let whole = error.to_string();
    let why = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(why, _)| why);
    Malformed { offset: start + line + error.column().saturating_sub(1), why: format!("JSON: {why}") }
}

/// The byte of the entry of an array in the header.
fn place(header: &str, name: &str) -> usize {
    let quoted = serde_json::to_string(name).unwrap_or_default();
    // A name may be escaped in more than one way; then the place is that of the header.
    PREFIX + header.find(&quoted).unwrap_or(0)
}

/// What the parser of the format found, with the byte at which it found it.
fn explain(error: SafeTensorError, header: &str, size: usize) -> Malformed {
    let whole = |why: &str| Malformed { offset: PREFIX, why: why.to_string() };
    match error {
        SafeTensorError::InvalidOffset(name) => Malformed {
            offset: place(header, &name),
            why: format!("the offsets of `{name}` overlap others, leave a gap or run backward"),
        },
        SafeTensorError::InvalidHeaderDeserialization(e) => json_error(header, &e, PREFIX),
        SafeTensorError::HeaderTooLarge => {
            Malformed { offset: 0, why: "the header is too large".to_string() }
        }
        SafeTensorError::MetadataIncompleteBuffer => Malformed {
            offset: size,
            why: "the arrays of the header do not end where the file ends".to_string(),
        },
        SafeTensorError::TensorInvalidInfo | SafeTensorError::ValidationOverflow => {
            let name = contradicting(header).unwrap_or_default();
            Malformed {
                offset: place(header, &name),
                why: format!("the shape of `{name}` is not that of its bytes"),
            }
        }
        other => whole(&other.to_string()),
    }
}

/// The first array whose shape and type ask for other bytes than its offsets give.
fn contradicting(header: &str) -> Option<String> {
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_str(header).ok()?;
    entries.into_iter().find_map(|(name, entry)| {
        let info: TensorInfo = serde_json::from_value(entry).ok()?;
        let (from, to) = info.data_offsets;
        let count = info.shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
        let bits = count.and_then(|n| n.checked_mul(info.dtype.bitsize()));
        (bits != to.checked_sub(from).and_then(|n| n.checked_mul(8))).then_some(name)
    })
}

/// The numbers of an array, or the byte from its start and what is wrong.
fn numbers(dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<Data, (Option<usize>, String)> {
    fn array<T, const N: usize>(
        shape: &[usize],
        bytes: &[u8],
        read: impl Fn([u8; N]) -> T,
    ) -> Result<ArrayD<T>, (Option<usize>, String)> {
        let (chunks, _) = bytes.as_chunks::<N>();
        ArrayD::from_shape_vec(IxDyn(shape), chunks.iter().map(|&b| read(b)).collect())
            .map_err(|e| (None, format!("has an impossible shape: {e}")))
    }
    match dtype {
        Dtype::F64 => Ok(Data::F64(array(shape, bytes, f64::from_le_bytes)?)),
        Dtype::F32 => Ok(Data::F32(array(shape, bytes, f32::from_le_bytes)?)),
        Dtype::BF16 => Ok(Data::Bf16(array(shape, bytes, u16::from_le_bytes)?)),
        Dtype::F16 => Ok(Data::F16(array(shape, bytes, u16::from_le_bytes)?)),
        Dtype::I64 => Ok(Data::I64(array(shape, bytes, i64::from_le_bytes)?)),
        Dtype::BOOL => match bytes.iter().position(|b| *b > 1) {
            Some(i) => {
                Err((Some(i), format!("holds the byte {}, which is neither true nor false", bytes[i])))
            }
            None => Ok(Data::Bool(array(shape, bytes, |[b]| b == 1)?)),
        },
        other => Err((None, format!("has the type {other}; known are F64, F32, BF16, F16, I64 and BOOL"))),
    }
}

/// A name from outside may hold line breaks and escape sequences of a terminal.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// An error of the system without its number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;

    /// A file with this header and so many zero bytes behind it.
    fn file(header: &str, zeros: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.resize(bytes.len() + zeros, 0);
        bytes
    }

    #[track_caller]
    fn refused(bytes: &[u8], text: &str) {
        let error = parse(bytes).unwrap_err().at(Path::new("x.safetensors"));
        assert_eq!(error.to_string(), format!("x.safetensors: {text}"));
    }

    fn sample() -> BTreeMap<String, Data> {
        let shape = |n: usize| IxDyn(&[n, 2]);
        BTreeMap::from([
            ("r/in/ids".to_string(), Data::I64(arr1(&[3, -1]).into_dyn())),
            ("r/in/mask".to_string(), Data::Bool(ArrayD::from_elem(shape(1), true))),
            ("r/in/x".to_string(), Data::F32(ArrayD::from_elem(shape(3), 0.1))),
            ("r/loss/loss".to_string(), Data::F64(ArrayD::from_elem(IxDyn(&[]), f64::NAN))),
            ("r/out/empty".to_string(), Data::F64(ArrayD::zeros(shape(0)))),
        ])
    }

    #[test]
    fn what_is_written_is_read_again_and_the_bytes_repeat() {
        let bytes = bytes_of(&sample()).unwrap();
        let read = parse(&bytes).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), sample().keys().collect::<Vec<_>>());
        let again: BTreeMap<_, _> = read.into_iter().map(|(name, a)| (name, a.data)).collect();
        assert_eq!(bytes_of(&again).unwrap(), bytes);
        assert_eq!(again["r/in/ids"], sample()["r/in/ids"]);
        assert_eq!(again["r/in/x"], sample()["r/in/x"]);
    }

    #[test]
    fn writing_leaves_nothing_but_the_file() {
        let folder = std::env::temp_dir().join(format!("mmt-golden-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.safetensors");
        write(&path, &BTreeMap::new()).unwrap();
        write(&path, &sample()).unwrap();
        assert_eq!(read_bytes(&path).unwrap(), bytes_of(&sample()).unwrap());
        assert_eq!(list(&folder, "safetensors").unwrap(), ["a"]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        let text = |e: FileError| e.to_string().replace(&*folder.to_string_lossy(), "dir");
        assert_eq!(text(read(&folder).unwrap_err()), "dir: not a file");
        let missing = folder.join("no/b.safetensors");
        assert!(text(write(&missing, &sample()).unwrap_err()).starts_with("dir/no/b.safetensors: "));
        assert!(text(read(&missing).unwrap_err()).starts_with("dir/no/b.safetensors: "));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_truncated_file_is_refused_at_every_length() {
        let bytes = bytes_of(&sample()).unwrap();
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
        refused(b"abc", "byte 3: the file ends after 3 bytes, before its header");
        refused(
            &bytes[..20],
            &format!("byte 0: a header of {} bytes in a file of 20", bytes[0] as usize + 256),
        );
        let end = bytes.len() - 1;
        refused(
            &bytes[..end],
            &format!("byte {end}: the arrays of the header do not end where the file ends"),
        );
    }

    #[test]
    fn bytes_left_over_are_refused() {
        let header = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        refused(&file(header, 5), "byte 67: the arrays of the header do not end where the file ends");
    }

    #[test]
    fn a_header_larger_than_the_file_is_refused() {
        let mut bytes = file("{}", 0);
        bytes[7] = 0x7f;
        refused(&bytes, "byte 0: a header of 9151314442816847874 bytes in a file of 10");
        bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        refused(&bytes, "byte 0: a header of 18446744073709551615 bytes in a file of 10");
    }

    #[test]
    fn a_header_that_is_not_json_is_refused() {
        refused(&file("{\"a\":", 0), "byte 12: JSON: EOF while parsing a value");
        refused(
            &file("[]", 0),
            "byte 8: JSON: invalid type: sequence, expected an object with one entry per array",
        );
        refused(&file("{} x", 0), "byte 11: JSON: trailing characters");
        let mut bytes = file("{\"ab\":1}", 0);
        bytes[11] = 0xff;
        refused(&bytes, "byte 11: the header is not UTF-8");
    }

    #[test]
    fn a_name_that_comes_twice_is_refused() {
        let a = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
        refused(&file(&format!("{{{a},{a}}}"), 4), "byte 64: JSON: `a` comes twice");
    }

    #[test]
    fn a_name_with_line_breaks_gives_one_line() {
        let header = "{\"a\\n\\u001b\":{\"dtype\":\"I16\",\"shape\":[0],\"data_offsets\":[0,0]}}";
        let text = "byte 9: `a??` has the type I16; known are F64, F32, BF16, F16, I64 and BOOL";
        refused(&file(header, 0), text);
    }

    #[test]
    fn offsets_that_overlap_or_lie_are_refused() {
        let two = |from: u64, to: u64, shape: &str| {
            let a = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
            let b = format!(r#""b":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{from},{to}]}}"#);
            file(&format!("{{{a},{b}}}"), 8)
        };
        assert!(parse(&two(4, 8, "1")).is_ok());
        let overlap = "byte 62: the offsets of `b` overlap others, leave a gap or run backward";
        refused(&two(2, 6, "1"), overlap);
        refused(&two(5, 9, "1"), overlap);
        refused(&two(4, 3, "1"), overlap);
        let shape = "byte 62: the shape of `b` is not that of its bytes";
        refused(&two(4, 8, "2"), shape);
        refused(&two(4, 4611686018427387908, "1"), shape);
        refused(&two(4, 8, "4294967296,4294967296,4"), shape);
    }

    #[test]
    fn a_shape_without_numbers_but_of_impossible_size_is_refused() {
        let header = r#"{"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}"#;
        let error = parse(&file(header, 0)).unwrap_err();
        assert_eq!(error.offset, 9);
    }

    #[test]
    fn other_types_are_refused() {
        let header = r#"{"a":{"dtype":"U16","shape":[2],"data_offsets":[0,4]}}"#;
        let known = "byte 9: `a` has the type U16; known are F64, F32, BF16, F16, I64 and BOOL";
        refused(&file(header, 4), known);
        let header = r#"{"a":{"dtype":"F8","shape":[2],"data_offsets":[0,4]}}"#;
        assert!(parse(&file(header, 4)).unwrap_err().why.starts_with("JSON: unknown variant `F8`"));
    }

    #[test]
    fn a_mask_is_zeros_and_ones() {
        let mut bytes = file(r#"{"m":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}"#, 3);
        *bytes.last_mut().unwrap() = 2;
        refused(&bytes, "byte 65: `m` holds the byte 2, which is neither true nor false");
    }

    #[test]
    fn a_number_that_is_not_finite_has_a_place() {
        let tensors = parse(&bytes_of(&sample()).unwrap()).unwrap();
        tensors["r/in/x"].check_finite("r/in/x").unwrap();
        let loss = &tensors["r/loss/loss"];
        let error = loss.check_finite("r/loss/loss").unwrap_err();
        assert_eq!(error.offset, loss.offset);
        assert_eq!(error.why, "`r/loss/loss` holds a number that is not finite");
    }
}
