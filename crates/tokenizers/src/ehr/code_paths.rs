//! The classes that the codes of two systems lie in, from how they are written.

use mmt_tensor::{Error, Result};

/// The classes of an ATC code of a medication: its first four, three and one letters, and the root.
///
/// A code of four letters is its own first class, and stands once.
///
/// # Errors
/// [`Error::UnknownId`] for what is not written as `A01A`, `A01AB` or `A01AB02`.
pub fn atc_path(code: &str) -> Result<Vec<String>> {
    let kinds: String = code
        .chars()
        .map(|c| match c {
            'A'..='Z' => 'a',
            '0'..='9' => '0',
            _ => '?',
        })
        .collect();
    if !["a00a", "a00aa", "a00aa00"].contains(&kinds.as_str()) {
        return Err(Error::UnknownId { at: "atc", id: code.to_string() });
    }
    let mut path = vec![code.to_string()];
    path.extend([4, 3, 1].into_iter().filter(|&n| n < code.len()).map(|n| code[..n].to_string()));
    path.push("atc_root".to_string());
    Ok(path)
}

/// The classes of an ICD-9 code of a diagnosis: its category, which is its first three letters and of a code with `E` its
/// first four, the group that the category lies in, and the root. `groups` are written as `140-149` or `E800-E807`.
///
/// # Errors
/// [`Error::UnknownId`] for a code that is too short, or whose category is a number of no group.
pub fn icd9_path(code: &str, groups: &[&str]) -> Result<Vec<String>> {
    let unknown = || Error::UnknownId { at: "icd9", id: code.to_string() };
    let length = if code.starts_with('E') { 4 } else { 3 };
    let category = code.get(..length).ok_or_else(unknown)?;
    let (letter, number) = parts(category).ok_or_else(unknown)?;
    let holds = |group: &&&str| {
        let Some((first, last)) = group.split_once('-') else { return false };
        let (Some(first), Some(last)) = (parts(first), parts(last)) else { return false };
        first.0 == letter && last.0 == letter && (first.1..=last.1).contains(&number)
    };
    let group = groups.iter().find(holds).ok_or_else(unknown)?;
    let mut path = vec![code.to_string()];
    path.extend((code.len() > length).then(|| category.to_string()));
    path.extend([group.to_string(), "icd9_root".to_string()]);
    Ok(path)
}

/// `V40` as `V` and 40; `401` as nothing and 401.
fn parts(category: &str) -> Option<(&str, u32)> {
    let at = category.find(|c: char| c.is_ascii_digit())?;
    let (letter, number) = category.split_at(at);
    let known = ["", "E", "V"].contains(&letter) && number.bytes().all(|b| b.is_ascii_digit());
    if known { Some((letter, number.parse().ok()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medications_have_five_levels() {
        assert_eq!(atc_path("C09AA").unwrap(), ["C09AA", "C09A", "C09", "C", "atc_root"]);
        assert_eq!(atc_path("C09A").unwrap(), ["C09A", "C09", "C", "atc_root"]);
        for bad in ["", "C09", "c09aa", "CO9AA", "C09AA0", "Ä09AA"] {
            assert_eq!(atc_path(bad).unwrap_err().to_string(), format!("atc: unknown: `{bad}`"));
        }
    }

    #[test]
    fn diagnoses_have_four_levels() {
        let groups = ["401-405", "V40-V49", "E800-E807"];
        assert_eq!(icd9_path("4019", &groups).unwrap(), ["4019", "401", "401-405", "icd9_root"]);
        assert_eq!(icd9_path("V4581", &groups).unwrap(), ["V4581", "V45", "V40-V49", "icd9_root"]);
        assert_eq!(icd9_path("E8059", &groups).unwrap(), ["E8059", "E805", "E800-E807", "icd9_root"]);
        assert_eq!(icd9_path("401", &groups).unwrap(), ["401", "401-405", "icd9_root"]);
        for bad in ["", "40", "4069", "V5000", "E80", "X4019", "4é19"] {
            assert_eq!(icd9_path(bad, &groups).unwrap_err().to_string(), format!("icd9: unknown: `{bad}`"));
        }
    }
}
