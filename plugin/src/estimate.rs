//! What a migration will meet and cost, before it begins.
//!
//! ```text
//!   facts of both hosts --> preflight: what will refuse or hurt it, and what helps
//!
//!   sampled dirty rate, earlier traces --> curve: W(x)  \
//!   link, memory, policy                                 > precopy (model) <-- the law, as it ships
//!                                                        |
//!                               outcome of each scenario --> forecast: likely, least, most
//! ```
//! | where | the question it answers |
//! |---|---|
//! | [`preflight`] | will it be refused, and what will hurt it? |
//! | [`periods`] | for how long is the dirty rate measured, and how often? |
//! | [`curve`], `pattern` | how much does the guest write within a span, and in which phases? |
//! | [`precopy`] | how does pre-copy go under a law, if the guest writes so? |
//! | [`forecast`] | what will it cost, and how sure is that? |
//! | [`earlier`] | what do traces of earlier migrations tell? |
//! | [`assessment`], [`text`] | all of it, for programs and for people |
//!
//! Nothing here asks libvirt or reads a clock.

pub mod assessment;
pub mod curve;
pub mod earlier;
pub mod forecast;
mod number;
mod pattern;
pub mod periods;
pub mod precopy;
pub mod preflight;
mod prior;
pub mod text;
pub mod zero_pages;

pub use pattern::{Pattern, VcpuTime};
pub use prior::prior;
