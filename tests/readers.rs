//! Readers of files from outside: whatever the bytes, a value or one line that says what is wrong; no panic, and no memory
//! beyond what the bytes themselves justify. Sixteen times the cases: `PROPTEST_CASES=4096`. The files of arrays have tests of
//! their own in `files.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

use mmt_golden::file;
use mmt_lab::data::ehr::{CATEGORIES, CODES};
use mmt_lab::ontologies::parse_ontology;
use mmt_lab::pictures::read_png;
use mmt_lab::records::parse_patients;
use mmt_lab::tokens::parse_boxes;
use mmt_tensor::alloc::{Recycling, live, peak, reset_peak};
use mmt_tensor::{Error, Result};
use mmt_tokenizers::audio::parse_wav;
use mmt_tokenizers::text::{Reading, VectorFile, Vocabulary, WordPiece, text_of};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Counts the bytes of large blocks.
#[global_allocator]
static ALLOCATOR: Recycling = Recycling;

/// Blocks below this size are not counted.
const SMALL: usize = 1 << 16;

/// The result of a reader, and the most bytes that its large blocks took at one time.
///
/// The count is that of all threads: a number above `limit` may be that of another test, and is measured again.
fn measured<T>(limit: usize, read: impl Fn() -> T) -> (T, usize) {
    static ALONE: Mutex<()> = Mutex::new(());
    // A reader that panics poisons the lock, and fails its own test only.
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let once = || {
        let before = live();
        reset_peak();
        let value = read();
        (value, peak().saturating_sub(before))
    };
    let mut found = once();
    for _ in 0..50 {
        if found.1 <= limit {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
        found = once();
    }
    found
}

/// What any reader does with any bytes.
fn check<T>(bytes: &[u8], multiple: usize, read: impl Fn(&[u8]) -> Result<T>, sound: impl FnOnce(T)) {
    let limit = SMALL.max(multiple * bytes.len());
    let (result, most) = measured(limit, || read(bytes));
    assert!(most <= limit, "{most} bytes for {} bytes, over {limit}", bytes.len());
    match result {
        Ok(value) => sound(value),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains(char::is_control), "one line: {text:?}");
            match error {
                Error::InvalidFile { offset, .. } => assert!(offset <= bytes.len(), "{text}"),
                Error::InvalidLine { line, .. } => {
                    let lines = bytes.iter().filter(|&&b| b == b'\n').count() + 1;
                    assert!((1..=lines).contains(&line), "{text}, of {lines} lines");
                }
                _ => {}
            }
        }
    }
}

fn vocabulary(bytes: &[u8]) {
    let read = |bytes: &[u8]| {
        let words = Vocabulary::parse(bytes)?;
        // A list of words is one even without the marks of a tokenizer.
        let pieces = WordPiece::new(words.clone(), Reading::UNCASED);
        Ok((words, pieces.map(|_| ()).map_err(|error| error.to_string())))
    };
    check(bytes, 64, read, |(words, pieces)| {
        let text = text_of(bytes, "words").unwrap();
        let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let lines: Vec<&str> = lines.map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        for (id, line) in lines.iter().enumerate() {
            assert_eq!(words.word(id).unwrap(), *line);
        }
        assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len());
        assert!(words.word(lines.len()).is_err());
        assert!(pieces.err().is_none_or(|text| !text.contains(char::is_control)));
    });
}

fn vectors(bytes: &[u8]) {
    check(bytes, 64, VectorFile::<f32>::parse, |file| {
        assert_eq!(file.words.len(), file.vectors.nrows());
        assert!(file.vectors.ncols() > 0 && file.vectors.iter().all(|x| x.is_finite()));
        assert_eq!(file.words.iter().collect::<BTreeSet<_>>().len(), file.words.len());
        // Every number has a digit and a space.
        assert!(2 * file.vectors.len() <= bytes.len());
        let words = Vocabulary::new(file.words.iter().map(String::as_str));
        if let Some(Ok(table)) = words.ok().map(|words| file.table(&words)) {
            assert!(table.embedding.table == file.vectors && table.missing.is_empty());
        }
    });
}

fn patients(bytes: &[u8]) {
    check(bytes, 64, parse_patients, |patients| {
        assert!(!patients.is_empty());
        for visit in patients.iter().inspect(|visits| assert!(!visits.is_empty())).flatten() {
            assert!(!visit.diagnoses.is_empty() && visit.diagnoses.iter().all(|&code| code < CODES));
            assert!(visit.medications.iter().all(|&code| code < CATEGORIES));
        }
    });
}

