//! The replies of COMMAND and its subcommands.
//!
//! A node shows only the commands it has: each function takes a predicate for that.

use super::doc::{ARG_FLAG_NAMES, Arg};
use super::keys::{KeyUse, key_positions};
use super::{Begin, Find, KeySpec, Spec, access, acl, commands, find_full, flag, lookup};
use crate::base::glob;
use crate::resp::{Error, Reply};

/// Answers COMMAND or the subcommand in `args[1]`, which [`resolve`](super::resolve) has let through.
pub fn command(args: &[&[u8]], reply: &mut Reply<'_>, visible: impl Fn(&Spec) -> bool) -> Result<(), Error> {
    let visible: Visible<'_> = &visible;
    let Some((name, args)) = args.get(1).zip(args.get(2..)) else {
        infos(reply, visible);
        return Ok(());
    };
    match name.to_ascii_lowercase().as_slice() {
        b"count" => reply.int(shown(visible).count() as i64),
        b"info" if args.is_empty() => infos(reply, visible),
        b"info" => infos_of(args, reply, visible),
        b"docs" => docs(args, reply, visible),
        b"list" => list(args, reply, visible)?,
        b"getkeys" => keys(args, reply, visible, |reply, key, _| reply.bulk(key))?,
        b"getkeysandflags" => keys(args, reply, visible, |reply, key, access| {
            reply.array(2);
            reply.bulk(key);
            names(access, access::NAMES, reply);
        })?,
        b"help" => help("COMMAND", HELP, reply),
        subcommand => return Err(Error::unknown_subcommand(b"COMMAND", subcommand)),
    }
    Ok(())
}

const HELP: &[&str] = &[
    "(no subcommand)",
    "    Tell the facts about all commands, as INFO without names.",
    "COUNT",
    "    Tell how many commands there are.",
    "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
    "    List the names of commands and subcommands.",
    "INFO [<command-name> ...]",
    "    Tell the facts about the given commands, or about all.",
    "DOCS [<command-name> ...]",
    "    Tell the documentation of the given commands, or of all.",
    "GETKEYS <full-command>",
    "    Tell which arguments of a command are keys.",
    "GETKEYSANDFLAGS <full-command>",
    "    Tell which arguments of a command are keys and what it does with them.",
];

/// The reply of a container's HELP: how its subcommands are called, then `lines`, then HELP itself.
pub fn help(container: &str, lines: &[&str], reply: &mut Reply<'_>) {
    reply.array(lines.len() + 3);
    reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines.iter().chain(&["HELP", "    Prints this help."]) {
        reply.simple(line);
    }
}

type Visible<'v> = &'v dyn Fn(&Spec) -> bool;

fn shown(visible: Visible<'_>) -> impl Iterator<Item = &'static Spec> {
    commands().iter().filter(move |spec| visible(spec))
}

fn shown_below<'s>(spec: &Spec, visible: Visible<'s>) -> impl Iterator<Item = &'static Spec> + use<'s> {
    spec.subcommands().iter().filter(move |spec| visible(spec))
}

