//! The folder of the append-only log: its manifest, and the files that it names.
//!
//! Every change makes the new manifest first and lets it take effect only when it is on the disk: whatever happens, the
//! manifest that is found at the next start names a whole log.

use super::manifest::Manifest;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What the folder and its files are called.
#[derive(Clone, Debug)]
pub struct Names {
    /// The node's own folder.
    pub dir: PathBuf,
    /// `appenddirname`.
    pub folder: String,
    /// `appendfilename`.
    pub file: String,
}

impl Names {
    /// Where a file of the log is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(&self.folder).join(name)
    }

    /// Where a log of Redis before 7.0 is.
    fn old(&self) -> PathBuf {
        self.dir.join(&self.file)
    }

    fn manifest(&self) -> String {
        format!("{}.manifest", self.file)
    }

    /// The file of changes while the log waits for its first base.
    fn temporary(&self) -> String {
        format!("temp-{}.incr", self.file)
    }
}

/// See the module's header.
#[derive(Clone, Debug)]
pub struct Directory {
    /// What it is called.
    pub names: Names,
    manifest: Manifest,
}

/// A result, or words for the log.
pub type Outcome<T> = Result<T, String>;

fn wrong<T>(result: io::Result<T>, what: impl std::fmt::Display) -> Outcome<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

impl Directory {
    /// The folder as it is on the disk, if it is there at all.
    ///
    /// # Errors
    /// When the manifest can't be read.
    pub fn open(names: Names) -> Outcome<Directory> {
        let manifest = match fs::read(names.path(&names.manifest())) {
            Ok(text) => Manifest::parse(&text).map_err(|error| error.to_string())?,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Manifest::default(),
            Err(error) => return Err(format!("Fatal error: can't open the AOF manifest file for reading: {error}")),
        };
        Ok(Directory { names, manifest })
    }

    /// Takes over the single file of Redis before 7.0, if there is one and no log of several files.
    ///
    /// # Errors
    /// When that can't be done, in words for the log; it is tried again at the next start.
    pub fn upgrade(&mut self) -> Outcome<()> {
        let (old, manifest) = (self.names.old(), &self.manifest);
        let begun = manifest.incr.is_empty()
            && manifest.base.as_ref().is_some_and(|base| base.name == self.names.file)
            && !self.names.path(&self.names.file).exists();
        if !old.is_file() || !manifest.is_empty() && !begun {
            return Ok(());
        }
        self.make_folder()?;
        let mut manifest = manifest.clone();
        manifest.adopt(&self.names.file);
        self.put(manifest)?;
        let Names { folder, file, .. } = &self.names;
        let moved = fs::rename(old, self.names.path(file));
        wrong(moved, format_args!("Error trying to move the old AOF file {file} into dir {folder}"))?;
        log::info!("Successfully migrated an old-style AOF file ({file}) into the AOF directory ({folder}).");
        Ok(())
    }

    /// Whether the log has no files.
    pub fn is_empty(&self) -> bool {
        self.manifest.is_empty()
    }

    /// Whether the first of its files is a base.
    pub fn begins_with_base(&self) -> bool {
        self.manifest.base.is_some()
    }

    /// The names of the files to load, in order.
    pub fn parts(&self) -> Vec<String> {
        self.manifest.parts().map(|part| part.name.clone()).collect()
    }

    /// How long a file is.
    ///
    /// # Errors
    /// When it isn't there, in words for the log.
    pub fn size(&self, name: &str) -> Outcome<u64> {
        let found = fs::metadata(self.names.path(name)).map(|found| found.len());
        wrong(found, format_args!("Unable to obtain the AOF file {name} length. stat"))
    }

    /// How long the base is; 0 without one.
    pub fn base_size(&self) -> u64 {
        self.manifest.base.as_ref().and_then(|base| self.size(&base.name).ok()).unwrap_or(0)
    }

