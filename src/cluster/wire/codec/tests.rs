//! The codec against itself, against bytes laid out by hand, and against bytes that make no sense.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn id(letter: u8) -> NodeId {
    NodeId::parse(&[letter; 40]).unwrap()
}

fn packet(body: Body) -> Packet {
    let mut slots = Box::new([0; 2048]);
    slots[0] = 0b101;
    let header = Header {
        sender: id(b'a'),
        flags: NodeFlags::MYSELF.with(NodeFlags::REPLICA),
        port: 7000,
        plain_port: 0,
        bus_port: 17000,
        ip: "10.0.0.1".into(),
        current_epoch: 5,
        config_epoch: 3,
        offset: 1 << 40,
        slots,
        replicaof: Some(id(b'b')),
        down: true,
        message_flags: MessageFlags { paused: true, ..MessageFlags::default() },
    };
    Packet { header, body }
}

fn ping(count: usize, hostname: Option<&str>) -> Packet {
    let entry = |number| GossipEntry {
        id: id(b'c'),
        ping_sent: 0,
        pong_received: number as u32,
        ip: Ip::from("::1").unwrap(),
        port: 7001,
        bus_port: 17001,
        flags: NodeFlags::PRIMARY,
        plain_port: 0,
    };
    let hostname = hostname.map(str::to_owned);
    packet(Body::Gossip { kind: GossipKind::Ping, entries: (0..count).map(entry).collect(), hostname })
}

fn bytes(packet: &Packet) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(packet, &mut bytes);
    bytes
}

#[test]
fn fields_lie_where_redis_has_them() {
    let bytes = bytes(&ping(2, Some("host")));
    assert_eq!(bytes.len(), 2256 + 2 * 104 + 16);
    assert_eq!(bytes[..4], *b"RCmb");
    assert_eq!(bytes[4..8], (bytes.len() as u32).to_be_bytes());
    assert_eq!(bytes[8..16], [0, 1, 0x1b, 0x58, 0, 0, 0, 2], "version, port, type, count");
    assert_eq!(bytes[16..24], 5u64.to_be_bytes());
    assert_eq!(bytes[24..32], 3u64.to_be_bytes());
    assert_eq!(bytes[32..40], (1u64 << 40).to_be_bytes());
    assert_eq!(bytes[40..80], [b'a'; 40]);
    assert_eq!(bytes[80..82], [0b101, 0]);
    assert_eq!(bytes[2128..2168], [b'b'; 40]);
    assert_eq!(bytes[2168..2177], *b"10.0.0.1\0");
    assert_eq!(bytes[2214..2216], [0, 1], "extensions");
    assert_eq!(bytes[2246..2256], [0, 0, 0x42, 0x68, 0, 18, 1, 5, 0, 0], "ports, flags, state, message flags");
    assert_eq!(bytes[2256..2296], [b'c'; 40]);
    assert_eq!(bytes[2256 + 48..][..4], *b"::1\0");
    assert_eq!(bytes[2256 + 94..][..10], [0x1b, 0x59, 0x42, 0x69, 0, 1, 0, 0, 0, 0]);
    assert_eq!(bytes[2256 + 208..], *b"\0\0\0\x10\0\0\0\0host\0\0\0\0");
}

