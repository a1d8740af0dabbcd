//! The rules of the house that the compiler and clippy cannot see.
//!
//! Calls whose receiver has to be known, such as `exp` of an `f64` or `sum` of an array, are refused by clippy: see
//! `.clippy.toml`.

use std::collections::BTreeSet;

use mmt_tests::{root, sources};

/// Files over 200 lines without their tests, with the number of lines that they may have.
const LONG_FILES: &[(&str, usize)] = &[
    // One formula whose page is long: two streams of masks, tiles, samples and heads, kernels.
    ("crates/blocks/src/attention.rs", 250),
    ("crates/blocks/src/encoder_decoder.rs", 230),
    ("crates/blocks/src/flash_attention.rs", 290),
    ("crates/blocks/src/heads.rs", 260),
    ("crates/blocks/src/mask.rs", 280),
    ("crates/blocks/src/multi_head.rs", 220),
    ("crates/objectives/src/label_smoothing.rs", 230),
    ("crates/golden/src/compute.rs", 220),
    ("crates/tensor/src/ops/kernel.rs", 210),
    ("crates/tensor/src/rounding/any.rs", 250),
    ("crates/tensor/src/ops/conv.rs", 320),
    ("crates/tokenizers/src/graph/attention.rs", 225),
    ("crates/tokenizers/src/image/roi_align.rs", 230),
    // The only file of its kind by design: the file format, the terminal.
    ("crates/golden/src/file.rs", 420),
    ("crates/cli/src/terminal.rs", 420),
    // Lists that grow with the project: evidence, errata, cases, pages.
    ("crates/buggy/src/bugs/catalogue.rs", 270),
    ("crates/catalog/src/embed.rs", 220),
    ("crates/cli/src/verify.rs", 390),
    ("crates/equations/src/checks/admin.rs", 250),
    ("crates/equations/src/checks/attention.rs", 210),
    ("crates/equations/src/checks/conv.rs", 210),
    ("crates/equations/src/checks/encoder_decoder.rs", 330),
    ("crates/equations/src/checks/four_embeddings.rs", 240),
    ("crates/equations/src/checks/label_smoothing.rs", 250),
    ("crates/equations/src/checks/masked_attention.rs", 220),
    ("crates/equations/src/checks/topology.rs", 420),
    ("crates/equations/src/errata/note_1.rs", 380),
    ("crates/equations/src/errata/note_3.rs", 480),
    ("crates/equations/src/page.rs", 250),
    ("crates/parity/src/case.rs", 285),
    ("crates/parity/src/layers.rs", 320),
    ("crates/report/src/svg.rs", 230),
    ("crates/report/src/tour.rs", 330),
];

/// Functions over 40 lines, with the number of lines that they may have.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[
    // One loop over tiles or rows that borrows everything around it, with its fused steps in order.
    ("crates/blocks/src/flash_attention.rs", "flash_tile", 55),
    ("crates/blocks/src/flash_attention.rs", "flash_backward", 60),
    ("crates/tensor/src/ops/cross_entropy.rs", "cross_entropy", 44),
    ("crates/tensor/src/ops/frozen_norm.rs", "frozen_norm", 51),
    // One match over the kinds of nodes of a topology.
    ("crates/fusion/src/topology/parse.rs", "expression", 50),
    ("crates/fusion/src/topology/rules.rs", "shape", 50),
    ("crates/fusion/src/topology/run.rs", "step", 55),
    ("crates/fusion/src/topology/run_backward.rs", "step_backward", 55),
    // Every named topology beside its page; every rule and every mistake.
    ("crates/equations/src/checks/topology.rs", "expressions_give_the_bits_of_their_pages", 60),
    ("crates/equations/src/checks/shape.rs", "forward", 65),
    // Tables in the form of code: letters, names of foreign arrays, lines of a page.
    ("crates/catalog/src/block_rows.rs", "rows", 65),
    ("crates/catalog/src/embed.rs", "rows", 60),
    ("crates/catalog/src/loss_rows.rs", "rows", 50),
    ("crates/golden/src/compare.rs", "judge", 45),
    ("crates/catalog/src/pool.rs", "optim_rows", 45),
    ("crates/catalog/src/streams.rs", "rows", 65),
    ("crates/cli/src/terminal.rs", "ascii", 95),
    ("crates/cli/src/equations.rs", "list", 53),
    ("crates/cli/src/verify.rs", "report", 49),
    ("crates/parity/src/attention.rs", "dot_product", 59),
    ("crates/parity/src/attention.rs", "module", 46),
    ("crates/parity/src/coattention.rs", "vilbert", 80),
    ("crates/parity/src/coattention.rs", "tribert", 70),
    ("crates/parity/src/cross_layers.rs", "cross_layer", 55),
    ("crates/parity/src/cross_layers.rs", "mult", 85),
    ("crates/parity/src/irene.rs", "model", 45),
    ("crates/parity/src/layers.rs", "transformer", 57),
    ("crates/parity/src/mbt.rs", "cross", 46),
    ("crates/parity/src/pooled_set.rs", "set", 47),
    ("crates/report/src/tour.rs", "training", 43),
    ("crates/report/src/tour.rs", "looks", 41),
];

