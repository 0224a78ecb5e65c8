//! `user` lines. There is no ACL yet, but Redis writes a line for the default user into every file it
//! rewrites, and those files must load. A line that takes a right away must not be ignored.

const REFUSED: &str =
    "user is not possible: this build has no ACL yet, only the default user with all rights and one password";

/// What a line says of the default user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// Nothing, or that there is none.
    Unnamed,
    /// That it is this one.
    Plain(Vec<u8>),
    /// That it has some hash.
    Hashed,
}

/// Reads `user <name> <rules>`; anything but a default user with all rights is refused.
pub fn read(name: &[u8], rules: &[&[u8]]) -> Result<Password, &'static str> {
    let mut password = Password::Unnamed;
    let has = |wanted: &[&[u8]]| rules.iter().any(|rule| wanted.contains(rule));
    let whole = name == b"default"
        && has(&[b"on"])
        && has(&[b"~*", b"allkeys"])
        && has(&[b"&*", b"allchannels"])
        && has(&[b"+@all", b"allcommands"]);
    for rule in rules {
        match *rule {
            [b'>', plain @ ..] => password = Password::Plain(plain.to_vec()),
            [b'#', hash @ ..] if hash.len() == 64 => password = Password::Hashed,
            b"on" | b"nopass" | b"sanitize-payload" | b"skip-sanitize-payload" => {}
            b"~*" | b"allkeys" | b"&*" | b"allchannels" | b"+@all" | b"allcommands" => {}
            _ => return Err(REFUSED),
        }
    }
    if whole { Ok(password) } else { Err(REFUSED) }
}
