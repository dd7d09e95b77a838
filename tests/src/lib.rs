//! The plant and the rig.
#![forbid(unsafe_code)]

pub mod bench;
pub mod calibrate;
pub mod estimates;
pub mod patience;
pub mod peer;
pub mod plant;
pub mod random_cases;
pub mod rig;
