//! What the parser makes of good, bad and cut-up bytes.

use super::*;
use proptest::prelude::*;

type Commands = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

const MAX_BULK: u64 = 512 << 20;

/// Feeds `pieces` one after the other, as a connection does.
fn feed<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, limits: &Limits) -> Commands {
    let (mut buffer, mut state, mut out, mut commands) = (Vec::new(), ParseState::default(), Args::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            out.clear();
            let consumed = match parse(&buffer, &mut state, limits, &mut out) {
                Parsed::Command { consumed } => {
                    commands.push(out.iter().map(|span| span.of(&buffer).to_vec()).collect());
                    consumed
                }
                Parsed::Inline { consumed, args } => {
                    commands.push(args);
                    consumed
                }
                Parsed::Empty { consumed } => consumed,
                Parsed::Incomplete { need } => {
                    assert!(need > buffer.len() && need <= (2 * buffer.len()).max(buffer.len() + READ_AHEAD));
                    assert!(out.is_empty());
                    break;
                }
                Parsed::Error(error) => return (commands, Some(error)),
            };
            buffer.drain(..consumed);
        }
    }
    (commands, None)
}

fn authenticated() -> Limits {
    Limits::new(MAX_BULK, true)
}

fn whole(input: &[u8]) -> Commands {
    feed([input], &authenticated())
}

fn error_of(input: &[u8]) -> Option<String> {
    whole(input).1.map(|error| error.to_string())
}

