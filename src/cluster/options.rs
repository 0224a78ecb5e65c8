//! The directives of the configuration that the control plane obeys.

use crate::base::ids::CoreId;
use crate::base::limits::MAX_CORES;
use crate::contract::topology::CoreRange;

/// How far the bus port is above the client port. Source: the cluster specification.
pub const BUS_PORT_OFFSET: u16 = 10000;

/// The longest address in text. Source: the bus packet's `myip[46]`, which ends in a zero.
pub const MAX_IP_LENGTH: usize = 45;

/// The longest host name. Source: Redis 7.0 `NET_HOST_STR_LEN`, 256 with the ending zero.
pub const MAX_HOSTNAME_LENGTH: usize = 255;

/// What clients are told to connect to. Source: redis.conf, `cluster-preferred-endpoint-type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndpointType {
    /// The node's address.
    #[default]
    Ip,
    /// The node's announced host name, `?` when it has none.
    Hostname,
    /// Nothing: clients go on with the host they know, and only change the port.
    Unknown,
}

/// The directives; `Default` gives Redis's defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// `port`.
    pub port: u16,
    /// `cluster-port`; 0 means `port` + 10000.
    pub bus_port: u16,
    /// `cluster-announce-ip`.
    pub announce_ip: Option<String>,
    /// `cluster-announce-port`; 0 means `port`.
    pub announce_port: u16,
    /// `cluster-announce-bus-port`; 0 means the bus port.
    pub announce_bus_port: u16,
    /// `cluster-announce-hostname`.
    pub announce_hostname: Option<String>,
    /// `cluster-preferred-endpoint-type`.
    pub endpoint: EndpointType,
    /// `cluster-node-timeout`, milliseconds.
    pub node_timeout_ms: u64,
    /// `cluster-require-full-coverage`.
    pub require_full_coverage: bool,
    /// `cluster-allow-replica-migration`.
    pub allow_replica_migration: bool,
    /// `cluster-replica-no-failover`.
    pub replica_no_failover: bool,
    /// `cluster-fast-failure-detection`: whether a node whose machine refuses connections is suspected at once, and all
    /// voters ask one that owes an answer.
    pub fast_failure_detection: bool,
    /// `cluster-replica-validity-factor`: in node timeouts; 0: data is never too old.
    pub replica_validity_factor: u64,
    /// `repl-ping-replica-period`, milliseconds.
    pub repl_ping_period_ms: u64,
    /// `cluster-migration-barrier`: replicas that a primary keeps before one may leave for an orphan.
    pub migration_barrier: usize,
    /// `cluster-fast-failover`: elections start as soon as is safe, not after Redis's fixed delays.
    pub fast_failover: bool,
    /// `core-port-base`: data core i also listens on this + i.
    pub core_port_base: Option<u16>,
    /// Which data core serves which slots: sorted, disjoint. Slots in no range are this node's without a core port.
    pub cores: Vec<CoreRange>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            port: 6379,
            bus_port: 0,
            announce_ip: None,
            announce_port: 0,
            announce_bus_port: 0,
            announce_hostname: None,
            endpoint: EndpointType::Ip,
            node_timeout_ms: 15_000,
            require_full_coverage: true,
            allow_replica_migration: true,
            replica_no_failover: false,
            fast_failure_detection: true,
            replica_validity_factor: 10,
            repl_ping_period_ms: 10_000,
            migration_barrier: 1,
            fast_failover: true,
            core_port_base: None,
            cores: Vec::new(),
        }
    }
}

/// Why a set of options cannot be. Texts are Redis's where Redis has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// `port` leaves no room for the bus port above it.
    #[error(
        "Redis port number too high. Cluster communication port is 10,000 port numbers higher than your Redis port. \
         Your Redis port number must be 55535 or less."
    )]
    PortTooHigh,
    /// The announced host name does not fit.
    #[error("Hostnames must be less than 256 characters")]
    HostnameTooLong,
    /// The announced host name would not survive nodes.conf.
    #[error("Hostnames may only contain alphanumeric characters, hyphens or dots")]
    HostnameCharacters,
    /// The announced address would not survive nodes.conf or a bus packet.
    #[error("cluster-announce-ip must be an address of at most 45 characters")]
    AnnounceIp,
    /// The highest core's port would be beyond 65535.
    #[error("core-port-base leaves no port for every data core")]
    CorePorts,
    /// The slots of the data cores overlap, or are not in order.
    #[error("the data cores' slot ranges overlap or are out of order")]
    CoreRanges,
}

