//! The manifest of the append-only log: which files it consists of. Text in, text out; what it says is Redis 7.0's.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b      where loading begins
//! file appendonly.aof.1.incr.aof seq 1 type h      what was rewritten, and is to be deleted
//! file appendonly.aof.2.incr.aof seq 2 type i      what changed since then, in order; the last is being written
//! ```

use crate::resp::inline::split_args;
use crate::resp::quote::quote;

/// The longest line. Source: Redis 7.0 `MANIFEST_MAX_LINE`.
const LONGEST_LINE: usize = 1024;

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, without a path.
    pub name: String,
    /// Its number among its kind.
    pub number: u64,
}

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The data as it was when the log was last rewritten.
    pub base: Option<Part>,
    /// What changed since then.
    pub incr: Vec<Part>,
    /// What is to be deleted, the newest first.
    pub history: Vec<Part>,
    last_base: u64,
    last_incr: u64,
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("*** FATAL AOF MANIFEST FILE ERROR *** Reading the manifest file, at line {line}: >>> '{text}' {reason}")]
pub struct Malformed {
    line: usize,
    text: String,
    reason: &'static str,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// When it can't be taken for one: then nothing of the log is to be touched.
    pub fn parse(text: &[u8]) -> Result<Manifest, Malformed> {
        let mut manifest = Manifest::default();
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
        if lines.peek().is_none() {
            return Err(Malformed { line: 0, text: String::new(), reason: "Found an empty AOF manifest" });
        }
        for (index, line) in lines {
            manifest.add_line(line).map_err(|reason| Malformed {
                line: index + 1,
                text: String::from_utf8_lossy(line).trim().to_owned(),
                reason,
            })?;
        }
        Ok(manifest)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        if line.starts_with(b"#") {
            return Ok(());
        }
        if line.len() > LONGEST_LINE || !line.ends_with(b"\n") {
            return Err("The AOF manifest file contains too long line");
        }
        let words = split_args(line.trim_ascii()).filter(|words| words.len() >= 6 && words.len() % 2 == 0);
        let words = words.ok_or(INVALID)?;
        let (mut name, mut number, mut kind) = (String::new(), 0, 0);
        for pair in words.chunks_exact(2) {
            let value = String::from_utf8_lossy(&pair[1]).into_owned();
            match pair[0].to_ascii_lowercase().as_slice() {
                b"file" if value.contains('/') => return Err("File can't be a path, just a filename"),
                b"file" => name = value,
                b"seq" => number = value.parse().unwrap_or(0),
                b"type" => kind = pair[1].first().copied().unwrap_or(0),
                // A later version may say more.
                _ => {}
            }
        }
        if name.is_empty() || number == 0 || kind == 0 {
            return Err(INVALID);
        }
        let part = Part { name, number };
        match kind {
            b'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            b'b' => {
                self.last_base = number;
                self.base = Some(part);
            }
            b'h' => self.history.push(part),
            b'i' if number <= self.last_incr => return Err("Found a non-monotonic sequence number"),
            b'i' => {
                self.last_incr = number;
                self.incr.push(part);
            }
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    /// Its text.
    pub fn text(&self) -> Vec<u8> {
        let kinds = [(self.base.as_slice(), 'b'), (&self.history, 'h'), (&self.incr, 'i')];
        let mut text = Vec::new();
        for (part, kind) in kinds.into_iter().flat_map(|(parts, kind)| parts.iter().map(move |part| (part, kind))) {
            text.extend_from_slice(b"file ");
            let name = part.name.as_bytes();
            let plain = name.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'\''));
            text.extend(if plain { name.to_vec() } else { quote(name) });
            text.extend(format!(" seq {} type {kind}\n", part.number).into_bytes());
        }
        text
    }

    /// Whether the log has no files.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.incr.is_empty()
    }

    /// The files to load, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.incr)
    }

    /// The log begins with this file of an older version.
    pub fn adopt(&mut self, name: &str) {
        self.last_base = 1;
        self.base = Some(Part { name: name.to_owned(), number: 1 });
    }

    /// A new base, whose predecessor is history; its name.
    pub fn new_base(&mut self, file: &str, snapshot: bool) -> String {
        self.last_base += 1;
        let name = format!("{file}.{}.base.{}", self.last_base, if snapshot { "rdb" } else { "aof" });
        let base = Part { name: name.clone(), number: self.last_base };
        if let Some(before) = self.base.replace(base) {
            self.history.insert(0, before);
        }
        name
    }

    /// What changed before the new base is history; `writing`: the last file is what comes after it.
    pub fn retire_incr(&mut self, writing: bool) {
        let keep = self.incr.len().saturating_sub(usize::from(writing));
        for part in self.incr.drain(..keep).rev() {
            self.history.insert(0, part);
        }
    }

    /// A new file of changes; its name.
    pub fn new_incr(&mut self, file: &str) -> String {
        self.last_incr += 1;
        let name = format!("{file}.{}.incr.aof", self.last_incr);
        self.incr.push(Part { name: name.clone(), number: self.last_incr });
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> &'static str {
        Manifest::parse(text.as_bytes()).unwrap_err().reason
    }

    #[test]
    fn rewriting_makes_history_of_what_there_was() {
        let mut manifest = Manifest::default();
        assert_eq!(manifest.new_base("a.aof", true), "a.aof.1.base.rdb");
        assert_eq!(manifest.new_incr("a.aof"), "a.aof.1.incr.aof");
        for _ in 0..2 {
            manifest.new_incr("a.aof");
            manifest.new_base("a.aof", false);
            manifest.retire_incr(true);
        }
        let text = "file a.aof.3.base.aof seq 3 type b\nfile a.aof.2.incr.aof seq 2 type h\n\
                    file a.aof.2.base.aof seq 2 type h\nfile a.aof.1.incr.aof seq 1 type h\n\
                    file a.aof.1.base.rdb seq 1 type h\nfile a.aof.3.incr.aof seq 3 type i\n";
        assert_eq!(String::from_utf8(manifest.text()).unwrap(), text);
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
        manifest.retire_incr(false);
        assert!(manifest.incr.is_empty());
    }

    #[test]
    fn names_with_spaces_are_quoted() {
        let mut manifest = Manifest::default();
        manifest.new_base("a b", true);
        assert_eq!(manifest.text(), b"file \"a b.1.base.rdb\" seq 1 type b\n");
        assert_eq!(Manifest::parse(&manifest.text()).unwrap(), manifest);
    }

    #[test]
    fn what_is_no_manifest_is_refused_in_redis_words() {
        let line = "file a seq 1 type i\n";
        assert_eq!(refusal(""), "Found an empty AOF manifest");
        assert_eq!(refusal(&format!("{line}\n")), "Invalid AOF manifest file format");
        assert_eq!(refusal("file a seq 1\n"), "Invalid AOF manifest file format");
        assert_eq!(refusal("file a seq 1 type i k\n"), "Invalid AOF manifest file format");
        assert_eq!(refusal("file a seq x type i\n"), "Invalid AOF manifest file format");
        assert_eq!(refusal("file a/b seq 1 type i\n"), "File can't be a path, just a filename");
        assert_eq!(refusal("file a seq 1 type x\n"), "Unknown AOF file type");
        assert_eq!(refusal("file a seq 1 type i"), "The AOF manifest file contains too long line");
        assert_eq!(refusal(&format!("{line}{line}")), "Found a non-monotonic sequence number");
        assert_eq!(refusal("file a seq 1 type b\nfile b seq 2 type b\n"), "Found duplicate base file information");
        assert!(Manifest::parse(format!("# no\n{line}").as_bytes()).is_ok());
        assert!(Manifest::parse(b"file a seq 1 type i newkey newvalue\n").is_ok());
    }
}