    /// Opens the log at the node's start, to go on with it: its last file, or the first, with a base that is `empty`.
    ///
    /// # Errors
    /// When that can't be done, in words for the log.
    pub fn start(&mut self, snapshot: bool, empty: &[u8]) -> Outcome<(File, u64)> {
        self.make_folder()?;
        let mut manifest = self.manifest.clone();
        if manifest.is_empty() {
            let name = manifest.new_base(&self.names.file, snapshot);
            let written = File::create(self.names.path(&name)).and_then(|mut file| {
                file.write_all(empty)?;
                file.sync_all()
            });
            wrong(written, "Write error writing append only file on disk")?;
            log::info!("Creating AOF base file {name} on server start");
        }
        let last = manifest.incr.last().map(|part| part.name.clone());
        let verb = if last.is_some() { "Opening" } else { "Creating" };
        let name = last.unwrap_or_else(|| manifest.new_incr(&self.names.file));
        let opened = OpenOptions::new().create(true).append(true).open(self.names.path(&name));
        let file = wrong(opened, format_args!("Can't open the append-only file {name}"))?;
        self.put(manifest)?;
        log::info!("{verb} AOF incr file {name} on server start");
        let size = self.size(&name)?;
        Ok((file, size))
    }

    /// A new file for what changes from now on; `temporary`: the log knows it only when it has a base.
    ///
    /// # Errors
    /// When that can't be done, in words for the log; nothing has changed then.
    pub fn new_incr(&mut self, temporary: bool) -> Outcome<File> {
        self.make_folder()?;
        let mut manifest = self.manifest.clone();
        let name = if temporary { self.names.temporary() } else { manifest.new_incr(&self.names.file) };
        let path = self.names.path(&name);
        let file = wrong(File::create(&path), format_args!("Can't open the append-only file {name}"))?;
        // What is written after a truncation by another hand goes to the end all the same.
        drop(file);
        let opened = OpenOptions::new().append(true).open(path);
        let file = wrong(opened, format_args!("Can't open the append-only file {name}"))?;
        if !temporary {
            self.put(manifest)?;
        }
        log::info!("Creating AOF incr file {name} on background rewrite");
        Ok(file)
    }

    /// The log was rewritten: the file at `written` is its base; `writing`: changes since then are in its last file,
    /// which may be `temporary` so far.
    ///
    /// # Errors
    /// When that can't be done, in words for the log; the log is what it was then.
    pub fn rewritten(&mut self, written: &Path, snapshot: bool, writing: bool, temporary: bool) -> Outcome<()> {
        self.make_folder()?;
        let mut manifest = self.manifest.clone();
        let name = manifest.new_base(&self.names.file, snapshot);
        let from = written.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let renamed = fs::rename(written, self.names.path(&name));
        wrong(renamed, format_args!("Error trying to rename the temporary AOF base file {from} into {name}"))?;
        log::info!("Successfully renamed the temporary AOF base file {from} into {name}");
        if writing && temporary {
            let (from, name) = (self.names.temporary(), manifest.new_incr(&self.names.file));
            let renamed = fs::rename(self.names.path(&from), self.names.path(&name));
            wrong(renamed, format_args!("Error trying to rename the temporary AOF incr file {from} into {name}"))?;
            log::info!("Successfully renamed the temporary AOF incr file {from} into {name}");
        }
        manifest.retire_incr(writing);
        self.put(manifest)
    }

    /// Deletes the file that waited for a base.
    pub fn delete_temporary(&self) {
        let name = self.names.temporary();
        log::info!("Removing the temp incr aof file {name} in the background");
        // It may not even be there.
        let _ = fs::remove_file(self.names.path(&name));
    }

    /// Deletes what is history.
    ///
    /// # Errors
    /// When the manifest can't be written, in words for the log.
    pub fn delete_history(&mut self) -> Outcome<()> {
        if self.manifest.history.is_empty() {
            return Ok(());
        }
        let mut manifest = self.manifest.clone();
        let history = std::mem::take(&mut manifest.history);
        self.put(manifest)?;
        for part in history {
            log::info!("Removing the history file {} in the background", part.name);
            if let Err(error) = fs::remove_file(self.names.path(&part.name)) {
                log::warn!("The history file {} can't be removed: {error}", part.name);
            }
        }
        Ok(())
    }

