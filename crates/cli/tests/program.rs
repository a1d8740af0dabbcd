//! The program as people and scripts see it.

mod common;

use std::io::Read;
use std::process::Stdio;

use common::{events, mmt, program, refused, shown, text};

#[test]
fn the_first_line_says_version_number_type_threads_and_seed() {
    let first = |arguments: &[&str]| shown(arguments).lines().next().unwrap().to_string();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        first(&["--threads", "3", "--seed", "7", "equations"]),
        format!("mmt {version}   f64   3 threads   seed 7")
    );
    assert_eq!(
        first(&["explain", "eq-0.2", "--threads", "1"]),
        format!("mmt {version}   f64   1 thread   seed 2023")
    );
    assert!(!shown(&["equations", "--quiet"]).contains("threads"));
}

#[test]
fn the_worked_example_of_attention_has_its_numbers() {
    let out = shown(&["explain", "eq-1.1-attention", "--backward", "--n", "2", "--m", "3", "--d", "2"]);
    for line in [
        "     S = Q K^T / sqrt(d)      P = softmax_rows(S)      O = P V",
        "     S  [0.3536 -0.5303  0.7071]  P  [0.3524 0.1456 0.5019]  O  [1.8582 0.8102]",
        "        [0.7071 -0.2652 -0.1768]     [0.5582 0.2111 0.2306]     [1.2502 1.0206]",
        "     dP [0.0000  0.5000 2.7500]  rowsum [1.4531]  dS [-0.5121 -0.1388  0.6509]",
        "        [2.2500 -1.0000 1.2500]         [1.3332]     [ 0.5118 -0.4926 -0.0192]",
        "     dQ [-0.3131 -0.5094]  dK [ 0.1808  0.4526]  dV [0.4920  0.3820]",
        "        [ 0.5361 -0.1606]     [-0.3974  0.0111]     [0.1984  0.1383]",
        "                              [ 0.2166 -0.4637]     [0.5596 -0.0203]",
        "  check     dQ, dK, dV against dual numbers, within 1e-12   ok",
        "  tests     mmt verify eq-1.1-attention",
    ] {
        assert!(out.lines().any(|l| l == line), "{line}\nis missing in\n{out}");
    }
    assert!(out.contains("scale 1/sqrt(2) = 0.7071") && out.contains("Q: 2x2   K: 3x2   V: 3x2"));
}

#[test]
fn every_worked_example_agrees_with_dual_numbers_and_fits_the_terminal() {
    for id in ["eq-0.2", "eq-1.1", "eq-1.3", "eq-1.7", "eq-1.12"] {
        let out = shown(&["explain", id, "--backward"]);
        assert!(out.contains("against dual numbers, within 1e-12   ok"), "{out}");
        for line in out.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(shown(&["explain", id, "--n", "4", "--d", "2", "--backward"]).contains("ok"));
    }
    assert!(shown(&["explain", "eq-1.3", "--mask", "causal", "--heads", "4", "--backward"]).contains("ok"));
}

#[test]
fn the_numbers_of_the_reader_are_used() {
    let out = shown(&["explain", "eq-1.1", "--set", "Q=0,0;0,0", "--backward"]);
    assert!(out.contains("P  [0.3333 0.3333 0.3333]"), "{out}");
    let out = shown(&["explain", "eq-1.1", "--mask", "causal"]);
    assert!(out.contains("P  [1.0000 0.0000 0.0000]") && out.contains("-inf"), "{out}");
}

#[test]
fn a_gradient_that_overflows_is_refused_by_name() {
    let large = ["--set", "V=1e200,0;0,1;1,0", "--set", "dO=1e200,0;0,1"];
    assert!(shown(&[&["explain", "eq-1.1"], &large[..]].concat()).contains("O = P V"));
    let (code, error) = refused(&[&["explain", "eq-1.1", "--backward"], &large[..]].concat());
    assert_eq!(code, 2);
    assert!(
        error.starts_with(
            "error: eq-1.1-attention: dQ is not a finite number: the inputs are too large for f64"
        ),
        "{error}"
    );
}

#[test]
fn a_negative_number_is_a_number_and_not_an_option() {
    let (code, error) = refused(&["equations", "--threads", "-1"]);
    assert_eq!(code, 2);
    assert!(error.contains("invalid value '-1' for '--threads <N>'"), "{error}");
}

#[test]
fn a_dropped_term_is_seen_by_the_check() {
    for (id, flag) in [
        ("eq-1.1", "--drop-rowsum"),
        ("eq-1.1", "--drop-scale"),
        ("eq-0.2", "--drop-rowsum"),
        ("eq-1.12", "--drop-mean"),
    ] {
        let output = mmt(&["explain", id, flag]);
        assert_eq!(output.status.code(), Some(1), "{id} {flag}");
        let out = text(&output.stdout);
        assert!(out.contains("WRONG") && out.contains("  dropped   the "), "{out}");
    }
}

