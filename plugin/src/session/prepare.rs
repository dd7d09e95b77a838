//! From a command line to a request: is the migration to be controlled, and within what bounds.
//!
//! | module | what |
//! |---|---|
//! | [`takeover`] | whether it is controlled at all: its domain is marked, or the user asks for it |
//! | [`resolve`] | policy, command line and libvirt's settings become bounds, flags and parameters |
//! | [`cache_memory`] | how much memory XBZRLE may take on the source's host |
//! | [`prior`] | what an estimate or an earlier trace tells of the guest |
//! | `xml_documents` | the documents of `--xml` and `--persistent-xml` |

pub mod cache_memory;
pub mod prior;
pub mod resolve;
pub mod takeover;
mod xml_documents;
