//! `mmt data`.

use crate::common::{events, folder, refused, shown, text};

#[test]
fn all_sets_are_listed_with_their_terms() {
    let out = shown(&["data"]);
    assert_eq!(out, shown(&["data", "list"]));
    for part in ["digits   116805 bytes   CC BY 4.0", "digits-qa   generated   ", "split", "notice", "source"]
    {
        assert!(out.contains(part), "{part} is missing in\n{out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let events = events(&["--json", "data"]);
    assert_eq!(events.len(), 1 + mmt_lab::data::DATA_SETS.len() + 1);
    for event in &events[1..] {
        assert_eq!(event["event"], "data");
        for key in ["id", "content", "split", "source", "license", "notice"] {
            assert!(!event[key].as_str().unwrap().is_empty(), "{key}");
        }
    }
}

#[test]
fn samples_are_drawn() {
    for id in ["digits", "digit-pairs", "digits-qa", "captions", "scenes", "clips", "spoken"] {
        let out = shown(&["data", "show", id, "--count", "5", "--part", "test"]);
        assert!(out.contains('█'), "{out}");
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
        assert_eq!(out, shown(&["data", "show", id, "--count", "5", "--part", "test"]));
        assert_ne!(out, shown(&["data", "show", id, "--count", "5", "--part", "test", "--seed", "5"]));
        let events = events(&["--json", "data", "show", id]);
        assert_eq!(events.iter().filter(|event| event["event"] == "sample").count(), 4);
    }
    assert!(shown(&["data", "show", "digits-qa"]).contains("which digit is "));
    let output = crate::common::program(&["data", "show", "digits"]).env("LC_ALL", "C").output().unwrap();
    assert!(output.stdout.is_ascii(), "{}", text(&output.stdout));
}

#[test]
fn every_set_can_be_shown_and_what_is_synthetic_says_so() {
    for set in &mmt_lab::data::DATA_SETS {
        let out = shown(&["data", "show", set.id]);
        let synthetic = ["spoken", "ehr"].contains(&set.id);
        assert_eq!(out.matches("synthetic").count(), if synthetic { 4 } else { 0 }, "{out}");
        for event in events(&["--json", "data", "show", set.id]).iter().filter(|e| e["event"] == "sample") {
            assert_eq!(event["synthetic"] == true, synthetic, "{event}");
        }
    }
    let folder = folder("data-synthetic");
    shown(&["data", "show", "spoken", "--count", "3", "--svg", "--out", folder.to_str().unwrap()]);
    let svg = std::fs::read_to_string(folder.join("spoken.svg")).unwrap();
    assert_eq!(svg.matches(", synthetic</text>").count(), 3, "{svg}");
    assert!(svg.contains("<desc>synthetic speech: "), "{svg}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn boxes_are_said_and_drawn() {
    let folder = folder("data-boxes");
    let arguments = ["--json", "data", "show", "scenes", "--svg", "--out", folder.to_str().unwrap()];
    let events = events(&arguments);
    let boxes: usize = (events.iter().filter(|event| event["event"] == "sample"))
        .map(|event| event["digits"].as_array().unwrap().len())
        .sum();
    let svg = std::fs::read_to_string(folder.join("scenes.svg")).unwrap();
    assert_eq!(svg.matches("class=\"box\"").count(), boxes);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn samples_are_written_as_a_drawing() {
    let folder = folder("data");
    let out = shown(&["data", "show", "digits", "--svg", "--out", folder.to_str().unwrap()]);
    let path = folder.join("digits.svg");
    assert!(out.ends_with(&format!("saved {}\n", path.display())), "{out}");
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.trim_end().ends_with("</svg>")
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn unknown_sets_are_refused() {
    let (code, error) = refused(&["data", "show", "digit-qa"]);
    assert_eq!(code, 2);
    assert_eq!(
        error,
        "error: no data set is called `digit-qa`\nhint: did you mean digits-qa, digits or digit-pairs?\n"
    );
    assert_eq!(refused(&["data", "show", "digits", "--count", "0"]).0, 2);
    for verb in [&["data", "show", "fsdd"][..], &["data", "export", "fsdd", "--npy", "x"]] {
        let (code, error) = refused(verb);
        let hint = "hint: mmt data import fsdd FOLDER reads a copy of yours\n";
        assert_eq!((code, error), (2, format!("error: `fsdd` is not inside the program\n{hint}")));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder("data-file");
    std::fs::write(&folder, "a file").unwrap();
    let out = folder.to_str().unwrap();
    let output = crate::common::mmt(&["data", "show", "digits", "--svg", "--out", out]);
    assert_eq!(output.status.code(), Some(3));
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("error: {out}/digits.svg: cannot be written: ")), "{error}");
    assert!(error.ends_with("hint: --out DIR chooses another folder\n"), "{error}");
    std::fs::remove_file(folder).unwrap();
}

#[test]
fn every_set_is_exported_with_its_terms() {
    let folder = folder("data-export");
    for set in &mmt_lab::data::DATA_SETS {
        let out = shown(&["data", "export", set.id, "--npy", folder.to_str().unwrap()]);
        assert!(out.contains(&format!("saved {}/{}-", folder.display(), set.id)), "{out}");
        let terms = std::fs::read_to_string(folder.join(format!("{}-license.txt", set.id))).unwrap();
        assert!(terms.contains(set.license) && terms.contains(set.notice), "{terms}");
    }
    let images = std::fs::read(folder.join("digits-images.npy")).unwrap();
    let header =
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1797, 8, 8), }";
    assert!(images.starts_with(header));
    assert_eq!(&images[128..], mmt_lab::data::digits::PIXELS);
    let names =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| name.ends_with(".npy") || name.ends_with(".txt")));

    let arguments = ["data", "export", "clips", "--count", "3", "--part", "test", "--npy"];
    let out = shown(&[&arguments[..], &[folder.to_str().unwrap()]].concat());
    assert!(out.contains("clips-videos.npy   [3,8,16,16]\n"), "{out}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn exports_that_make_no_sense_are_refused() {
    let (code, error) = refused(&["data", "export", "digit", "--npy", "nowhere"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("error: no data set is called `digit`\nhint: did you mean digits"), "{error}");
    let (code, error) = refused(&["data", "export", "digits", "--npy", "nowhere", "--count", "3"]);
    assert_eq!((code, &*error), (2, "error: `digits` is exported whole: no --count, no --part\n"));

    let folder = folder("data-export-file");
    std::fs::write(&folder, "a file").unwrap();
    let output = crate::common::mmt(&["data", "export", "digits", "--npy", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("error: {}: cannot be written: ", folder.display())), "{error}");
    assert_eq!(std::fs::read(&folder).unwrap(), b"a file");
    std::fs::remove_file(folder).unwrap();
}

/// 0.15 s of silence with a click, 8 kHz, 16 bits.
fn recording() -> Vec<u8> {
    let mut bytes = b"RIFF\x84\x09\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend([8000_u32.to_le_bytes(), 16_000_u32.to_le_bytes()].concat());
    bytes.extend(b"\x02\0\x10\0data\x60\x09\0\0");
    bytes.extend([0; 2400]);
    bytes[1000] = 99;
    bytes
}

#[test]
fn a_folder_of_recordings_is_imported_or_refused() {
    let (input, output) = (folder("data-fsdd"), folder("data-fsdd-npy"));
    std::fs::create_dir_all(&input).unwrap();
    for take in mmt_lab::fsdd::Take::all() {
        std::fs::write(input.join(take.file_name()), recording()).unwrap();
    }
    let [folder, npy] = [&input, &output].map(|path| path.to_str().unwrap());
    let out = shown(&["data", "import", "fsdd", folder, "--npy", npy]);
    assert!(
        out.contains("3000 recordings by 6 speakers, CC BY-SA 4.0\n  2700 to train, 300 to test"),
        "{out}"
    );
    assert!(
        out.contains("0.15 to 0.15 seconds") && out.contains("fsdd-features.npy   [3000,16,20]"),
        "{out}"
    );
    assert!(std::fs::read_to_string(output.join("fsdd-license.txt")).unwrap().contains("share alike"));

    let path = input.join("0_george_1.wav");
    std::fs::write(&path, "no sound").unwrap();
    let (code, error) = refused(&["data", "import", "fsdd", folder]);
    let why = "byte 4: Ill-formed WAVE file: no RIFF tag found";
    assert_eq!((code, error), (3, format!("error: {}: {why}\n", path.display())));
    let (code, error) = refused(&["data", "import", "fsd", folder]);
    assert_eq!(code, 2);
    assert_eq!(error, "error: no data set to import is called `fsd`\nhint: did you mean fsdd?\n");
    std::fs::remove_dir_all(input).unwrap();
    std::fs::remove_dir_all(output).unwrap();
}

/// Patients and sentences are drawn as those of a user are.
#[test]
fn words_are_drawn_as_well() {
    let folder = folder("drawn-words");
    for (id, what, count) in [("ehr", ">visit 1<", 2), ("text", "class=\"heading\"", 2)] {
        shown(&["data", "show", id, "--count", "2", "--svg", "--out", folder.to_str().unwrap()]);
        let svg = std::fs::read_to_string(folder.join(format!("{id}.svg"))).unwrap();
        assert_eq!(svg.matches(what).count(), count, "{svg}");
        let wide = svg.split_once("viewBox=\"").unwrap().1.split(' ').nth(2).unwrap();
        assert_eq!(wide, "800", "as wide as a page");
        assert!(svg.starts_with("<svg xmlns="), "{svg}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
