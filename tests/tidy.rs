//! The house rules that the compiler does not check: who may import whom, who may name what, how long
//! a file is, and that nothing is dead. All violations are printed at once, each with its cure.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each top-level module may import of ours. Imports go down only: the order of the rows is that
/// of the layers, and no row names one that follows it.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("slot", &["base"]),
    ("resp", &["base"]),
    ("ring", &["base"]),
    ("mesh", &["base"]),
    ("contract", &["base", "slot", "resp", "mesh"]),
    ("data", &["base", "slot", "resp", "mesh", "contract"]),
    ("cluster", &["base", "slot", "resp", "mesh", "contract"]),
    ("replication", &["base", "slot", "resp", "mesh", "contract"]),
    ("cores", &["base", "slot", "resp", "ring", "mesh", "contract", "data", "cluster", "replication"]),
    ("node", &["base", "slot", "resp", "ring", "mesh", "contract", "data", "cluster", "replication", "cores"]),
];

/// Words that only some modules may name, outside of tests.
const OWNED: &[Owned] = &[
    Owned { words: &["io_uring"], owners: &["ring"], cure: "go through `ring`, which owns io_uring" },
    Owned { words: &["glommio"], owners: &["cores"], cure: "keep glommio in `cores`, so that it can be exchanged" },
    Owned {
        words: &["atomic", "AtomicBool", "AtomicU64", "AtomicUsize"],
        owners: &["mesh"],
        cure: "send a message over `mesh`, or list the file in ATOMICS_TOO with the reason",
    },
    Owned {
        words: &["socket2", "TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener"],
        owners: &["ring", "cores", "node"],
        cure: "return an action; sockets belong to `cores`, `ring` and `node`",
    },
];

/// Files outside `mesh` that need an atomic, each with its reason.
const ATOMICS_TOO: &[(&str, &str)] =
    &[("src/ring/buffers.rs", "the tail of a buffer ring is shared with the kernel, not with a core")];

/// The most lines a file has: one can still be read in one go.
const MAX_LINES: usize = 620;

struct Owned {
    words: &'static [&'static str],
    owners: &'static [&'static str],
    cure: &'static str,
}

/// A file with what the rules look at.
struct Source {
    /// Relative to the repository.
    path: String,
    text: String,
    /// `text` with comments and literals blanked; lines stay where they are.
    code: String,
}

#[test]
fn the_house_is_tidy() {
    let sources = read_all(&["src", "tests", "benches", "fuzz/fuzz_targets"]);
    let mut violations = Vec::new();
    for source in &sources {
        check_shape(source, &mut violations);
        if source.module().is_some() {
            check_imports(source, &mut violations);
            check_owned_words(source, &mut violations);
            check_unfinished(source, &mut violations);
        }
    }
    check_dead_files(&sources, &mut violations);
    assert!(violations.is_empty(), "{} violations:\n{}\n", violations.len(), violations.join("\n"));
}

fn check_shape(source: &Source, violations: &mut Vec<String>) {
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        violations.push(format!("{}: {lines} lines, above {MAX_LINES}. Cure: split it by purpose.", source.path));
    }
    if !source.text.starts_with("//!") {
        violations.push(format!("{}: no header. Cure: begin with `//!`: purpose, owner, invariants.", source.path));
    }
}

fn check_imports(source: &Source, violations: &mut Vec<String>) {
    let Some(module) = source.module() else { return };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
        if !matches!(module, "lib" | "main") {
            violations.push(format!("{}: `{module}` is in no layer. Cure: give it a row in LAYERS.", source.path));
        }
        return;
    };
    for (line, import) in imports(&source.code) {
        let ours = LAYERS.iter().any(|(name, _)| *name == import);
        if ours && import != module && !allowed.contains(&import.as_str()) {
            violations.push(format!(
                "{}:{line}: `{module}` imports `{import}`. Cure: imports go down only; move what is shared into {}.",
                source.path,
                if module == "base" { "`base`" } else { "`contract` or below" },
            ));
        }
    }
}

