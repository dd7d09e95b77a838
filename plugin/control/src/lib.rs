//! The control law of `libvirt-hpc`: no clock, no I/O, no dependency, no allocation.
//!
//! Data flows one way: [`sample::Sample`] -> [`estimate`] -> [`law`] -> [`guard`] -> [`target::Target`],
//! and each step is published as an [`event::Event`]. [`controller::Controller`] connects the parts; its caller
//! provides a [`port::Job`].
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod controller;
pub mod estimate;
pub mod event;
pub mod guard;
pub mod in_force;
pub mod law;
pub mod policy;
pub mod port;
pub mod progress;
mod rate;
pub mod sample;
pub mod target;
pub mod time;
