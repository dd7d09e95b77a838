//! Judging the plant: runs recorded on the rig, predicted in the plant, and what is between them.
//!
//! ```text
//! calibrate record DIR:  guest, link, law -> rig -> NAME.trace, NAME.json
//! calibrate constants DIR: what those runs say of the constants of `profile`
//! calibrate judge DIR:   guest (known, or of another record) -> Plant + the same law -> pause, total : recorded
//! ```

mod constants;
mod guest;
mod judge;
mod profile;
mod record;
mod run;
mod set;
mod table;

pub use constants::constants;
pub use guest::{GuestSpec, SpecError};
pub use judge::{Judged, Prediction, judge, predict};
pub use profile::{Rate, rig_link, rig_qemu};
pub use record::record;
pub use run::{Recording, RunRecord, load};
pub use set::{Plan, SET};
pub use table::{Shares, print};