fn check_owned_words(source: &Source, violations: &mut Vec<String>) {
    let Some(module) = source.module() else { return };
    if source.path.ends_with("/tests.rs") || source.path.contains("/tests/") {
        return;
    }
    let code = without_tests(&source.code);
    for owned in OWNED.iter().filter(|owned| !owned.owners.contains(&module)) {
        let excused = owned.owners == ["mesh"] && ATOMICS_TOO.iter().any(|(path, _)| *path == source.path);
        for (line, word) in words(code).filter(|(_, word)| owned.words.contains(word) && !excused) {
            violations.push(format!("{}:{line}: names `{word}`. Cure: {}.", source.path, owned.cure));
        }
    }
}

fn check_unfinished(source: &Source, violations: &mut Vec<String>) {
    for (index, line) in source.code.lines().enumerate() {
        for name in ["todo!", "unimplemented!", "dbg!"].into_iter().filter(|name| line.contains(name)) {
            violations.push(format!("{}:{}: `{name}`. Cure: finish it or take it out.", source.path, index + 1));
        }
    }
    for (index, line) in source.text.lines().enumerate() {
        for mark in ["TODO", "FIXME", "XXX"].into_iter().filter(|mark| line.contains(mark)) {
            violations.push(format!("{}:{}: {mark}. Cure: do it, or open an issue.", source.path, index + 1));
        }
    }
}

/// Files below `src` that no `mod` line leads to.
fn check_dead_files(sources: &[Source], violations: &mut Vec<String>) {
    let mut reached = BTreeSet::new();
    let mut waiting = vec!["src/lib.rs".to_string(), "src/main.rs".to_string()];
    while let Some(path) = waiting.pop() {
        let Some(source) = sources.iter().find(|source| source.path == path) else { continue };
        if reached.insert(path.clone()) {
            let folder = submodule_folder(&path);
            let names = declared_modules(&source.code);
            waiting.extend(names.flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]));
        }
    }
    for source in sources.iter().filter(|source| source.path.starts_with("src/") && !reached.contains(&source.path)) {
        violations.push(format!("{}: no `mod` line leads here. Cure: declare it or delete it.", source.path));
    }
}

/// Where the submodules of the module in `path` lie.
fn submodule_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').expect("below src");
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_string(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

/// The names of all `mod name;`.
fn declared_modules(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter_map(|line| {
        let declaration = line.trim().strip_suffix(';')?;
        let (before, name) = declaration.rsplit_once(' ')?;
        (before == "mod" || before.ends_with(" mod")).then_some(name)
    })
}

/// The top-level modules that `code` names, with their lines: behind `crate::` (also in a group) and
/// behind a `super::super::` that may reach the top.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for anchor in ["crate::", "super::super::", "coreslot::"] {
        for (at, _) in code.match_indices(anchor) {
            if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$') {
                continue;
            }
            let line = code[..at].lines().count().max(1);
            let after = &code[at + anchor.len()..];
            match after.strip_prefix('{') {
                Some(group) => found.extend(group_heads(group).into_iter().map(|name| (line, name))),
                None => found.push((line, identifier(after).to_string())),
            }
        }
    }
    found
}

/// The first names of the paths in `{a::b, c::{d, e}}`, given what follows the first brace.
fn group_heads(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut at_head) = (Vec::new(), 0, true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            _ if at_head && depth == 0 && !letter.is_whitespace() => {
                heads.push(identifier(&group[at..]).to_string());
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> &str {
    &text[..text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len())]
}

/// All identifiers with their lines.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(index, line)| {
        let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.filter(|word| !word.is_empty()).map(move |word| (index + 1, word))
    })
}

/// `code` up to the test module, which by our custom comes last.
fn without_tests(code: &str) -> &str {
    code.split_once("#[cfg(test)]\nmod tests {").map_or(code, |(before, _)| before)
}

