//! Lines that only a configuration file can have: orders, not values. CONFIG does not know them.

use super::NO_MODULES;
use crate::node::config::directive::{Directive, Kind, Line, special};

const OBSOLETE: &str = "Redis 7.0 reads this and forgets it, too";

pub(super) const ROWS: &[Directive] = &[
    special("include", Kind::Line(Line::Include), "", "Read another file, or all that match a pattern, at this place."),
    special(
        "rename-command",
        Kind::Line(Line::RenameCommand),
        "",
        "Call a command by another name, or by none if that is empty.",
    )
    .without_effect("commands keep their names in this build"),
    special("user", Kind::Line(Line::User), "", "Define an ACL user by its name and rules."),
    special("sentinel", Kind::Line(Line::Sentinel), "", "Configure Sentinel.").refused("coreslot is no Sentinel"),
    special("loadmodule", Kind::Line(Line::LoadModule), "", "Load a module from a shared library.").refused(NO_MODULES),
    special("list-max-ziplist-entries", Kind::Line(Line::Forgotten), "", "An obsolete limit of lists.")
        .hidden()
        .without_effect(OBSOLETE),
    special("list-max-ziplist-value", Kind::Line(Line::Forgotten), "", "An obsolete limit of lists.")
        .hidden()
        .without_effect(OBSOLETE),
    special("lua-replicate-commands", Kind::Line(Line::Forgotten), "", "An obsolete switch of script replication.")
        .hidden()
        .without_effect(OBSOLETE),
];
