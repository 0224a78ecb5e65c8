//! Every error text a client can be sent, in one file. Texts are Redis 7.0's, to the letter.

use std::borrow::Cow;

/// Why a command was refused. `Display` is the line on the wire without `-` and CRLF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key holds another type.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// Arguments do not fit the command's grammar.
    #[error("ERR syntax error")]
    Syntax,
    /// An integer argument or value is not one, or is beyond 64 bits.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// A float argument or value is not one.
    #[error("ERR value is not a valid float")]
    NotAFloat,
    /// The key does not exist where one is needed.
    #[error("ERR no such key")]
    NoSuchKey,
    /// An index is out of range.
    #[error("ERR index out of range")]
    IndexOutOfRange,
    /// An offset is out of range.
    #[error("ERR offset is out of range")]
    OffsetOutOfRange,
    /// A result would be beyond 64 bits.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// A string would grow beyond proto-max-bulk-len.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// A TTL that cannot be. Holds the command's name, lower case.
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(Cow<'static, str>),
    /// Wrong number of arguments. Holds the command's full name, lower case.
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    /// Keys of one command lie in different slots.
    #[error("CROSSSLOT Keys in request don't hash to the same slot")]
    CrossSlot,
    /// The slot of the key has no owner.
    #[error("CLUSTERDOWN Hash slot not served")]
    SlotNotServed,
    /// The whole cluster is down.
    #[error("CLUSTERDOWN The cluster is down")]
    ClusterDown,
    /// Writing is refused for lack of memory.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// Writing is refused for lack of replicas.
    #[error("NOREPLICAS Not enough good replicas to write.")]
    NotEnoughReplicas,
    /// Any other text, code word included.
    #[error("{0}")]
    Other(Cow<'static, str>),
    /// The same, repeating what a client sent, which need not be text.
    #[error("{}", String::from_utf8_lossy(.0))]
    Bytes(Vec<u8>),
}

impl Error {
    /// An error with a text of its own; `text` starts with its code word (`ERR ...`).
    pub fn new(text: impl Into<Cow<'static, str>>) -> Error {
        Error::Other(text.into())
    }

    /// No command of this name. `args` are those after the name.
    pub fn unknown_command(name: &[u8], args: &[&[u8]]) -> Error {
        let mut shown = Vec::new();
        for arg in args {
            if shown.len() >= SHOWN {
                break;
            }
            let room = SHOWN - shown.len();
            shown.push(b'\'');
            shown.extend_from_slice(up_to(arg, room));
            shown.extend_from_slice(b"' ");
        }
        let name = up_to(name, SHOWN);
        Error::Bytes([b"ERR unknown command '", name, b"', with args beginning with: ", &shown].concat())
    }

    /// `container` is a command, but has no subcommand of this name.
    pub fn unknown_subcommand(container: &[u8], name: &[u8]) -> Error {
        let (container, name) = (container.to_ascii_uppercase(), up_to(name, SHOWN));
        Error::Bytes([b"ERR unknown subcommand '", name, b"'. Try ", &container, b" HELP."].concat())
    }
}

/// How many bytes of a client's own words an error text repeats, about.
const SHOWN: usize = 128;

/// At most `length` bytes, up to a NUL: Redis formats them as C strings.
fn up_to(bytes: &[u8], length: usize) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(length)];
    &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_shown_with_about_128_bytes_of_its_arguments() {
        let told = |name: &[u8], args: &[&[u8]]| Error::unknown_command(name, args).to_string();
        assert_eq!(told(b"nope", &[b"a", b"b"]), "ERR unknown command 'nope', with args beginning with: 'a' 'b' ");
        assert_eq!(told(b"nope", &[]), "ERR unknown command 'nope', with args beginning with: ");
        let (long, rest) = ([b'x'; 200], [b'y'; 100]);
        assert_eq!(
            told(&long, &[&rest, &rest, b"z"]),
            format!(
                "ERR unknown command '{}', with args beginning with: '{}' '{}' ",
                "x".repeat(128),
                "y".repeat(100),
                "y".repeat(25)
            )
        );
    }

    #[test]
    fn an_unknown_subcommand_names_its_container_in_capitals() {
        let error = Error::unknown_subcommand(b"config", b"no\0pe");
        assert_eq!(error.to_string(), "ERR unknown subcommand 'no'. Try CONFIG HELP.");
    }
}
