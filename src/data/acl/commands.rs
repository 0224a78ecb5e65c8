//! The commands that a selector allows: one bit each, and the rules that would make the same bits again.

use crate::data::command::spec::{self, COUNT, Spec, acl, commands};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One word more than the table needs at least one bit of: the last bit is that of commands to come.
const WORDS: usize = COUNT / 64 + 1;
const FUTURE: usize = WORDS * 64 - 1;

type Bits = [u64; WORDS];

/// A category's commands.
struct Category {
    bit: u32,
    name: &'static str,
    /// Those that are in it.
    members: Bits,
    /// Those that a rule about it changes: with a container, all of its subcommands.
    reached: Bits,
}

static CATEGORIES: LazyLock<Vec<Category>> = LazyLock::new(|| {
    let category = |(bit, name): &(u32, &'static str)| {
        let mut category = Category { bit: *bit, name, members: [0; WORDS], reached: [0; WORDS] };
        for spec in spec::all().iter().filter(|spec| spec.categories() & bit != 0) {
            put(&mut category.members, spec.id(), true);
            with_subcommands(spec, |id| put(&mut category.reached, id, true));
        }
        category
    };
    acl::NAMES.iter().map(category).collect()
});

fn has(bits: &Bits, id: usize) -> bool {
    bits[id / 64] >> (id % 64) & 1 == 1
}

fn put(bits: &mut Bits, id: usize, value: bool) {
    let bit = 1 << (id % 64);
    if value { bits[id / 64] |= bit } else { bits[id / 64] &= !bit }
}

fn with_subcommands(spec: &Spec, mut visit: impl FnMut(usize)) {
    visit(spec.id());
    spec.subcommands().iter().for_each(|sub| visit(sub.id()));
}

/// See the module's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    bits: Bits,
    /// Whether nothing was taken away since all was given: then no bit needs to be looked at.
    all: bool,
    /// First arguments with which a command is allowed that otherwise is not, by the command's id.
    first_args: BTreeMap<usize, Vec<Box<[u8]>>>,
}

impl Commands {
    /// None, or all with those to come.
    pub fn new(all: bool) -> Commands {
        Commands { bits: [if all { u64::MAX } else { 0 }; WORDS], all, first_args: BTreeMap::new() }
    }

    /// Whether all commands are allowed.
    pub fn are_all(&self) -> bool {
        self.all
    }

    /// Whether this command may be called with these arguments.
    pub fn allow(&self, spec: &Spec, args: &[&[u8]]) -> bool {
        if self.all || has(&self.bits, spec.id()) {
            return true;
        }
        let place = if spec.container().is_some() { 2 } else { 1 };
        let (Some(allowed), Some(first)) = (self.first_args.get(&spec.id()), args.get(place)) else { return false };
        allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(first))
    }

    /// Allows or forbids a command with its subcommands.
    pub fn change(&mut self, spec: &Spec, allow: bool) {
        with_subcommands(spec, |id| put(&mut self.bits, id, allow));
        self.first_args.remove(&spec.id());
        self.all &= allow;
    }

    /// Allows or forbids the commands of a category, which is one bit.
    pub fn change_category(&mut self, category: u32, allow: bool) {
        for category in CATEGORIES.iter().filter(|known| known.bit == category) {
            for (word, reached) in self.bits.iter_mut().zip(category.reached) {
                *word = if allow { *word | reached } else { *word & !reached };
            }
            self.first_args.retain(|id, _| !has(&category.members, *id));
        }
        self.all &= allow;
    }

    /// Allows a command with one more first argument.
    pub fn allow_first_arg(&mut self, spec: &Spec, arg: &[u8]) {
        let allowed = self.first_args.entry(spec.id()).or_default();
        if !allowed.iter().any(|known| known.eq_ignore_ascii_case(arg)) {
            allowed.push(arg.into());
        }
    }

    /// The rules that make these bits: `+@all` or `-@all`, the categories that come nearest, and single commands.
    /// Source of the choice: Redis 7.0 `ACLDescribeSelectorCommandRules`.
    pub fn describe(&self) -> Vec<u8> {
        let additive = !has(&self.bits, FUTURE);
        let mut made = Commands::new(!additive);
        let mut rules = if additive { b"-@all".to_vec() } else { b"+@all".to_vec() };
        for category in self.best_categories(additive) {
            made.change_category(category.bit, additive);
            rules.extend_from_slice(if additive { b" +@" } else { b" -@" });
            rules.extend_from_slice(category.name.as_bytes());
        }
        for spec in commands() {
            self.describe_command(spec, &mut made, &mut rules);
            spec.subcommands().iter().for_each(|sub| self.describe_command(sub, &mut made, &mut rules));
            for arg in self.first_args.get(&spec.id()).into_iter().flatten().filter(|_| !has(&self.bits, spec.id())) {
                rules.extend([b" +", spec.full_name().as_bytes(), b"|", arg].concat());
            }
        }
        rules
    }

    /// The categories that have more commands right than wrong, the best first.
    fn best_categories(&self, additive: bool) -> Vec<&'static Category> {
        let (mut left, mut chosen) = (self.bits, Vec::new());
        let mut open: Vec<&'static Category> = CATEGORIES.iter().collect();
        loop {
            let fit = |category: &&Category| {
                let count = |bits: Bits| -> u32 { bits.iter().map(|word| word.count_ones()).sum() };
                let on = count(std::array::from_fn(|at| category.members[at] & left[at]));
                let off = count(category.members) - on;
                if additive { (on, off) } else { (off, on) }
            };
            let mut best: Option<(usize, u32, u32)> = None;
            for (at, (same, wrong)) in open.iter().map(fit).enumerate().filter(|(_, (same, wrong))| same > wrong) {
                if best.is_none_or(|(_, most, least)| wrong < least || wrong == least && same > most) {
                    best = Some((at, same, wrong));
                }
            }
            let Some((at, ..)) = best else { return chosen };
            let category = open.remove(at);
            for (word, reached) in left.iter_mut().zip(category.reached) {
                *word = if additive { *word & !reached } else { *word | reached };
            }
            chosen.push(category);
        }
    }

    fn describe_command(&self, spec: &Spec, made: &mut Commands, rules: &mut Vec<u8>) {
        let allowed = has(&self.bits, spec.id());
        if allowed != has(&made.bits, spec.id()) {
            rules.extend_from_slice(if allowed { b" +" } else { b" -" });
            rules.extend_from_slice(spec.full_name().as_bytes());
            made.change(spec, allowed);
        }
    }
}
