//! The reader of nodes.conf must take any file; and what it has read, it must write so that it reads the same again. The input
//! is a file, or from a byte of 0x80 on at its start a real one with some bytes changed.
//! Run with `cargo +nightly fuzz run nodes_conf`.
#![no_main]

use coreslot::cluster::Cluster;
use coreslot::cluster::now::Now;
use coreslot::cluster::options::Options;
use libfuzzer_sys::fuzz_target;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const REAL: &str = "\
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 10.0.0.1:7000@17000,host-1 myself,master - 0 1 3 connected 0-7 9 [11->-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb]
bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.2:7000@17000 master,fail? - 5 1 2 connected 10 12-20 [21-<-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]
cccccccccccccccccccccccccccccccccccccccc 10.0.0.3:7000@17000,,tls-port=0,shard-id=dddddddddddddddddddddddddddddddddddddddd slave,nofailover aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0 1 3 disconnected
eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee :0@0 slave,fail,noaddr bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 1 1 0 connected
vars currentEpoch 3 lastVoteEpoch 2
";

const NOW: Now = Now { unix_ms: 1_700_000_000_000, mono_ms: 1_000_000 };

fuzz_target!(|bytes: &[u8]| {
    let text = match bytes {
        [0x80..=0xFF, changes @ ..] => changed(changes),
        text => String::from_utf8_lossy(text).into_owned(),
    };
    let Ok(cluster) = load(&text) else { return };
    let written = cluster.nodes_conf();
    let again = load(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(again.nodes_conf(), written);
});

fn load(text: &str) -> Result<Cluster, coreslot::cluster::load::LoadError> {
    let options = Options { port: 7000, ..Options::default() };
    Cluster::load(options, Xoshiro256PlusPlus::seed_from_u64(1), text, NOW)
}

/// Three bytes a change: a place, and what is there then; above 0x7F it is cut out.
fn changed(changes: &[u8]) -> String {
    let mut text = REAL.as_bytes().to_vec();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]]));
        let (place, insert) = (place % text.len(), place & 0x8000 != 0);
        match change[2] {
            0x80.. => _ = text.remove(place),
            byte if insert => text.insert(place, byte),
            byte => text[place] = byte,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
