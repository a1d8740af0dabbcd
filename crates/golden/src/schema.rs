//! The published descriptions of the formats, JSON Schema 2020-12.

/// Of `manifest.json`.
pub const MANIFEST: &str = include_str!("../schema/manifest.schema.json");

/// Of the JSON report of a comparison.
pub const REPORT: &str = include_str!("../schema/report.schema.json");
