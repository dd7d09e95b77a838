//! The plant and the rig.
#![forbid(unsafe_code)]

pub mod bench;
pub mod calibrate;
pub mod campaign;
pub mod endurance;
pub mod estimates;
mod json_lines;
pub mod patience;
pub mod peer;
pub mod plant;
pub mod predictions;
pub mod random_cases;
pub mod rig;
