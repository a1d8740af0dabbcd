//! The catalogue: every bug with its name, what it changes and where it can be seen.

mod catalogue;
mod pending;
mod precision;

pub use catalogue::Bug;
use catalogue::CATALOGUE;
pub use pending::{PENDING, Pending};
pub use precision::arithmetic_of;

/// What kind of mistake a bug is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BugKind {
    /// Another formula.
    Logic,
    /// The right formula with too few bits, seen in the profile.
    Precision(&'static str),
}

/// A row of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BugInfo {
    /// Its name.
    pub id: &'static str,
    /// What it changes.
    pub text: &'static str,
    /// What kind of mistake it is.
    pub kind: BugKind,
    /// Families of cases that may see it.
    pub families: &'static [&'static str],
}

impl Bug {
    /// The bug of this name.
    pub fn of(id: &str) -> Option<Bug> {
        CATALOGUE.iter().find(|(_, info)| info.id == id).map(|(bug, _)| *bug)
    }
}

/// Bugs of kernels that take some keys at a time.
pub const TILED: &[Bug] =
    &[Bug::BwdLastKeyTile, Bug::BwdDqOverwrite, Bug::OnlineAccumulator, Bug::OnlineSum, Bug::OnlineNothing];

/// Every bug that can be run, in the order of the catalogue.
pub fn catalogue() -> impl Iterator<Item = &'static BugInfo> {
    CATALOGUE.iter().map(|(_, info)| info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (i, (bug, info)) in CATALOGUE.iter().enumerate() {
            assert_eq!(Bug::of(info.id), Some(*bug));
            assert!(!info.families.is_empty() && !info.text.is_empty());
            assert!(CATALOGUE[..i].iter().all(|(_, other)| other.id != info.id), "{}", info.id);
            assert!(PENDING.iter().all(|p| p.id != info.id), "{}", info.id);
        }
        assert_eq!(Bug::of("none"), None);
    }
}
