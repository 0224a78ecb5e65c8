//! The control plane must take any sequence of packets, over any links, of known nodes and of strangers: nothing that others
//! say may make it panic or contradict itself. The input is read as steps: real packets with some bytes changed, and time.
//! Run with `cargo +nightly fuzz run bus`.
#![no_main]

use coreslot::cluster::load::LoadError;
use coreslot::cluster::now::Now;
use coreslot::cluster::options::Options;
use coreslot::cluster::wire::codec::{decode, encode};
use coreslot::cluster::{Action, Cluster, LinkEnd, LinkId};
use libfuzzer_sys::fuzz_target;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::sync::LazyLock;

const NODES: usize = 4;

/// Three primaries and a replica of the first, as node `me` has them on its disk. Few slots are soon loaded.
fn nodes_conf(me: usize) -> String {
    let id = |node: usize| char::from(b'a' + node as u8).to_string().repeat(40);
    let line = |node: usize| {
        let myself = if node == me { "myself," } else { "" };
        let (role, primary, slots) = match node {
            3 => ("slave", id(0), String::new()),
            _ => (
                "master",
                "-".into(),
                format!(" {}-{}", node * 8, node * 8 + 7),
            ),
        };
        let epoch = node % 3 + 1;
        format!(
            "{} 10.0.0.{node}:7000@17000 {myself}{role} {primary} 0 1 {epoch} connected{slots}\n",
            id(node)
        )
    };
    (0..NODES).map(line).collect::<String>() + "vars currentEpoch 3 lastVoteEpoch 0\n"
}

fn load(text: &str, now: Now) -> Result<Cluster, LoadError> {
    let options = Options {
        port: 7000,
        require_full_coverage: false,
        ..Options::default()
    };
    Cluster::load(options, Xoshiro256PlusPlus::seed_from_u64(1), text, now)
}

fn node(me: usize, now: Now) -> Cluster {
    let random = Xoshiro256PlusPlus::seed_from_u64(me as u64);
    Cluster::load(
        Options {
            port: 7000,
            ..Options::default()
        },
        random,
        &nodes_conf(me),
        now,
    )
    .expect("a valid file")
}

const START: Now = Now {
    unix_ms: 1_700_000_000_000,
    mono_ms: 1_000_000,
};

/// What each node sends when it begins.
static TEMPLATES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let (now, mut packets) = (START, Vec::new());
    for me in 0..NODES {
        let mut cluster = node(me, now);
        let mut actions = cluster.tick(now);
        for link in 0..NODES as u64 {
            actions.extend(cluster.opened(LinkId(link), "10.0.0.9", now));
        }
        for action in actions {
            if let Action::Send(_, packet) = action {
                let mut bytes = Vec::new();
                encode(&packet, &mut bytes);
                packets.push(bytes);
            }
        }
    }
    packets
});

fuzz_target!(|input: &[u8]| {
    let (mut now, mut saved) = (START, None);
    let Some((first, mut rest)) = input.split_first() else {
        return;
    };
    let me = usize::from(*first) % NODES;
    let mut cluster = node(me, now);
    let mut dialed: Vec<LinkId> = Vec::new();
    while let Some((step, more)) = rest.split_first_chunk::<8>() {
        rest = more;
        let [what, which, kind, places @ ..] = *step;
        let link = match dialed.get(usize::from(which % 8)) {
            Some(link) if which >= 128 => *link,
            _ => LinkId(LinkId::INBOUND + u64::from(which % 8)),
        };
        let actions = match what % 8 {
            0 => {
                now.mono_ms += u64::from(kind) * 100;
                now.unix_ms += u64::from(kind) * 100;
                cluster.tick(now)
            }
            1 => cluster.opened(link, "10.0.0.7", now),
            2 => cluster.closed(
                link,
                if kind & 1 == 0 {
                    LinkEnd::Refused
                } else {
                    LinkEnd::Lost
                },
                now,
            ),
            _ => {
                let mut bytes = TEMPLATES[usize::from(what) / 8 % TEMPLATES.len()].clone();
                // Of this kind, with one byte changed anywhere and one near the beginning.
                (bytes[12], bytes[13]) = (0, kind % 11);
                let [high, low, value, early, early_value] = places;
                let at = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
                (bytes[at], bytes[16 + usize::from(early % 64)]) = (value, early_value);
                let Ok(packet) = decode(&bytes) else { continue };
                cluster.received(link, packet, "10.0.0.7", now)
            }
        };
        for action in &actions {
            match action {
                Action::Connect { link, .. } => dialed.push(*link),
                Action::SaveConfig => saved = Some(cluster.nodes_conf()),
                Action::Send(_, packet) => {
                    let mut bytes = Vec::new();
                    encode(packet, &mut bytes);
                    assert!(decode(&bytes).is_ok(), "others would drop {packet:?}");
                }
                _ => {}
            }
        }
    }
    if let Some(text) = saved {
        let loaded = load(&text, now);
        assert!(loaded.is_ok(), "what was saved cannot be loaded: {text}");
    }
});
