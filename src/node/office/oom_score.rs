//! The kernel's out-of-memory score of this process, as `oom-score-adj` wants it: another for a replica than for a primary.
//!
//! Owned by the bus core's thread.

use super::NodeOffice;
use crate::node::config::Config;
use crate::node::config::value::Value;
use std::io;

const FILE: &str = "/proc/self/oom_score_adj";

/// What was done to the score.
#[derive(Default)]
pub struct OomScore {
    /// The score before it was first changed.
    base: Option<i64>,
    /// The score that was set last.
    set: Option<i64>,
}

impl OomScore {
    /// Sets the score as the configuration wants it for a replica or a primary; puts it back where it wants none.
    fn follow(&mut self, config: &Config, replica: bool) -> io::Result<()> {
        let mode = config.choice("oom-score-adj");
        let Value::OomScores(scores) = config.value("oom-score-adj-values") else { return Ok(()) };
        let wanted = scores[usize::from(replica)];
        let score = match (mode, self.base) {
            ("no", None) => return Ok(()),
            ("no", Some(base)) => base,
            ("absolute", _) => wanted,
            _ => self.base()? + wanted,
        };
        self.base()?;
        if self.set != Some(score) {
            std::fs::write(FILE, score.clamp(-1000, 1000).to_string())?;
            self.set = Some(score);
        }
        if mode == "no" {
            *self = OomScore::default();
        }
        Ok(())
    }

    fn base(&mut self) -> io::Result<i64> {
        if self.base.is_none() {
            self.base = Some(std::fs::read_to_string(FILE)?.trim().parse().map_err(io::Error::other)?);
        }
        Ok(self.base.unwrap_or(0))
    }
}

impl NodeOffice {
    /// Gives this process the score that belongs to its configuration and role.
    pub(super) fn adjust_oom_score(&mut self) -> io::Result<()> {
        let replica = self.desk_of_replication.replication.is_replica();
        self.oom_score.follow(&self.config, replica)
    }
}
