//! From a configuration to a running node: sockets are bound, files are opened and checked, threads are
//! started and pinned. Whatever can't be had is said before the first client is served.

use super::aof::directory::Directory;
use super::aof::writer::LogWriter;
use super::config::Config;
use super::courier::Courier;
use super::listeners::{self, Listeners, Share};
use super::log::{self as node_log, LogDrain};
use super::nodes_file::NodesFile;
use super::office::{self, AppendingDesk, ClusterDesk, Desks, LoadingDesk, NodeOffice, ReplicationDesk, SavingDesk};
use super::open_files;
use super::pid_file::PidFile;
use super::saver::Saver;
use super::title::Title;
use crate::base::heap;
use crate::base::ids::CoreId;
use crate::base::limits;
use crate::cluster::Cluster;
use crate::cluster::options::{EndpointType, Options};
use crate::contract::settings::Settings;
use crate::contract::topology::{CoreRange, Topology};
use crate::cores::bus_core::Signal;
use crate::cores::data_core::{self, DataCore};
use crate::cores::doors::Doors;
use crate::cores::wake::{self, Bell, Ear};
use crate::cores::{bus_core, clock};
use crate::data::acl::Users;
use crate::data::command::Registry;
use crate::data::key::KeyHasher;
use crate::data::plane::message::Message;
use crate::data::plane::share::Common;
use crate::data::plane::{NodeFacts, Plane, PlaneOptions};
use crate::data::store::{Store, StoreOptions};
use crate::mesh::{Mesh, Port};
use crate::ring::{Ring, RingOptions};
use crate::slot::Slot;
use crate::slot::owner::OwnerMap;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Barrier, Mutex};
use std::thread::JoinHandle;

/// Why a node does not start, in words for the person who started it.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Starts a node and returns when it has ended.
///
/// # Errors
/// Says what could not be had, and the cure where there is one.
pub fn run(config: Config) -> Result<(), StartError> {
    let title = Title::claim();
    std::env::set_current_dir(config.dir())?;
    let drain = node_log::init(&config)?;
    let result = start(config, drain, title);
    if let Err(error) = &result {
        node_log::last_words(&error.to_string());
    }
    result
}