/// Blanks comments, strings and character literals, and keeps line ends.
fn blank(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(letter) = rest.chars().next() {
        let skipped = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => rest.find("*/").map_or(rest.len(), |end| end + 2),
            [b'"', ..] => quoted_len(rest, '"'),
            [b'r', b'"' | b'#', ..] if !code.ends_with(|before: char| before.is_alphanumeric() || before == '_') => {
                raw_string_len(rest)
            }
            [b'\'', b'\\', ..] => quoted_len(rest, '\''),
            [b'\'', ..] if rest.chars().nth(2) == Some('\'') => quoted_len(rest, '\''),
            _ => 0,
        };
        if skipped == 0 {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            code.extend(rest[..skipped].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of the literal at the start of `rest`, both quotes included.
fn quoted_len(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of the raw string at the start of `rest`; 0 if it is a raw identifier.
fn raw_string_len(rest: &str) -> usize {
    let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
    let Some(body) = rest[1 + hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    body.find(&end).map_or(rest.len(), |at| 2 + hashes + at + end.len())
}

impl Source {
    /// The top-level module of a file below `src`: `data` for `src/data/key.rs`.
    fn module(&self) -> Option<&str> {
        self.path.strip_prefix("src/").map(identifier)
    }
}

fn read_all(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file is readable text");
        let path = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        Source { path, code: blank(&text), text }
    };
    paths.into_iter().map(read).collect()
}

/// All Rust files below `folder`, if there is one.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a folder is readable").path()) {
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

mod the_rules_themselves {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into(), code: blank(text) }
    }

    fn violations(check: fn(&Source, &mut Vec<String>), path: &str, text: &str) -> usize {
        let mut found = Vec::new();
        check(&source(path, text), &mut found);
        found.len()
    }

    #[test]
    fn layers_only_look_down() {
        for (row, (name, allowed)) in LAYERS.iter().enumerate() {
            for lower in *allowed {
                assert!(LAYERS[..row].iter().any(|(above, _)| above == lower), "{name} may import {lower}");
            }
        }
        assert!(LAYERS.iter().all(|(name, allowed)| *name == "node" || *name == "cores" || !allowed.contains(&"ring")));
    }

    #[test]
    fn every_form_of_import_is_seen() {
        let text = "use crate::cluster::x;\nuse crate::{base::y, node::{a, b}};\nfn f() { crate::ring::g() }\nuse super::super::cores::z;";
        let names: Vec<_> = imports(text).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
        assert_eq!(names, ["1 cluster", "2 base", "2 node", "3 ring", "4 cores"]);
        assert_eq!(violations(check_imports, "src/data/key.rs", text), 4);
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "// crate::ring\nlet a = \"crate::ring \\\" x\"; /* crate::ring */ let b = r#\"crate::ring\"#; '\"'; 'a: loop {}";
        assert_eq!(blank(text).split_whitespace().collect::<Vec<_>>().join(" "), "let a = ; let b = ; ; 'a: loop {}");
        assert_eq!(blank(text).len(), text.len());
    }

    #[test]
    fn owned_words_are_for_owners_and_tests() {
        let text = "use std::sync::atomic::AtomicU64;";
        assert_eq!(violations(check_owned_words, "src/data/key.rs", text), 2);
        assert_eq!(violations(check_owned_words, "src/mesh/bed.rs", text), 0);
        assert_eq!(violations(check_owned_words, "src/data/key/tests.rs", text), 0);
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n{text}\n}}");
        assert_eq!(violations(check_owned_words, "src/data/key.rs", &in_tests), 0);
    }

    #[test]
    fn a_file_without_mod_line_is_dead() {
        let sources = [
            source("src/lib.rs", "pub mod a;\nmod gone { }"),
            source("src/a/mod.rs", "#[cfg(test)]\nmod tests;\npub(super) mod b;"),
            source("src/a/b.rs", "mod c;"),
            source("src/a/b/c.rs", ""),
            source("src/a/tests.rs", ""),
            source("src/a/dead.rs", "// mod c;"),
        ];
        let mut found = Vec::new();
        check_dead_files(&sources, &mut found);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src/a/dead.rs"));
    }

    #[test]
    fn what_is_unfinished_is_found() {
        assert_eq!(violations(check_unfinished, "src/a.rs", &["to", "do!() // TO", "DO: later"].concat()), 2);
        assert_eq!(violations(check_shape, "src/a.rs", &"\n".repeat(MAX_LINES + 1)), 2);
    }
}
