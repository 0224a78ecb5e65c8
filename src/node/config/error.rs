//! Why the node cannot start with what it was given.

use std::fmt;
use std::path::PathBuf;

/// A mistake in a configuration file or on the command line. `Display` is the text that Redis
/// writes to stderr, followed by what helps to find the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong.
    pub reason: String,
    /// The line it is in: its number and text. The command line's options count as lines after the file's.
    pub line: Option<(usize, String)>,
    /// The file the line is in if it was included by another.
    pub included: Option<PathBuf>,
    /// What may have been meant.
    pub hint: Option<String>,
}

impl ConfigError {
    /// An error that no single line is to blame for.
    pub fn new(reason: impl Into<String>) -> ConfigError {
        ConfigError { reason: reason.into(), line: None, included: None, hint: None }
    }

    /// The same with the line it is in, unless a line is known already.
    pub(super) fn at(mut self, number: usize, line: &[u8]) -> ConfigError {
        self.line.get_or_insert_with(|| (number, String::from_utf8_lossy(line).into_owned()));
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***")?;
        if let Some((number, line)) = &self.line {
            writeln!(f, "Reading the configuration file, at line {number}")?;
            writeln!(f, ">>> '{line}'")?;
        }
        write!(f, "{}", self.reason)?;
        if let Some(file) = &self.included {
            write!(f, "\nThe line is in the included file '{}'.", file.display())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
