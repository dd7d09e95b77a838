//! The user at the terminal: what is printed, and which signals come from there.
//!
//! | module | what |
//! |---|---|
//! | [`console`] | stderr and stdout, lines in virsh's way |
//! | [`progress`] | virsh's progress line |
//! | [`bar`] | the progress drawn, on a terminal that can |
//! | [`session_observer`] | listens to the control loop: records, and prints the progress |
//! | [`signals`] | Ctrl-C, SIGTERM and a terminal that hangs up |

pub mod bar;
pub mod console;
pub mod progress;
pub mod session_observer;
pub mod signals;