#[test]
fn wrong_numbers_are_refused_in_one_line() {
    let first = |arguments: &[&str]| {
        let (code, error) = refused(arguments);
        assert_eq!(code, 2, "{error}");
        error.lines().next().unwrap().to_string()
    };
    let explain = |set: &str| first(&["explain", "eq-1.1", "--set", set]);
    assert_eq!(
        explain("Q=1,0"),
        "error: --set Q: expected shape [2, 2], rows divided by `;` and numbers by `,`; got 1 row of length 2"
    );
    assert_eq!(
        explain("Q=1,0;1"),
        "error: --set Q: expected shape [2, 2], rows divided by `;` and numbers by `,`; got 2 rows of length 2, 1"
    );
    assert_eq!(explain("Q=1,x;0,1"), "error: --set Q: `x` is not a finite number");
    assert_eq!(explain("Q=1,NaN;0,1"), "error: --set Q: `NaN` is not a finite number");
    assert_eq!(explain("Q="), "error: --set Q: `` is not a finite number");
    assert_eq!(explain("Q"), "error: --set Q: expected NAME=ROWS, for example Q=1,0;0,1");
    assert_eq!(explain("W=1"), "error: --set W: eq-1.1-attention has no such input");
    assert_eq!(
        first(&["explain", "eq-0.2", "--drop-scale"]),
        "error: eq-0.2-softmax: there is no scale to leave out"
    );
    assert_eq!(
        first(&["explain", "eq-1.1", "--drop-scale", "--drop-rowsum"]),
        "error: only one term can be left out at a time"
    );
    assert_eq!(first(&["explain", "eq-1.7", "--mask", "causal"]), "error: eq-1.7-ffn has no mask");
    assert_eq!(first(&["explain", "eq-1.1", "--heads", "2"]), "error: eq-1.1-attention has no heads");
    assert_eq!(first(&["explain", "eq-1.3", "--heads", "3"]), "error: 3 heads do not divide a width of 4");
    assert_eq!(
        first(&["explain", "eq-1.12", "--d", "1"]),
        "error: layer_norm: x: a row of one number has no variance"
    );
    assert_eq!(first(&["explain", "eq-0.1"]), "error: there is no worked example of eq-0.1-linear");
}

