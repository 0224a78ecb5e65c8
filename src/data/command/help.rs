//! What every command with subcommands has: HELP, and the error that points to it.

use crate::resp::{Error, Reply};

/// Writes the help of `container` (upper case): the usage line, its own `lines`, and HELP itself.
pub fn write(reply: &mut Reply<'_>, container: &str, lines: &[&str]) {
    reply.array(lines.len() + 3);
    reply.simple(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        reply.simple(line);
    }
    reply.simple("HELP");
    reply.simple("    Prints this help.");
}

/// The error for a subcommand whose arguments fit none of its forms. `args` is the whole command.
pub fn syntax_error(args: &[&[u8]]) -> Error {
    const LONGEST: usize = 128;
    let text = |index: usize| args.get(index).map(|arg| String::from_utf8_lossy(&arg[..arg.len().min(LONGEST)]));
    let (container, subcommand) = (text(0).unwrap_or_default().to_uppercase(), text(1).unwrap_or_default());
    Error::new(format!("ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {container} HELP."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Proto;

    #[test]
    fn help_is_an_array_of_status_lines_that_ends_with_itself() {
        let mut out = Vec::new();
        write(&mut Reply::new(&mut out, Proto::Resp2), "SLOWLOG", &["LEN", "    Return."]);
        let expected = "*5\r\n+SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n+LEN\r\n+    Return.\r\n+HELP\r\n+    Prints this help.\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