fn start(mut config: Config, drain: LogDrain, title: Title) -> Result<(), StartError> {
    let cpus = core_affinity::get_core_ids().unwrap_or_default();
    let cores = config.data_cores(cpus.len().max(1)).clamp(1, limits::MAX_CORES);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(os_seed()?);
    open_files::adjust(&mut config);
    let listeners = Listeners::open(&config, cores)?;
    let shares = listeners.shares()?;
    let _pid_file = PidFile::write(&config);
    let (bus_bell, bus_ear) = wake::bell()?;
    let (desk, topology) = control_plane(&config, cores, &mut random, &bus_bell)?;
    let bus_doors = match &desk {
        Some(_) => listeners::bind_bus(&config, cluster_options(&config, cores).own_bus_port())?,
        None => Vec::new(),
    };
    greet(&config, cores);
    let facts = Arc::new(facts(&config, &mut random));
    let hasher = KeyHasher::new(random.next_u64());
    let mut registry = Registry::new();
    registry.rename(config.renames());
    let registry: &'static Registry = Box::leak(Box::new(registry));
    let settings = Arc::new(config.settings());
    let log = Directory::open(office::log_names(&config))?;
    let loads = has_data(&config);
    let users = Arc::new(config.initial_users()?);
    let topology = Arc::new(topology);

    let mut ports = Mesh::new::<Message>(cores + 1, limits::MESH_CAPACITY);
    let bus_port = ports.pop().ok_or("no mesh")?;
    let common = Common::new(cores);
    let mut bells = Vec::new();
    let mut seats = Vec::new();
    for (index, (port, share)) in ports.into_iter().zip(shares).enumerate() {
        let (bell, ear) = wake::bell()?;
        bells.push(bell);
        let options = PlaneOptions {
            core: CoreId(index as u8),
            cores,
            hasher,
            seed: random.next_u64(),
            clock: clock::monotonic_ns,
            wall_clock: clock::unix_us,
            facts: facts.clone(),
            common: common.clone(),
        };
        seats.push(Seat {
            options,
            port,
            share,
            ear,
            bus_bell: bus_bell.try_clone()?,
            cpu: cpu_for(&config, &cpus, index),
            loads,
        });
    }
    let signals = signals()?;
    let shared = Arc::new(Shared {
        settings,
        users: users.clone(),
        topology,
        registry,
        rings: Mutex::new(vec![Err("not started".to_owned()); cores]),
        ready: Barrier::new(cores + 1),
        sockets: config.number::<u32>("maxclients").saturating_add(open_files::RESERVED as u32),
    });
    let mut threads: Vec<JoinHandle<Result<(), String>>> = Vec::new();
    for seat in seats {
        let shared = shared.clone();
        let name = format!("data-{}", seat.options.core.0);
        threads.push(std::thread::Builder::new().name(name).spawn(move || data_core_thread(seat, &shared))?);
    }
    shared.ready.wait();
    let started: Result<(), String> = shared
        .rings
        .lock()
        .map_err(|_| "a data core died".to_owned())?
        .iter()
        .try_for_each(|ring| ring.clone().map(drop));
    started?;
    let bus_cpu = bus_cpu(&config, &cpus, cores);
    let seed = Xoshiro256PlusPlus::seed_from_u64(random.next_u64());
    let replication = ReplicationDesk::new(&config, cores, registry, hasher, seed, bus_bell.try_clone()?);
    node_log::wake_by(bus_bell.try_clone()?);
    let saving = SavingDesk::new(hasher, bus_bell.try_clone()?);
    let courier = Courier::new(bus_bell.try_clone()?);
    let appending = AppendingDesk::new(LogWriter::start(log, bus_bell.try_clone()?)?, cores);
    let loading = LoadingDesk::new(loads);
    let gives_back = config.flag("jemalloc-bg-thread");
    let desks = Desks { cluster: desk, replication, saving, appending, loading, courier };
    title.show(&config);
    let office = NodeOffice::new(config, users, desks, listeners, cores, drain, title);
    bus_core::run(
        bus_core::Parts {
            office: Box::new(office),
            port: bus_port,
            bells,
            bell: bus_bell,
            ear: bus_ear,
            doors: bus_doors,
            signals,
            cpu: bus_cpu,
        },
        || {
            // The allocator's thread is made here, so that it runs where the bus core does.
            heap::give_back_in_background(gives_back);
            log::info!("The bus core runs");
        },
    )?;
    for thread in threads {
        thread.join().map_err(|_| "a data core died")??;
    }
    Ok(())
}

/// What a data core's thread is given.
struct Seat {
    options: PlaneOptions,
    port: Port<Message>,
    share: Share,
    ear: Ear,
    bus_bell: Bell,
    cpu: Option<core_affinity::CoreId>,
    /// Whether there is something to load before it serves.
    loads: bool,
}

/// What all data cores' threads share while they start.
struct Shared {
    settings: Arc<Settings>,
    users: Arc<Users>,
    topology: Arc<Topology>,
    registry: &'static Registry,
    /// Each core's ring, or why it has none.
    rings: Mutex<Vec<Result<RawFd, String>>>,
    ready: Barrier,
    sockets: u32,
}

