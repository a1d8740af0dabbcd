//! `mmt bench`.

use crate::common::{events, refused, shown};

#[test]
fn every_case_of_the_list_has_its_passes() {
    let out = shown(&["bench", "--list", "--quiet"]);
    let lists = |case: &str, pass: &str| {
        out.lines().any(|line| line.split_whitespace().take(2).eq([case, pass].iter().copied()))
    };
    for case in ["block_a", "block_b", "tiny"] {
        assert!(["fwd", "fwdbwd", "step"].iter().all(|pass| lists(case, pass)), "{case}");
    }
    for case in [
        "attn1024_naive",
        "attn1024_flash",
        "attn4096_naive",
        "attn4096_flash",
        "layernorm",
        "softmax",
        "gelu",
        "xent",
        "conv2d",
        "conv3d",
    ] {
        assert!(lists(case, "fwd") && lists(case, "fwdbwd"), "{case}");
    }
    assert!(lists("adamw10m", "step") && lists("adamw10m_100", "step"));
    assert!(lists("nn_1024x768x768", "fwd") && lists("nt_b48_197x64x197", "fwd"));
    assert!(out.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_case_is_timed_and_counted() {
    let events = events(&["--json", "bench", "--case", "nn_32x*", "--budget", "0"]);
    assert_eq!(events.len(), 2);
    let event = &events[1];
    assert_eq!(
        (&event["event"], &event["case"], &event["pass"]),
        (&"bench".into(), &"nn_32x64x64".into(), &"fwd".into())
    );
    assert_eq!(event["flops"], 262_144.0);
    for key in ["ms_median", "ms_best", "gflops"] {
        assert!(event[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert!(event["samples"].as_u64().unwrap() >= 7);
    assert!(event["peak_mib"].is_number());
    let out = shown(&["bench", "--case", "nn_32x*", "--budget", "0"]);
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.lines().next().unwrap().contains("   f32   "), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
}

#[test]
fn memory_of_large_arrays_is_counted() {
    let events = events(&["--json", "bench", "--case", "softmax", "--pass", "fwd", "--budget", "0"]);
    let peak = events[1]["peak_mib"].as_f64().unwrap();
    // Two arrays that are never read, the input and the output, of 12 MiB each.
    assert!((24.0..45.0).contains(&peak), "{peak}");
    assert!(events[1]["gflops"].is_null());
}

#[test]
fn wrong_cases_are_refused() {
    let (code, error) = refused(&["bench", "--case", "block_c"]);
    assert_eq!(code, 2);
    assert_eq!(error, "error: no case is called `block_c`\nhint: did you mean block_a, block_b or conv2d?\n");
    let (code, error) = refused(&["bench", "--case", "gelu", "--pass", "step"]);
    assert_eq!(code, 6);
    assert_eq!(
        error,
        "error: the chosen cases have no such pass\nhint: mmt bench --list shows the passes of each case\n"
    );
    let (code, error) = refused(&["bench", "--precision", "f64"]);
    assert_eq!((code, error.as_str()), (2, "error: mmt bench computes in f32 only\n"));
    let (code, error) = refused(&["bench", "--budget=-1"]);
    assert_eq!(code, 2);
    assert!(
        error.starts_with("error: invalid value '-1' for '--budget <SECONDS>': must be between 0 and 3600"),
        "{error}"
    );
}