impl Options {
    /// Refuses what could not be announced, or could be written to nodes.conf but not read back.
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.bus_port == 0 && self.port > u16::MAX - BUS_PORT_OFFSET {
            return Err(OptionsError::PortTooHigh);
        }
        if let Some(hostname) = &self.announce_hostname {
            if hostname.len() > MAX_HOSTNAME_LENGTH {
                return Err(OptionsError::HostnameTooLong);
            }
            if !is_hostname(hostname) {
                return Err(OptionsError::HostnameCharacters);
            }
        }
        if self.announce_ip.as_deref().is_some_and(|ip| !is_ip_text(ip)) {
            return Err(OptionsError::AnnounceIp);
        }
        if self.core_port_base.is_some_and(|base| self.highest_core().is_some_and(|core| !has_port(base, core))) {
            return Err(OptionsError::CorePorts);
        }
        let ordered = self.cores.iter().all(|range| range.start <= range.end)
            && self.cores.windows(2).all(|pair| pair[0].end < pair[1].start);
        if !ordered {
            return Err(OptionsError::CoreRanges);
        }
        Ok(())
    }

    /// The port clients are told.
    pub fn client_port(&self) -> u16 {
        if self.announce_port != 0 { self.announce_port } else { self.port }
    }

    /// The bus port other nodes are told.
    pub fn announced_bus_port(&self) -> u16 {
        if self.announce_bus_port != 0 { self.announce_bus_port } else { self.own_bus_port() }
    }

    /// The bus port this node listens on.
    pub fn own_bus_port(&self) -> u16 {
        if self.bus_port != 0 { self.bus_port } else { self.port.saturating_add(BUS_PORT_OFFSET) }
    }

    fn highest_core(&self) -> Option<CoreId> {
        self.cores.iter().map(|range| range.core).max()
    }
}

/// Whether `text` can be a host name in nodes.conf. Source: Redis 7.0 `isValidAnnouncedHostname`.
pub fn is_hostname(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

/// Whether `text` can stand where nodes.conf has the address: Redis itself does not insist on an IP.
pub fn is_ip_text(text: &str) -> bool {
    text.len() <= MAX_IP_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'@'))
}

fn has_port(base: u16, core: CoreId) -> bool {
    usize::from(core.0) < MAX_CORES && base.checked_add(u16::from(core.0)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::Slot;

    #[test]
    fn ports_follow_the_client_port_unless_announced() {
        let options = Options { port: 7000, ..Options::default() };
        assert_eq!((options.client_port(), options.announced_bus_port()), (7000, 17000));
        let options = Options { announce_port: 80, announce_bus_port: 81, ..options };
        assert_eq!((options.client_port(), options.announced_bus_port()), (80, 81));
    }

    #[test]
    fn a_port_without_room_for_the_bus_port_is_refused() {
        let options = Options { port: 55536, ..Options::default() };
        assert_eq!(options.check(), Err(OptionsError::PortTooHigh));
        assert_eq!(Options { bus_port: 9000, ..options }.check(), Ok(()));
    }

    #[test]
    fn what_would_corrupt_nodes_conf_is_refused() {
        let hostname = |name: &str| Options { announce_hostname: Some(name.into()), ..Options::default() }.check();
        assert_eq!(hostname("node-1.example"), Ok(()));
        assert_eq!(hostname("a b"), Err(OptionsError::HostnameCharacters));
        assert_eq!(hostname(&"a".repeat(256)), Err(OptionsError::HostnameTooLong));
        let ip = |ip: &str| Options { announce_ip: Some(ip.into()), ..Options::default() }.check();
        assert_eq!(ip("2001:db8::1"), Ok(()));
        assert_eq!(ip("10.0.0.1 x"), Err(OptionsError::AnnounceIp));
    }

    #[test]
    fn cores_need_ports_and_disjoint_slots() {
        let range = |start, end, core| CoreRange {
            start: Slot::new(start).unwrap(),
            end: Slot::new(end).unwrap(),
            core: CoreId(core),
        };
        let options = Options { cores: vec![range(0, 9, 0), range(10, 20, 1)], ..Options::default() };
        assert_eq!(options.check(), Ok(()));
        assert_eq!(Options { core_port_base: Some(65535), ..options.clone() }.check(), Err(OptionsError::CorePorts));
        let cores = vec![range(0, 9, 0), range(9, 20, 1)];
        assert_eq!(Options { cores, ..options }.check(), Err(OptionsError::CoreRanges));
    }
}