    fn make_folder(&self) -> Outcome<()> {
        let folder = &self.names.folder;
        let made = fs::create_dir_all(self.names.dir.join(folder));
        wrong(made, format_args!("Can't open or create append-only dir {folder}"))
    }

    /// Writes a manifest, which then counts.
    fn put(&mut self, manifest: Manifest) -> Outcome<()> {
        let name = self.names.manifest();
        let temporary = self.names.path(&format!("temp-{name}"));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(&manifest.text())?;
            file.sync_all()?;
            fs::rename(&temporary, self.names.path(&name))?;
            File::open(self.names.path(""))?.sync_all()
        });
        wrong(written, format_args!("The AOF manifest file {name} can't be written"))?;
        self.manifest = manifest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Names {
        Names { dir: dir.to_owned(), folder: "logs".into(), file: "a.aof".into() }
    }

    fn content(names: &Names, name: &str) -> String {
        fs::read_to_string(names.path(name)).unwrap()
    }

    #[test]
    fn a_log_is_started_rewritten_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let names = names(dir.path());
        let mut log = Directory::open(names.clone()).unwrap();
        assert!(log.is_empty());
        let (mut file, size) = log.start(true, b"base").unwrap();
        file.write_all(b"one").unwrap();
        assert_eq!((size, log.base_size()), (0, 4));
        let mut next = log.new_incr(false).unwrap();
        next.write_all(b"two").unwrap();
        let written = dir.path().join("temp");
        fs::write(&written, "new").unwrap();
        log.rewritten(&written, false, true, false).unwrap();
        log.delete_history().unwrap();
        let log = Directory::open(names.clone()).unwrap();
        assert_eq!(log.parts(), ["a.aof.2.base.aof", "a.aof.2.incr.aof"]);
        assert_eq!(content(&names, "a.aof.2.base.aof") + &content(&names, "a.aof.2.incr.aof"), "newtwo");
        assert!(!names.path("a.aof.1.incr.aof").exists());
        let mut log = log;
        let (_, size) = log.start(true, b"base").unwrap();
        assert_eq!(size, 3);
    }

    #[test]
    fn changes_before_the_first_base_are_known_only_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let names = names(dir.path());
        let mut log = Directory::open(names.clone()).unwrap();
        log.new_incr(true).unwrap().write_all(b"x").unwrap();
        assert!(Directory::open(names.clone()).unwrap().is_empty());
        let written = dir.path().join("temp");
        fs::write(&written, "new").unwrap();
        log.rewritten(&written, true, true, true).unwrap();
        let found = Directory::open(names.clone()).unwrap().parts();
        assert_eq!(found, ["a.aof.1.base.rdb", "a.aof.1.incr.aof"]);
        assert_eq!(content(&names, "a.aof.1.incr.aof"), "x");
    }

    #[test]
    fn the_single_file_of_old_is_taken_over_also_at_the_second_try() {
        let dir = tempfile::tempdir().unwrap();
        let names = names(dir.path());
        fs::write(dir.path().join("a.aof"), "old").unwrap();
        let mut log = Directory::open(names.clone()).unwrap();
        log.upgrade().unwrap();
        assert_eq!((log.parts(), content(&names, "a.aof")), (vec!["a.aof".to_owned()], "old".to_owned()));
        fs::rename(names.path("a.aof"), dir.path().join("a.aof")).unwrap();
        let mut log = Directory::open(names.clone()).unwrap();
        log.upgrade().unwrap();
        assert_eq!(content(&names, "a.aof"), "old");
        fs::write(dir.path().join("a.aof"), "another's").unwrap();
        log.upgrade().unwrap();
        assert_eq!(content(&names, "a.aof"), "old");
    }
}
