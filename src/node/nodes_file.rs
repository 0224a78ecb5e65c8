//! The node's nodes.conf on disk: one owner at a time, and always one whole version of it.
//!
//! Used by the bus core; the calls block, so they belong on a thread that may.
//!
//! ```text
//! write: nodes.conf.tmp, rename to nodes.conf.new                                       outlives the process
//! sync:  fsync it -> lock it -> rename over nodes.conf -> fsync the directory -> release the old lock
//!                                                                                       outlives the machine
//! ```
//!
//! A process that is killed between the two leaves a nodes.conf.new, which is what the next one reads. When the machine
//! fails there, that file may be anything; then it is passed over, and nodes.conf is whole.
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
    /// The file beside it with a newer text that the disk need not have yet.
    newer: Option<File>,
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
        let file = NodesFile { path, locked, newer: None };
        // Without a text the node is to be new: somebody has taken its file away.
        let text = (!text.is_empty()).then(|| file.left_behind().unwrap_or(text));
        Ok((file, text))
    }

    /// Replaces the text. When this returns, it outlives this process; when it fails, the old one is still there.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        let temporary = self.beside("tmp");
        let result = self.write_by_way_of(&temporary, text);
        if result.is_err() {
            // What is left of the attempt is overwritten by the next one anyway.
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    fn write_by_way_of(&mut self, temporary: &Path, text: &str) -> io::Result<()> {
        let mut newer = OpenOptions::new().write(true).create(true).truncate(true).open(temporary)?;
        newer.write_all(text.as_bytes())?;
        fs::rename(temporary, self.beside("new"))?;
        self.newer = Some(newer);
        Ok(())
    }

    /// When this returns, the last text written is on the disk; when it fails, it or the one before.
    pub fn sync(&mut self) -> io::Result<()> {
        let Some(newer) = &self.newer else { return Ok(()) };
        newer.sync_all()?;
        newer.try_lock()?;
        fs::rename(self.beside("new"), &self.path)?;
        if let Some(newer) = self.newer.take() {
            self.locked = newer;
        }
        self.sync_directory()
    }

    /// The newer text of a process that was killed before the disk had it, unless somebody has edited nodes.conf since.
    fn left_behind(&self) -> Option<String> {
        let modified = |file: &File| file.metadata().and_then(|metadata| metadata.modified()).ok();
        let mut newer = File::open(self.beside("new")).ok()?;
        let mut text = String::new();
        newer.read_to_string(&mut text).ok()?;
        (modified(&newer)? >= modified(&self.locked)? && is_whole(&text)).then_some(text)
    }

    fn sync_directory(&self) -> io::Result<()> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        File::open(parent)?.sync_all()
    }

    /// Beside the file, so that a rename stays within one file system. The lock keeps others out.
    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(ending);
        name.into()
    }
}

/// Whether a text that the disk may not have got in full is all there: what is missing reads as zeros, and the variables
/// are the last line.
fn is_whole(text: &str) -> bool {
    text.lines().last().is_some_and(|line| line.starts_with("vars ")) && text.ends_with('\n') && !text.contains('\0')
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

    const OLD: &str = "node\nvars currentEpoch 1 lastVoteEpoch 0\n";
    const NEW: &str = "node [7->-other]\nvars currentEpoch 1 lastVoteEpoch 0\n";

    fn save(file: &mut NodesFile, text: &str) {
        file.write(text).unwrap();
        file.sync().unwrap();
    }

    fn read(directory: &Directory) -> Option<String> {
        NodesFile::open(&directory.conf()).unwrap().1
    }

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
        save(&mut file, "one, and longer\n");
        save(&mut file, "two\n");
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
        save(&mut file, "text\n");
        assert!(refused());
        file.write("newer\n").unwrap();
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
        save(&mut file, "old\n");
        fs::create_dir(directory.0.join("nodes.conf.tmp")).unwrap();
        assert!(file.write("new\n").is_err());
        file.sync().unwrap();
        assert_eq!(fs::read_to_string(directory.conf()).unwrap(), "old\n");
    }

    #[test]
    fn a_written_text_outlives_the_process_and_then_the_machine() {
        let directory = Directory::new("killed");
        let (mut file, _) = NodesFile::open(&directory.conf()).unwrap();
        save(&mut file, OLD);
        file.write(NEW).unwrap();
        assert_eq!(fs::read_to_string(directory.conf()).unwrap(), OLD, "the disk has it not yet");
        drop(file);
        let (mut file, text) = NodesFile::open(&directory.conf()).unwrap();
        assert_eq!(text.as_deref(), Some(NEW));
        save(&mut file, OLD);
        drop(file);
        assert_eq!(read(&directory).as_deref(), Some(OLD));
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
    }

    #[test]
    fn a_newer_text_is_passed_over_if_it_is_torn_or_nodes_conf_was_edited_or_taken_away_since() {
        let directory = Directory::new("torn");
        let newer = directory.0.join("nodes.conf.new");
        fs::write(directory.conf(), OLD).unwrap();
        for torn in ["", "node\n", &NEW[..NEW.len() - 1], "no\0\0\nvars currentEpoch 1 lastVoteEpoch 0\n"] {
            fs::write(&newer, torn).unwrap();
            assert_eq!(read(&directory).as_deref(), Some(OLD), "{torn:?}");
        }
        fs::write(&newer, b"\xff\nvars currentEpoch 1 lastVoteEpoch 0\n").unwrap();
        assert_eq!(read(&directory).as_deref(), Some(OLD));

        fs::write(&newer, NEW).unwrap();
        assert_eq!(read(&directory).as_deref(), Some(NEW));
        let later =
            File::open(&newer).unwrap().metadata().unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
        File::options().write(true).open(directory.conf()).unwrap().set_modified(later).unwrap();
        assert_eq!(read(&directory).as_deref(), Some(OLD));
        fs::remove_file(directory.conf()).unwrap();
        assert_eq!(read(&directory), None);
    }

    #[test]
    fn a_link_to_the_file_stays_a_link() {
        let directory = Directory::new("link");
        let link = directory.0.join("link.conf");
        fs::write(directory.conf(), "").unwrap();
        std::os::unix::fs::symlink(directory.conf(), &link).unwrap();
        let (mut file, _) = NodesFile::open(&link).unwrap();
        save(&mut file, "text\n");
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