fn data_core_thread(seat: Seat, shared: &Shared) -> Result<(), String> {
    let core = seat.options.core;
    if let Some(cpu) = seat.cpu
        && !core_affinity::set_for_current(cpu)
    {
        log::warn!(
            "Data core {} can't be pinned to CPU {}: the cpuset of this process forbids it. It runs unpinned.",
            core.0,
            cpu.id
        );
    }
    let ring = Ring::new(RingOptions { sockets: shared.sockets, ..RingOptions::default() });
    let told = ring.as_ref().map(Ring::raw_fd).map_err(ToString::to_string);
    if let Ok(mut rings) = shared.rings.lock() {
        rings[core.index()] = told;
    }
    shared.ready.wait();
    let rings: Vec<Result<RawFd, String>> = shared.rings.lock().map_err(|_| "a data core died")?.clone();
    let rings = rings.into_iter().collect::<Result<Vec<RawFd>, String>>()?;
    let ring = ring.map_err(|error| error.to_string())?;
    let (databases, hasher, seed) = (shared.settings.databases, seat.options.hasher, seat.options.seed);
    let mut store = Store::new(StoreOptions { databases, hasher, seed });
    store.configure(&shared.settings);
    let mut plane = Plane::new(seat.options, shared.settings.clone(), shared.topology.clone(), shared.registry, store);
    plane.adopt_users(shared.users.clone(), None);
    plane.begin_loading(seat.loads);
    let mut doors = Doors::new().map_err(|error| error.to_string())?;
    doors.replace(seat.share).map_err(|error| error.to_string())?;
    let parts = data_core::Parts {
        plane,
        ring,
        port: seat.port,
        doors,
        rings,
        bus_bell: seat.bus_bell,
        ear: seat.ear,
        sockets: shared.sockets,
    };
    DataCore::new(parts).run().map_err(|error| format!("data core {} stopped: {error}", core.0))
}

/// Whether there is something on the disk that the node has to load.
fn has_data(config: &Config) -> bool {
    let path = config.dir().join(String::from_utf8_lossy(config.text("dbfilename")).into_owned());
    // A log that is not there yet has to be made.
    config.flag("appendonly") || path.exists()
}

/// The directives of the control plane.
pub fn cluster_options(config: &Config, cores: usize) -> Options {
    let text =
        |name: &str| Some(String::from_utf8_lossy(config.text(name)).into_owned()).filter(|text| !text.is_empty());
    let base: u16 = config.number("core-port-base");
    let owners = OwnerMap::even(cores);
    let ranges = (0..cores as u8).map(CoreId).map(|core| {
        let (start, end) = owners.range(core);
        let slot = |index: usize| Slot::new(index as u16).expect("ranges are of slots");
        CoreRange { start: slot(start), end: slot(end - 1), core }
    });
    Options {
        port: config.number("port"),
        bus_port: config.number("cluster-port"),
        announce_ip: text("cluster-announce-ip"),
        announce_port: config.number("cluster-announce-port"),
        announce_bus_port: config.number("cluster-announce-bus-port"),
        announce_hostname: text("cluster-announce-hostname"),
        endpoint: match config.choice("cluster-preferred-endpoint-type") {
            "hostname" => EndpointType::Hostname,
            "unknown-endpoint" => EndpointType::Unknown,
            _ => EndpointType::Ip,
        },
        node_timeout_ms: config.number("cluster-node-timeout"),
        require_full_coverage: config.flag("cluster-require-full-coverage"),
        allow_replica_migration: config.flag("cluster-allow-replica-migration"),
        replica_no_failover: config.flag("cluster-replica-no-failover"),
        fast_failure_detection: config.flag("cluster-fast-failure-detection"),
        replica_validity_factor: config.number("cluster-replica-validity-factor"),
        repl_ping_period_ms: config.number::<u64>("repl-ping-replica-period").saturating_mul(1000),
        migration_barrier: config.number("cluster-migration-barrier"),
        fast_failover: config.flag("cluster-fast-failover"),
        core_port_base: (base != 0).then_some(base),
        cores: ranges.collect(),
    }
}

