//! What becomes of a file that somebody has: the tokens of a picture and of a sound, and small pictures of both to look at.
//!
//! The program only shows them; what has to be computed stands here, where the compiler is told to hurry.

mod image;
mod pixels;
mod regions;
mod shrink;
mod sound;

pub use image::ImageTokens;
pub use regions::{Region, RegionTokens, parse_boxes};
pub use sound::{SECONDS, SoundTokens};
