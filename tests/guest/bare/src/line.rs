//! A line of text in a fixed place: repeated messages must not use up the heap.

use core::fmt;

const BYTES: usize = 256;

/// Text of at most 256 bytes; the rest is lost.
#[derive(Debug)]
pub struct Line {
    text: [u8; BYTES],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            text: [0; BYTES],
            length: 0,
        }
    }
}

impl Line {
    /// The text written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (slot, byte) in self.text[self.length..].iter_mut().zip(text.bytes()) {
            *slot = byte;
            self.length += 1;
        }
        Ok(())
    }
}