/// The control plane of a cluster node, with its file; a lonely node's topology otherwise.
fn control_plane(
    config: &Config,
    cores: usize,
    random: &mut Xoshiro256PlusPlus,
    bell: &Bell,
) -> Result<(Option<ClusterDesk>, Topology), StartError> {
    let options = cluster_options(config, cores);
    let seeded = Xoshiro256PlusPlus::seed_from_u64(random.next_u64());
    if !config.flag("cluster-enabled") {
        return Ok((None, Cluster::new(options, seeded)?.topology()));
    }
    let path = config.path("cluster-config-file").ok_or("cluster-config-file is empty")?;
    let (file, text) = NodesFile::open(&path)?;
    let cluster = match text {
        Some(text) => Cluster::load(options, seeded, &text, office::now())
            .map_err(|error| format!("{error} (in {})", path.display()))?,
        None => {
            let cluster = Cluster::new(options, seeded)?;
            log::info!("No cluster configuration found, I'm {}", cluster.my_id());
            cluster
        }
    };
    let topology = cluster.topology();
    let saver = Saver::start(file, bell.try_clone()?)?;
    Ok((Some(ClusterDesk::new(cluster, saver)), topology))
}

fn facts(config: &Config, random: &mut Xoshiro256PlusPlus) -> NodeFacts {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let words = |path: &str| read(path).trim().to_owned();
    let memory = read("/proc/meminfo");
    let kilobytes = memory.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    NodeFacts {
        run_id: (0..5).map(|_| format!("{:08x}", random.next_u64() as u32)).collect(),
        os: format!(
            "{} {} {}",
            words("/proc/sys/kernel/ostype"),
            words("/proc/sys/kernel/osrelease"),
            std::env::consts::ARCH
        ),
        executable: std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default(),
        config_file: config.file().map(|path| path.display().to_string()).unwrap_or_default(),
        pid: std::process::id(),
        started: clock::unix_us() / 1000,
        total_memory: kilobytes * 1024,
    }
}

/// The first words in the log of a node that has its ports. Redis's own test programs wait for `PID:` in them.
fn greet(config: &Config, cores: usize) {
    let port: u16 = config.number("port");
    let mode = if config.flag("cluster-enabled") { "cluster" } else { "standalone" };
    log::warn!(
        "coreslot {} (Redis {} compatible), {mode} mode, port {port}, data cores: {cores}, PID: {}",
        env!("CARGO_PKG_VERSION"),
        limits::REDIS_VERSION,
        std::process::id()
    );
    for warning in config.warnings() {
        log::warn!("{warning}");
        // Whoever started it, with `daemonize yes` perhaps, does not look into a file first.
        if !config.text("logfile").is_empty() {
            eprintln!("{warning}");
        }
    }
}

/// The CPU of data core `index`.
fn cpu_for(config: &Config, cpus: &[core_affinity::CoreId], index: usize) -> Option<core_affinity::CoreId> {
    if !config.flag("pin-cores") {
        return None;
    }
    let chosen = config.cpu_list();
    if !chosen.is_empty() {
        return chosen.get(index % chosen.len()).map(|id| core_affinity::CoreId { id: *id });
    }
    cpus.get(index % cpus.len().max(1)).copied()
}

/// The CPU of the bus core: the one asked for, or the first that no data core has.
fn bus_cpu(config: &Config, cpus: &[core_affinity::CoreId], cores: usize) -> Option<usize> {
    if !config.flag("pin-cores") {
        return None;
    }
    let free = if config.cpu_list().is_empty() { cpus.get(cores).map(|cpu| cpu.id) } else { None };
    config.bus_cpu().or(free)
}

/// For each signal that ends the node a stream that gets a byte each time.
fn signals() -> Result<Vec<(Signal, UnixStream)>, StartError> {
    let mut streams = Vec::new();
    let all = [(Signal::Terminate, libc::SIGTERM), (Signal::Interrupt, libc::SIGINT), (Signal::Abort, libc::SIGABRT)];
    for (signal, number) in all {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(number, sender)?;
        streams.push((signal, receiver));
    }
    Ok(streams)
}

fn os_seed() -> Result<u64, StartError> {
    use std::io::Read;
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}
