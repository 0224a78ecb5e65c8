//! A tiny blocking client that shows the bytes as they came: tests compare replies to the letter.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::time::Duration;

/// A reply, or whatever was read, as it came over the wire. Prints escaped; compares with text.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl Raw {
    /// Whether `text` occurs in it.
    pub fn contains(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.0).contains(text)
    }

    /// As text, for parsing.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// An integer reply.
    pub fn int(&self) -> i64 {
        let text = self.text();
        text.strip_prefix(':').and_then(|rest| rest.trim_end().parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The bulk strings of a RESP2 reply, in order, whatever they are nested in.
    pub fn strings(&self) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text.split("\r\n").collect();
        let headed = lines.windows(2).filter(|pair| pair[0].starts_with('$') && pair[0] != "$-1");
        headed.map(|pair| pair[1].to_owned()).collect()
    }
}

impl Deref for Raw {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<&str> for Raw {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(400)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() { write!(f, " ... ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

/// One connection to a server.
pub struct Client {
    stream: TcpStream,
    /// Bytes that came after the last reply that was taken.
    ahead: Vec<u8>,
}

impl Client {
    /// Connects to `port` on this machine.
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port));
        Client::over(stream.unwrap_or_else(|error| panic!("cannot connect to port {port}: {error}")))
    }

    /// Speaks over `stream`. A read that takes very long fails the test instead of hanging it.
    pub fn over(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a read timeout");
        stream.set_write_timeout(Some(Duration::from_secs(30))).expect("a write timeout");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Client { stream, ahead: Vec::new() }
    }

    /// Sends one command, returns its whole reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Raw {
        self.try_call(args).unwrap_or_else(|error| panic!("no reply to {:?}: {error}", Raw(encode(args))))
    }

    /// Sends one command, written with single spaces between its words; returns its whole reply.
    pub fn run(&mut self, line: &str) -> Raw {
        self.call(&line.split(' ').collect::<Vec<_>>())
    }

    /// Sends one command like [`Client::run`], and does not wait for its reply.
    pub fn begin(&mut self, line: &str) {
        self.send(&encode(&line.split(' ').collect::<Vec<_>>()));
    }

    /// Like [`Client::call`], for connections that may end.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Raw> {
        self.stream.write_all(&encode(args))?;
        self.try_reply()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes the bytes");
    }

    /// Like [`Client::send`], for connections that may end.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next whole reply.
    pub fn reply(&mut self) -> Raw {
        self.try_reply().expect("a reply")
    }

    /// Like [`Client::reply`], for connections that may end.
    pub fn try_reply(&mut self) -> io::Result<Raw> {
        loop {
            if let Some(length) = reply_length(&self.ahead) {
                let rest = self.ahead.split_off(length);
                return Ok(Raw(std::mem::replace(&mut self.ahead, rest)));
            }
            if self.read_more()? == 0 {
                let message = format!("the server closed the connection after {:?}", Raw(self.ahead.clone()));
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
        }
    }

    /// All that still comes until the server closes the connection, or resets it.
    pub fn read_to_end(mut self) -> Raw {
        loop {
            match self.read_more() {
                Ok(0) => return Raw(self.ahead),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Raw(self.ahead),
                Err(error) => panic!("the server keeps the connection open: {error}; came: {:?}", Raw(self.ahead)),
            }
        }
    }

    /// Tells the server that nothing more will be sent; replies can still come.
    pub fn half_close(&mut self) {
        // Fails where the server has reset the connection meanwhile: then it knows.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 64 * 1024];
        let count = loop {
            match self.stream.read(&mut chunk) {
                // A read with a timeout is not taken up again by itself after a signal.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.ahead.extend_from_slice(&chunk[..count]);
        Ok(count)
    }
}

/// A command as a client sends it.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args.iter().map(AsRef::as_ref) {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// How many bytes the first reply in `bytes` takes, RESP2 or RESP3; none while it is not whole.
fn reply_length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<i64>().ok();
    match bytes[0] {
        b'$' | b'=' | b'!' => match count()? {
            length @ 0.. => Some(line + length as usize + 2).filter(|&end| end <= bytes.len()),
            _ => Some(line),
        },
        b'*' | b'~' | b'>' => elements(bytes, line, count()?),
        b'%' => elements(bytes, line, count()? * 2),
        _ => Some(line),
    }
}

/// The end of `count` replies that start at `from`.
fn elements(bytes: &[u8], from: usize, count: i64) -> Option<usize> {
    (0..count).try_fold(from, |at, _| Some(at + reply_length(&bytes[at..])?))
}
