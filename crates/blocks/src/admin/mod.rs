//! Admin: Post-LN blocks whose shortcuts carry a trained weight, and how that weight begins.

pub mod block;
pub mod encoder;
pub mod profile;
pub mod shortcut;

pub use block::{AdminBlock, AdminBlockTape};
pub use encoder::AdminEncoder;
pub use profile::{AdminKind, AdminProfile, OutputChange, SubLayer, admin_closed, admin_code, admin_paper};
pub use shortcut::{Shortcut, ShortcutTape};
