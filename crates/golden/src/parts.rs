//! Which arrays of an answer are right, in one line.

use crate::outcome::{Status, TensorReport};

/// Names that a line holds.
const MOST: usize = 8;

/// What is right and what is wrong; nothing if nothing is wrong, or if there is one array alone.
pub(crate) fn summary(tensors: &[TensorReport]) -> Option<String> {
    let keys = |wanted: fn(Status) -> bool| -> Vec<&str> {
        let list = tensors.iter().filter(|tensor| wanted(tensor.status));
        list.map(|tensor| tensor.key.trim_start_matches("main/")).collect()
    };
    let (right, wrong) = (keys(|status| status == Status::Pass), keys(Status::fails));
    let output = |key: &&str| ["out/", "loss/", "opt/"].iter().any(|section| key.starts_with(section));
    let (missing, outputs) = (keys(|status| status == Status::Missing), right.iter().any(output));
    let outputs = outputs && !wrong.iter().chain(&missing).any(output);
    Some(match () {
        // One array that is wrong says so itself.
        () if wrong.is_empty() || (wrong.len() == 1 && right.is_empty()) => return None,
        () if outputs && wrong.iter().all(|key| key.starts_with("grad_")) => {
            format!("all outputs right, only gradients are wrong: {}", names(&wrong))
        }
        () if outputs => format!("all outputs right; wrong: {}", names(&wrong)),
        () if right.is_empty() => "no array is right".to_string(),
        () => format!("right: {}; wrong: {}", names(&right), names(&wrong)),
    })
}

/// Names one after the other, of many the first.
fn names(keys: &[&str]) -> String {
    let first = keys[..keys.len().min(MOST)].join(", ");
    if keys.len() > MOST { format!("{first} and {} more", keys.len() - MOST) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(list: &[(&str, Status)]) -> Option<String> {
        let tensors: Vec<_> =
            list.iter().map(|(key, status)| TensorReport::empty(&format!("main/{key}"), *status)).collect();
        summary(&tensors)
    }

    #[test]
    fn what_is_right_is_said_where_something_is_wrong() {
        use Status::{Fail, Missing, Nan, Pass};
        assert_eq!(said(&[("out/y", Pass), ("grad_in/x", Missing)]), None);
        assert_eq!(
            said(&[
                ("out/o", Pass),
                ("act/p", Pass),
                ("grad_in/q", Pass),
                ("grad_in/k", Fail),
                ("grad_in/v", Nan)
            ])
            .unwrap(),
            "all outputs right, only gradients are wrong: grad_in/k, grad_in/v"
        );
        assert_eq!(said(&[("loss/loss", Pass), ("act/p", Fail)]).unwrap(), "all outputs right; wrong: act/p");
        assert_eq!(said(&[("out/y", Fail), ("grad_in/x", Pass)]).unwrap(), "right: grad_in/x; wrong: out/y");
        assert_eq!(said(&[("out/y", Fail), ("grad_in/x", Missing)]), None);
        // Nor is one of two outputs all of them.
        let half = [("out/a", Pass), ("out/b", Missing), ("grad_in/a", Fail)];
        assert_eq!(said(&half).unwrap(), "right: out/a; wrong: grad_in/a");
        // Without an output nobody knows whether it is right.
        let backward = [("grad_in/q", Fail), ("grad_in/k", Pass), ("out/o", Missing)];
        assert_eq!(said(&backward).unwrap(), "right: grad_in/k; wrong: grad_in/q");
        assert_eq!(said(&[("out/y", Fail), ("grad_in/x", Fail)]).unwrap(), "no array is right");
        let many: Vec<String> = (0..10).map(|i| format!("grad_param/{i}")).collect();
        let list: Vec<_> = many.iter().map(|key| (key.as_str(), Fail)).chain([("out/y", Pass)]).collect();
        assert!(said(&list).unwrap().ends_with("grad_param/7 and 2 more"));
    }
}
