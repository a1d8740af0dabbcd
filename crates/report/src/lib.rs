//! Figures and offline pages.
//!
//! A page is one file of HTML with inline SVG and MathML: no script, no font, no link that loads anything.

pub mod experiment;
pub mod figures;
pub mod file;
pub mod html;
pub mod math;
pub mod svg;
pub mod tour;
