//! The files that an `include` line names: one path, or all that match a pattern, in order.

use crate::base::glob;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The files to read for `pattern`. A plain path is given back as it is, whether it exists or not; a
/// pattern may match none.
pub fn files(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        found = found.into_iter().flat_map(|path| step(path, component)).collect();
    }
    found
}

/// The paths that `path` leads to by `component`, sorted by name.
fn step(path: PathBuf, component: Component<'_>) -> Vec<PathBuf> {
    let part = component.as_os_str().as_bytes();
    if !part.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
        return vec![path.join(component)];
    }
    let Ok(entries) = std::fs::read_dir(&path) else { return Vec::new() };
    let mut matching: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .filter(|name| matches(part, name.as_bytes()))
        .map(|name| path.join(name))
        .collect();
    matching.sort();
    matching
}

/// Hidden files match only a pattern that begins with a dot, as in a shell.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    (name[0] != b'.' || pattern[0] == b'.') && glob::matches(pattern, name, glob::Case::Sensitive)
}
