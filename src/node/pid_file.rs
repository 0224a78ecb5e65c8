//! The file that holds the process id while the node runs (`pidfile`).

use super::config::Config;
use std::path::PathBuf;

/// The file; it goes with this value.
pub struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes it, if one is configured. As in Redis, a node runs without where it can't be written.
    pub fn write(config: &Config) -> PidFile {
        let path =
            config.path("pidfile").filter(|path| match std::fs::write(path, format!("{}\n", std::process::id())) {
                Ok(()) => true,
                Err(error) => {
                    log::warn!("Failed to write PID file {}: {error}", path.display());
                    false
                }
            });
        PidFile(path)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
