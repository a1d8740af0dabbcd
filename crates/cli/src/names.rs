//! Names as people type them: globs, and the nearest name to a wrong one.

/// Whether `name` fits `glob`: `*` stands for any letters, `?` for one.
pub fn fits(glob: &str, name: &str) -> bool {
    let (glob, name) = (glob.as_bytes(), name.as_bytes());
    let (mut g, mut n) = (0, 0);
    // Where the last star stands, and how much of the name it takes so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, n));
                g += 1;
            }
            Some(&letter) if letter == b'?' || letter.eq_ignore_ascii_case(&name[n]) => {
                g += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (g, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&letter| letter == b'*')
}

/// Whether `wanted` means the formula `id`: the id, a glob of it, or its number, `eq-1.1` for `eq-1.1-attention`.
pub fn selects(wanted: &str, id: &str) -> bool {
    fits(wanted, id)
        || id.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-') && wanted.contains('.'))
}

/// The three names nearest to `wrong`: those that contain it first, then by the fewest changes of a letter.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase();
    let rank = |name: &str| {
        let name = name.to_lowercase();
        let contained = wrong.len() > 2 && (name.contains(&wrong) || wrong.contains(&name));
        (!contained, distance(&wrong, &name))
    };
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_cached_key(|name| rank(name));
    names.truncate(3);
    names
}

/// `did you mean a, b or c?`
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(wrong, names)[..] {
        [] => "there is nothing to choose from".to_string(),
        [a] => format!("did you mean {a}?"),
        [a, b] => format!("did you mean {a} or {b}?"),
        [a, b, c, ..] => format!("did you mean {a}, {b} or {c}?"),
    }
}

/// The fewest letters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_names() {
        assert!(fits("eq-1.13*", "eq-1.13-postln") && fits("*", "") && fits("?x*z", "axyz"));
        assert!(!fits("eq-1.1", "eq-1.1-attention") && !fits("?", "") && !fits("a*b", "ac"));
        assert!(!fits("*a*a*a*a*a*a*b", &"a".repeat(40)));
        assert!(fits("ERR-*", "err-c01"));
    }

    #[test]
    fn a_number_means_its_formula() {
        assert!(selects("eq-1.1", "eq-1.1-attention") && selects("eq-0.2-*", "eq-0.2-softmax"));
        assert!(!selects("eq-1.1", "eq-1.12-layernorm") && !selects("eq", "eq-1.1-attention"));
    }

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["eq-1.12-layernorm", "eq-1.1-attention", "eq-0.2-softmax", "eq-1.13-postln"];
        assert_eq!(nearest("eq-1.12-layernrm", names)[0], "eq-1.12-layernorm");
        assert_eq!(nearest("softmax", names)[0], "eq-0.2-softmax");
        assert_eq!(did_you_mean("x", ["a"]), "did you mean a?");
        assert_eq!(did_you_mean("a", ["a", "b", "cc", "ddd"]), "did you mean a, b or cc?");
    }
}
