//! Computes the cases of a catalogue, and writes them as a bundle.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use mmt_tensor::{Profile, parallel};

use crate::compute::{Order, compute};
use crate::file::{FileError, reason};
use crate::manifest::{CaseEntry, Manifest};
use crate::pack::{Packed, manifest, pack};
use crate::row::{Op, Row, Tier};
use crate::together::write_together;

/// Part `index` of `count`: the cases `index`, `index + count`, .. of the sorted list, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Below `count`.
    pub index: usize,
    /// Not zero.
    pub count: usize,
}

impl Shard {
    /// `"2/3"`
    pub fn parse(text: &str) -> Option<Self> {
        let (index, count) = text.split_once('/')?;
        let (index, count): (usize, usize) = (index.parse().ok()?, count.parse().ok()?);
        (1..=count).contains(&index).then(|| Shard { index: index - 1, count })
    }

    /// `"2/3"`
    pub fn name(self) -> String {
        format!("{}/{}", self.index + 1, self.count)
    }

    /// The part of a list.
    pub fn of<T>(self, list: Vec<T>) -> Vec<T> {
        let mine = |i: &usize| i % self.count == self.index;
        list.into_iter().enumerate().filter(|(i, _)| mine(i)).map(|(_, item)| item).collect()
    }
}

/// Computes rows on all threads; `done(n, id)` after each.
///
/// # Errors
/// The first case that cannot be computed, in one line.
pub fn compute_all(
    rows: &[Row],
    ops: &[Op],
    order: Order,
    profiles: &[Profile],
    done: &(dyn Fn(usize, &str) + Sync),
) -> Result<Vec<Packed>, String> {
    let count = AtomicUsize::new(0);
    let all = parallel::map(rows.len(), usize::MAX, |i| {
        let row = &rows[i];
        let op = ops.iter().find(|op| op.name == row.op);
        let op = op.ok_or_else(|| format!("{}: no operation `{}`", row.id, row.op))?;
        let packed = compute(row, op, order, profiles).and_then(|answer| pack(row, &answer));
        done(count.fetch_add(1, Ordering::Relaxed) + 1, &row.id);
        packed
    });
    all.into_iter().collect()
}

/// The name of the manifest of a part.
fn name_of_part(shard: Shard) -> String {
    format!("manifest.{}-of-{}.json", shard.index + 1, shard.count)
}

/// Writes cases into a folder, the manifest last. A part of a bundle writes its own manifest; the part that finds all others
/// there joins them.
///
/// # Errors
/// [`FileError`] for the first file that cannot be written.
pub fn write(
    folder: &Path,
    cases: Vec<Packed>,
    tier: Tier,
    shard: Option<Shard>,
) -> Result<Manifest, FileError> {
    let mut entries = vec![];
    let mut folders: Vec<(String, Vec<(String, Vec<u8>)>)> = vec![];
    for Packed { entry, bytes } in cases {
        let (place, name) = entry.file.split_once('/').unwrap_or(("", &entry.file));
        match folders.iter_mut().find(|(other, _)| other == place) {
            Some((_, files)) => files.push((name.to_string(), bytes)),
            None => folders.push((place.to_string(), vec![(name.to_string(), bytes)])),
        }
        entries.push(entry);
    }
    for (place, files) in &folders {
        write_together(&folder.join(place), files)?;
    }
    let part = shard.filter(|shard| shard.count > 1);
    let own = manifest(entries, tier, part.map(Shard::name));
    let name = part.map_or("manifest.json".to_string(), name_of_part);
    let schema = ("manifest.schema.json".to_string(), crate::schema::MANIFEST.as_bytes().to_vec());
    write_together(folder, &[(name, own.text().into_bytes()), schema])?;
    match part {
        Some(part) => join(folder, part.count, tier).map(|whole| whole.unwrap_or(own)),
        None => Ok(own),
    }
}

/// Joins the manifests of all parts, if they are there.
fn join(folder: &Path, count: usize, tier: Tier) -> Result<Option<Manifest>, FileError> {
    let parts = (0..count).map(|index| folder.join(name_of_part(Shard { index, count })));
    let parts: Vec<_> = parts.collect();
    if !parts.iter().all(|path| path.exists()) {
        return Ok(None);
    }
    let mut cases: Vec<CaseEntry> = vec![];
    for path in &parts {
        let part = Manifest::parse(&crate::file::read_bytes(path)?).map_err(|e| e.at(path))?;
        cases.extend(part.cases);
    }
    let whole = manifest(cases, tier, None);
    write_together(folder, &[("manifest.json".to_string(), whole.text().into_bytes())])?;
    for path in parts {
        let gone = fs::remove_file(&path);
        gone.map_err(|e| FileError { path, offset: None, why: reason(&e) })?;
    }
    Ok(Some(whole))
}
