//! Calibration of the plant: runs recorded on the test bed, predicted in the plant, and the differences.
//!
//! ```text
//! calibrate record DIR:  guest, link, law -> rig -> NAME.trace, NAME.json
//! calibrate constants DIR: the constants as those runs measure them, of `profile`
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
pub use table::{Accelerated, Shares, print};
