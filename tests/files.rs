//! Files from outside: any bytes give arrays or an error, never a panic.

use std::collections::BTreeMap;
use std::path::Path;

use mmt_golden::file::{Data, bytes_of, parse};
use ndarray::{ArrayD, IxDyn};
use proptest::collection::vec;
use proptest::prelude::*;

/// A small file with an array of every type.
fn sample(rows: usize, number: f64) -> Vec<u8> {
    let shape = IxDyn(&[rows, 2]);
    let arrays = BTreeMap::from([
        ("r/in/x".to_string(), Data::F32(ArrayD::from_elem(shape.clone(), number as f32))),
        ("r/in/ids".to_string(), Data::I64(ArrayD::from_elem(shape.clone(), rows as i64))),
        ("r/in/mask".to_string(), Data::Bool(ArrayD::from_elem(shape.clone(), number > 0.0))),
        ("r/out/y".to_string(), Data::F64(ArrayD::from_elem(shape, number))),
    ]);
    bytes_of(&arrays).unwrap()
}

/// What is accepted is a file: written again it holds the same, and it is no larger than what was read.
fn accepted_or_refused(bytes: &[u8]) {
    match parse(bytes) {
        Ok(tensors) => {
            let arrays: BTreeMap<_, _> = tensors.into_iter().map(|(name, a)| (name, a.data)).collect();
            let written = bytes_of(&arrays).unwrap();
            let again: Vec<_> =
                parse(&written).unwrap().into_iter().map(|(name, a)| (name, a.data)).collect();
            assert_eq!(format!("{again:?}"), format!("{:?}", arrays.into_iter().collect::<Vec<_>>()));
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "byte {} of {}", error.offset, bytes.len());
            let text = error.at(Path::new("x")).to_string();
            assert!(!text.contains(char::is_control), "one line: {text:?}");
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_no_file(bytes in vec(any::<u8>(), 0..200)) {
        accepted_or_refused(&bytes);
    }

    #[test]
    fn a_random_header_does_not_panic(header in "[\\[\\]{}:,\"0-9a-zF.\\- ]{0,120}", zeros in 0..64usize) {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.resize(bytes.len() + zeros, 0);
        accepted_or_refused(&bytes);
    }

    #[test]
    fn a_header_of_extreme_numbers_does_not_panic(
        shape in vec(prop_oneof![0..9u64, Just(1 << 32), Just(u64::MAX)], 0..5),
        offsets in (prop_oneof![0..99u64, any::<u64>()], prop_oneof![0..99u64, any::<u64>()]),
        dtype in prop_oneof![Just("F64"), Just("F32"), Just("I64"), Just("BOOL"), Just("F16"), Just("F4")],
        zeros in 0..99usize,
    ) {
        let (from, to) = offsets;
        let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{from},{to}]}}}}"#);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.resize(bytes.len() + zeros, 0);
        accepted_or_refused(&bytes);
    }

    #[test]
    fn a_changed_file_does_not_panic(
        rows in 0..4usize,
        number in -2.0..2.0,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        keep in any::<bool>(),
    ) {
        let mut bytes = sample(rows, number);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !keep {
            bytes.truncate(cut.index(bytes.len()));
        }
        accepted_or_refused(&bytes);
    }
}

#[test]
fn the_sample_is_a_file() {
    assert_eq!(parse(&sample(3, 0.5)).unwrap().len(), 4);
}
