//! What every kernel does.

use crate::team::Team;

/// A program that computes in steps.
pub trait Kernel: Send {
    /// Computes one step; counts finer ones by [`Team::tick`] while it does.
    fn step(&mut self, team: &Team);

    /// Whether the part of the step's result that is checked this time is right: any wrong element makes this false
    /// within a few steps. Called once after each step.
    fn verify(&mut self, team: &Team) -> bool;
}