/// Functions of `tensor/src/ops` without a gradient of their own.
const WITHOUT_BACKWARD: &[(&str, &[&str])] = &[
    (
        "the order of addition, of which every gradient is made",
        &[
            "matmul",
            "matmul_plus_row",
            "add_matmul",
            "set_matmul",
            "sum",
            "sum_of",
            "sum_of_2",
            "dot",
            "max",
            "total",
            "total_of_2",
            "mean",
            "row_sums",
            "column_sums",
            "add_column_sums",
        ],
    ),
    ("where windows lie, in whole numbers", &["adaptive_windows", "cut_windows"]),
    ("a gradient, of the other argument", &["kl_divergence_targets_backward"]),
    ("a check that returns nothing", &["check_distributions"]),
    ("what memory does to a number", &["stored"]),
    ("a draw of random numbers", &["sample_dropout"]),
];

/// A file without its tests: whatever stands before `#[cfg(test)] mod`.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

/// Sources of the crates themselves, without their tests.
fn code() -> Vec<(String, String)> {
    let own = sources().into_iter().filter(|(file, _)| file.contains("/src/"));
    own.map(|(file, text)| (file, without_tests(&text).to_string())).collect()
}

/// The lines that are no comment, with their numbers.
fn statements(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether `word` stands in a line and does not end a longer name.
fn says(line: &str, word: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(part_of_a_name))
}

