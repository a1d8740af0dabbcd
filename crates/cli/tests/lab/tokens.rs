//! `mmt tokens`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use mmt_lab::pictures::write_png;
use ndarray::Array3;

use crate::common::{events, folder, mmt, refused, shown, text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn vocabulary() -> String {
    root().join("tests/word_piece/vocab.txt").to_str().unwrap().to_string()
}

/// A file of one test in a folder of its own.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = folder(&format!("tokens-{name}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
        File(folder.join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Exit code and standard error, with the name of the file alone.
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let (code, error) = refused(&[&["tokens"], arguments, &[self.path()]].concat());
        (code, error.replace(self.path(), "FILE"))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// A picture whose left half is black.
fn picture(rows: usize, columns: usize) -> Vec<u8> {
    write_png(&Array3::from_shape_fn((rows, columns, 3), |(_, x, _)| if 2 * x < columns { 0 } else { 255 }))
}

/// 16 bits, one channel, a tone of an eighth of the rate.
fn sound(rate: u32, samples: usize) -> Vec<u8> {
    let size = 2 * samples as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend([rate.to_le_bytes(), rate.wrapping_mul(2).to_le_bytes()].concat());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(size.to_le_bytes());
    for i in 0..samples {
        bytes.extend((if (i / 4).is_multiple_of(2) { 9000_i16 } else { -9000 }).to_le_bytes());
    }
    bytes
}

#[test]
fn a_text_is_shown_as_words_or_as_pieces() {
    let out = shown(&["tokens", "--text", "Café 東京!"]);
    let words = ["cafe    0..5", "東      6..9", "京     9..12", "!     12..13"];
    assert!(words.iter().all(|word| out.contains(word)), "{out}");
    let out = shown(&["tokens", "--text", "Unaffable 東京", "--vocab", &vocabulary()]);
    for line in
        ["0    101  [CLS]", "1  14477  una      0..3", "2  20961  ##ffa    3..6", "3   3468  ##ble    6..9"]
    {
        assert!(out.contains(line), "{line} is missing in\n{out}");
    }
    let arguments = ["--json", "tokens", "--text", "Unaffable", "--vocab", &vocabulary()];
    let tokens: Vec<_> = events(&arguments).into_iter().filter(|e| e["event"] == "token").collect();
    assert_eq!(
        tokens.iter().map(|t| t["id"].as_u64().unwrap()).collect::<Vec<_>>(),
        [101, 14477, 20961, 3468, 102]
    );
    assert!(tokens[0]["bytes"].is_null() && tokens[3]["bytes"] == serde_json::json!([6, 9]));
}

#[test]
fn texts_without_words_and_broken_vocabularies_are_refused() {
    assert_eq!(refused(&["tokens", "--text", " \n"]), (2, "error: --text: no word\n".to_string()));
    let twice = File::new("twice.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\n");
    let (code, error) = twice.refused(&["--text", "a", "--vocab"]);
    assert_eq!(code, 3);
    assert!(error.starts_with("error: FILE: vocabulary: line 8: ") && error.contains("\"a\""), "{error}");
    let lacking = File::new("lacking.txt", b"[PAD]\n[CLS]\n[SEP]\n[MASK]\na\n");
    let (code, error) = lacking.refused(&["--text", "a", "--vocab"]);
    assert_eq!((code, &*error), (3, "error: FILE: vocabulary: no line is `[UNK]`\n"));
    let (code, error) = refused(&["tokens", "--text", "a", "--vocab", "/nowhere/vocab.txt"]);
    assert_eq!((code, &*error), (3, "error: /nowhere/vocab.txt: no such file or directory\n"));
}

#[test]
fn patients_are_shown_as_sets_and_as_a_sequence() {
    let file = File::new("patients.txt", b"# one\nD02 D01 | M03\nD48\n\nD05 | M01 M02\n");
    let out = shown(&["tokens", "--ehr", file.path()]);
    for line in [
        "patient 1, for G-BERT: a set of each kind per visit",
        "     1  diagnoses    D01 D02  1 19 20",
        "     1  medications  M03      1 5",
        "patient 2, for Med-BERT: one sequence of diagnoses",
        "        0  D05       1      0",
    ] {
        assert!(out.lines().any(|l| l.trim_end() == line), "{line}\nis missing in\n{out}");
    }
    let codes = events(&["--json", "tokens", "--ehr", file.path()]);
    assert_eq!(codes.iter().filter(|event| event["event"] == "code").count(), 4);
}

#[test]
fn records_that_are_none_are_refused_with_path_and_line() {
    let unknown = File::new("unknown.txt", b"D01\nD02 | M99\n");
    let why = "\"M99\" is no medication from M01 to M16";
    assert_eq!(unknown.refused(&["--ehr"]), (3, format!("error: FILE: patients: line 2: {why}\n")));
    let empty = File::new("empty.txt", b"# nobody\n");
    assert_eq!(empty.refused(&["--ehr"]), (3, "error: FILE: patients: empty\n".to_string()));
}

#[test]
fn codes_may_be_those_of_somebodys_own_trees() {
    let tree = File::new("tree.txt", b"I10 heart root\nI25 heart root\nJ45 lung root\n");
    let record = File::new("own.txt", b"J45 I10 | M01\n");
    let out = shown(&["tokens", "--ehr", record.path(), "--diagnoses", tree.path()]);
    assert!(out.contains("     1  diagnoses    I10 J45  1 19 21\n"), "{out}");
    let cycle = File::new("cycle.txt", b"# a tree\na root\nb c d b\n");
    let error = refused(&["tokens", "--ehr", record.path(), "--diagnoses", cycle.path()]);
    let why = "ontology: line 3: `b` lies above itself";
    assert_eq!(error, (3, format!("error: {}: {why}\n", cycle.path())));
    let other = File::new("other.txt", b"J45\nD01\n");
    let error = refused(&["tokens", "--ehr", other.path(), "--diagnoses", tree.path()]);
    let why = "patients: line 2: \"D01\" is no diagnosis of the ontology";
    assert_eq!(error, (3, format!("error: {}: {why}\n", other.path())));
    assert_eq!(refused(&["tokens", "--text", "a", "--diagnoses", tree.path()]).0, 2);
}

#[test]
fn a_picture_is_shown_as_patches() {
    let file = File::new("half.png", &picture(4, 8));
    let out = shown(&["tokens", "--image", file.path(), "--patch", "2"]);
    assert!(out.contains("  ████│████│    │\n") || out.contains("  ████│████│    │"), "{out}");
    assert!(out.contains("4 x 8 pixels, 3 per place: 8 tokens (2 x 4) of 12 numbers\n"), "{out}");
    let tokens: Vec<_> = (events(&["--json", "tokens", "--image", file.path(), "--patch", "2"]).into_iter())
        .filter(|event| event["event"] == "token")
        .collect();
    let means: Vec<f64> = tokens.iter().map(|token| token["mean"].as_f64().unwrap()).collect();
    assert_eq!(means, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!((&tokens[6]["row"], &tokens[6]["column"]), (&1.into(), &2.into()));
}

#[test]
fn pictures_that_are_none_or_do_not_divide_are_refused_with_path_and_place() {
    let file = File::new("odd.png", &picture(6, 9));
    let tile = "patch: size: patches of 2x2 do not tile an image of 6x9; 1x1 and 3x3 do";
    let hint = "hint: --crop leaves out what does not fill a patch\n";
    assert_eq!(
        file.refused(&["--patch", "2", "--image"]),
        (3, format!("error: FILE: byte 16: {tile}\n{hint}"))
    );
    let cropped = shown(&["tokens", "--image", file.path(), "--patch", "2", "--crop"]);
    assert!(cropped.contains("6 x 8 pixels, 3 per place: 12 tokens (3 x 4) of 12 numbers\n"), "{cropped}");
    let cut = File::new("cut.png", &picture(6, 9)[..60]);
    let (code, error) = cut.refused(&["--patch", "3", "--image"]);
    assert_eq!(code, 3);
    assert!(error.starts_with("error: FILE: byte ") && error.lines().count() == 1, "{error}");
    let none = File::new("none.png", b"no picture at all");
    let (code, error) = none.refused(&["--image"]);
    assert!(code == 3 && error.contains("FILE: byte ") && error.contains("signature"), "{error}");
    let (code, error) = refused(&["tokens", "--image", "/nowhere.png"]);
    assert_eq!((code, &*error), (3, "error: /nowhere.png: no such file or directory\n"));
}

/// More places than a terminal has: the picture is shown all the same.
#[test]
fn a_large_picture_is_shown_without_lines() {
    let file = File::new("large.png", &picture(480, 640));
    let out = shown(&["tokens", "--image", file.path()]);
    let drawn: Vec<&str> = out.lines().filter(|line| line.contains('█')).collect();
    assert_eq!((drawn.len(), drawn[0].trim_end()), (27, format!("  {}", "█".repeat(36)).as_str()));
    assert!(out.contains("(without lines: 30 x 40 patches)\n"), "{out}");
}

#[test]
fn regions_are_shown_with_where_they_lie() {
    let (picture, boxes) =
        (File::new("half.png", &picture(40, 80)), File::new("b.txt", b"0 0 40 40 dark\n20 10 60 20\n"));
    let arguments = ["tokens", "--image", picture.path(), "--boxes", boxes.path()];
    let out = shown(&arguments);
    assert!(out.contains("  0  0.0000  0.0000  0.5000  1.0000  0.5000  dark\n"), "{out}");
    assert!(out.contains("40 x 80 pixels: 2 tokens"), "{out}");
    let regions = events(&[&["--json"], &arguments[..]].concat());
    let second = regions.iter().filter(|event| event["event"] == "region").nth(1).unwrap();
    assert_eq!(second["geometry"], serde_json::json!([0.25, 0.25, 0.75, 0.5, 0.125]));
    let made = folder("tokens-regions");
    shown(&[&arguments[..], &["--svg", "--out", made.to_str().unwrap()]].concat());
    let drawing = fs::read_to_string(made.join("tokens-regions.svg")).unwrap();
    fs::remove_dir_all(made).unwrap();
    assert_eq!(drawing.matches("class=\"window\"").count(), 2);
}

#[test]
fn boxes_outside_the_picture_are_refused_with_path_and_line() {
    let picture = File::new("half.png", &picture(4, 8));
    let boxes = File::new("b.txt", b"0 0 8 4\n# the next one is too wide\n0 0 9 4\n");
    let why = "boxes: line 3: a box that sticks out of its image; the picture has 8 columns and 4 rows";
    let error = boxes.refused(&["--image", picture.path(), "--boxes"]);
    assert_eq!(error, (3, format!("error: FILE: {why}\n")));
    assert_eq!(boxes.refused(&["--boxes"]).0, 2);
}

#[test]
fn a_text_that_is_too_long_says_so() {
    let out = shown(&["tokens", "--text", &"a ".repeat(600), "--vocab", &vocabulary()]);
    assert!(out.ends_with("the first 512 of 602: models read no more\n"), "{out}");
}

#[test]
fn a_sound_is_shown_as_patches_of_its_spectrogram() {
    let file = File::new("tone.wav", &sound(8000, 8000));
    let out = shown(&["tokens", "--wav", file.path()]);
    assert!(
        out.contains('█') && out.contains("98 frames of 200 samples, 64 bands from 20 to 4000 Hz\n"),
        "{out}"
    );
    assert!(
        out.contains("45 tokens (5 x 9) of 256 numbers: patches of 16 x 16, 10 apart, low bands first\n"),
        "{out}"
    );
    let events = events(&["--json", "tokens", "--wav", file.path()]);
    let tokens = events.iter().find(|event| event["event"] == "tokens").unwrap();
    assert_eq!(tokens["grid"], serde_json::json!([5, 9]));
    let short = File::new("short.wav", &sound(8000, 1000));
    let out = shown(&["tokens", "--wav", short.path()]);
    assert!(out.contains("no token: a patch has 16 frames\n"), "{out}");
}

#[test]
fn sounds_that_are_none_or_too_short_are_refused_with_path_and_place() {
    let short = File::new("tiny.wav", &sound(8000, 100));
    let why = "frames: samples: 100 samples do not fill a frame of 200";
    assert_eq!(short.refused(&["--wav"]), (3, format!("error: FILE: byte 244: {why}\n")));
    let empty = File::new("empty.wav", &sound(8000, 0));
    assert_eq!(empty.refused(&["--wav"]), (3, "error: FILE: byte 44: wav: samples: empty\n".to_string()));
    let cut = File::new("cut.wav", &sound(8000, 4000)[..900]);
    let (code, error) = cut.refused(&["--wav"]);
    assert_eq!((code, &*error), (3, "error: FILE: byte 900: the file ends early\n"));
    let fast = File::new("fast.wav", &sound(400_000, 4000));
    let rate = "a rate of 400000 Hz is above 192000";
    assert_eq!(fast.refused(&["--wav"]), (3, format!("error: FILE: {rate}\n")));
    let slow = File::new("slow.wav", &sound(30, 4000));
    let (code, error) = slow.refused(&["--wav"]);
    assert!(code == 3 && error.starts_with("error: FILE: mel filters: "), "{error}");
}

#[test]
fn command_lines_that_ask_for_nothing_or_for_two_things_are_refused() {
    for arguments in [
        &["tokens"][..],
        &["tokens", "--svg"],
        &["tokens", "--vocab", "x"],
        &["tokens", "--patch", "4"],
        &["tokens", "--image", "x", "--patch", "0"],
        &["tokens", "--image", "x", "--wav", "y"],
        &["tokens", "--text", "x", "--ehr", "y"],
        &["tokens", "--image", "x", "--vocab", "y"],
        &["tokens", "--wav", "x", "--vocab", "y"],
        &["tokens", "--ehr", "x", "--vocab", "y"],
        &["tokens", "--wav", "x", "--patch", "3"],
        &["tokens", "--text", "x", "--patch", "3"],
        &["tokens", "--ehr", "x", "--crop"],
    ] {
        let (code, error) = refused(arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        // Before a file is looked for.
        assert!(!error.contains("no such file"), "{arguments:?}: {error}");
    }
}

#[test]
fn a_drawing_that_cannot_be_written_is_named() {
    let file = File::new("a-file", b"");
    let output = mmt(&["tokens", "--text", "a", "--svg", "--out", file.path()]);
    assert_eq!(output.status.code(), Some(3));
    let error = text(&output.stderr);
    assert!(
        error.starts_with(&format!("error: {}/tokens-text.svg: cannot be written: ", file.path())),
        "{error}"
    );
}

/// What the page of tokens says to type, and the drawings that it shows.
fn commands() -> [(&'static str, Vec<String>); 5] {
    let file = |name: &str| root().join("docs/tokens").join(name).to_str().unwrap().to_string();
    let sentence = fs::read_to_string(file("sentence.txt")).unwrap();
    let arguments = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    [
        ("image", arguments(&["--image", &file("temple.png"), "--patch", "32"])),
        ("regions", arguments(&["--image", &file("temple.png"), "--boxes", &file("boxes.txt")])),
        ("text", arguments(&["--text", sentence.trim_end(), "--vocab", &vocabulary()])),
        ("sound", arguments(&["--wav", &file("whistles.wav")])),
        ("ehr", arguments(&["--ehr", &file("patients.txt")])),
    ]
}

/// `UPDATE=1` writes the drawings.
#[test]
fn the_drawings_of_the_page_are_up_to_date() {
    let (docs, made) = (root().join("docs/tokens"), folder("tokens-drawings"));
    for (kind, arguments) in commands() {
        let mut all = vec!["tokens", "--svg", "--out", made.to_str().unwrap()];
        all.extend(arguments.iter().map(String::as_str));
        shown(&all);
        let name = format!("tokens-{kind}.svg");
        let drawing = fs::read_to_string(made.join(&name)).unwrap();
        assert!(
            drawing.starts_with("<svg xmlns=")
                && !drawing.contains("<script")
                && !drawing.contains("url(http")
        );
        if env::var_os("UPDATE").is_some() {
            fs::write(docs.join(&name), &drawing).unwrap();
        }
        let stored = fs::read_to_string(docs.join(&name)).unwrap_or_default();
        assert!(stored == drawing, "docs/tokens/{name} is out of date; run this test with UPDATE=1");
    }
    fs::remove_dir_all(made).unwrap();
}

/// The lines between fences of the page come from the program.
#[test]
fn the_page_says_what_the_program_says() {
    let page = fs::read_to_string(root().join("docs/tokens.md")).unwrap();
    let said: String = commands()
        .iter()
        .map(|(_, arguments)| {
            let arguments: Vec<&str> =
                std::iter::once("tokens").chain(arguments.iter().map(String::as_str)).collect();
            shown(&arguments)
        })
        .collect();
    let blocks: Vec<&str> =
        page.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for line in blocks.iter().flat_map(|block| block.lines()).filter(|line| !line.trim().is_empty()) {
        assert!(said.lines().any(|l| l.trim_end() == line.trim_end()), "nobody says\n{line}");
    }
}
