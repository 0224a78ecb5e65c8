//! The two sides against each other, without a socket.

use super::*;
use crate::contract::introduction::Introduction;
use rand_xoshiro::rand_core::SeedableRng;

fn primary(sync_delay: u64) -> Replication {
    let options = Options {
        port: 7000,
        user: Vec::new(),
        password: Vec::new(),
        announce_ip: Vec::new(),
        announce_port: 0,
        timeout: 60_000,
        ping_period: 10_000,
        backlog_size: 1 << 20,
        backlog_ttl: 3_600_000,
        diskless: true,
        sync_delay,
        sync_replicas: 0,
        load: options::Load::Spooled,
        priority: 100,
        read_only: true,
        announced: true,
        min_replicas: 0,
        max_lag: 10,
        output_limit: crate::contract::settings::Settings::default().output_limit_replica,
    };
    let random = Xoshiro256PlusPlus::seed_from_u64(1);
    Replication::new(options, 1, random, |_| Vec::new(), Box::new(|_| Target::Core(CoreId(0))), Box::new(|_| None))
}

/// Does what needs no other party: whether a snapshot began.
fn carry_out(replication: &mut Replication) -> bool {
    let mut began = false;
    loop {
        let actions = replication.take_actions();
        if actions.is_empty() {
            return began;
        }
        for action in actions {
            match action {
                Action::Stand(_) => replication.stood(),
                Action::Send(link, bytes) => replication.sent(link, bytes.len()),
                Action::Cut(_) => began = true,
                _ => {}
            }
        }
    }
}

#[test]
fn a_snapshot_begins_when_its_delay_is_over_though_the_replica_is_told_to_be_patient() {
    let mut replication = primary(5000);
    let who = Introduction { knows_end_mark: true, psync2: true, ..Introduction::default() };
    let link = replication.new_link();
    replication.synchronise(link, who, None, &[]);
    let began = (0..100).find(|tick| {
        replication.tick(tick * 100);
        carry_out(&mut replication)
    });
    assert_eq!(began, Some(50));
}