fn shown_by_name(name: &[u8], visible: Visible<'_>) -> Option<&'static Spec> {
    find_full(name).filter(|spec| visible(spec))
}

fn infos(reply: &mut Reply<'_>, visible: Visible<'_>) {
    reply.array(shown(visible).count());
    shown(visible).for_each(|spec| info(spec, reply, visible));
}

fn infos_of(wanted: &[&[u8]], reply: &mut Reply<'_>, visible: Visible<'_>) {
    reply.array(wanted.len());
    for name in wanted {
        match shown_by_name(name, visible) {
            Some(spec) => info(spec, reply, visible),
            None => reply.null(),
        }
    }
}

fn info(spec: &Spec, reply: &mut Reply<'_>, visible: Visible<'_>) {
    let range = spec.key_range();
    reply.array(10);
    text(spec.full_name(), reply);
    reply.int(spec.arity().into());
    names(spec.flags(), flag::NAMES, reply);
    for part in [range.first, range.last, range.step] {
        reply.int(part.into());
    }
    categories(spec, reply);
    reply.set(spec.tips().len());
    spec.tips().iter().for_each(|tip| text(tip, reply));
    reply.set(spec.key_specs().len());
    spec.key_specs().iter().for_each(|keys| key_spec(keys, reply));
    match shown_below(spec, visible).count() {
        0 => reply.set(0),
        count => reply.array(count),
    }
    shown_below(spec, visible).for_each(|sub| info(sub, reply, visible));
}

fn categories(spec: &Spec, reply: &mut Reply<'_>) {
    let named = acl::NAMES.iter().filter(|(bit, _)| spec.categories() & bit != 0);
    reply.set(named.clone().count());
    for (_, name) in named {
        reply.simple(&format!("@{name}"));
    }
}

fn key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(if spec.note.is_empty() { 3 } else { 4 });
    if !spec.note.is_empty() {
        text("notes", reply);
        text(spec.note, reply);
    }
    text("flags", reply);
    names(spec.access, access::NAMES, reply);
    text("begin_search", reply);
    match spec.begin {
        Begin::Index(index) => typed("index", &[("index", index.into())], reply),
        Begin::Keyword(keyword, start) => {
            typed_head("keyword", 2, reply);
            text("keyword", reply);
            text(keyword, reply);
            text("startfrom", reply);
            reply.int(start.into());
        }
        Begin::Unknown => typed("unknown", &[], reply),
    }
    text("find_keys", reply);
    match spec.find {
        Find::Range { last, step, limit } => {
            typed("range", &[("lastkey", last.into()), ("keystep", step.into()), ("limit", limit.into())], reply);
        }
        Find::Counted { count, first, step } => {
            typed(
                "keynum",
                &[("keynumidx", count.into()), ("firstkey", first.into()), ("keystep", step.into())],
                reply,
            );
        }
        Find::Unknown => typed("unknown", &[], reply),
    }
}

/// A part of a key spec: its type and the numbers that belong to it.
fn typed(kind: &str, numbers: &[(&str, i64)], reply: &mut Reply<'_>) {
    typed_head(kind, numbers.len(), reply);
    for (name, number) in numbers {
        text(name, reply);
        reply.int(*number);
    }
}

fn typed_head(kind: &str, fields: usize, reply: &mut Reply<'_>) {
    reply.map(2);
    text("type", reply);
    text(kind, reply);
    text("spec", reply);
    reply.map(fields);
}

fn docs(wanted: &[&[u8]], reply: &mut Reply<'_>, visible: Visible<'_>) {
    let specs: Vec<&Spec> = match wanted {
        [] => shown(visible).collect(),
        _ => wanted.iter().filter_map(|name| shown_by_name(name, visible)).collect(),
    };
    reply.map(specs.len());
    for spec in specs {
        text(spec.full_name(), reply);
        doc(spec, reply, visible);
    }
}

fn doc(spec: &Spec, reply: &mut Reply<'_>, visible: Visible<'_>) {
    let doc = spec.doc();
    let subcommands = shown_below(spec, visible).count();
    let texts =
        [("summary", doc.summary), ("since", doc.since), ("group", spec.group()), ("complexity", doc.complexity)];
    let texts = texts.iter().filter(|(_, value)| !value.is_empty());
    reply.map(
        texts.clone().count()
            + usize::from(doc.internal)
            + 3 * usize::from(doc.deprecated.is_some())
            + usize::from(!doc.history.is_empty())
            + usize::from(!doc.args.is_empty())
            + usize::from(subcommands > 0),
    );
    texts.for_each(|(name, value)| pair(name, value, reply));
    if doc.internal {
        text("doc_flags", reply);
        reply.set(1);
        reply.simple("syscmd");
    }
    if let Some((since, replaced_by)) = doc.deprecated {
        text("doc_flags", reply);
        reply.set(1);
        reply.simple("deprecated");
        pair("deprecated_since", since, reply);
        pair("replaced_by", replaced_by, reply);
    }
    if !doc.history.is_empty() {
        text("history", reply);
        reply.set(doc.history.len());
        for (version, change) in doc.history {
            reply.array(2);
            text(version, reply);
            text(change, reply);
        }
    }
    if !doc.args.is_empty() {
        text("arguments", reply);
        arguments(doc.args, reply);
    }
    if subcommands > 0 {
        text("subcommands", reply);
        reply.map(subcommands);
        for sub in shown_below(spec, visible) {
            text(sub.full_name(), reply);
            self::doc(sub, reply, visible);
        }
    }
}

fn arguments(args: &[Arg], reply: &mut Reply<'_>) {
    reply.array(args.len());
    args.iter().for_each(|arg| argument(arg, reply));
}

