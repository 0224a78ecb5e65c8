//! The node's nodes.conf on disk: one owner at a time, and always one whole version of it.
//!
//! Used by the bus core; the calls block, so they belong on a thread that may.
//!
//! ```text
//! write nodes.conf.tmp -> fsync -> lock it -> rename over nodes.conf -> fsync the directory -> release the old lock
//! ```
//!
//! Invariant: from `open` until the end of the process (or the drop of the value) the file at the path is locked by
//! this process. A rename puts another file in its place, so the new one is locked before it gets there. The lock is
//! an flock, as Redis's is, so the two respect each other's; and as a lock can be won on a file that was replaced in
//! that moment, `open` looks whether what it has locked is still what is at the path.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How often a file that is replaced under our hands is opened again.
const OPEN_ATTEMPTS: usize = 16;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NodesFileError {
    /// Another process is the node of this file. Text: Redis 7.0's.
    #[error(
        "Sorry, the cluster configuration file {0} is already used by a different Redis Cluster node. Please make \
         sure that different nodes use different cluster configuration files."
    )]
    InUse(String),
    /// The file cannot be opened or created.
    #[error("Can't open {0} in order to acquire a lock: {1}")]
    Open(String, #[source] io::Error),
    /// The file system refuses the lock.
    #[error("Impossible to lock {0}: {1}")]
    Lock(String, #[source] io::Error),
    /// The file cannot be read, or is no text.
    #[error("Loading the cluster node config from {0}: {1}")]
    Read(String, #[source] io::Error),
}

/// The file, ours for as long as this lives.
#[derive(Debug)]
pub struct NodesFile {
    path: PathBuf,
    /// The file at `path`, held open for the lock alone.
    locked: File,
}

impl NodesFile {
    /// Makes the file at `path` ours, and reads it. The text is `None` when there was no file, or an empty one: the
    /// node is new.
    pub fn open(path: &Path) -> Result<(NodesFile, Option<String>), NodesFileError> {
        let name = path.display().to_string();
        let locked = open_locked(path, &name)?;
        // A link stays one: it is its target that is replaced.
        let path = fs::canonicalize(path).map_err(|error| NodesFileError::Open(name.clone(), error))?;
        let mut text = String::new();
        (&locked).read_to_string(&mut text).map_err(|error| NodesFileError::Read(name, error))?;
        let text = (!text.is_empty()).then_some(text);
        Ok((NodesFile { path, locked }, text))
    }

    /// Replaces the text. When this returns, the new text is on the disk; when it fails, the old one is.
    pub fn save(&mut self, text: &str) -> io::Result<()> {
        let temporary = self.temporary_path();
        let result = self.replace(&temporary, text);
        if result.is_err() {
            // What is left of the attempt is overwritten by the next one anyway.
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    fn replace(&mut self, temporary: &Path, text: &str) -> io::Result<()> {
        let mut new = OpenOptions::new().write(true).create(true).truncate(true).open(temporary)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        new.try_lock()?;
        fs::rename(temporary, &self.path)?;
        self.locked = new;
        self.sync_directory()
    }

    fn sync_directory(&self) -> io::Result<()> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        File::open(parent)?.sync_all()
    }

    /// Beside the file, so that the rename stays within one file system. One name is enough: the lock keeps others out.
    fn temporary_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".tmp");
        name.into()
    }
}

fn open_locked(path: &Path, name: &str) -> Result<File, NodesFileError> {
    for _ in 0..OPEN_ATTEMPTS {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| NodesFileError::Open(name.into(), error))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => NodesFileError::InUse(name.into()),
            TryLockError::Error(error) => NodesFileError::Lock(name.into(), error),
        })?;
        if is_at(&file, path).map_err(|error| NodesFileError::Open(name.into(), error))? {
            return Ok(file);
        }
    }
    // Whoever replaces it all the time is its node.
    Err(NodesFileError::InUse(name.into()))
}

/// Whether `file` is what a program that opens `path` now would get.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(theirs) => Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of one test's own, gone with it.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("coreslot-nodes-file-{}-{test}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Directory(path)
        }

        fn conf(&self) -> PathBuf {
            self.0.join("nodes.conf")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_new_file_has_no_text_and_a_saved_one_has_the_last() {
        let directory = Directory::new("text");
        let (mut file, text) = NodesFile::open(&directory.conf()).unwrap();
        assert_eq!(text, None);
        file.save("one, and longer\n").unwrap();
        file.save("two\n").unwrap();
        drop(file);
        let (_, text) = NodesFile::open(&directory.conf()).unwrap();
        assert_eq!(text.as_deref(), Some("two\n"));
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_second_node_on_the_same_file_is_refused_before_and_after_a_save() {
        let directory = Directory::new("lock");
        let (mut file, _) = NodesFile::open(&directory.conf()).unwrap();
        let refused = || matches!(NodesFile::open(&directory.conf()), Err(NodesFileError::InUse(_)));
        assert!(refused());
        file.save("text\n").unwrap();
        assert!(refused());
        drop(file);
        assert!(!refused());
    }

    #[test]
    fn the_refusal_is_worded_as_redis_words_it() {
        assert_eq!(
            NodesFileError::InUse("nodes.conf".into()).to_string(),
            "Sorry, the cluster configuration file nodes.conf is already used by a different Redis Cluster node. \
             Please make sure that different nodes use different cluster configuration files."
        );
    }

    #[test]
    fn a_failed_save_leaves_the_old_text() {
        let directory = Directory::new("failure");
        let (mut file, _) = NodesFile::open(&directory.conf()).unwrap();
        file.save("old\n").unwrap();
        fs::create_dir(directory.0.join("nodes.conf.tmp")).unwrap();
        assert!(file.save("new\n").is_err());
        assert_eq!(fs::read_to_string(directory.conf()).unwrap(), "old\n");
    }

    #[test]
    fn a_link_to_the_file_stays_a_link() {
        let directory = Directory::new("link");
        let link = directory.0.join("link.conf");
        fs::write(directory.conf(), "").unwrap();
        std::os::unix::fs::symlink(directory.conf(), &link).unwrap();
        let (mut file, _) = NodesFile::open(&link).unwrap();
        file.save("text\n").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(directory.conf()).unwrap(), "text\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_or_read_is_an_error() {
        let directory = Directory::new("bad");
        assert!(matches!(NodesFile::open(&directory.0), Err(NodesFileError::Open(..))));
        fs::write(directory.conf(), b"\xff\xfe").unwrap();
        assert!(matches!(NodesFile::open(&directory.conf()), Err(NodesFileError::Read(..))));
    }
}
