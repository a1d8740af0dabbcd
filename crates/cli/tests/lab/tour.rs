//! `mmt tour`, with a training that is too short to learn anything.

use std::fs;

use crate::common::{events, folder, refused, shown};

#[test]
fn the_tour_shows_its_five_parts_and_writes_a_page_that_loads_nothing() {
    let folder = folder("tour");
    let out = shown(&["tour", "--steps", "4", "--out", folder.to_str().unwrap()]);
    for part in [
        "   f32   ",
        "no network used",
        "1/5  Data",
        "2/5  One modality is not enough   3 / 3 / 4 training steps",
        "text only",
        "image only",
        "3/5  Where does it look?",
        "4/5  Is the calculus right?",
        "allowed 1e-12   ok",
        "5/5  Is the note right?",
        "as corrected    0.0 %",
        "tour.html",
        "Next:   mmt verify",
    ] {
        assert!(out.contains(part), "{part} is missing in\n{out}");
    }
    assert!(out.lines().filter(|l| !l.starts_with("Report")).all(|l| l.chars().count() <= 80), "{out}");
    let page = fs::read_to_string(folder.join("tour.html")).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    nothing_is_loaded(&page);
    for part in ["<svg ", "<polyline", "<math ", "prefers-color-scheme: dark", "[CLS]", "ERR-C01"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.len() < 3_000_000 && page.trim_end().ends_with("</html>"));
    fs::remove_dir_all(folder).unwrap();
}

/// No element, attribute or rule of a style sheet that makes a browser ask for something.
fn nothing_is_loaded(page: &str) {
    for loading in [
        "http:",
        "https:",
        "//",
        "src=",
        "href=",
        "url(",
        "@import",
        "@font-face",
        "<script",
        "<link",
        "<img",
        "<iframe",
        "<object",
        "<embed",
        "<base",
        "<form",
        "srcset",
        "xlink",
        "javascript:",
    ] {
        assert!(!page.contains(loading), "{loading}");
    }
    assert!(!page.to_ascii_lowercase().contains("http-equiv"));
}

#[test]
fn the_tour_tells_its_numbers_as_events() {
    let folder = folder("tour-json");
    let events = events(&["--json", "tour", "--steps", "2", "--out", folder.to_str().unwrap()]);
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!((of("example").len(), of("model").len(), of("look").len()), (1, 3, 4));
    let gradients = of("gradients")[0];
    assert!(gradients["pass"] == true && gradients["worst"].as_f64().unwrap() <= 1e-12);
    assert!(gradients["equations"].as_u64().unwrap() > 20 && gradients["gradients"].as_u64().unwrap() > 1000);
    let erratum = of("erratum")[0];
    assert!((erratum["as_written"].as_f64().unwrap() - 0.75).abs() < 0.03);
    assert_eq!(erratum["as_corrected"], 0.0);
    assert_eq!(of("page").len(), 1);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn another_number_type_is_refused() {
    let (code, error) = refused(&["tour", "--precision", "f64"]);
    assert_eq!((code, error.as_str()), (2, "error: mmt tour computes in f32 only\n"));
}
