//! Which arguments of a command are secrets, so that neither the slow log nor MONITOR shows them.

use super::spec::Spec;

/// What is shown in the place of a secret.
const HIDDEN: &[u8] = b"(redacted)";

/// Directives whose values are secrets. Source: Redis 7.0 `SENSITIVE_CONFIG`.
const SECRET_DIRECTIVES: &[&str] =
    &["requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"];

/// The arguments as they may be shown; none: as they are.
pub fn redacted<'a>(spec: &Spec, args: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let is_secret: fn(&[&[u8]], usize) -> bool = match spec.full_name() {
        "auth" => |_, _| true,
        "acl|setuser" => |_, at| at >= 2,
        "hello" => |args, at| follows(args, at, b"auth", 2, 2),
        "config|set" => |args, at| at % 2 == 1 && at >= 3 && is_secret_directive(args[at - 1]),
        "migrate" => |args, at| follows(args, at, b"auth", 1, 6) || follows(args, at, b"auth2", 2, 6),
        _ => return None,
    };
    let shown = |(at, arg): (usize, &&'a [u8])| if at > 0 && is_secret(args, at) { HIDDEN } else { *arg };
    Some(args.iter().enumerate().map(shown).collect())
}

/// Whether argument `at` is one of the `count` behind `word`, which may come from argument `first` on.
fn follows(args: &[&[u8]], at: usize, word: &[u8], count: usize, first: usize) -> bool {
    (1..=count).any(|back| at >= first + back && args[at - back].eq_ignore_ascii_case(word))
}

fn is_secret_directive(name: &[u8]) -> bool {
    SECRET_DIRECTIVES.iter().any(|secret| secret.as_bytes().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::super::spec::lookup;
    use super::*;

    fn shown(line: &str) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let spec = lookup(&args).expect(line);
        String::from_utf8(redacted(spec, &args).unwrap_or(args).join(&b' ')).expect("text")
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown("AUTH pw"), "AUTH (redacted)");
        assert_eq!(shown("AUTH user pw"), "AUTH (redacted) (redacted)");
        assert_eq!(shown("ACL SETUSER u >pw on"), "ACL SETUSER (redacted) (redacted) (redacted)");
        assert_eq!(shown("ACL GETUSER u"), "ACL GETUSER u");
        assert_eq!(shown("HELLO 2 AUTH user pw SETNAME n"), "HELLO 2 AUTH (redacted) (redacted) SETNAME n");
        assert_eq!(shown("CONFIG SET hz 10 RequirePass pw"), "CONFIG SET hz 10 RequirePass (redacted)");
        assert_eq!(shown("MIGRATE h 1 auth 0 9 AUTH pw"), "MIGRATE h 1 auth 0 9 AUTH (redacted)");
        assert_eq!(
            shown("MIGRATE h 1 k 0 9 AUTH2 u pw KEYS a"),
            "MIGRATE h 1 k 0 9 AUTH2 (redacted) (redacted) KEYS a"
        );
        assert_eq!(shown("SET auth x"), "SET auth x");
    }
}