fn argument(arg: &Arg, reply: &mut Reply<'_>) {
    let texts = [("token", arg.token), ("since", arg.since), ("deprecated_since", arg.deprecated_since)];
    let texts = texts.iter().filter_map(|&(name, value)| Some((name, value?)));
    reply.map(
        2 + usize::from(arg.key_spec.is_some())
            + texts.clone().count()
            + usize::from(arg.flags != 0)
            + usize::from(!arg.members.is_empty()),
    );
    pair("name", arg.name, reply);
    pair("type", arg.kind, reply);
    if let Some(index) = arg.key_spec {
        text("key_spec_index", reply);
        reply.int(index.into());
    }
    texts.for_each(|(name, value)| pair(name, value, reply));
    if arg.flags != 0 {
        text("flags", reply);
        names(arg.flags, ARG_FLAG_NAMES, reply);
    }
    if !arg.members.is_empty() {
        text("arguments", reply);
        arguments(arg.members, reply);
    }
}

fn list(options: &[&[u8]], reply: &mut Reply<'_>, visible: Visible<'_>) -> Result<(), Error> {
    let filter = Filter::parse(options)?;
    let with_subcommands = |spec| std::iter::once(spec).chain(shown_below(spec, visible));
    let listed = || shown(visible).flat_map(with_subcommands).filter(|spec| filter.lets_through(spec));
    reply.array(listed().count());
    listed().for_each(|spec| text(spec.full_name(), reply));
    Ok(())
}

/// What COMMAND LIST is narrowed to.
enum Filter<'a> {
    All,
    /// Commands of a module, of which there are none.
    Module,
    Category(Option<u32>),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    /// Reads `FILTERBY kind value`, or nothing.
    fn parse(options: &[&'a [u8]]) -> Result<Filter<'a>, Error> {
        let [word, kind, value] = options else {
            return if options.is_empty() { Ok(Filter::All) } else { Err(Error::Syntax) };
        };
        if !word.eq_ignore_ascii_case(b"filterby") {
            return Err(Error::Syntax);
        }
        match kind.to_ascii_lowercase().as_slice() {
            b"module" => Ok(Filter::Module),
            b"aclcat" => Ok(Filter::Category(acl::by_name(value))),
            b"pattern" => Ok(Filter::Pattern(value)),
            _ => Err(Error::Syntax),
        }
    }

    fn lets_through(&self, spec: &Spec) -> bool {
        match *self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(category) => category.is_some_and(|category| spec.categories() & category != 0),
            Filter::Pattern(pattern) => glob::matches(pattern, spec.full_name().as_bytes(), glob::Case::Insensitive),
        }
    }
}