/// Every name stands in lists and in maps.
fn ontology(bytes: &[u8]) {
    check(bytes, 128, parse_ontology, |tree| {
        assert!(!tree.leaves().is_empty() && tree.nodes() <= bytes.len());
        for (code, &leaf) in tree.leaves().iter().enumerate() {
            assert_eq!(tree.code(tree.name(leaf)), Ok(code));
            assert!(tree.ancestors(leaf).len() < tree.nodes());
        }
    });
}

fn boxes(bytes: &[u8]) {
    check(
        bytes,
        64,
        |bytes| parse_boxes(bytes, [100, 200]),
        |(regions, geometry)| {
            assert_eq!(geometry.dim(), (regions.len(), 5));
            assert!(!regions.is_empty() && geometry.iter().all(|x| (0.0..=1.0).contains(x)));
            assert!(regions.iter().all(|region| !region.name.contains(char::is_control)));
        },
    );
}

/// A sample of 8 bits becomes a number of 8 bytes, and a list that grows has twice the room.
fn sound(bytes: &[u8]) {
    check(bytes, 32, parse_wav, |sound| {
        assert!(sound.rate > 0 && !sound.samples.is_empty());
        assert!(sound.samples.len() <= bytes.len() && sound.samples.iter().all(|x| x.is_finite()));
    });
}

fn arrays(bytes: &[u8]) {
    let limit = SMALL.max(32 * bytes.len());
    let (result, most) = measured(limit, || file::parse(bytes));
    assert!(most <= limit, "{most} bytes for {} bytes, over {limit}", bytes.len());
    match result {
        Ok(tensors) => assert!(tensors.values().all(|a| a.offset <= bytes.len())),
        Err(error) => assert!(error.offset <= bytes.len()),
    }
}

/// Compression makes a thousand of one byte, a bit becomes three colors of a palette, and every color a number of 8 bytes.
fn picture(bytes: &[u8]) {
    let thread = format!("{:?}", std::thread::current().id());
    let number: String = thread.chars().filter(char::is_ascii_digit).collect();
    let path = std::env::temp_dir().join(format!("mmt-readers-{}-{number}.png", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let limit = SMALL + 9 * 24 * 1032 * bytes.len() + (1 << 20);
    let (result, most) = measured(limit, || read_png::<f64>(&path));
    std::fs::remove_file(&path).unwrap();
    assert!(most <= limit, "{most} bytes for {} bytes, over {limit}", bytes.len());
    match result {
        Ok(pixels) => assert!(!pixels.is_empty() && pixels.iter().all(|x| (0.0..=1.0).contains(x))),
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "one line: {error}");
            assert_eq!(error.path, PathBuf::from(&path));
            assert!(error.offset.is_none_or(|offset| offset <= bytes.len()));
        }
    }
}

