//! Secrets in commands: what the slow log, and whoever else shows commands, shows in their place.

const REDACTED: &[u8] = b"(redacted)";

/// Directives whose values are secrets.
const SECRET: [&str; 5] = ["requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"];

/// `args` without their secrets.
pub fn redacted<'a>(args: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut shown = args.to_vec();
    let is =
        |place: usize, word: &str| args.get(place).is_some_and(|arg: &&[u8]| arg.eq_ignore_ascii_case(word.as_bytes()));
    let mut hide = |place: usize| {
        if let Some(arg) = shown.get_mut(place) {
            *arg = REDACTED;
        }
    };
    if is(0, "auth") || is(0, "acl") && (is(1, "setuser") || is(1, "deluser") || is(1, "getuser")) {
        let first = if is(0, "auth") { 1 } else { 2 };
        (first..args.len()).for_each(hide);
    } else if is(0, "hello") {
        if let Some(place) = (2..args.len()).find(|place| is(*place, "auth")) {
            [place + 1, place + 2].into_iter().for_each(hide);
        }
    } else if is(0, "config") && is(1, "set") {
        let secret = |place: &usize| SECRET.iter().any(|name| is(*place, name));
        (2..args.len()).step_by(2).filter(secret).for_each(|place| hide(place + 1));
    } else if is(0, "migrate") {
        // Behind KEYS there are only keys.
        let end = (6..args.len()).find(|place| is(*place, "keys")).unwrap_or(args.len());
        match (6..end).find(|place| is(*place, "auth") || is(*place, "auth2")) {
            Some(place) if is(place, "auth2") => [place + 1, place + 2].into_iter().for_each(hide),
            Some(place) => hide(place + 1),
            None => {}
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        String::from_utf8_lossy(&redacted(&args).join(&b' ')).into_owned()
    }

    #[test]
    fn secrets_are_not_shown_and_all_else_is() {
        assert_eq!(shown("AUTH u p"), "AUTH (redacted) (redacted)");
        assert_eq!(shown("acl setuser u +get"), "acl setuser (redacted) (redacted)");
        assert_eq!(shown("acl whoami"), "acl whoami");
        assert_eq!(shown("hello 3 setname n auth u p"), "hello 3 setname n auth (redacted) (redacted)");
        assert_eq!(shown("config set port 1 requirepass p"), "config set port 1 requirepass (redacted)");
        assert_eq!(shown("migrate h 1 k 9 5 copy AUTH p"), "migrate h 1 k 9 5 copy AUTH (redacted)");
        assert_eq!(shown("migrate h 1 k 9 5 AUTH2 u p"), "migrate h 1 k 9 5 AUTH2 (redacted) (redacted)");
        assert_eq!(shown("migrate h 1 k 9 5 keys auth a"), "migrate h 1 k 9 5 keys auth a");
        assert_eq!(shown("set auth p"), "set auth p");
    }
}