/// COMMAND GETKEYS and GETKEYSANDFLAGS: `write` writes a key and its access bits.
fn keys(
    command: &[&[u8]],
    reply: &mut Reply<'_>,
    visible: Visible<'_>,
    write: impl Fn(&mut Reply<'_>, &[u8], u16),
) -> Result<(), Error> {
    let spec = lookup(command).filter(|spec| visible(spec)).ok_or(Error::new("ERR Invalid command specified"))?;
    if !spec.has_keys() {
        return Err(Error::new("ERR The command has no key arguments"));
    }
    if !spec.arity_fits(command.len()) {
        return Err(Error::new("ERR Invalid number of arguments specified for command"));
    }
    let mut found = Vec::new();
    key_positions(spec, command, &mut found);
    if found.is_empty() && !spec.is(flag::NO_MANDATORY_KEYS) {
        return Err(Error::new("ERR Invalid arguments specified for command"));
    }
    reply.array(found.len());
    for KeyUse { position, access } in found {
        write(reply, command[position], access);
    }
    Ok(())
}

/// The set of the names of those bits that are set.
fn names<B: Into<u32> + Copy>(bits: B, known: &[(B, &str)], reply: &mut Reply<'_>) {
    let set = known.iter().filter(|(bit, _)| bits.into() & (*bit).into() != 0);
    reply.set(set.clone().count());
    set.for_each(|(_, name)| reply.simple(name));
}

fn text(text: &str, reply: &mut Reply<'_>) {
    reply.bulk(text.as_bytes());
}

fn pair(name: &str, value: &str, reply: &mut Reply<'_>) {
    text(name, reply);
    text(value, reply);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Proto;

    /// The reply to a command line, its lines joined by spaces.
    fn ask(proto: Proto, line: &str, visible: impl Fn(&Spec) -> bool) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, proto);
        if let Err(error) = command(&args, &mut reply, visible) {
            reply.error(&error);
        }
        String::from_utf8_lossy(&out).trim_end().replace("\r\n", " ")
    }

    fn told(line: &str) -> String {
        ask(Proto::Resp2, line, |_| true)
    }

    #[test]
    fn info_is_written_in_both_protocols() {
        let keys2 = "*6 $5 flags *2 +RO +access $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 \
                     $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0";
        assert_eq!(
            told("COMMAND INFO get nope"),
            format!("*2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 {keys2} *0 $-1")
        );
        let keys3 = "%3 $5 flags ~2 +RO +access $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 \
                     $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :0 $7 keystep :1 $5 limit :0";
        assert_eq!(
            ask(Proto::Resp3, "COMMAND INFO get nope", |_| true),
            format!("*2 *10 $3 get :2 ~2 +readonly +fast :1 :1 :1 ~3 +@read +@string +@fast ~0 ~1 {keys3} ~0 _")
        );
    }

    #[test]
    fn docs_leave_out_what_is_not_known() {
        let summary = "Gives up a transaction.";
        assert_eq!(
            ask(Proto::Resp3, "COMMAND DOCS discard nope", |_| true),
            format!(
                "%1 $7 discard %4 $7 summary ${} {summary} $5 since $5 2.0.0 $5 group $12 transactions \
                 $10 complexity $45 O(N), when N is the number of queued commands",
                summary.len()
            )
        );
    }

    #[test]
    fn subcommands_are_named_with_their_container() {
        assert!(told("COMMAND INFO config|get").starts_with("*1 *10 $10 config|get :-3"));
        assert_eq!(told("COMMAND INFO get|x"), "*1 $-1");
        assert_eq!(told("COMMAND INFO a|b|c"), "*1 $-1");
    }

    #[test]
    fn a_list_can_be_filtered() {
        assert_eq!(told("COMMAND LIST FILTERBY PATTERN CONFIG|[g-h]*"), "*2 $10 config|get $11 config|help");
        assert_eq!(told("COMMAND LIST filterby aclcat nope"), "*0");
        assert_eq!(told("COMMAND LIST filterby module x"), "*0");
        assert_eq!(told("COMMAND LIST filterby pattern"), "-ERR syntax error");
        assert_eq!(told("COMMAND LIST filterby age 3"), "-ERR syntax error");
    }

    #[test]
    fn keys_are_told_or_refused_with_a_reason() {
        assert_eq!(told("COMMAND GETKEYS mset a 1 b 2"), "*2 $1 a $1 b");
        assert_eq!(told("COMMAND GETKEYSANDFLAGS get a"), "*1 *2 $1 a *2 +RO +access");
        assert_eq!(told("COMMAND GETKEYS eval s 0"), "*0");
        assert_eq!(told("COMMAND GETKEYS xread x a 0"), "-ERR Invalid arguments specified for command");
        assert_eq!(told("COMMAND GETKEYS get"), "-ERR Invalid number of arguments specified for command");
        assert_eq!(told("COMMAND GETKEYS ping"), "-ERR The command has no key arguments");
        assert_eq!(told("COMMAND GETKEYS nope"), "-ERR Invalid command specified");
    }

    #[test]
    fn only_what_the_node_has_is_shown() {
        let visible = |spec: &Spec| ["get", "config", "config|get"].contains(&spec.full_name());
        let ask = |line| ask(Proto::Resp2, line, visible);
        assert_eq!(ask("COMMAND COUNT"), ":2");
        assert_eq!(ask("COMMAND LIST"), "*3 $3 get $6 config $10 config|get");
        assert_eq!(ask("COMMAND INFO set config|set"), "*2 $-1 $-1");
        assert!(ask("COMMAND INFO config").ends_with("*0 *0 *0"), "the only subcommand comes last and has none");
        assert_eq!(ask("COMMAND GETKEYS set a b"), "-ERR Invalid command specified");
    }

    #[test]
    fn help_tells_how_to_call_each_subcommand() {
        let help = told("COMMAND HELP");
        assert!(help.starts_with("*17 +COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"), "{help}");
        assert!(help.ends_with("+HELP +    Prints this help."));
    }
}
