//! The table as a page of markdown: `coreslot --help-directives`.

use super::directive::{Directive, Meaning};
use super::table::GROUPS;
use std::fmt::Write;

/// Every directive in its group: name, values, default, whether CONFIG SET may change it, and what it does.
pub fn markdown() -> String {
    let mut page = String::from("# Directives of coreslot\n");
    for group in &GROUPS {
        let _ = write!(
            page,
            "\n## {}\n\n| directive | values | default | CONFIG SET | |\n|---|---|---|---|---|\n",
            group.title
        );
        for row in group.rows.iter().filter(|row| !row.hidden) {
            page.push_str(&line(row));
        }
    }
    page
}

fn line(row: &Directive) -> String {
    let alias = row.alias.map(|alias| format!(" (`{alias}`)")).unwrap_or_default();
    let values = row.kind.shape().replace('|', " \\| ");
    let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
    let mutable = if row.mutable && row.is_parameter() { "yes" } else { "no" };
    let note = match row.meaning {
        Meaning::Active => String::new(),
        Meaning::Accepted(reason) => format!(" *Accepted without effect: {reason}.*"),
        Meaning::Refused(reason) => format!(" *Refused: {reason}.*"),
    };
    format!("| `{}`{alias} | {values} | {default} | {mutable} | {}{note} |\n", row.name, row.doc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::config::table;

    #[test]
    fn every_directive_that_is_not_hidden_has_one_line_of_five_cells() {
        let page = markdown();
        for row in table::all().filter(|row| !row.hidden) {
            let start = format!("| `{}`", row.name);
            let lines: Vec<&str> = page.lines().filter(|line| line.starts_with(&start)).collect();
            assert_eq!(lines.len(), 1, "{}", row.name);
            assert_eq!(lines[0].replace("\\|", "").matches('|').count(), 6, "{}", lines[0]);
        }
    }
}
