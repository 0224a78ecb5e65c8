//! FAILOVER, as the office reads it. What it does is in [`replication::failover`](crate::replication::failover).

use super::NodeOffice;
use crate::cores::bus_core::Outgoing;
use crate::data::plane::message::BusCommand;
use crate::resp::Error;

/// What the words ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    target: Option<(String, u16)>,
    timeout: Option<u64>,
    force: bool,
    abort: bool,
}

impl NodeOffice {
    /// FAILOVER.
    pub(super) fn fail_over(&mut self, command: &BusCommand, outgoing: &mut Outgoing) -> Result<(), Error> {
        if self.config.flag("cluster-enabled") {
            return Err(Error::new("ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead."));
        }
        let Wanted { target, timeout, force, abort } = read(&command.args[1..])?;
        let mut done = Ok(());
        self.with_replication(outgoing, |replication| {
            done = if abort { replication.abort_failover() } else { replication.fail_over(target, timeout, force) };
        });
        done.map_err(|reason| Error::new(format!("ERR {reason}")))
    }
}

fn read(words: &[Vec<u8>]) -> Result<Wanted, Error> {
    let number = |word: &[u8]| std::str::from_utf8(word).ok().and_then(|text| text.parse::<i64>().ok());
    let mut wanted = Wanted::default();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        rest = match (word.to_ascii_lowercase().as_slice(), after) {
            (b"abort", []) if words.len() == 1 => {
                wanted.abort = true;
                after
            }
            (b"timeout", [time, after @ ..]) if wanted.timeout.is_none() => {
                let time = number(time).ok_or(Error::NotAnInteger)?;
                if time <= 0 {
                    return Err(Error::new("ERR FAILOVER timeout must be greater than 0"));
                }
                wanted.timeout = Some(time as u64);
                after
            }
            (b"to", [host, port, after @ ..]) if wanted.target.is_none() => {
                let port = number(port).ok_or(Error::NotAnInteger)?;
                // No replica has a port that is none.
                let port = u16::try_from(port).unwrap_or(0);
                wanted.target = Some((String::from_utf8_lossy(host).into_owned(), port));
                after
            }
            (b"force", _) if !wanted.force => {
                wanted.force = true;
                after
            }
            _ => return Err(Error::Syntax),
        };
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str) -> Result<Wanted, Error> {
        read(&line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn the_words_may_come_in_any_order_but_only_once() {
        let wanted = read_line("timeout 100 FORCE to host 7000").unwrap();
        let target = Some(("host".to_owned(), 7000));
        assert_eq!(wanted, Wanted { target, timeout: Some(100), force: true, abort: false });
        assert_eq!(read_line("").unwrap(), Wanted::default());
        assert!(read_line("abort").unwrap().abort);
        for bad in
            ["abort force", "to host", "to a 1 to b 2", "timeout 1 timeout 2", "timeout 0", "soon", "force force"]
        {
            assert!(read_line(bad).is_err(), "{bad}");
        }
    }
}