/// Refuses words in all files but some.
fn only_in(words: &[&str], allowed: impl Fn(&str) -> bool) {
    let mut found = Vec::new();
    for (file, text) in code().into_iter().filter(|(file, _)| !allowed(file)) {
        for (number, line) in statements(&text) {
            if words.iter().any(|word| says(line, word)) {
                found.push(format!("{file}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "not here:\n{}", found.join("\n"));
}

fn in_crates(file: &str, names: &[&str]) -> bool {
    names.iter().any(|name| file.starts_with(&format!("crates/{name}/")))
}

#[test]
fn formulas_stand_in_fences() {
    for (file, text) in sources() {
        for (i, line) in text.lines().enumerate() {
            let comment = ["///", "//!"].iter().any(|mark| line.trim_start().starts_with(mark));
            let prose: String = line.split('`').step_by(2).collect();
            assert!(!comment || !prose.contains('$'), "{file}:{}: `$` in a comment", i + 1);
        }
    }
}

#[test]
fn threads_live_in_one_file() {
    let home = "crates/tensor/src/parallel/fork.rs";
    // The program sets the pool up, says how many threads there are, and proves several formulas at once.
    let set_up = ["lib.rs", "terminal.rs", "verify.rs", "bench.rs", "tour/page.rs", "experiment/page.rs"]
        .map(|file| format!("crates/cli/src/{file}"));
    only_in(&["rayon", "par_", "thread::spawn", "thread::scope"], |file| {
        file == home || set_up.iter().any(|allowed| allowed == file)
    });
}

#[test]
fn random_numbers_come_from_one_file() {
    only_in(&["ndarray_rand", "rand::", "thread_rng", "getrandom"], |file| {
        file == "crates/tensor/src/random.rs"
    });
}

#[test]
fn only_the_terminal_is_written_to() {
    only_in(&["println!", "print!", "eprintln!", "eprint!", "dbg!"], |file| {
        file == "crates/cli/src/terminal.rs"
    });
}

#[test]
fn files_are_touched_by_four_crates() {
    let files = ["fs::", "File::", "OpenOptions", "include_bytes!"];
    only_in(&files, |file| in_crates(file, &["golden", "lab", "report", "cli"]));
}

#[test]
fn formulas_see_neither_clock_nor_environment() {
    only_in(&["Instant", "SystemTime", "env::", "process::"], |file| {
        in_crates(file, &["golden", "lab", "report", "cli"])
    });
}

#[test]
fn nothing_is_left_to_do() {
    for (file, text) in sources() {
        for word in ["TODO", "FIXME", "XXX", "todo!", "unimplemented!"] {
            assert!(!text.lines().any(|line| says(line, word)), "{file}: {word}");
        }
    }
}

#[test]
fn every_operation_has_a_gradient_or_a_reason() {
    let ops = code().into_iter().filter(|(file, _)| file.starts_with("crates/tensor/src/ops/"));
    let names: BTreeSet<String> = ops.flat_map(|(_, text)| public_functions(&text)).collect();
    let excused: BTreeSet<&str> = WITHOUT_BACKWARD.iter().flat_map(|(_, names)| *names).copied().collect();
    for name in names.iter().filter(|name| !name.ends_with("_backward")) {
        let has = names.contains(&format!("{name}_backward"));
        assert!(has != excused.contains(name.as_str()), "`{name}`: a gradient or a reason, and not both");
    }
    for name in excused {
        assert!(names.contains(name), "`{name}` is excused, and does not exist");
    }
}

fn public_functions(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let rest = line.strip_prefix("pub fn ")?;
        Some(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?.to_string())
    };
    text.lines().filter_map(name).collect()
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for (file, text) in code() {
        let (lines, excuse) = (text.lines().count(), LONG_FILES.iter().find(|(name, _)| *name == file));
        match excuse {
            None if lines > 200 => wrong.push(format!("{file}: {lines} lines without tests, over 200")),
            Some((_, most)) if lines > *most => wrong.push(format!("{file}: {lines} lines, over its {most}")),
            Some(_) if lines <= 200 => wrong.push(format!("{file}: short enough, strike it from the list")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (file, _) in LONG_FILES {
        assert!(root().join(file).is_file(), "{file} is in the list, and does not exist");
    }
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    for (file, text) in code() {
        for (name, lines) in functions(&text) {
            let excuse = LONG_FUNCTIONS.iter().find(|(f, n, _)| *f == file && *n == name);
            if lines > excuse.map_or(40, |(.., most)| *most) {
                wrong.push(format!("{file}: `{name}` has {lines} lines"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every function with its lines, from `fn` to the brace in the same column: `rustfmt` puts it there.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate().filter(|(_, line)| !line.contains("fn $")) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let Some((before, after)) = line.trim_start().split_once("fn ") else { continue };
        let words = ["pub", "pub(crate)", "pub(super)", "const", "unsafe", ""];
        if !before.split(' ').all(|word| words.contains(&word)) || line.ends_with('}') || line.ends_with(';')
        {
            continue;
        }
        let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let end = format!("{indent}}}");
        let length = lines[i..].iter().position(|line| **line == end).map_or(0, |at| at + 1);
        found.push((name.to_string(), length));
    }
    found
}

#[test]
fn the_measure_of_functions_measures() {
    let text = "pub fn a() {\n    let x = 1;\n}\n\nimpl B {\n    const fn c(\n        &self,\n    ) -> u8 {\n        fn d() {}\n    }\n}\n";
    assert_eq!(functions(text), [("a".to_string(), 3), ("c".to_string(), 5)]);
    assert!(says("rayon::join()", "rayon") && !says("crayon::join()", "rayon"));
}
