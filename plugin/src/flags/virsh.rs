//! How virsh reads a command line, up to the options of its commands.
//!
//! | module | what |
//! |---|---|
//! | `release` | which virsh it is, and which of its two grammars holds |
//! | `globals` | its options in front of the command |
//! | `command_words` | its commands, word by word |
//! | `c_number` | its numbers |

pub(super) mod c_number;
pub(super) mod command_words;
pub(super) mod globals;
pub(super) mod release;