#[test]
fn unknown_names_get_the_three_nearest() {
    let (code, error) = refused(&["equations", "show", "eq-1.1-attenton"]);
    assert_eq!(code, 2);
    assert!(
        error.starts_with(
            "error: no formula is called `eq-1.1-attenton`\nhint: did you mean eq-1.1-attention, "
        )
    );
    let (code, error) = refused(&["verify", "eq-1.7-fn"]);
    assert_eq!(code, 2);
    assert!(
        error.starts_with(
            "error: no formula or erratum is called `eq-1.7-fn`\nhint: did you mean eq-1.7-ffn, "
        )
    );
    let (code, error) = refused(&["errata", "show", "ERR-C99"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("error: no erratum is called `ERR-C99`\nhint: did you mean ERR-C"), "{error}");
    let (code, error) = refused(&["explain", "softmax"]);
    assert_eq!(code, 2);
    assert!(error.contains("hint: did you mean eq-0.2-softmax, "), "{error}");
    let (code, error) = refused(&["verfy"]);
    assert_eq!(code, 2);
    assert!(error.contains("unrecognized subcommand 'verfy'"), "{error}");
}

#[test]
fn nothing_selected_has_its_own_exit_code() {
    let nothing = |arguments: &[&str]| refused(arguments).0;
    assert_eq!(nothing(&["equations", "list", "no such words"]), 6);
    assert_eq!(nothing(&["errata", "list", "no such words"]), 6);
    assert_eq!(nothing(&["verify", "ERR-C01", "--only", "golden"]), 6);
}

#[test]
fn equations_are_listed_and_shown() {
    let out = shown(&["equations", "list", "soft"]);
    assert!(out.lines().any(|line| line.starts_with(" eq-0.2-softmax ")), "{out}");
    assert!(!out.contains("eq-1.7-ffn"));
    assert!(shown(&["equations"]).lines().all(|line| line.chars().count() <= 80));
    let out = shown(&["equations", "show", "eq-0.2"]);
    for part in [
        "eq-0.2-softmax   section 0 of the note",
        "\\frac{e^{x_i}}",
        "backward",
        "Derivation",
        "mmt verify eq-0.2-softmax",
    ] {
        assert!(out.contains(part), "{part} is missing in\n{out}");
    }
}

#[test]
fn errata_fail_as_written_and_hold_as_corrected() {
    let out = shown(&["errata", "show", "ERR-C01"]);
    assert!(out.contains("checked    as written: fails as stated ✓     as corrected: holds ✓"), "{out}");
    let out = shown(&["errata", "run"]);
    assert!(out.lines().last().unwrap().ends_with("as written and as corrected, 0 not as stated"), "{out}");
    assert!(shown(&["errata"]).lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn verify_counts_what_it_ran() {
    let out = shown(&["verify", "eq-0.2", "eq-1.1-*"]);
    assert!(out.contains("2 equations, ") && out.contains(" 0 failed"), "{out}");
    assert!(out.contains(" of exact derivatives (dual numbers)"), "{out}");
    let out = shown(&["verify", "eq-0.2", "--only", "backward", "--list"]);
    assert!(out.contains("eq-0.2-softmax") && out.contains("1 equations, 1 checks, 0 failed"), "{out}");
    let events = events(&["--json", "verify", "eq-0.2"]);
    assert_eq!((&events[0]["event"], &events[0]["seed"]), (&"start".into(), &2023.into()));
    assert!(events[1..].iter().all(|event| event["event"] != "check" || event["pass"] == true));
    assert_eq!(events.last().unwrap()["failed"], 0);
}

#[test]
fn with_json_errors_are_events_too() {
    let output = mmt(&["--json", "equations", "show", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    let event: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&event["event"], &event["code"]), (&"error".into(), &2.into()));
    assert_eq!(event["message"], "no formula is called `nothing`");
    for verb in
        [&["equations"][..], &["errata"], &["errata", "run"], &["explain", "eq-1.1", "--mask", "causal"]]
    {
        assert!(events(&[&["--json"], verb].concat()).len() > 1);
    }
}

#[test]
fn colors_come_only_where_they_are_wanted() {
    assert!(!shown(&["equations"]).contains('\u{1b}'));
    assert!(shown(&["equations", "--color", "always"]).contains('\u{1b}'));
    let output = program(&["equations", "--color", "auto"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn a_locale_without_utf_8_gets_ascii() {
    for arguments in [&["errata", "show", "ERR-C01"][..], &["equations", "show", "eq-0.2"], &["errata"]] {
        let output = program(arguments).env("LC_ALL", "C").output().unwrap();
        assert!(output.stdout.is_ascii(), "{}", text(&output.stdout));
        assert!(!output.stdout.is_empty());
    }
    // Every letter that the page and the errata use has a spelling.
    for arguments in [["equations", "show", "*"], ["errata", "show", "*"]] {
        let unknown = |text: &str| text.matches('?').count();
        let spelled = program(&arguments).env("LC_ALL", "C").output().unwrap();
        assert_eq!(unknown(&text(&spelled.stdout)), unknown(&shown(&arguments)));
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_not_an_error() {
    let mut child =
        program(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((status.code(), error.as_str()), (Some(0), ""));
}

#[test]
fn completions_are_nothing_but_the_script() {
    assert!(shown(&["completions", "zsh"]).starts_with("#compdef mmt"));
    for shell in ["bash", "fish", "powershell", "elvish"] {
        assert!(shown(&["completions", shell]).contains("explain"));
    }
}

#[test]
fn a_wrong_option_is_a_mistake_in_usage() {
    let (code, error) = refused(&["verify", "--precision", "f32"]);
    assert_eq!((code, error.as_str()), (2, "error: mmt verify computes in f64 only\n"));
    for arguments in [
        &["--threads", "0", "equations"][..],
        &["--precision", "f16", "equations"],
        &["--quiet", "-v", "errata"],
    ] {
        assert_eq!(refused(arguments).0, 2);
    }
}

#[test]
fn topologies_are_shown_checked_and_refused_where_the_mistake_is() {
    let out = shown(&["topology", "show", "cross-concat", "--in", "a=9x32", "--in", "t=7x32"]);
    for part in
        ["16x32", "hybrid-stream, throughout interaction", "2 965 248 operations", "101 632 parameters"]
    {
        assert!(out.contains(part), "{part} is missing in\n{out}");
    }
    let classes = [
        ("CLIP", "class       (b), operations of a = t > both (eq-3-vilt-class)"),
        ("ViLT", "class       (d), operations of both > a = t (eq-3-vilt-class)"),
        ("ViLBERT", "class       none of ViLT's four (eq-3-vilt-class)"),
        (
            "Tuple[Tf(1, 9, In a), Tf(2, 3, In t)]",
            "class       (a), operations of a > t > both (eq-3-vilt-class)",
        ),
        (
            "Tuple[Tf(1, 9, In a), Ca(2, In t, In a)]",
            "class       (c), operations of a > both > t (eq-3-vilt-class)",
        ),
    ];
    for (topology, class) in classes {
        let out = shown(&["topology", "show", topology]);
        assert!(out.lines().any(|line| line == class), "{topology}:\n{out}");
    }
    assert!(!shown(&["topology", "show", "TriBERT"]).contains("class"));
    assert!(shown(&["topology", "check", "irene"]).contains('✓'));
    assert!(shown(&["topology", "cost", "bottleneck"]).contains(" all "));
    assert!(shown(&["topology"]).contains("early-concat"));
    let (code, error) = refused(&["topology", "show", "Cat[In a, Tf(1, 2 In t)]"]);
    assert_eq!((code, error.as_str()), (2, "error: byte 18: expected `,`\nhint: here: In t)]\n"));
    let (code, error) = refused(&["topology", "check", "Seg(In a, [t])"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("error: Seg(In a, [t]): topology: segment: unknown: `t`\n"), "{error}");
    let (code, error) = refused(&["topology", "show", "crosss"]);
    assert_eq!(code, 2);
    assert!(error.contains("did you mean cross"), "{error}");
}