/// A file with four samples.
fn good_wav(format: u16, channels: u16, bits: u16) -> Vec<u8> {
    let (block, data) =
        (channels * bits.div_ceil(8), vec![7; 4 * usize::from(bits / 8) * usize::from(channels)]);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0");
    bytes.extend([format.to_le_bytes(), channels.to_le_bytes()].concat());
    bytes.extend([8000_u32.to_le_bytes(), (8000 * u32::from(block)).to_le_bytes()].concat());
    bytes.extend([block.to_le_bytes(), bits.to_le_bytes()].concat());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Kinds of pixels and their bits: gray, colors, a palette, gray and colors with opacity.
const PNG_KINDS: [(u8, u8); 9] = [(0, 1), (0, 8), (0, 16), (2, 8), (2, 16), (3, 2), (4, 8), (6, 8), (6, 16)];

/// A picture of 3x2 gray pixels, not compressed.
fn good_png() -> Vec<u8> {
    good_png_of((0, 8))
}

/// A picture of 3x2 pixels of a kind, not compressed.
fn good_png_of((color, bits): (u8, u8)) -> Vec<u8> {
    let numbers = match color {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let width = (3 * numbers * usize::from(bits)).div_ceil(8);
    let row = |y: usize| std::iter::once(0).chain((1..=width).map(move |x| (30 * y + 10 * x) as u8));
    let rows: Vec<u8> = (0..2).flat_map(row).collect();
    let sums = rows.iter().fold((1, 0), |(a, b), &x| (a + u32::from(x), a + b + u32::from(x)));
    let length = rows.len() as u16;
    let mut stored = b"\x78\x01\x01".to_vec();
    stored.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
    stored.extend(rows);
    stored.extend((sums.1 << 16 | sums.0).to_be_bytes());
    let header = [&[0, 0, 0, 3, 0, 0, 0, 2, bits, color][..], &[0; 3]].concat();
    let mut chunks = vec![(b"IHDR", header)];
    if color == 3 {
        chunks.push((b"PLTE", vec![1, 2, 3, 40, 50, 60, 70, 80, 90, 255, 0, 255]));
        chunks.push((b"tRNS", vec![255, 0, 128]));
    }
    chunks.extend([(b"IDAT", stored), (b"IEND", vec![])]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(&data);
        bytes.extend([0; 4]);
    }
    with_checksums(bytes)
}

/// The same bytes with the checksum of every chunk as it should be, so that a change is seen by more than its checksum.
fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(end) = at.checked_add(8 + length).filter(|end| end + 4 <= bytes.len()) else { break };
        let sum = checksum(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
    bytes
}

/// CRC-32.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// A change of a file.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Fill(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let byte = prop_oneof![any::<u8>(), select(vec![0, 1, 9, 10, 13, 27, 32, 35, 124, 127, 128, 255])];
    prop_oneof![
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Change::Fill(at, byte)),
        (any::<Index>(), vec(byte, 0..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..9_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), 1..30_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let size = bytes.len();
        let span = |at: &Index, count: usize| at.index(size)..(at.index(size) + count).min(size);
        match change {
            Change::Set(at, byte) => bytes[at.index(size)] = *byte,
            Change::Fill(at, byte) => bytes[span(at, 4)].fill(*byte),
            Change::Insert(at, new) => {
                drop(bytes.splice(at.index(size)..at.index(size), new.iter().copied()))
            }
            Change::Remove(at, count) => drop(bytes.drain(span(at, *count))),
            Change::Repeat(at, count) => {
                let copy = bytes[span(at, *count)].to_vec();
                bytes.splice(at.index(size)..at.index(size), copy);
            }
            Change::Cut(at) => bytes.truncate(at.index(size)),
        }
    }
    bytes
}

const WORDS: &[u8] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n##ing\nlook\nß\n日\r\n##s\n".as_bytes();
const VECTORS: &[u8] = b"3 2\nthe 0.5 -1e-3\ncat\t2 .25 \nsat 7 -0\n";
const PATIENTS: &[u8] = b"# two\nD01 D48 | M02\nD07\n\nD12 D13 | M01 M16\n";
const BOXES: &[u8] = b"# two\n0 0 200 100 all of it\n\n1.5 2e1 30 40\r\n";
const TREE: &[u8] =
    b"# codes\nI10 hypertension heart root\nI25 ischemia heart root\n\nJ45 lung root\nheart root\n";

fn good_arrays() -> Vec<u8> {
    let x = ndarray::ArrayD::from_elem(ndarray::IxDyn(&[2, 3]), 0.5);
    let arrays = [("x".to_string(), file::Data::F64(x.clone())), ("y".to_string(), file::Data::F64(x))];
    file::bytes_of(&arrays.into_iter().collect()).unwrap()
}

#[test]
fn the_files_that_are_changed_are_good() {
    let words = Vocabulary::parse(WORDS).unwrap();
    WordPiece::new(words, Reading::UNCASED).unwrap();
    assert_eq!(VectorFile::<f32>::parse(VECTORS).unwrap().vectors.dim(), (3, 2));
    assert_eq!(parse_patients(PATIENTS).unwrap().len(), 2);
    assert_eq!(parse_boxes(BOXES, [100, 200]).unwrap().0.len(), 2);
    assert_eq!(file::parse(&good_arrays()).unwrap().len(), 2);
    for (format, bits) in [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32)] {
        assert_eq!(parse_wav(&good_wav(format, 2, bits)).unwrap().samples.dim(), (4, 2));
    }
    let path = std::env::temp_dir().join(format!("mmt-readers-{}.png", std::process::id()));
    std::fs::write(&path, good_png()).unwrap();
    for kind in PNG_KINDS {
        std::fs::write(&path, good_png_of(kind)).unwrap();
        assert!(read_png::<f64>(&path).is_ok(), "{kind:?}");
    }
    std::fs::write(&path, good_png()).unwrap();
    let pixels = read_png::<f64>(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((pixels.dim(), pixels[(1, 2, 0)]), ((2, 3, 1), 60.0 / 255.0));
}

proptest! {
    #[test]
    fn random_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        [vocabulary, vectors, patients, ontology, boxes, sound, arrays, picture].iter().for_each(|reader| reader(&bytes));
    }

    #[test]
    fn random_lines_are_read_or_refused(text in "([a-z#D|M0-9 .\t\\-\u{e9}]{0,9}|[0-9]{1,4} [0-9]{1,3}|\\PC{0,4})(\r?\n([a-z]{1,3}( -?[0-9.e]{1,5}){0,3}|D[0-4][0-9]( \\| M[01][0-9])?)?){0,6}") {
        [vocabulary, vectors, patients, ontology, boxes].iter().for_each(|reader| reader(text.as_bytes()));
    }

    #[test]
    fn changed_vocabularies(changes in vec(change(), 1..5)) {
        vocabulary(&changed(WORDS.to_vec(), &changes));
    }

    #[test]
    fn changed_vectors(changes in vec(change(), 1..5)) {
        vectors(&changed(VECTORS.to_vec(), &changes));
    }

    #[test]
    fn changed_patients(changes in vec(change(), 1..5)) {
        patients(&changed(PATIENTS.to_vec(), &changes));
    }

    #[test]
    fn changed_boxes(changes in vec(change(), 1..5)) {
        boxes(&changed(BOXES.to_vec(), &changes));
    }

    #[test]
    fn changed_ontologies(changes in vec(change(), 1..5)) {
        ontology(&changed(TREE.to_vec(), &changes));
    }

    #[test]
    fn random_trees_are_read_or_refused(lines in vec(vec(0..7_u8, 1..5), 1..9)) {
        let line = |names: &Vec<u8>| names.iter().map(|n| format!("n{n} ")).collect::<String>();
        ontology(lines.iter().map(|names| line(names) + "\n").collect::<String>().as_bytes());
    }

    #[test]
    fn changed_arrays(changes in vec(change(), 1..4)) {
        arrays(&changed(good_arrays(), &changes));
    }

    #[test]
    fn changed_sounds(
        (format, bits) in select(vec![(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (0xfffe, 16)]),
        channels in 0..4_u16,
        changes in vec(change(), 0..4),
    ) {
        sound(&changed(good_wav(format, channels, bits), &changes));
    }

    #[test]
    fn changed_pictures(kind in select(PNG_KINDS.to_vec()), changes in vec(change(), 0..4), honest in any::<bool>()) {
        let bytes = changed(good_png_of(kind), &changes);
        picture(&if honest { bytes } else { with_checksums(bytes) });
    }

    #[test]
    fn headers_of_sounds_with_extreme_numbers(
        fields in vec(prop_oneof![0..40_u32, Just(u32::MAX), any::<u32>()], 6),
        places in vec(select(vec![4_usize, 16, 20, 22, 24, 28, 32, 34, 40]), 6),
    ) {
        let mut bytes = good_wav(1, 2, 16);
        for (place, field) in places.into_iter().zip(fields).take(3) {
            let width = if matches!(place, 20 | 22 | 32 | 34) { 2 } else { 4 };
            bytes[place..place + width].copy_from_slice(&field.to_le_bytes()[..width]);
        }
        sound(&bytes);
    }

    #[test]
    fn headers_of_pictures_with_extreme_numbers(
        size in (prop_oneof![0..9_u32, any::<u32>()], prop_oneof![0..9_u32, any::<u32>()]),
        rest in vec(0..9_u8, 5),
    ) {
        let mut bytes = good_png();
        bytes[16..20].copy_from_slice(&size.0.to_be_bytes());
        bytes[20..24].copy_from_slice(&size.1.to_be_bytes());
        bytes[24..29].copy_from_slice(&rest);
        picture(&with_checksums(bytes));
    }
}

/// A file of a megabyte takes a small multiple of a megabyte.
#[test]
fn memory_grows_with_the_file() {
    let words: String = (0..1 << 17).map(|i| format!("{i:07x}\n")).collect();
    vocabulary(words.as_bytes());
    let lines: String = (0..1 << 15).map(|i| format!("{i:x} 0 1 2 3 4 5 6 7 8 9 0 1\n")).collect();
    vectors(lines.as_bytes());
    patients("D01 | M02\n".repeat(1 << 17).as_bytes());
    let mut wav = good_wav(1, 1, 8);
    wav.truncate(40);
    wav.extend((1_u32 << 20).to_le_bytes());
    wav.resize(44 + (1 << 20), 128);
    sound(&wav);
    assert_eq!(parse_wav(&wav).unwrap().samples.len(), 1 << 20);
}