#[test]
fn packets_have_the_lengths_of_redis() {
    let length = |body| bytes(&packet(body)).len();
    assert_eq!(length(Body::Fail(id(b'a'))), 2296);
    assert_eq!(length(Body::Update { config_epoch: 1, node: id(b'a'), slots: Box::new([0; 2048]) }), 4352);
    assert_eq!(length(Body::AuthRequest), 2256);
    assert_eq!(length(Body::Publish { sharded: false, channel: b"ab".into(), message: b"cde".into() }), 2256 + 8 + 5);
    let open = OpenSlot { slot: Slot::new(258).unwrap(), direction: Direction::Importing, other: id(b'a') };
    assert_eq!(length(Body::OpenSlots(vec![open; 3])), 2256 + 13 + 3 * 44, "as a module's");
    let bytes = bytes(&packet(Body::OpenSlots(vec![open])));
    assert_eq!(bytes[2256..2273], *b"coreslot\0\0\0\x2c\0\x01\x02\x01\0");
    let with = |at: usize, byte: u8| {
        let mut bad = bytes.clone();
        bad[at] = byte;
        decode(&bad).unwrap_err()
    };
    assert_eq!(with(2256, b'x'), Malformed::Kind(9), "another module's");
    assert_eq!(with(2267, 45), Malformed::Length);
    assert_eq!(with(2269, 0x40), Malformed::OpenSlot);
    assert_eq!(with(2271, 2), Malformed::OpenSlot);
    assert_eq!(with(2273, b'A'), Malformed::Name);
}

#[test]
fn a_stream_is_cut_by_the_lengths_it_tells() {
    let bytes = bytes(&ping(1, None));
    assert_eq!(need(b""), Ok(8));
    assert_eq!(need(b"RCmb\0\0\0"), Ok(8));
    assert_eq!(need(&bytes[..8]), Ok(bytes.len()));
    assert_eq!(need(b"GET / HT"), Err(NotBus::Signature));
    assert_eq!(need(b"RCmb\0\0\x08\xcf"), Err(NotBus::Length(2255)));
    assert_eq!(need(b"RCmb\xff\xff\xff\xff"), Err(NotBus::Length(u32::MAX)));
}

#[test]
fn what_makes_no_sense_is_dropped_with_its_reason() {
    let good = bytes(&ping(1, Some("host")));
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        decode(&bad).unwrap_err()
    };
    assert_eq!(with(9, 2), Malformed::Version(2));
    assert_eq!(with(12, 0x80), Malformed::Kind(0x8000));
    assert_eq!(with(13, 9), Malformed::Kind(9), "other modules have no home here");
    assert_eq!(with(13, 3), Malformed::Length);
    assert_eq!(with(15, 2), Malformed::Length);
    assert_eq!(with(15, 0), Malformed::Extension, "an entry is no extension");
    assert_eq!(with(40, b'A'), Malformed::Name);
    assert_eq!(with(2168, b' '), Malformed::Address);
    assert_eq!(with(2256 + 48, b'\n'), Malformed::Address);
    assert_eq!(with(2256 + 104 + 3, 9), Malformed::Extension, "not a multiple of 8");
    assert_eq!(with(2256 + 104 + 3, 0), Malformed::Extension);
    assert_eq!(with(2256 + 104 + 3, 24), Malformed::Length);
    assert_eq!(with(good.len() - 1, b'x'), Malformed::Extension, "no zero at the end");
    assert_eq!(decode(&good[..good.len() - 1]).unwrap_err(), Malformed::Length);
    let mut no_port = good.clone();
    no_port[2248..2250].fill(0);
    assert_eq!(decode(&no_port).unwrap_err(), Malformed::Port);
}

#[test]
fn unknown_extensions_are_skipped() {
    let mut bytes = bytes(&ping(0, Some("host")));
    bytes[2215] = 2;
    bytes.extend_from_slice(b"\0\0\0\x10\0\x03\0\0whatever");
    let length = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    let Body::Gossip { hostname, .. } = decode(&bytes).unwrap().body else { panic!("a ping is gossip") };
    assert_eq!(hostname.as_deref(), Some("host"));
}

fn any_id() -> impl Strategy<Value = NodeId> {
    "[0-9a-z]{40}".prop_map(|text| NodeId::parse(text.as_bytes()).unwrap())
}

fn any_slots() -> impl Strategy<Value = Box<SlotBits>> {
    vec(any::<u8>(), 2048).prop_map(|bytes| Box::new(bytes.try_into().unwrap()))
}

