//! `mmt golden list`: the cases of a bundle, and their families.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mmt_golden::manifest::CaseEntry;
use mmt_golden::row::{Row, Tier};
use serde_json::json;

use super::{open, tier};
use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::terminal::Terminal;

/// List the cases of a bundle, or of the catalogue of this program
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the bundle; without it, the catalogue
    bundle: Option<PathBuf>,
    /// Only those of a level: `op`, `block`, `topology`
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Only those of a family: see --families
    #[arg(long, value_name = "FAMILY")]
    family: Option<String>,
    /// The families, with the number of cases and the operations of each
    #[arg(long, conflicts_with = "family")]
    families: bool,
    /// Only those of a bundle of this size: `smoke`, `core`, `full` or `stress`
    #[arg(long, value_name = "TIER", value_parser = tier)]
    tier: Option<Tier>,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let mut cases: Vec<[String; 5]> = match &args.bundle {
        Some(folder) => open(folder)?.manifest.cases.iter().map(of_entry).collect(),
        None => mmt_catalog::rows().iter().map(of_row).collect(),
    };
    known_words(args, &cases)?;
    let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
    cases.retain(|[id, level, tier, ..]| {
        let small = args.tier.is_none_or(|most| Tier::of(tier).is_some_and(|tier| tier <= most));
        is(&args.level, level) && is(&args.family, family(id)) && small
    });
    if cases.is_empty() {
        return Err(Failure::new(Code::NothingSelected, "no case fits"));
    }
    if args.families {
        return families(&cases, terminal);
    }
    for [id, level, tier, op, regimes] in &cases {
        terminal
            .event("case", json!({"id": id, "level": level, "tier": tier, "op": op, "regimes": regimes}))?;
        terminal
            .line(format_args!("{id:<34} {level:<9} {tier:<6} {op:<18} {regimes}").to_string().trim_end())?;
    }
    terminal.line(format_args!("{} cases", cases.len()))?;
    Ok(Code::Ok)
}

/// The part of a name before the first dot.
fn family(id: &str) -> &str {
    id.split('.').next().unwrap_or("")
}

/// A family or a level that no case has.
fn known_words(args: &Args, cases: &[[String; 5]]) -> Result<(), Failure> {
    let none =
        |what: &str, wanted: &str| Failure::new(Code::NothingSelected, format!("no {what} `{wanted}`"));
    let families: BTreeSet<&str> = cases.iter().map(|[id, ..]| family(id)).collect();
    if let Some(wanted) = args.family.as_deref().filter(|wanted| !families.contains(wanted)) {
        let of = cases.iter().find(|[_, _, _, op, _]| op == wanted);
        let hint = match of {
            Some([id, ..]) => format!("`{wanted}` is an operation of the family {}", family(id)),
            None => did_you_mean(wanted, families),
        };
        return Err(none("family", wanted).hint(format!("{hint} (all: mmt golden list --families)")));
    }
    let levels: BTreeSet<&str> = cases.iter().map(|[_, level, ..]| level.as_str()).collect();
    match args.level.as_deref().filter(|wanted| !levels.contains(wanted)) {
        Some(wanted) => Err(none("level", wanted).hint(did_you_mean(wanted, levels))),
        None => Ok(()),
    }
}

/// Every family with the number of its cases and its operations.
fn families(cases: &[[String; 5]], terminal: &Terminal) -> Done {
    let mut all: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for [id, _, _, op, _] in cases {
        let (count, ops) = all.entry(family(id)).or_default();
        *count += 1;
        ops.insert(op);
    }
    for (family, (count, ops)) in &all {
        terminal.event("family", json!({"family": family, "cases": count, "ops": ops}))?;
        let ops: Vec<&str> = ops.iter().copied().collect();
        terminal.line(format_args!("{family:<10} {count:>4} cases   {}", ops.join(" ")))?;
    }
    terminal.line(format_args!("{} families", all.len()))?;
    Ok(Code::Ok)
}

fn of_entry(case: &CaseEntry) -> [String; 5] {
    let regimes = case.regimes.join(" ");
    [case.id.clone(), case.level.clone(), case.tier.clone(), case.op.clone(), regimes]
}

fn of_row(row: &Row) -> [String; 5] {
    let (level, tier) = (row.level.name().to_string(), row.tier.name().to_string());
    [row.id.clone(), level, tier, row.op.to_string(), row.regimes.join(" ")]
}
