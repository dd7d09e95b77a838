//! The configuration read from its file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{Config, ConfigError, FILE, file};

/// The largest file: ten thousand names of domains take a quarter of it.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

impl Config {
    /// The configuration in the file at `path`; without a path, in [`FILE`], which need not exist.
    ///
    /// # Errors
    /// The file cannot be read, or what it says cannot be.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = path.unwrap_or(Path::new(FILE));
        match read_text(file) {
            Ok(text) => Self::parse(&text, file),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(ConfigError::Read {
                path: file.to_owned(),
                error,
            }),
        }
    }

    /// The configuration in `text`, that of the file `path`.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        file::parse(text).map_err(|(line, reason)| ConfigError::Invalid {
            path: path.to_owned(),
            line,
            reason,
        })
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_FILE_BYTES {
        let why = format!("it is longer than {MAX_FILE_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}