fn any_flags() -> impl Strategy<Value = NodeFlags> {
    (0..=KNOWN_FLAGS).prop_map(NodeFlags)
}

fn any_entry() -> impl Strategy<Value = GossipEntry> {
    let ports = (any::<u16>(), any::<u16>(), any::<u16>());
    (any_id(), any::<(u32, u32)>(), "[0-9a-f:.]{0,45}", ports, any_flags()).prop_map(
        |(id, (ping_sent, pong_received), ip, (port, bus_port, plain_port), flags)| GossipEntry {
            id,
            ping_sent,
            pong_received,
            ip: Ip::from(&ip).unwrap(),
            port,
            bus_port,
            flags,
            plain_port,
        },
    )
}

fn any_body() -> impl Strategy<Value = Body> {
    let kinds = prop_oneof![Just(GossipKind::Ping), Just(GossipKind::Pong), Just(GossipKind::Meet)];
    let hostname = proptest::option::of("[a-zA-Z0-9.-]{1,255}");
    let data = || vec(any::<u8>(), 0..100);
    prop_oneof![
        (kinds, vec(any_entry(), 0..5), hostname).prop_map(|(kind, entries, hostname)| Body::Gossip {
            kind,
            entries,
            hostname
        }),
        any_id().prop_map(Body::Fail),
        (any::<bool>(), data(), data()).prop_map(|(sharded, channel, message)| Body::Publish {
            sharded,
            channel,
            message
        }),
        Just(Body::AuthRequest),
        Just(Body::AuthAck),
        Just(Body::ManualFailoverStart),
        vec(any_open_slot(), 0..5).prop_map(Body::OpenSlots),
        (any::<u64>(), any_id(), any_slots()).prop_map(|(config_epoch, node, slots)| Body::Update {
            config_epoch,
            node,
            slots
        }),
    ]
}

fn any_open_slot() -> impl Strategy<Value = OpenSlot> {
    let direction = prop_oneof![Just(Direction::Migrating), Just(Direction::Importing)];
    let slot = (0..16384u16).prop_map(|number| Slot::new(number).unwrap());
    (slot, direction, any_id()).prop_map(|(slot, direction, other)| OpenSlot { slot, direction, other })
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let ports = (any::<u16>(), any::<u16>(), 1..u16::MAX);
    let names = (any_id(), proptest::option::of(any_id()));
    let numbers = any::<(u64, u64, u64)>();
    let bits = any::<(bool, bool, bool, bool)>();
    (names, any_flags(), ports, "[0-9a-f:.]{0,45}", numbers, any_slots(), bits, any_body()).prop_map(
        |((sender, replicaof), flags, (port, plain_port, bus_port), ip, numbers, slots, bits, body)| {
            let (current_epoch, config_epoch, offset) = numbers;
            let (down, paused, force_ack, extensions) = bits;
            let with_hostname = matches!(body, Body::Gossip { hostname: Some(_), .. });
            let message_flags = MessageFlags { paused, force_ack, extensions: extensions || with_hostname };
            let header = Header {
                sender,
                flags,
                port,
                plain_port,
                bus_port,
                ip,
                current_epoch,
                config_epoch,
                offset,
                slots,
                replicaof,
                down,
                message_flags,
            };
            Packet { header, body }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(packet in any_packet()) {
        let bytes = bytes(&packet);
        prop_assert_eq!(need(&bytes[..8]), Ok(bytes.len()));
        prop_assert_eq!(kind(&bytes), Some(packet.body.kind()));
        prop_assert_eq!(decode(&bytes).unwrap(), packet);
    }

    #[test]
    fn a_damaged_packet_is_read_or_refused(packet in any_packet(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = bytes(&packet);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(read) = decode(&bytes) {
            let mut again = Vec::new();
            encode(&read, &mut again);
            prop_assert_eq!(decode(&again).unwrap(), read);
        }
    }
}