fn encode(command: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for arg in command {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[test]
fn reads_a_multibulk() {
    assert_eq!(whole(b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n"), (vec![vec![b"GET".to_vec(), vec![]]], None));
}

#[test]
fn a_batch_shares_one_list_of_arguments() {
    let (input, mut state, mut out) = (b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n", ParseState::default(), Args::new());
    let first = parse(input, &mut state, &authenticated(), &mut out);
    assert_eq!(first, Parsed::Command { consumed: 14 });
    parse(&input[14..], &mut state, &authenticated(), &mut out);
    assert_eq!((out[0].of(input), out[1].of(&input[14..])), (&b"PING"[..], &b"QUIT"[..]));
}

#[test]
fn reads_lengths_of_any_number_of_digits() {
    for len in [0, 9, 10, 99, 100, 999, 1000, 12_345, 100_000] {
        let command = vec![vec![b'x'; len]];
        assert_eq!(whole(&encode(&command)), (vec![command], None), "{len}");
    }
}

#[test]
fn skips_what_says_nothing() {
    assert_eq!(whole(b"*0\r\n*-1\r\n\r\n\n  \r\nPING\r\n"), (vec![vec![b"PING".to_vec()]], None));
}

#[test]
fn line_ends_are_not_looked_at() {
    assert_eq!(whole(b"*1\r-$4\r-PING--PING\n").0.len(), 2);
}

#[test]
fn errors_are_those_of_redis() {
    let long = |start: &str| [start.as_bytes(), &vec![b'1'; MAX_INLINE + 1]].concat();
    for (input, text) in [
        (b"*3000000000\r\n".to_vec(), "invalid multibulk length"),
        (b"*+1\r\n".to_vec(), "invalid multibulk length"),
        (b"*01\r\n".to_vec(), "invalid multibulk length"),
        (b"*\r\n".to_vec(), "invalid multibulk length"),
        (b"*1 \r\n".to_vec(), "invalid multibulk length"),
        (b"*1\r\nPING\r\n".to_vec(), "expected '$', got 'P'"),
        (b"*1\r\n\r\n".to_vec(), "expected '$', got '\r'"),
        (b"*1\r\n$-1\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$-0\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$x\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$536870913\r\n".to_vec(), "invalid bulk length"),
        (b"*1\r\n$99999999999999999999\r\n".to_vec(), "invalid bulk length"),
        (long("*"), "too big mbulk count string"),
        (long("*1\r\n$"), "too big bulk count string"),
        (long("SET"), "too big inline request"),
        (b"SET \"a\r\n".to_vec(), "unbalanced quotes in request"),
    ] {
        assert_eq!(
            error_of(&input),
            Some(format!("ERR Protocol error: {text}")),
            "{:?}",
            input.escape_ascii().to_string()
        );
    }
}

#[test]
fn before_authentication_little_may_be_sent() {
    let error = |input: &[u8]| feed([input], &Limits::new(MAX_BULK, false)).1;
    assert_eq!(error(b"*10\r\n$16384\r\n"), None);
    assert_eq!(error(b"*11\r\n"), Some(ProtocolError::UnauthenticatedMultibulkLength));
    assert_eq!(error(b"*1\r\n$16385\r\n"), Some(ProtocolError::UnauthenticatedBulkLength));
    assert_eq!(error(b"*1\r\n$536870913\r\n"), Some(ProtocolError::InvalidBulkLength));
}

#[test]
fn an_announced_length_reserves_no_more_than_what_came() {
    let (mut state, mut out) = (ParseState::default(), Args::new());
    let mut input = b"*1\r\n$100000\r\n".to_vec();
    assert_eq!(parse(&input, &mut state, &authenticated(), &mut out), Parsed::Incomplete { need: 13 + READ_AHEAD });
    input.resize(40_000, b'x');
    assert_eq!(parse(&input, &mut state, &authenticated(), &mut out), Parsed::Incomplete { need: 80_000 });
    input.resize(80_000, b'x');
    assert_eq!(parse(&input, &mut state, &authenticated(), &mut out), Parsed::Incomplete { need: 100_015 });
}

#[test]
fn a_million_arguments_in_pieces_are_read_once() {
    let input = encode(&vec![b"x".to_vec(); 1 << 20]);
    let (mut state, mut out, mut end) = (ParseState::default(), Args::new(), 0);
    // Each call goes on behind the last whole argument: what was read before may be overwritten.
    let mut seen = input.clone();
    loop {
        end = input.len().min(end + 16 * 1024);
        match parse(&seen[..end], &mut state, &authenticated(), &mut out) {
            Parsed::Command { consumed } => break assert_eq!((consumed, out.len()), (input.len(), 1 << 20)),
            Parsed::Incomplete { .. } => {
                let read = state.partial.as_ref().map_or(0, |partial| partial.cursor.at);
                assert!(read + 6 >= end);
                seen[..read].fill(b'!');
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_line_in_pieces_is_searched_once() {
    let (mut state, mut out, mut input) = (ParseState::default(), Args::new(), Vec::new());
    for len in 1..=1000 {
        input.push(b'x');
        assert!(matches!(parse(&input, &mut state, &authenticated(), &mut out), Parsed::Incomplete { .. }));
        assert_eq!(state.searched, len);
    }
}

fn any_arg() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..20),
        1 => prop::collection::vec(any::<u8>(), 90..1100),
    ]
}

fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::collection::vec(any_arg(), 1..6).prop_map(|command| encode(&command)),
        2 => "[a-c \"'\\\\xn4]{0,12}\r?\n".prop_map(String::into_bytes),
        1 => prop::sample::select(vec![&b"*0\r\n"[..], b"*-1\r\n", b"*1\r\n$-1\r\n", b"\r\n"]).prop_map(<[u8]>::to_vec),
        1 => "[*$0-9\r\n-]{0,12}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cuts_change_nothing(stream in any_stream(), seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(stream.len());
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let pieces: Vec<&[u8]> = starts.zip(&cuts).map(|(start, end)| &stream[start..*end]).collect();
        prop_assert_eq!(feed(pieces, &authenticated()), whole(&stream));
    }

    #[test]
    fn single_bytes_give_the_same_as_the_whole(stream in any_stream()) {
        prop_assert_eq!(feed(stream.chunks(1), &authenticated()), whole(&stream));
    }

    #[test]
    fn garbage_is_no_panic(stream in prop::collection::vec(any::<u8>(), 0..200), unauthenticated: bool) {
        feed(stream.chunks(7), &Limits::new(MAX_BULK, !unauthenticated));
    }
}
